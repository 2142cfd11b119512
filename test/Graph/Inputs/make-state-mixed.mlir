// An attention that keeps no state before one that does.
qnt.weight_decl @cos : tensor<32x4xf32> [#qnt.part<rows = 32, transposed = false, data = <"c", file 0, offset 0, length 512> : tensor<32x4xf32>>]
func.func @main(%x: tensor<?x?x16xf32> {qnt.dims = ["batch", "seq", "16"]}, %mask: tensor<?x?xi64> {qnt.dims = ["batch", "seq"]}, %lengths: tensor<?xi32> {qnt.dims = ["batch"]},
    %pk: tensor<?x2x?x8xf32> {qnt.name = "kv.0.key", qnt.dims = ["batch", "2", "past", "8"], qnt.role = "past"},
    %pv: tensor<?x2x?x8xf32> {qnt.name = "kv.0.value", qnt.dims = ["batch", "2", "past", "8"], qnt.role = "past"})
    -> (tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
  %w = qnt.weight @cos : tensor<32x4xf32>
  %p = qnt.dim "past"
  %s = qnt.dim "seq"
  %total = arith.addi %p, %s : index
  %c0 = arith.constant 0 : index
  %starts = qnt.row_starts %lengths at %p : tensor<?xi32> -> tensor<?xi64>
  %positions = qnt.positions at %p rows %starts : tensor<?xi64> : tensor<?x?xi64>
  %q = qnt.rotary %x at %positions, %w, %w heads 2 : tensor<?x?x16xf32>, tensor<?x?xi64>, tensor<32x4xf32>
  %own = qnt.cache_load -> !qnt.cache<2x8xf32>
  qnt.kv_update %q, %x into %own at %c0 rows %starts : tensor<?xi64> : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
  %e = qnt.attention %q over %own at %c0 rows %starts : tensor<?xi64> mask %mask heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>, tensor<?x?xi64>
  %r = qnt.rotary %e at %positions, %w, %w heads 2 : tensor<?x?x16xf32>, tensor<?x?xi64>, tensor<32x4xf32>
  %cache = qnt.cache_load %pk, %pv : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> !qnt.cache<2x8xf32>
  qnt.kv_update %r, %x into %cache at %p rows %starts : tensor<?xi64> : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
  %a = qnt.attention %r over %cache at %p rows %starts : tensor<?xi64> heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
  %k, %v = qnt.cache_store %cache at %total rows %starts : tensor<?xi64> : !qnt.cache<2x8xf32> -> tensor<?x2x?x8xf32>
  return %a, %k, %v : tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}
