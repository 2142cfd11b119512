// RUN: qcc-opt %s | qcc-opt | FileCheck %s
// RUN: qcc-opt %s --emit-bytecode | qcc-opt | FileCheck %s

// CHECK-LABEL: func @codes
func.func @codes(%plane: vector<64xi8>, %table: vector<16xf32>, %index: vector<16xi32>, %bytes: vector<16xi8>) {
  // CHECK: qk.unpack %{{.*}} {bits = 4 : i32, index = 1 : i32} : vector<64xi8>
  %0 = qk.unpack %plane {bits = 4 : i32, index = 1 : i32} : vector<64xi8>
  // CHECK: qk.unpack %{{.*}} {bits = 1 : i32, index = 7 : i32, to = 4 : i32} : vector<64xi8>
  %1 = qk.unpack %plane {bits = 1 : i32, index = 7 : i32, to = 4 : i32} : vector<64xi8>
  // CHECK: qk.lut16 %{{.*}}, %{{.*}} : vector<16xf32>, vector<16xi32> -> vector<16xf32>
  %2 = qk.lut16 %table, %index : vector<16xf32>, vector<16xi32> -> vector<16xf32>
  // CHECK: qk.lut16 %{{.*}}, %{{.*}} : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  %3 = qk.lut16 %bytes, %plane : vector<16xi8>, vector<64xi8> -> vector<64xi8>
  // CHECK: qk.bf16_pair %{{.*}}, %{{.*}} : vector<16xf32> -> vector<32xbf16>
  %4 = qk.bf16_pair %table, %table : vector<16xf32> -> vector<32xbf16>
  return
}

// CHECK-LABEL: func @products
func.func @products(%four: vector<4xi8>, %rows: vector<16xi8>, %u: vector<64xi8>, %acc: vector<16xi32>, %scale: vector<16xf32>, %y: vector<16xf32>) {
  // CHECK: %[[A:.*]] = qk.bcast4 %{{.*}} : vector<4xi8> -> vector<64xi8>
  %a = qk.bcast4 %four : vector<4xi8> -> vector<64xi8>
  // CHECK: %[[D:.*]] = qk.dot4 %{{.*}}, %{{.*}}, %[[A]] {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  %d = qk.dot4 %acc, %u, %a {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  // CHECK: qk.dot8x2 %{{.*}}, %{{.*}}, %{{.*}} {signed_u} : vector<16xi32>, vector<64xi8>, vector<16xi8>
  %e = qk.dot8x2 %acc, %u, %rows {signed_u} : vector<16xi32>, vector<64xi8>, vector<16xi8>
  // CHECK: qk.mac16 %{{.*}}, %[[D]], %{{.*}} : vector<16xi32>
  %m = qk.mac16 %acc, %d, %acc : vector<16xi32>
  // CHECK: qk.rescale %[[D]], %{{.*}}, %{{.*}} : vector<16xi32>, vector<16xf32>
  %r = qk.rescale %d, %scale, %y : vector<16xi32>, vector<16xf32>
  return
}

// CHECK-LABEL: func @tiles
func.func @tiles(%a: memref<?xi8>, %w: memref<?xi8>, %c: memref<?xi32>, %at: index, %stride: index) {
  // CHECK: %[[C:.*]] = qk.tile_zero : <16x16xi32>
  %0 = qk.tile_zero : !qk.tile<16x16xi32>
  // CHECK: %[[A:.*]] = qk.tile_load %{{.*}}[%{{.*}}], %{{.*}} : memref<?xi8> -> <16x64xi8>
  %1 = qk.tile_load %a[%at], %stride : memref<?xi8> -> !qk.tile<16x64xi8>
  %2 = qk.tile_load %w[%at], %stride : memref<?xi8> -> !qk.tile<16x64xi8>
  // CHECK: qk.tile_mma %[[C]], %[[A]], %{{.*}} {unsigned_rhs} : <16x16xi32>, <16x64xi8>, <16x64xi8>
  %3 = qk.tile_mma %0, %1, %2 {unsigned_rhs} : !qk.tile<16x16xi32>, !qk.tile<16x64xi8>, !qk.tile<16x64xi8>
  // CHECK: qk.tile_store %{{.*}}, %{{.*}}[%{{.*}}], %{{.*}} : <16x16xi32>, memref<?xi32>
  qk.tile_store %3, %c[%at], %stride : !qk.tile<16x16xi32>, memref<?xi32>
  return
}

// CHECK-LABEL: func @team
func.func @team(%acc: vector<4xi32>, %codes: vector<4xi32>, %rows: memref<?xi8>, %at: index) -> vector<4xi32> {
  // CHECK: qk.team_barrier {tiles}
  qk.team_barrier {tiles}
  // CHECK: %[[R:.*]]:2 = qk.team_mma(%arg0, %arg0 : vector<4xi32>, vector<4xi32>), (%arg1), %arg2[%arg3] {column_stride = 288 : i64, k_stride = 144 : i64} : (vector<4xi32>), memref<?xi8> -> (vector<4xi32>, vector<4xi32>)
  %r:2 = qk.team_mma (%acc, %acc : vector<4xi32>, vector<4xi32>), (%codes), %rows[%at] {k_stride = 144 : i64, column_stride = 288 : i64} : (vector<4xi32>), memref<?xi8> -> (vector<4xi32>, vector<4xi32>)
  return %r#0 : vector<4xi32>
}
