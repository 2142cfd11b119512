// RUN: qcc-opt %s --qcc-target-lower-hooks=version=avx512vnni -split-input-file -verify-diagnostics

// Tiles live inside of one function: only loops and branches carry them.
func.func @tiles_are_no_arguments(%tile: !qk.tile<16x16xf32>, %c: memref<?xf32>, %at: index, %stride: index) {
  // expected-error @below {{has no lowering for avx512vnni}}
  qk.tile_store %tile, %c[%at], %stride : !qk.tile<16x16xf32>, memref<?xf32>
  return
}
