// RUN: qcc-opt %s --split-input-file --qcc-graph-assign-roles | FileCheck %s

// CHECK: module attributes {qnt.vocabulary = 100 : i64}
// CHECK: func.func @main(%arg0: tensor<?x?xi64> {qnt.dims = ["batch", "seq"], qnt.name = "ids", qnt.role = "tokens"}
// CHECK-SAME: %arg1: tensor<?x?xi64> {qnt.dims = ["batch", "seq"], qnt.role = "positions"}
// CHECK-SAME: %arg2: tensor<?x?xi64> {qnt.dims = ["batch", "total"], qnt.role = "mask"}
// CHECK-SAME: %arg3: tensor<?x2x?x8xf32> {qnt.dims = ["batch", "2", "past", "8"], qnt.role = "past"}
// CHECK-SAME: -> (tensor<?x?x16xf32> {qnt.dims = ["batch", "seq", "16"], qnt.role = "output"}, tensor<?x2x?x8xf32> {qnt.dims = ["batch", "2", "total", "8"], qnt.role = "present"}
// CHECK: qnt.gather %arg0
// CHECK: qnt.dim "past"
// CHECK: qnt.dim "seq"
qnt.weight_decl @table : tensor<100x16xf32> [#qnt.part<rows = 100, transposed = false, data = <"t", file 0, offset 0, length 6400> : tensor<100x16xf32>>]
qnt.weight_decl @cos : tensor<32x4xf32> [#qnt.part<rows = 32, transposed = false, data = <"c", file 0, offset 0, length 512> : tensor<32x4xf32>>]
func.func @main(%ids: tensor<?x?xi64> {qnt.name = "ids", qnt.dims = ["b", "s"]}, %positions: tensor<?x?xi64> {qnt.dims = ["b", "s"]}, %mask: tensor<?x?xi64> {qnt.dims = ["b", "s + p"]},
    %pk: tensor<?x2x?x8xf32> {qnt.dims = ["b", "2", "p", "8"]}, %pv: tensor<?x2x?x8xf32> {qnt.dims = ["b", "2", "p", "8"]})
    -> (tensor<?x?x16xf32> {qnt.dims = ["b", "s", "16"]}, tensor<?x2x?x8xf32> {qnt.dims = ["b", "2", "p + s", "8"]}, tensor<?x2x?x8xf32> {qnt.dims = ["b", "2", "p + s", "8"]}) {
  %t = qnt.weight @table : tensor<100x16xf32>
  %c = qnt.weight @cos : tensor<32x4xf32>
  %x = qnt.gather %ids, %t : tensor<?x?xi64>, tensor<100x16xf32> -> tensor<?x?x16xf32>
  %q = qnt.rotary %x at %positions, %c, %c heads 2 : tensor<?x?x16xf32>, tensor<?x?xi64>, tensor<32x4xf32>
  %p = qnt.dim "p"
  %s = qnt.dim "s"
  %total = arith.addi %p, %s : index
  %cache = qnt.cache_load %pk, %pv : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> !qnt.cache<2x8xf32>
  qnt.kv_update %q, %x into %cache at %p : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
  %a = qnt.attention %q over %cache at %p mask %mask heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>, tensor<?x?xi64>
  %k, %v = qnt.cache_store %cache at %total : !qnt.cache<2x8xf32> -> tensor<?x2x?x8xf32>
  return %a, %k, %v : tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}

// -----

// Of three tables, the largest is that of tokens, wherever it stands.
// CHECK: module attributes {qnt.vocabulary = 100 : i64}
// CHECK: func.func @main(%arg0: tensor<?x?xi64> {{{.*}}qnt.role = "segments"}, %arg1: tensor<?x?xi64> {{{.*}}qnt.role = "positions"}, %arg2: tensor<?x?xi64> {{{.*}}qnt.role = "tokens"})
qnt.weight_decl @table : tensor<100x16xf32> [#qnt.part<rows = 100, transposed = false, data = <"t", file 0, offset 0, length 6400> : tensor<100x16xf32>>]
qnt.weight_decl @learned : tensor<32x16xf32> [#qnt.part<rows = 32, transposed = false, data = <"l", file 0, offset 0, length 2048> : tensor<32x16xf32>>]
qnt.weight_decl @sentence : tensor<2x16xf32> [#qnt.part<rows = 2, transposed = false, data = <"s", file 0, offset 0, length 128> : tensor<2x16xf32>>]
func.func @main(%segments: tensor<?x?xi64> {qnt.dims = ["b", "s"]}, %positions: tensor<?x?xi64> {qnt.dims = ["b", "s"]}, %ids: tensor<?x?xi64> {qnt.dims = ["b", "s"]})
    -> (tensor<?x?x16xf32> {qnt.dims = ["b", "s", "16"]}, tensor<?x?x16xf32> {qnt.dims = ["b", "s", "16"]}, tensor<?x?x16xf32> {qnt.dims = ["b", "s", "16"]}) {
  %s = qnt.weight @sentence : tensor<2x16xf32>
  %l = qnt.weight @learned : tensor<32x16xf32>
  %t = qnt.weight @table : tensor<100x16xf32>
  %x = qnt.gather %segments, %s : tensor<?x?xi64>, tensor<2x16xf32> -> tensor<?x?x16xf32>
  %y = qnt.gather %positions, %l : tensor<?x?xi64>, tensor<32x16xf32> -> tensor<?x?x16xf32>
  %z = qnt.gather %ids, %t : tensor<?x?xi64>, tensor<100x16xf32> -> tensor<?x?x16xf32>
  return %x, %y, %z : tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

// -----

// Where there are scores, they say which table is that of tokens: here it is smaller than that of learned positions.
// CHECK: module attributes {qnt.vocabulary = 24 : i64}
// CHECK: func.func @main(%arg0: tensor<?x?xi64> {{{.*}}qnt.role = "positions"}, %arg1: tensor<?x?xi64> {{{.*}}qnt.role = "tokens"})
qnt.weight_decl @table : tensor<24x16xf32> [#qnt.part<rows = 24, transposed = false, data = <"t", file 0, offset 0, length 1536> : tensor<24x16xf32>>]
qnt.weight_decl @learned : tensor<32x16xf32> [#qnt.part<rows = 32, transposed = false, data = <"l", file 0, offset 0, length 2048> : tensor<32x16xf32>>]
func.func @main(%positions: tensor<?x?xi64> {qnt.dims = ["b", "s"]}, %ids: tensor<?x?xi64> {qnt.dims = ["b", "s"]}) -> (tensor<?x?x24xf32> {qnt.dims = ["b", "s", "24"]}, tensor<?x?x16xf32> {qnt.dims = ["b", "s", "16"]}) {
  %l = qnt.weight @learned : tensor<32x16xf32>
  %t = qnt.weight @table : tensor<24x16xf32>
  %y = qnt.gather %positions, %l : tensor<?x?xi64>, tensor<32x16xf32> -> tensor<?x?x16xf32>
  %z = qnt.gather %ids, %t : tensor<?x?xi64>, tensor<24x16xf32> -> tensor<?x?x16xf32>
  %logits = qnt.matmul %z, %t : tensor<?x?x16xf32>, tensor<24x16xf32> -> tensor<?x?x24xf32>
  return %logits, %y : tensor<?x?x24xf32>, tensor<?x?x16xf32>
}
