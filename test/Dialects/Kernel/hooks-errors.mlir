// RUN: qcc-opt %s -split-input-file -verify-diagnostics

func.func @plane_width(%p: vector<64xi8>) {
  // expected-error @below {{takes planes of 1, 2, 4 or 8 bits, not 3}}
  %0 = qk.unpack %p {bits = 3 : i32, index = 0 : i32} : vector<64xi8>
  return
}
// -----
func.func @field(%p: vector<64xi8>) {
  // expected-error @below {{has field 2, but a byte holds 2 fields of 4 bits}}
  %0 = qk.unpack %p {bits = 4 : i32, index = 2 : i32} : vector<64xi8>
  return
}
// -----
func.func @moved_too_far(%p: vector<64xi8>) {
  // expected-error @below {{moves 4 bits to bit 6, past the end of a byte}}
  %0 = qk.unpack %p {bits = 4 : i32, index = 0 : i32, to = 6 : i32} : vector<64xi8>
  return
}
// -----
func.func @pairs(%even: vector<16xf32>) {
  // expected-error @below {{interleaves two vectors of 16 into 32 elements, not 16}}
  %0 = qk.bf16_pair %even, %even : vector<16xf32> -> vector<16xbf16>
  return
}
// -----
func.func @bytes_per_sum(%acc: vector<16xi32>, %u: vector<32xi8>) {
  // expected-error @below {{needs four bytes for each of 16 sums, but has 32}}
  %0 = qk.dot4 %acc, %u, %u : vector<16xi32>, vector<32xi8>
  return
}
// -----
func.func @bytes_per_two_sums(%acc: vector<8xi32>, %u: vector<64xi8>, %s: vector<16xi8>) {
  // expected-error @below {{needs eight bytes for each two of 8 sums, but has 64}}
  %0 = qk.dot8x2 %acc, %u, %s : vector<8xi32>, vector<64xi8>, vector<16xi8>
  return
}
// -----
func.func @table_type(%table: vector<16xf32>, %index: vector<16xi32>) {
  // expected-error @below {{returns elements of the table, 'f32', not 'i8'}}
  %0 = qk.lut16 %table, %index : vector<16xf32>, vector<16xi32> -> vector<16xi8>
  return
}
// -----
func.func @index_width(%table: vector<16xi8>, %index: vector<16xi32>) {
  // expected-error @below {{needs indices as wide as the table's elements}}
  %0 = qk.lut16 %table, %index : vector<16xi8>, vector<16xi32> -> vector<16xi8>
  return
}
// -----
func.func @tile_shapes(%c: !qk.tile<16x16xi32>, %a: !qk.tile<16x64xi8>, %b: !qk.tile<8x64xi8>) {
  // expected-error @below {{has shapes that do not fit}}
  %0 = qk.tile_mma %c, %a, %b : !qk.tile<16x16xi32>, !qk.tile<16x64xi8>, !qk.tile<8x64xi8>
  return
}
// -----
func.func @tile_types(%c: !qk.tile<16x16xf32>, %a: !qk.tile<16x64xi8>) {
  // expected-error @below {{multiplies i8 tiles into i32 or bf16 tiles into f32}}
  %0 = qk.tile_mma %c, %a, %a : !qk.tile<16x16xf32>, !qk.tile<16x64xi8>, !qk.tile<16x64xi8>
  return
}
// -----
// expected-error @below {{a row of a tile has 4 to 64 bytes in steps of 4, not 128}}
func.func private @wide(!qk.tile<16x32xi32>)
// -----
// expected-error @below {{a tile has 1 to 16 rows, not 17}}
func.func private @tall(!qk.tile<17x16xi32>)
// -----
func.func @team_results(%acc: vector<4xi32>, %rows: memref<?xi8>, %at: index) {
  // expected-error @below {{needs sums of some columns, products of some k, and results like the sums}}
  %0:2 = qk.team_mma (%acc : vector<4xi32>), (%acc), %rows[%at] {k_stride = 128 : i64, column_stride = 256 : i64} : (vector<4xi32>), memref<?xi8> -> (vector<4xi32>, vector<4xi32>)
  return
}
// -----
func.func @team_strides(%acc: vector<4xi32>, %rows: memref<?xi8>, %at: index) {
  // expected-error @below {{has strides that are no multiples of 16}}
  %0 = qk.team_mma (%acc : vector<4xi32>), (%acc), %rows[%at] {k_stride = 136 : i64, column_stride = 256 : i64} : (vector<4xi32>), memref<?xi8> -> (vector<4xi32>)
  return
}
