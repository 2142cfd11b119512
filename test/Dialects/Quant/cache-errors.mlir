// RUN: qcc-opt %s -split-input-file -verify-diagnostics

func.func @one_past(%k: tensor<?x4x?x32xf32>) {
  // expected-error @below {{needs past key and value, or neither}}
  %c = qnt.cache_load %k : tensor<?x4x?x32xf32> -> !qnt.cache<4x32xf32>
  return
}

// -----

func.func @heads(%k: tensor<?x2x?x32xf32>) {
  // expected-error @below {{but the cache holds 4 heads of 32}}
  %c = qnt.cache_load %k, %k : tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32> -> !qnt.cache<4x32xf32>
  return
}

// -----

// expected-error @below {{a cache type is <kvHeads x headDim x element>}}
func.func private @rank(!qnt.cache<4xf32>)

// -----

func.func @view(%c: !qnt.cache<2x8xf16>) {
  // expected-error @below {{is 'memref<?x2x?x8xf32>', but the memory of '!qnt.cache<2x8xf16>' is 'memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>'}}
  %k, %v = qnt.cache_view %c : !qnt.cache<2x8xf16> -> memref<?x2x?x8xf32>
  return
}
