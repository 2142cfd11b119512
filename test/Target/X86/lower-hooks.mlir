// RUN: qcc-opt %s --qcc-target-lower-hooks=version=avx512vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=amx | FileCheck %s --check-prefixes=CHECK,VBMI
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=avx512 | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=generic | FileCheck %s --check-prefixes=CHECK,GENERIC

// CHECK-LABEL: func @small_codes
func.func @small_codes(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // AVX512: llvm.x86.avx512.pmaddubs.w.512
  // AVX512: llvm.x86.avx512.pmaddw.d.512
  // AVX512: arith.addi
  // GENERIC-COUNT-4: arith.muli
  // GENERIC-NOT: llvm.call_intrinsic
  %1 = qk.dot4 %0, %u, %s {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  return %1 : vector<16xi32>
}

// Row by row; sums of four, then of neighbours.
// CHECK-LABEL: func @two_rows
func.func @two_rows(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<16xi8>) -> vector<16xi32> {
  // VNNI: llvm.x86.avx512.vpdpbusd.512
  // VNNI: vector.deinterleave
  // VNNI: llvm.x86.avx512.vpdpbusd.512
  // VNNI: vector.deinterleave
  // VNNI: vector.interleave
  %1 = qk.dot8x2 %0, %u, %s : vector<16xi32>, vector<64xi8>, vector<16xi8>
  return %1 : vector<16xi32>
}

// Two products of 255 * 127 do not fit 16 bits: both bytes are widened first.
// CHECK-LABEL: func @large_codes_do_not_saturate
func.func @large_codes_do_not_saturate(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // VNNI: vpdpbusd
  // AVX512-NOT: pmaddubs
  // AVX512-COUNT-2: llvm.x86.avx512.pmaddw.d.512
  %1 = qk.dot4 %0, %u, %s : vector<16xi32>, vector<64xi8>
  return %1 : vector<16xi32>
}

// The high nibble as bit 4 to 7 of the code: no shift at all.
// CHECK-LABEL: func @field_in_place
// CHECK-NOT: shrui
// CHECK-NOT: shli
// CHECK: arith.andi
func.func @field_in_place(%p: vector<64xi8>) -> vector<64xi8> {
  %0 = qk.unpack %p {bits = 4 : i32, index = 1 : i32, to = 4 : i32} : vector<64xi8>
  return %0 : vector<64xi8>
}

// CHECK-LABEL: func @mac16
// VNNI: llvm.x86.avx512.vpdpwssd.512
// AVX512: llvm.x86.avx512.pmaddw.d.512
// GENERIC: arith.muli
func.func @mac16(%0: vector<16xi32>, %a: vector<16xi32>) -> vector<16xi32> {
  %1 = qk.mac16 %0, %a, %a : vector<16xi32>
  return %1 : vector<16xi32>
}

// CHECK-LABEL: func @lut
// VNNI: llvm.x86.avx512.permvar.sf.512
// GENERIC-COUNT-15: arith.select
func.func @lut(%table: vector<16xf32>, %index: vector<16xi32>) -> vector<16xf32> {
  %0 = qk.lut16 %table, %index : vector<16xf32>, vector<16xi32> -> vector<16xf32>
  return %0 : vector<16xf32>
}

// Six bits of an index find the same byte as four of them, where VPERMB is there.
// CHECK-LABEL: func @lut_of_bytes
// VBMI: %[[HIGH:.*]] = arith.shrui
// VBMI: %[[BYTES:.*]] = vector.bitcast %[[HIGH]]
// VBMI: llvm.x86.avx512.permvar.qi.512"(%{{.*}}, %[[BYTES]])
// VNNI: llvm.x86.avx512.pshuf.b.512
// GENERIC-COUNT-15: arith.select
func.func @lut_of_bytes(%table: vector<16xi8>, %plane: vector<64xi8>) -> vector<64xi8> {
  %codes = qk.unpack %plane {bits = 4 : i32, index = 1 : i32} : vector<64xi8>
  %0 = qk.lut16 %table, %codes : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  return %0 : vector<64xi8>
}

// The same of a mask.
// CHECK-LABEL: func @lut_of_masked
// VBMI-SAME: %[[INDEX:[a-z0-9]+]]: vector<64xi8>
// VBMI: llvm.x86.avx512.permvar.qi.512"(%{{.*}}, %[[INDEX]])
func.func @lut_of_masked(%table: vector<16xi8>, %index: vector<64xi8>) -> vector<64xi8> {
  %mask = arith.constant dense<15> : vector<64xi8>
  %masked = arith.andi %index, %mask : vector<64xi8>
  %0 = qk.lut16 %table, %masked : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  return %0 : vector<64xi8>
}

// A mask of fewer bits is another index.
// CHECK-LABEL: func @lut_of_fewer_bits
// VBMI: %[[MASKED:.*]] = arith.andi
// VBMI: llvm.x86.avx512.permvar.qi.512"(%{{.*}}, %[[MASKED]])
func.func @lut_of_fewer_bits(%table: vector<16xi8>, %plane: vector<64xi8>) -> vector<64xi8> {
  %codes = qk.unpack %plane {bits = 2 : i32, index = 0 : i32} : vector<64xi8>
  %0 = qk.lut16 %table, %codes : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  return %0 : vector<64xi8>
}

// CHECK-LABEL: func @rescale_rounds_once
// CHECK: arith.sitofp
// CHECK: math.fma
func.func @rescale_rounds_once(%s: vector<16xi32>, %f: vector<16xf32>, %y: vector<16xf32>) -> vector<16xf32> {
  %0 = qk.rescale %s, %f, %y : vector<16xi32>, vector<16xf32>
  return %0 : vector<16xf32>
}
