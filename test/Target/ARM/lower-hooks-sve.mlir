// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sve2_256 | FileCheck %s --check-prefixes=CHECK,SVE256
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sve2_512 | FileCheck %s --check-prefixes=CHECK,SVE512

// Fixed vectors are the first elements of scalable ones.
// CHECK-LABEL: func @small_codes
func.func @small_codes(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // SVE256-COUNT-2: llvm.aarch64.sve.sdot.nxv4i32
  // SVE512: vector.scalable.insert {{.*}} : vector<16xi32> into vector<[4]xi32>
  // SVE512: llvm.aarch64.sve.sdot.nxv4i32
  // SVE512: vector.scalable.extract {{.*}} : vector<16xi32> from vector<[4]xi32>
  // CHECK-NOT: sdot
  %1 = qk.dot4 %0, %u, %s {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  return %1 : vector<16xi32>
}

// CHECK-LABEL: func @large_codes
func.func @large_codes(%0: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // SVE256-COUNT-2: llvm.aarch64.sve.usdot.nxv4i32
  // SVE512: llvm.aarch64.sve.usdot.nxv4i32
  %1 = qk.dot4 %0, %u, %s {max = 255 : i32} : vector<16xi32>, vector<64xi8>
  return %1 : vector<16xi32>
}

// Every segment of 128 bits is two columns times the same two rows.
// CHECK-LABEL: func @two_rows
func.func @two_rows(%0: vector<32xi32>, %u: vector<128xi8>, %s: vector<16xi8>) -> vector<32xi32> {
  // CHECK: llvm.aarch64.sve.dupq.lane.nxv16i8
  // SVE256-COUNT-4: llvm.aarch64.sve.smmla.nxv4i32
  // SVE512-COUNT-2: llvm.aarch64.sve.smmla.nxv4i32
  // CHECK-NOT: smmla
  %1 = qk.dot8x2 %0, %u, %s {signed_u} : vector<32xi32>, vector<128xi8>, vector<16xi8>
  return %1 : vector<32xi32>
}

// CHECK-LABEL: func @lut
func.func @lut(%table: vector<16xi8>, %index: vector<64xi8>) -> vector<64xi8> {
  // SVE256-COUNT-2: llvm.aarch64.sve.tbl.nxv16i8
  // SVE512: llvm.aarch64.sve.tbl.nxv16i8
  %0 = qk.lut16 %table, %index : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  return %0 : vector<64xi8>
}

// No whole register: the generic way.
// CHECK-LABEL: func @narrow
// CHECK-NOT: llvm.aarch64.sve
// CHECK: return
func.func @narrow(%0: vector<2xi32>, %u: vector<8xi8>, %s: vector<8xi8>) -> vector<2xi32> {
  %1 = qk.dot4 %0, %u, %s {max = 15 : i32} : vector<2xi32>, vector<8xi8>
  return %1 : vector<2xi32>
}
