// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sm80 | FileCheck %s
// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sm90 | FileCheck %s

// CHECK-LABEL: func.func @dot4
// CHECK: nvvm.dot.accumulate.4way %arg1 <unsigned>, %arg2 <signed>, %{{.*}} : vector<4xi8>, vector<4xi8>
func.func @dot4(%acc: vector<1xi32>, %u: vector<4xi8>, %s: vector<4xi8>) -> vector<1xi32> {
  %r = qk.dot4 %acc, %u, %s : vector<1xi32>, vector<4xi8>
  return %r : vector<1xi32>
}

// One shift and one mask of 32 bits.
// CHECK-LABEL: func.func @unpack
// CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : i32
// CHECK-DAG: %[[MASK:.*]] = arith.constant 252645135 : i32
// CHECK: %[[DOWN:.*]] = arith.shrui %{{.*}}, %[[FOUR]] : i32
// CHECK: arith.andi %[[DOWN]], %[[MASK]] : i32
func.func @unpack(%plane: vector<4xi8>) -> vector<4xi8> {
  %q = qk.unpack %plane {bits = 4 : i32, index = 1 : i32} : vector<4xi8>
  return %q : vector<4xi8>
}

// CHECK-LABEL: func.func @lanes
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: nvvm.bar.warp.sync
func.func @lanes() -> index {
  %l = qk.lane_id
  qk.sync_lanes
  return %l : index
}

// Five exchanges.
// CHECK-LABEL: func.func @sum
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
func.func @sum(%x: f32) -> f32 {
  %s = qk.reduce_lanes #vector.kind<add>, %x : f32
  return %s : f32
}

// Signed codes, and unsigned ones on the right.
// CHECK-LABEL: func.func @mma
// CHECK: nvvm.mma.sync A[{{(%[^,]*, ){3}[^,]*}}] B[{{[^,]*, [^,]*}}] C[{{(%[^,]*, ){3}[^,]*}}] {{.*}}multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<u8>
func.func @mma(%acc: vector<4xi32>, %a: vector<4xi32>, %b: vector<2xi32>) -> vector<4xi32> {
  %0 = qk.lane_mma %acc, %a, %b : vector<4xi32>, vector<4xi32>, vector<2xi32>
  %1 = qk.lane_mma %0, %a, %b {unsigned_rhs} : vector<4xi32>, vector<4xi32>, vector<2xi32>
  return %1 : vector<4xi32>
}

// Pairs of f16 are registers as they come.
// CHECK-LABEL: func.func @mma_half
// CHECK: llvm.bitcast %{{.*}} : i32 to vector<2xf16>
// CHECK: nvvm.mma.sync A[{{(%[^,]*, ){3}[^,]*}}] B[{{[^,]*, [^,]*}}] C[{{(%[^,]*, ){3}[^,]*}}] {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
func.func @mma_half(%acc: vector<4xf32>, %a: vector<4xi32>, %b: vector<2xi32>) -> vector<4xf32> {
  %0 = qk.lane_mma_half %acc, %a, %b : vector<4xf32>, vector<4xi32>, vector<2xi32>
  return %0 : vector<4xf32>
}

// CHECK-LABEL: func.func @swap
// CHECK: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %[[TWO]]
func.func @swap(%x: f32) -> f32 {
  %0 = qk.swap_lanes %x, 2 : f32
  return %0 : f32
}
