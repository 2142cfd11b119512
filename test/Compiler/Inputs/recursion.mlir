// @f and @g call each other.
func.func @main(%x: tensor<?x?x8xf32> {qnt.name = "x", qnt.dims = ["batch", "seq", "8"]}) -> (tensor<?x?x8xf32> {qnt.name = "y", qnt.dims = ["batch", "seq", "8"]}) {
  %y = call @f(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

func.func private @f(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %y = call @g(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

func.func private @g(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %y = call @f(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}
