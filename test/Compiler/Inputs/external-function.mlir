// @elsewhere has no body.
module attributes {qnt.dims = ["n"]} {
  func.func private @elsewhere(tensor<?xf32>) -> tensor<?xf32>
  func.func @main(%x: tensor<?xf32> {qnt.name = "x", qnt.dims = ["n"]}) -> (tensor<?xf32> {qnt.name = "y", qnt.dims = ["n"]}) {
    %y = call @elsewhere(%x) : (tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}
