// RUN: qcc-opt %s --qcc-kernel-lower-components | FileCheck %s
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  // A row: 2 scales, 2 float zero points, 48 codes: 64 bytes.
  // CHECK-LABEL: func.func @weight
  // CHECK-SAME: %[[M:.*]]: memref<256xi8>
  // CHECK-DAG: %[[BYTES:.*]] = memref.view %[[M]]{{.*}} to memref<4x64xi8>
  // CHECK-DAG: %[[FLOATS:.*]] = memref.view %[[M]]{{.*}} to memref<4x16xf32>
  // CHECK: %[[CODES:.*]] = memref.subview %[[BYTES]][0, 16] [4, 48] [1, 1]
  // CHECK: bufferization.to_tensor %[[CODES]] restrict
  // CHECK: memref.subview %[[FLOATS]][0, 0] [4, 2] [1, 1]
  // CHECK: memref.subview %[[FLOATS]][0, 2] [4, 2] [1, 1]
  // CHECK-NOT: qnt.
  // CHECK: return
  func.func @weight(%m: memref<256xi8>) -> (tensor<4x48xi8>, tensor<4x2xf32>, tensor<4x2xf32>) {
    %w = builtin.unrealized_conversion_cast %m : memref<256xi8> to tensor<4x48x!qnt.block<bits = 4, group = 32, zero = float>>
    %c, %s, %z = qnt.decompose %w : tensor<4x48x!qnt.block<bits = 4, group = 32, zero = float>> -> tensor<4x48xi8>, tensor<4x2xf32>, tensor<4x2xf32>
    return %c, %s, %z : tensor<4x48xi8>, tensor<4x2xf32>, tensor<4x2xf32>
  }

  // Keys, then values; a cache of one call is a buffer.
  // CHECK-LABEL: func.func @cache
  // CHECK: %[[ALL:.*]] = memref.alloc(%{{.*}}) : memref<?xf16>
  // CHECK: memref.reinterpret_cast %[[ALL]] to offset: [%{{.*}}], sizes: [%{{.*}}, 2, %{{.*}}, 8], strides: [%{{.*}}, %{{.*}}, 8, 1]
  // CHECK: memref.reinterpret_cast %[[ALL]] to offset: [%{{.*}}], sizes: [%{{.*}}, 2, %{{.*}}, 8], strides: [%{{.*}}, %{{.*}}, 8, 1]
  // CHECK-NOT: qnt.
  // CHECK: return
  func.func @cache(%i: index) -> f16 {
    %c = qnt.cache_load -> !qnt.cache<2x8xf16>
    %k, %v = qnt.cache_view %c : !qnt.cache<2x8xf16> -> memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>
    %x = memref.load %v[%i, %i, %i, %i] : memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>
    return %x : f16
  }

  // Codes of keys and of values, then their scales: (8 + 4) bytes for each token of two heads, twice.
  // CHECK-LABEL: func.func @quantized
  // CHECK-DAG: %[[EACH:.*]] = arith.constant 48 : index
  // CHECK: %[[ALL:.*]] = memref.alloc(%{{.*}}) : memref<?xi8>
  // CHECK: %[[SCALES:.*]] = memref.view %[[ALL]][%{{.*}}][%{{.*}}] : memref<?xi8> to memref<?xf32>
  // CHECK: memref.reinterpret_cast %[[ALL]] to offset: [%{{.*}}], sizes: [%{{.*}}, 2, %{{.*}}, 8], strides: [%{{.*}}, %{{.*}}, 8, 1]
  // CHECK: memref.reinterpret_cast %[[ALL]]
  // CHECK: memref.reinterpret_cast %[[SCALES]] to offset: [%{{.*}}], sizes: [%{{.*}}, 2, %{{.*}}], strides: [%{{.*}}, %{{.*}}, 1]
  // CHECK: memref.reinterpret_cast %[[SCALES]]
  // CHECK-NOT: qnt.
  // CHECK: return
  func.func @quantized(%i: index) -> f32 {
    %c = qnt.cache_load -> !qnt.cache<2x8xi8>
    %v:4 = qnt.cache_view %c : !qnt.cache<2x8xi8> -> memref<?x2x?x8xi8, strided<[?, ?, 8, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>
    %x = memref.load %v#3[%i, %i, %i] : memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>
    return %x : f32
  }

  // One thread shows a copy, and what follows reads that.
  // CHECK-LABEL: func.func @tapped
  // CHECK: %[[INIT:.*]] = tensor.empty(%{{.*}}, %{{.*}}) : tensor<?x?x8xf32>
  // CHECK: %[[SHOWN:.*]] = qk.launch @tap_8(%{{.*}} : tensor<?x?x8xf32>) outs(%[[INIT]] : tensor<?x?x8xf32>)
  // CHECK: return %[[SHOWN]]
  func.func @tapped(%x: tensor<?x?x8xf32> {qnt.dims = ["batch", "seq", "8"]}) -> tensor<?x?x8xf32> {
    %y = qnt.tap %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }

  // CHECK-LABEL: func.func @index
  // CHECK: %[[OUTSIDE:.*]] = arith.cmpi uge, %arg0, %{{.*}} : index
  // CHECK: scf.if %[[OUTSIDE]] {
  // CHECK-NEXT: %[[DETAIL:.*]] = arith.index_cast %arg0 : index to i64
  // CHECK-NEXT: qk.fail 1, %[[DETAIL]]
  // CHECK-NOT: cf.assert
  func.func @index(%i: index) {
    %n = arith.constant 7 : index
    %inside = arith.cmpi ult, %i, %n : index
    cf.assert %inside, "index out of range"
    return
  }
}
