// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4" | FileCheck %s --check-prefix=ONE
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=l1=w8" | FileCheck %s --check-prefix=TWO
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=l1.mlp=w8" | FileCheck %s --check-prefix=INNER

// Weights of outlined layers arrive as arguments. One format everywhere: one function.
// ONE: func.func private @mlp(%{{.*}}: tensor<?x32xf32>, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>) -> tensor<?x32xf32>
// ONE: func.func private @layer(%{{.*}}: tensor<?x32xf32>, %{{.*}}: tensor<32xf32>, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>)
// ONE-NOT: func.func private
// ONE: func.func @main
// ONE: call @layer
// ONE: call @layer
// ONE: call @layer

// Layer 1 differs: layers 0 and 2 share the original, layer 1 has a copy, down through both levels of calls.
// TWO: func.func private @mlp(%{{.*}}, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>)
// TWO: func.func private @[[MLP8:mlp_[0-9]+]](%{{.*}}, %{{.*}}: tensor<32x32x!qnt.block<bits = 8, group = 32>>)
// TWO: func.func private @layer(%{{.*}}, %{{.*}}, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>)
// TWO: call @mlp(
// TWO: func.func private @[[LAYER8:layer_[0-9]+]](%{{.*}}, %{{.*}}: tensor<32xf32>, %{{.*}}: tensor<32x32x!qnt.block<bits = 8, group = 32>>, %{{.*}}: tensor<32x32x!qnt.block<bits = 8, group = 32>>)
// TWO: call @[[MLP8]](
// TWO-LABEL: func.func @main
// TWO: call @layer(
// TWO: call @[[LAYER8]](
// TWO: call @layer(

// INNER: func.func private @layer(%{{.*}}, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>)
// INNER: func.func private @{{layer_[0-9]+}}(%{{.*}}, %{{.*}}: tensor<32x32x!qnt.block<bits = 4, group = 32>>, %{{.*}}: tensor<32x32x!qnt.block<bits = 8, group = 32>>)

qnt.weight_decl @n : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, data = <"n", file 0, offset 0, length 128> : tensor<32xf32>>]
qnt.weight_decl @q0 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l0.q", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @m0 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l0.mlp", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @q1 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l1.q", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @m1 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l1.mlp", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @q2 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l2.q", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @m2 : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"l2.mlp", file 0, offset 64, length 4096> : tensor<32x32xf32>>]

func.func private @mlp(%x: tensor<?x32xf32>, %m: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %y = qnt.matmul %x, %m : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
func.func private @layer(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %q: tensor<32x32xf32>, %m: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %a = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>
  %b = qnt.matmul %a, %q : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %c = call @mlp(%b, %m) : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %c : tensor<?x32xf32>
}
func.func @main(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %n = qnt.weight @n : tensor<32xf32>
  %q0 = qnt.weight @q0 : tensor<32x32xf32>
  %m0 = qnt.weight @m0 : tensor<32x32xf32>
  %q1 = qnt.weight @q1 : tensor<32x32xf32>
  %m1 = qnt.weight @m1 : tensor<32x32xf32>
  %q2 = qnt.weight @q2 : tensor<32x32xf32>
  %m2 = qnt.weight @m2 : tensor<32x32xf32>
  %a = call @layer(%x, %n, %q0, %m0) : (tensor<?x32xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %b = call @layer(%a, %n, %q1, %m1) : (tensor<?x32xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %c = call @layer(%b, %n, %q2, %m2) : (tensor<?x32xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %c : tensor<?x32xf32>
}
