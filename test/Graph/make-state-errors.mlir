// RUN: qcc-opt %s --qcc-graph-make-state=element=i4 -split-input-file -verify-diagnostics

// A past of fixed length cannot grow: it stays an input, which holds floats.
func.func @main(%x: tensor<1x1x16xf32> {qnt.dims = ["1", "1", "16"]}, %pk: tensor<1x2x7x8xf32> {qnt.dims = ["1", "2", "7", "8"], qnt.role = "past"},
    %pv: tensor<1x2x7x8xf32> {qnt.dims = ["1", "2", "7", "8"], qnt.role = "past"}) -> tensor<1x1x16xf32> {
  %p = arith.constant 7 : index
  // expected-error @below {{keys and values stay inputs and outputs, which are floats: they cannot be kept as i4 [kv-bits]}}
  %cache = qnt.cache_load %pk, %pv : tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32> -> !qnt.cache<2x8xf32>
  qnt.kv_update %x, %x into %cache at %p : tensor<1x1x16xf32>, !qnt.cache<2x8xf32>
  %a = qnt.attention %x over %cache at %p heads 2 scale 1.0 : tensor<1x1x16xf32>, !qnt.cache<2x8xf32>
  return %a : tensor<1x1x16xf32>
}

// -----

func.func @main(%x: tensor<?x?x10xf32> {qnt.dims = ["batch", "seq", "10"]}, %pk: tensor<?x2x?x5xf32> {qnt.dims = ["batch", "2", "past", "5"], qnt.role = "past"},
    %pv: tensor<?x2x?x5xf32> {qnt.dims = ["batch", "2", "past", "5"], qnt.role = "past"}) -> tensor<?x?x10xf32> {
  %p = qnt.dim "past"
  // expected-error @below {{a head has 5 channels, and two codes of 4 bits share a byte [kv-bits]}}
  %cache = qnt.cache_load %pk, %pv : tensor<?x2x?x5xf32>, tensor<?x2x?x5xf32> -> !qnt.cache<2x5xf32>
  qnt.kv_update %x, %x into %cache at %p : tensor<?x?x10xf32>, !qnt.cache<2x5xf32>
  %a = qnt.attention %x over %cache at %p heads 2 scale 1.0 : tensor<?x?x10xf32>, !qnt.cache<2x5xf32>
  return %a : tensor<?x?x10xf32>
}
