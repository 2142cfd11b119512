// RUN: qcc-opt %s --qcc-kernel-lower-boundaries | FileCheck %s
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  qnt.weight_decl @w : tensor<64x64xf32> [#qnt.part<rows = 64, transposed = false, data = <"w", file 0, offset 0, length 16384> : tensor<64x64xf32>>] {layout = #qnt.layout<panels, bytes = 16384, lanes = 16>, offset = 128 : i64}
  // A program takes nothing: ports, state and weights are bound.
  // CHECK-LABEL: func.func @long() attributes
  // CHECK: %[[IN:.*]] = qk.bind port sizes(%[[B:.*]], %[[S:.*]]) : memref<?x?x64xf32>
  // CHECK: bufferization.to_tensor %[[IN]] restrict
  // CHECK: qk.bind state at %{{.*}} sizes(%{{.*}}) : memref<?xf16>
  // CHECK: %[[OUT:.*]] = qk.bind port 1 sizes(%{{.*}}, %{{.*}}) : memref<?x?x64xf32>
  // CHECK: %[[W:.*]] = qk.bind weights at %c128{{.*}} : memref<16384xi8>
  // CHECK: %[[BUFFER:.*]] = memref.alloc(%{{.*}}, %{{.*}}) : memref<?x?x64xf32>
  // CHECK: call @layer.long(%{{.*}}, %[[W]], %{{.*}}, %[[BUFFER]])
  // CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[OUT]]
  func.func @long(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}, %cache: !qnt.cache<2x32xf16>)
      -> (tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) attributes {qk.rows = "long"} {
    %w = qnt.weight @w : tensor<64x64xf32>
    %y = call @layer.long(%x, %w, %cache) : (tensor<?x?x64xf32>, tensor<64x64xf32>, !qnt.cache<2x32xf16>) -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // A callee writes where it is told.
  // CHECK-LABEL: func.func private @layer.long
  // CHECK-SAME: (%{{.*}}: tensor<?x?x64xf32>, %{{.*}}: memref<16384xi8>, %{{.*}}: memref<?xf16>, %[[TO:.*]]: memref<?x?x64xf32>)
  // CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[TO]]
  func.func private @layer.long(%x: tensor<?x?x64xf32>, %w: tensor<64x64xf32>, %cache: !qnt.cache<2x32xf16>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %past = qk.dim "past"
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %a = qnt.attention %y over %cache at %past heads 2 scale 1.0 : tensor<?x?x64xf32>, !qnt.cache<2x32xf16>
    return %a : tensor<?x?x64xf32>
  }
  // 2 (keys, values) * 2 heads * 32 channels * 2 bytes for every row and token
  // CHECK-LABEL: func.func @state_bytes() -> index
  // CHECK: qk.dim "context"
}
