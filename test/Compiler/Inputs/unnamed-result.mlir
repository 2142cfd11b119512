// The result is as long as the input, and does not say so.
func.func @main(%a: tensor<?x4xf32> {qnt.name = "a", qnt.dims = ["n", "4"]}) -> (tensor<?x4xf32> {qnt.name = "y"}) {
  %0 = arith.addf %a, %a : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
