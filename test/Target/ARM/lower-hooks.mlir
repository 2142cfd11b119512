// RUN: qcc-opt %s --qcc-target-lower-hooks=version=neon | FileCheck %s --check-prefixes=CHECK,NEON
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=dotprod | FileCheck %s --check-prefixes=CHECK,DOTPROD
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=i8mm | FileCheck %s --check-prefixes=CHECK,I8MM
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sve2 | FileCheck %s --check-prefixes=CHECK,I8MM

// Codes below 128 are the same number as signed bytes.
// CHECK-LABEL: func @small_codes
func.func @small_codes(%0: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
  // NEON-COUNT-2: llvm.aarch64.neon.smull.v8i16
  // NEON: llvm.aarch64.neon.addp.v8i16
  // NEON: llvm.aarch64.neon.saddlp.v4i32.v8i16
  // NEON-NOT: arith.xori
  // DOTPROD: llvm.aarch64.neon.sdot.v4i32.v16i8
  // DOTPROD-NOT: arith.xori
  // I8MM: llvm.aarch64.neon.sdot.v4i32.v16i8
  %1 = qk.dot4 %0, %u, %s {max = 127 : i32} : vector<4xi32>, vector<16xi8>
  return %1 : vector<4xi32>
}

// CHECK-LABEL: func @large_codes_are_no_signed_bytes
func.func @large_codes_are_no_signed_bytes(%0: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
  // NEON: arith.xori
  // NEON-COUNT-2: llvm.aarch64.neon.smull.v8i16
  // NEON: arith.shli
  // DOTPROD: arith.xori
  // DOTPROD-COUNT-2: llvm.aarch64.neon.sdot.v4i32.v16i8
  // I8MM-NOT: arith.xori
  // I8MM: llvm.aarch64.neon.usdot.v4i32.v16i8
  %1 = qk.dot4 %0, %u, %s {max = 128 : i32} : vector<4xi32>, vector<16xi8>
  return %1 : vector<4xi32>
}

// CHECK-LABEL: func @signed_codes_need_no_offset
func.func @signed_codes_need_no_offset(%0: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
  // NEON-NOT: arith.xori
  // NEON-COUNT-2: llvm.aarch64.neon.smull.v8i16
  // DOTPROD-NOT: arith.xori
  // DOTPROD: llvm.aarch64.neon.sdot.v4i32.v16i8
  // I8MM-NOT: usdot
  // I8MM: llvm.aarch64.neon.sdot.v4i32.v16i8
  %1 = qk.dot4 %0, %u, %s {signed_u} : vector<4xi32>, vector<16xi8>
  return %1 : vector<4xi32>
}

// Two columns times two rows, twice.
// CHECK-LABEL: func @two_rows
func.func @two_rows(%0: vector<8xi32>, %u: vector<32xi8>, %s: vector<16xi8>) -> vector<8xi32> {
  // I8MM-COUNT-2: llvm.aarch64.neon.usmmla.v4i32.v16i8
  // DOTPROD-NOT: mmla
  // NEON-NOT: mmla
  %1 = qk.dot8x2 %0, %u, %s : vector<8xi32>, vector<32xi8>, vector<16xi8>
  // I8MM-COUNT-2: llvm.aarch64.neon.smmla.v4i32.v16i8
  %2 = qk.dot8x2 %1, %u, %s {signed_u} : vector<8xi32>, vector<32xi8>, vector<16xi8>
  return %2 : vector<8xi32>
}

// Several registers.
// CHECK-LABEL: func @wide
func.func @wide(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // NEON-COUNT-4: llvm.aarch64.neon.addp.v8i16
  // DOTPROD-COUNT-4: llvm.aarch64.neon.sdot.v4i32.v16i8
  // I8MM-COUNT-4: llvm.aarch64.neon.sdot.v4i32.v16i8
  // CHECK: return
  %1 = qk.dot4 %0, %u, %s {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  return %1 : vector<16xi32>
}

// A lane of a register, which a product takes as it is.
// CHECK-LABEL: func @lane
// CHECK: vector.shuffle {{.*}} [2, 2, 2, 2] : vector<4xi32>, vector<4xi32>
func.func @lane(%r: vector<16xi8>) -> vector<16xi8> {
  %0 = vector.extract_strided_slice %r {offsets = [8], sizes = [4], strides = [1]} : vector<16xi8> to vector<4xi8>
  %1 = qk.bcast4 %0 : vector<4xi8> -> vector<16xi8>
  return %1 : vector<16xi8>
}

// Bytes are shifted as bytes: nothing to mask off in the upper field.
// CHECK-LABEL: func @upper_field
// CHECK-NOT: arith.andi
// CHECK: arith.shrui {{.*}} : vector<16xi8>
// CHECK-NOT: arith.andi
// CHECK: return
func.func @upper_field(%p: vector<16xi8>) -> vector<16xi8> {
  %0 = qk.unpack %p {bits = 4 : i32, index = 1 : i32} : vector<16xi8>
  return %0 : vector<16xi8>
}

// CHECK-LABEL: func @lower_field
// CHECK-NOT: arith.shrui
// CHECK: arith.andi
func.func @lower_field(%p: vector<16xi8>) -> vector<16xi8> {
  %0 = qk.unpack %p {bits = 4 : i32, index = 0 : i32} : vector<16xi8>
  return %0 : vector<16xi8>
}

// CHECK-LABEL: func @upper_field_above_another_plane
// CHECK: arith.shrui {{.*}} : vector<16xi8>
// CHECK: arith.shli {{.*}} : vector<16xi8>
func.func @upper_field_above_another_plane(%p: vector<16xi8>) -> vector<16xi8> {
  %0 = qk.unpack %p {bits = 2 : i32, index = 3 : i32, to = 4 : i32} : vector<16xi8>
  return %0 : vector<16xi8>
}

// CHECK-LABEL: func @lut
// CHECK: llvm.aarch64.neon.tbl1.v16i8
func.func @lut(%table: vector<16xi8>, %index: vector<16xi8>) -> vector<16xi8> {
  %0 = qk.lut16 %table, %index : vector<16xi8>, vector<16xi8> -> vector<16xi8>
  return %0 : vector<16xi8>
}
