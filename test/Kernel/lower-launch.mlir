// RUN: qcc-opt %s --qcc-kernel-lower-launch | FileCheck %s
func.func private @k(memref<?x64xf32>, memref<64xf32>, memref<?x64xf32>)
// CHECK-LABEL: func.func @long
// CHECK: %[[X:.*]] = memref.collapse_shape %arg0 {{\[}}[0, 1], [2]] : memref<?x?x64xf32> into memref<?x64xf32>
// CHECK: %[[Y:.*]] = memref.collapse_shape %arg2
// CHECK: call @k(%[[X]], %arg1, %[[Y]])
// CHECK: qk.barrier
func.func @long(%x: memref<?x?x64xf32>, %w: memref<64xf32>, %y: memref<?x?x64xf32>) {
  qk.launch @k(%x, %w : memref<?x?x64xf32>, memref<64xf32>) outs(%y : memref<?x?x64xf32>)
  return
}

// The call keeps what the launch costs.
// CHECK-LABEL: func.func @work
// CHECK: call @k({{.*}}) {qk.work = {weight_bytes = 256 : i64}}
func.func @work(%x: memref<?x64xf32>, %w: memref<64xf32>, %y: memref<?x64xf32>) {
  qk.launch @k(%x, %w : memref<?x64xf32>, memref<64xf32>) outs(%y : memref<?x64xf32>) {qk.work = {weight_bytes = 256 : i64}}
  return
}

// Only the third step reads what others write.
// CHECK-LABEL: func.func @independent
// CHECK: call @k
// CHECK-NEXT: call @k
// CHECK-NEXT: qk.barrier
// CHECK-NEXT: call @k
// CHECK-NEXT: qk.barrier
// CHECK-NEXT: return
func.func @independent(%x: memref<?x64xf32>, %w: memref<64xf32>, %a: memref<?x64xf32>, %b: memref<?x64xf32>) {
  qk.launch @k(%x, %w : memref<?x64xf32>, memref<64xf32>) outs(%a : memref<?x64xf32>)
  qk.launch @k(%x, %w : memref<?x64xf32>, memref<64xf32>) outs(%b : memref<?x64xf32>)
  qk.launch @k(%a, %w : memref<?x64xf32>, memref<64xf32>) outs(%x : memref<?x64xf32>)
  return
}
