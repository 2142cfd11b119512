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

// -----

func.func @scales(%c: !qnt.cache<2x8xi8>) {
  // expected-error @below {{has other scales than '!qnt.cache<2x8xi8>'}}
  %k, %v = qnt.cache_view %c : !qnt.cache<2x8xi8> -> memref<?x2x?x8xi8, strided<[?, ?, 8, 1], offset: ?>>
  return
}

// -----

func.func @quantized_past(%k: tensor<?x4x?x32xf32>) {
  // expected-error @below {{moves floats, but the cache is '!qnt.cache<4x32xi8>'}}
  %c = qnt.cache_load %k, %k : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> !qnt.cache<4x32xi8>
  return
}

// -----

func.func @quantized_present(%c: !qnt.cache<4x32xi8>, %total: index) {
  // expected-error @below {{moves floats, but the cache is '!qnt.cache<4x32xi8>'}}
  %k, %v = qnt.cache_store %c at %total : !qnt.cache<4x32xi8> -> tensor<?x4x?x32xf32>
  return
}

// -----

// expected-error @below {{a cache holds floats, i8 or i4, not 'i16'}}
func.func private @bits(!qnt.cache<4x32xi16>)

// -----

// expected-error @below {{two codes of 4 bits share a byte, but a head has 5 channels}}
func.func private @odd(!qnt.cache<4x5xi4>)
