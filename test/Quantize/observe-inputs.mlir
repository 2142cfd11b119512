// RUN: qcc-opt %s --split-input-file --qcc-quantize-observe-inputs | FileCheck %s

// State becomes a cache of the layer that uses it; inputs of matmuls are shown before they are multiplied; nothing is returned.
// CHECK: module attributes {qnt.dims = ["batch", "seq"]}
// CHECK: func.func @main(%[[X:.*]]: tensor<?x?x16xf32>
// CHECK-NOT: !qnt.cache
// CHECK-SAME: ) {
// CHECK:   %[[W:.*]] = qnt.weight @w
// CHECK:   %[[FIRST:.*]] = qnt.cache_load -> <2x8xf16>
// CHECK:   %[[Y:.*]] = call @layer(%[[X]], %[[W]], %[[FIRST]])
// CHECK:   %[[SECOND:.*]] = qnt.cache_load -> <2x8xf16>
// CHECK:   call @layer(%[[Y]], %[[W]], %[[SECOND]])
// CHECK:   return{{$}}
// CHECK: func.func private @layer(%[[H:.*]]: tensor<?x?x16xf32>, %[[LW:.*]]: tensor<16x16xf32>,
// CHECK:   qnt.observe %[[H]] of %[[LW]]
// CHECK-NEXT: qnt.matmul %[[H]], %[[LW]]
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  qnt.weight_decl @w : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, data = <"w", file 0, offset 0, length 1024> : tensor<16x16xf32>>]
  func.func @main(%x: tensor<?x?x16xf32> {qnt.dims = ["batch", "seq", "16"]}, %a: !qnt.cache<2x8xf16> {qnt.role = "state"}, %b: !qnt.cache<2x8xf16> {qnt.role = "state"})
      -> (tensor<?x?x16xf32> {qnt.name = "y"}) {
    %w = qnt.weight @w : tensor<16x16xf32>
    %y = call @layer(%x, %w, %a) : (tensor<?x?x16xf32>, tensor<16x16xf32>, !qnt.cache<2x8xf16>) -> tensor<?x?x16xf32>
    %z = call @layer(%y, %w, %b) : (tensor<?x?x16xf32>, tensor<16x16xf32>, !qnt.cache<2x8xf16>) -> tensor<?x?x16xf32>
    return %z : tensor<?x?x16xf32>
  }
  func.func private @layer(%x: tensor<?x?x16xf32>, %w: tensor<16x16xf32>, %cache: !qnt.cache<2x8xf16>) -> tensor<?x?x16xf32> {
    %q = qnt.matmul %x, %w : tensor<?x?x16xf32>, tensor<16x16xf32> -> tensor<?x?x16xf32>
    %past = qnt.dim "past"
    qnt.kv_update %q, %q into %cache at %past : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
    %y = qnt.attention %q over %cache at %past heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
    return %y : tensor<?x?x16xf32>
  }
}

// -----

// A past that comes as inputs is left out as well. Activations that the model quantizes are not shown: calibration is for those that are not yet.
// CHECK: func.func @main(%[[X:.*]]: tensor<?x?x16xf32>
// CHECK-NOT: %{{.*}}: tensor<?x2x?x8xf32>
// CHECK-SAME: ) {
// CHECK:   qnt.cache_load -> <2x8xf32>
// CHECK-NOT: qnt.cache_store
// CHECK-NOT: qnt.observe
module attributes {qnt.dims = ["batch", "seq", "past"]} {
  qnt.weight_decl @w : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, data = <"w", file 0, offset 0, length 1024> : tensor<16x16xf32>>]
  func.func @main(%x: tensor<?x?x16xf32>, %k: tensor<?x2x?x8xf32> {qnt.role = "past"}, %v: tensor<?x2x?x8xf32> {qnt.role = "past"})
      -> (tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
    %past = qnt.dim "past"
    %cache = qnt.cache_load %k, %v : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> !qnt.cache<2x8xf32>
    qnt.kv_update %x, %x into %cache at %past : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
    %a = qnt.attention %x over %cache at %past heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
    %w = qnt.weight @w : tensor<16x16xf32>
    %q = qnt.quantize %a : tensor<?x?x16xf32> -> tensor<?x?x16x!qnt.block<bits = 8, group = 16, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x16x!qnt.block<bits = 8, group = 16, scale = f32>>, tensor<16x16xf32> -> tensor<?x?x16xf32>
    %seq = qnt.dim "seq"
    %pk, %pv = qnt.cache_store %cache at %seq : !qnt.cache<2x8xf32> -> tensor<?x2x?x8xf32>
    return %y, %pk, %pv : tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
  }
}
