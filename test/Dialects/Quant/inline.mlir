// RUN: qcc-opt %s --inline | FileCheck %s

// Layers can be inlined: what they name, weights and dimensions, belongs to the module.
// CHECK: func.func @main(%[[X:.*]]: tensor<?x16xf32>
// CHECK-NOT: call
// CHECK:   %[[W:.*]] = qnt.weight @w
// CHECK:   %[[Y:.*]] = qnt.matmul %[[X]], %[[W]]
// CHECK:   %[[V:.*]] = qnt.weight @w
// CHECK:   qnt.matmul %[[Y]], %[[V]]
// CHECK-NOT: func.func
qnt.weight_decl @w : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, data = <"w", file 0, offset 0, length 1024> : tensor<16x16xf32>>]
func.func @main(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %y = call @layer(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %z = call @layer(%y) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
func.func private @layer(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %w = qnt.weight @w : tensor<16x16xf32>
  %y = qnt.matmul %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
