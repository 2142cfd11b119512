// RUN: qcc-opt %s --qcc-target-lower-hooks=version=amx | FileCheck %s --check-prefix=AMX
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=avx512vnni | FileCheck %s --check-prefix=VNNI

// Signed activations times unsigned codes; without a matrix unit the same products row by row, one unit after the other.
// AMX-LABEL: func @product
// AMX: amx.tile_zero : !amx.tile<16x16xi32>
// AMX: amx.tile_load
// AMX: amx.tile_load
// AMX: amx.tile_muli %{{.*}}, %{{.*}} zext, %{{.*}} : !amx.tile<16x32xi8>, !amx.tile<8x64xi8>, !amx.tile<16x16xi32>
// AMX: amx.tile_store
// AMX-NOT: unrealized_conversion_cast
// VNNI-LABEL: func @product
// VNNI: scf.for
// VNNI: scf.for
// VNNI: llvm.x86.avx512.vpdpbusd.512
// VNNI-COUNT-16: vector.store %{{.*}}, %arg2[
// VNNI-NOT: qk.
func.func @product(%a: memref<?xi8>, %w: memref<?xi8>, %c: memref<?xi32>, %at: index, %stride: index) {
  %0 = qk.tile_zero : !qk.tile<16x16xi32>
  %1 = qk.tile_load %a[%at], %stride : memref<?xi8> -> !qk.tile<16x32xi8>
  %2 = qk.tile_load %w[%at], %stride : memref<?xi8> -> !qk.tile<8x64xi8>
  %3 = qk.tile_mma %0, %1, %2 {unsigned_rhs} : !qk.tile<16x16xi32>, !qk.tile<16x32xi8>, !qk.tile<8x64xi8>
  qk.tile_store %3, %c[%at], %stride : !qk.tile<16x16xi32>, memref<?xi32>
  return
}

// Loops and branches carry tiles as the target's registers, or as vectors of rows.
// AMX-LABEL: func @carried
// AMX: scf.if %{{.*}} -> (!amx.tile<16x16xf32>)
// AMX: scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}) -> (!amx.tile<16x16xf32>)
// AMX: amx.tile_mulf %{{.*}}, %{{.*}}, %[[SUM]] : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
// AMX-NOT: unrealized_conversion_cast
// VNNI-LABEL: func @carried
// VNNI: scf.if %{{.*}} -> (vector<16x16xf32>)
// VNNI: scf.for {{.*}} -> (vector<16x16xf32>)
// VNNI-COUNT-2: math.fma {{.*}} : vector<16xf32>
// VNNI-NOT: qk.
func.func @carried(%a: memref<?xbf16>, %w: memref<?xbf16>, %c: memref<?xf32>, %n: index, %stride: index, %first: i1) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %start = scf.if %first -> !qk.tile<16x16xf32> {
    %0 = qk.tile_zero : !qk.tile<16x16xf32>
    scf.yield %0 : !qk.tile<16x16xf32>
  } else {
    %0 = qk.tile_load %c[%zero], %stride : memref<?xf32> -> !qk.tile<16x16xf32>
    scf.yield %0 : !qk.tile<16x16xf32>
  }
  %end = scf.for %i = %zero to %n step %one iter_args(%sum = %start) -> !qk.tile<16x16xf32> {
    %1 = qk.tile_load %a[%i], %stride : memref<?xbf16> -> !qk.tile<16x32xbf16>
    %2 = qk.tile_load %w[%i], %stride : memref<?xbf16> -> !qk.tile<16x32xbf16>
    %3 = qk.tile_mma %sum, %1, %2 : !qk.tile<16x16xf32>, !qk.tile<16x32xbf16>, !qk.tile<16x32xbf16>
    scf.yield %3 : !qk.tile<16x16xf32>
  }
  qk.tile_store %end, %c[%zero], %stride : !qk.tile<16x16xf32>, memref<?xf32>
  return
}

// AMX-LABEL: func @pair
// AMX: llvm.x86.avx512.pternlog.d.512
func.func @pair(%even: vector<16xf32>, %odd: vector<16xf32>) -> vector<32xbf16> {
  %0 = qk.bf16_pair %even, %odd : vector<16xf32> -> vector<32xbf16>
  return %0 : vector<32xbf16>
}

// Lines that are not needed again soon.
// AMX-LABEL: func @streamed
// AMX-DAG: %[[ROWS:.*]] = arith.constant 16 : i16
// AMX-DAG: %[[AT:.*]] = llvm.getelementptr
// AMX: llvm.call_intrinsic "llvm.x86.tileloaddt164.internal"(%[[ROWS]], %{{.*}}, %[[AT]], %{{.*}}) : (i16, i16, !llvm.ptr, i64) -> !llvm.x86_amx
// VNNI-LABEL: func @streamed
// VNNI-COUNT-16: vector.load %arg0[
func.func @streamed(%a: memref<?xi8>, %c: memref<?xi8>, %at: index, %stride: index) {
  %0 = qk.tile_load %a[%at], %stride {streaming} : memref<?xi8> -> !qk.tile<16x64xi8>
  qk.tile_store %0, %c[%at], %stride : !qk.tile<16x64xi8>, memref<?xi8>
  return
}
