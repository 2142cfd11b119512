// RUN: qcc-opt %s -split-input-file --qcc-kernel-lower-components=complete -verify-diagnostics

// Kernels and reference lowerings lay caches out differently.
func.func @mixed(%q: tensor<?x?x16xf32>, %m: memref<?xf16>, %past: index) -> tensor<?x?x16xf32> {
  %c = builtin.unrealized_conversion_cast %m : memref<?xf16> to !qnt.cache<2x8xf16>
  %k, %v = qnt.cache_view %c : !qnt.cache<2x8xf16> -> memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>
  // expected-error @below {{cannot share caches with operations that are lowered to their reference already}}
  %y = qnt.attention %q over %c at %past heads 2 scale 0.25 : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  return %y : tensor<?x?x16xf32>
}

// -----

func.func @left(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{has no reference lowering}}
  %y = qnt.activate relu %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @computed(%w: tensor<4x32x!qnt.block<bits = 4, group = 32>>) -> tensor<4x32xi8> {
  // expected-error @below {{which lies neither in the weights file nor in a cache}}
  %c, %s = qnt.decompose %w : tensor<4x32x!qnt.block<bits = 4, group = 32>> -> tensor<4x32xi8>, tensor<4x1xf32>
  return %c : tensor<4x32xi8>
}

// -----

func.func @assert(%x: i1) {
  // expected-error @below {{tests something else than an index}}
  cf.assert %x, "whatever"
  return
}
