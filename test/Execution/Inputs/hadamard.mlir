module attributes {qnt.dims = ["batch","seq"], qnt.files=[]} {
  func.func @main(%x: tensor<?x?x112xf32> {qnt.name = "x", qnt.dims = ["batch", "seq", "112"]}) -> (tensor<?x?x112xf32> {qnt.dims=["batch","seq","112"], qnt.name="y"}) {
    %h = qnt.hadamard %x block 56 : tensor<?x?x112xf32>
    return %h : tensor<?x?x112xf32>
  }
}
