// RUN: qcc-opt %s --qcc-target-lower-hooks=version=sm90 | FileCheck %s

// Sixteen columns and 64 k: two instructions in one statement, sums in place. The second step's rows lie two pieces of 16 k behind.
// CHECK-LABEL: func.func @products
// CHECK: %[[POINTER:.*]] = llvm.inttoptr
// CHECK: llvm.addrspacecast %[[POINTER]] : !llvm.ptr to !llvm.ptr<3>
// CHECK: arith.ori %{{.*}}, %c154619412480_i64 : i64
// CHECK: llvm.inline_asm has_side_effects "{\0A.reg .pred p;\0Asetp.ne.b32 p, 1, 0;\0Awgmma.fence.sync.aligned;\0A
// CHECK-SAME: wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8 {$0, $1, $2, $3, $4, $5, $6, $7}, {$8, $9, $10, $11}, $16, p;\0A
// CHECK-SAME: wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8 {$0, $1, $2, $3, $4, $5, $6, $7}, {$12, $13, $14, $15}, $17, p;\0A
// CHECK-SAME: wgmma.commit_group.sync.aligned;\0Awgmma.wait_group.sync.aligned 0;
// CHECK-SAME: "=r,=r,=r,=r,=r,=r,=r,=r,r,r,r,r,r,r,r,r,l,l,0,1,2,3,4,5,6,7,~{memory}"
func.func @products(%acc: vector<4xi32>, %codes: vector<4xi32>, %rows: memref<?xi8>, %at: index) -> vector<4xi32> {
  %r:2 = qk.team_mma (%acc, %acc : vector<4xi32>, vector<4xi32>), (%codes, %codes), %rows[%at] {k_stride = 144 : i64, column_stride = 576 : i64} : (vector<4xi32>, vector<4xi32>), memref<?xi8> -> (vector<4xi32>, vector<4xi32>)
  return %r#1 : vector<4xi32>
}
