// RUN: qcc-opt %s --qcc-kernel-lower-quant -split-input-file | FileCheck %s

// Long inputs on a matrix unit: rounded once, padded for the widest weight and to 16 rows, for both products; not for the exact one.
// CHECK-LABEL: func.func @long
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?x96xf32>
// CHECK: %[[INIT:.*]] = tensor.empty(%{{.*}}) : tensor<?x128xbf16>
// CHECK: %[[T:.*]] = qk.launch @round_96_bf16_128(%[[X]] : {{.*}}) outs(%[[INIT]] :
// CHECK-NOT: @round_
// CHECK: qk.launch @linear_64x96_s128_matmul_w4g64_bf16_long(%[[T]],
// CHECK: qk.launch @linear_64x96_s128_matmul_w4g32_bf16_long_add(%[[T]],
// CHECK: qk.launch @linear_64x96_s96_matmul_w4g32_f32_long(%[[X]],
// CHECK-NOT: @round_
// CHECK: return
module attributes {qnt.dims = ["batch", "seq", "past", "context"], qk.target = {tile_bf16 = true}} {
  func.func @long(%x: tensor<?x?x96xf32>, %m: memref<4608xi8>, %m2: memref<4608xi8>, %r: tensor<?x?x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4608xi8> to tensor<64x96x!qnt.block<bits = 4, group = 64>>
    %w2 = builtin.unrealized_conversion_cast %m2 : memref<4608xi8> to tensor<64x96x!qnt.block<bits = 4, group = 32>>
    %y = qnt.matmul %x, %w bf16 : tensor<?x?x96xf32>, tensor<64x96x!qnt.block<bits = 4, group = 64>> -> tensor<?x?x64xf32>
    %p = qnt.matmul %x, %w2 bf16 : tensor<?x?x96xf32>, tensor<64x96x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %s = arith.addf %r, %p : tensor<?x?x64xf32>
    %e = qnt.matmul %x, %w2 : tensor<?x?x96xf32>, tensor<64x96x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y, %s, %e : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>
  }
  // One row stays in f32.
  // CHECK-LABEL: func.func @decode
  // CHECK-NOT: @round_
  // CHECK: qk.launch @linear_64x96_s96_matmul_w4g32_f32_decode(
  func.func @decode(%x: tensor<?x?x96xf32>, %m: memref<4608xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "decode"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4608xi8> to tensor<64x96x!qnt.block<bits = 4, group = 32>>
    %y = qnt.matmul %x, %w bf16 : tensor<?x?x96xf32>, tensor<64x96x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}

// -----

// Without a matrix unit nothing is rounded.
// CHECK-LABEL: func.func @floor
// CHECK-NOT: @round_
// CHECK: qk.launch @linear_64x96_s96_matmul_w4g32_f32_long(
module attributes {qnt.dims = ["batch", "seq", "past", "context"], qk.target = {tile_bf16 = false}} {
  func.func @floor(%x: tensor<?x?x96xf32>, %m: memref<4608xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4608xi8> to tensor<64x96x!qnt.block<bits = 4, group = 32>>
    %y = qnt.matmul %x, %w bf16 : tensor<?x?x96xf32>, tensor<64x96x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}
