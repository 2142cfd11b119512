// RUN: qcc-opt %s --qcc-target-lower-x86-hooks=version=avx512vnni -split-input-file -verify-diagnostics

func.func @bf16_tiles_need_amx(%a: memref<?xbf16>, %c: memref<?xf32>, %at: index, %stride: index) {
  // expected-error @below {{has no lowering for avx512vnni}}
  %0 = qk.tile_zero : !qk.tile<16x16xf32>
  %1 = qk.tile_load %a[%at], %stride : memref<?xbf16> -> !qk.tile<16x32xbf16>
  %2 = qk.tile_mma %0, %1, %1 : !qk.tile<16x16xf32>, !qk.tile<16x32xbf16>, !qk.tile<16x32xbf16>
  qk.tile_store %2, %c[%at], %stride : !qk.tile<16x16xf32>, memref<?xf32>
  return
}
