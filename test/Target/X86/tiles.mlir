// RUN: qcc-opt %s --qcc-target-lower-hooks=version=amx | FileCheck %s --check-prefix=AMX
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=avx512vnni | FileCheck %s --check-prefix=VNNI

// Signed activations times unsigned codes; without a matrix unit the same products row by row.
// AMX-LABEL: func @product
// AMX: amx.tile_zero : !amx.tile<16x16xi32>
// AMX: amx.tile_load
// AMX: amx.tile_load
// AMX: amx.tile_muli %{{.*}}, %{{.*}} zext, %{{.*}} : !amx.tile<16x32xi8>, !amx.tile<8x64xi8>, !amx.tile<16x16xi32>
// AMX: amx.tile_store
// AMX-NOT: unrealized_conversion_cast
// VNNI-LABEL: func @product
// VNNI: scf.for
// VNNI-COUNT-8: llvm.x86.avx512.vpdpbusd.512
// VNNI: vector.store
// VNNI-NOT: qk.
func.func @product(%a: memref<?xi8>, %w: memref<?xi8>, %c: memref<?xi32>, %at: index, %stride: index) {
  %0 = qk.tile_zero : !qk.tile<16x16xi32>
  %1 = qk.tile_load %a[%at], %stride : memref<?xi8> -> !qk.tile<16x32xi8>
  %2 = qk.tile_load %w[%at], %stride : memref<?xi8> -> !qk.tile<8x64xi8>
  %3 = qk.tile_mma %0, %1, %2 {unsigned_rhs} : !qk.tile<16x16xi32>, !qk.tile<16x32xi8>, !qk.tile<8x64xi8>
  qk.tile_store %3, %c[%at], %stride : !qk.tile<16x16xi32>, memref<?xi32>
  return
}
