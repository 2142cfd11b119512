// RUN: qcc-opt %s --qcc-kernel-place-weights | FileCheck %s
// RUN: qcc-opt %s --qcc-kernel-place-weights=reference | FileCheck %s --check-prefix=REFERENCE
// A matmul reads panels, a gather rows, anything else plain tensors; the tied table becomes two declarations; what nothing reads goes.
// CHECK: module attributes {{.*}}qnt.weights_bytes = 8896
// CHECK: qnt.weight_decl @tied {{.*}} {layout = #qnt.layout<panels, bytes = 4096, lanes = 16>, offset = 0 : i64}
// CHECK: qnt.weight_decl @tied.rows {{.*}} {layout = #qnt.layout<rows, bytes = 4096>, offset = 4096 : i64}
// CHECK: qnt.weight_decl @scale {{.*}} {layout = #qnt.layout<plain, bytes = 128>, offset = 8192 : i64}
// CHECK: qnt.weight_decl @codes {{.*}} {layout = #qnt.layout<panels, bytes = 576, lanes = 16>, offset = 8320 : i64}
// CHECK-NOT: @unused
// For reference lowerings there is one layout of each: components of quantized weights (a row: 1 scale, 32 codes), plain tensors else.
// REFERENCE: qnt.weight_decl @tied {{.*}} {layout = #qnt.layout<plain, bytes = 4096>, offset = 0 : i64}
// REFERENCE: qnt.weight_decl @codes {{.*}} {layout = #qnt.layout<components, bytes = 576>, offset = {{[0-9]+}} : i64}
qnt.weight_decl @tied : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = false, data = <"t", file 0, offset 0, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @scale : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, data = <"s", file 0, offset 4096, length 128> : tensor<32xf32>>]
qnt.weight_decl @codes : tensor<16x32x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 16, transposed = false, data = <"c", file 0, offset 4096, length 2048> : tensor<16x32xf32>>]
qnt.weight_decl @unused : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, data = <"u", file 0, offset 4096, length 128> : tensor<32xf32>>]
// CHECK: %[[ROWS:.*]] = qnt.weight @tied.rows
// CHECK: %[[PANELS:.*]] = qnt.weight @tied :
// CHECK: qnt.gather %{{.*}}, %[[ROWS]]
// CHECK: call @head(%{{.*}}, %[[PANELS]])
func.func @main(%ids: tensor<?x?xi64>) -> tensor<?x?x32xf32> {
  %w = qnt.weight @tied : tensor<32x32xf32>
  %s = qnt.weight @scale : tensor<32xf32>
  %x = qnt.gather %ids, %w : tensor<?x?xi64>, tensor<32x32xf32> -> tensor<?x?x32xf32>
  %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x32xf32>, tensor<32xf32>
  %y = call @head(%n, %w) : (tensor<?x?x32xf32>, tensor<32x32xf32>) -> tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}
func.func @coded(%x: tensor<?x?x32xf32>) -> tensor<?x?x16xf32> {
  %w = qnt.weight @codes : tensor<16x32x!qnt.block<bits = 4, group = 32>>
  %y = qnt.matmul %x, %w : tensor<?x?x32xf32>, tensor<16x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x16xf32>
  return %y : tensor<?x?x16xf32>
}
func.func private @head(%x: tensor<?x?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x?x32xf32> {
  %y = qnt.matmul %x, %w : tensor<?x?x32xf32>, tensor<32x32xf32> -> tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}
