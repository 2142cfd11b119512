// A linear layer whose input is the program's: nothing in front of it could take scales.
qnt.weight_decl @w : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = false, values = dense<1.0> : tensor<32x32xf32>>]
func.func @main(%x: tensor<?x32xf32> {qnt.name = "x", qnt.dims = ["n", "32"]}) -> (tensor<?x32xf32> {qnt.name = "y", qnt.dims = ["n", "32"]}) {
  %w = qnt.weight @w : tensor<32x32xf32>
  %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
