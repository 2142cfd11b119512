qnt.weight_decl @q : tensor<8x64xf32> [#qnt.part<rows = 8, transposed = false, data = <"q", file 0, offset 0, length 2048> : tensor<8x64xf32>>]
qnt.weight_decl @k : tensor<4x64xf32> [#qnt.part<rows = 4, transposed = false, data = <"k", file 0, offset 2048, length 1024> : tensor<4x64xf32>>]
qnt.weight_decl @b : tensor<8xf32> [#qnt.part<rows = 8, transposed = false, data = <"b", file 0, offset 3072, length 32> : tensor<8xf32>>]
func.func @one_bias(%x: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>) {
  %q = qnt.weight @q : tensor<8x64xf32>
  %k = qnt.weight @k : tensor<4x64xf32>
  %b = qnt.weight @b : tensor<8xf32>
  %0 = qnt.matmul %x, %q bias %b : tensor<?x64xf32>, tensor<8x64xf32>, tensor<8xf32> -> tensor<?x8xf32>
  %1 = qnt.matmul %x, %k : tensor<?x64xf32>, tensor<4x64xf32> -> tensor<?x4xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x4xf32>
}
