// Of four open extents two have names.
func.func @main(%a: tensor<?x4xf32>, %b: tensor<?x4xf32> {qnt.name = "b", qnt.dims = ["n", "4"]}, %c: tensor<?x?xf32> {qnt.name = "c", qnt.dims = ["n"]}) -> tensor<?x4xf32> {
  return %a : tensor<?x4xf32>
}
