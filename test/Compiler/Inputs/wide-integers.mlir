// Remainders of 128 bits: a call of libgcc on every target.
#id = affine_map<(n) -> (n)>
module attributes {qnt.dims = ["n"]} {
  func.func @main(%x: tensor<?xi64> {qnt.name = "x", qnt.dims = ["n"]}) -> (tensor<?xi64> {qnt.name = "y", qnt.dims = ["n"]}) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xi64>
    %e = tensor.empty(%n) : tensor<?xi64>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<?xi64>) outs(%e : tensor<?xi64>) {
    ^bb0(%a: i64, %o: i64):
      %w = arith.extsi %a : i64 to i128
      %s = arith.muli %w, %w : i128
      %big = arith.constant 1000000007 : i128
      %m = arith.remsi %s, %big : i128
      %t = arith.trunci %m : i128 to i64
      linalg.yield %t : i64
    } -> tensor<?xi64>
    return %y : tensor<?xi64>
  }
}
