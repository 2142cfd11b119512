// RUN: qcc-opt %s --qcc-kernel-distribute-loops | FileCheck %s
// Rows are shared, columns stay a loop.
// CHECK-LABEL: func.func @copy
// CHECK: %[[T:.*]] = qk.thread_id
// CHECK: %[[N:.*]] = qk.num_threads
// CHECK: scf.for
// CHECK: scf.for
// CHECK: memref.load
// CHECK: memref.store
// CHECK: qk.barrier
func.func @copy(%a: memref<?x64xf32>, %b: memref<?x64xf32>) {
  memref.copy %a, %b : memref<?x64xf32> to memref<?x64xf32>
  return
}
// A write that cannot be shared is done by thread 0.
// CHECK-LABEL: func.func @store
// CHECK: arith.cmpi eq, %{{.*}}, %{{.*}} : index
// CHECK: scf.if
// CHECK: memref.store
// CHECK: qk.barrier
func.func @store(%m: memref<4xi64>, %v: i64) {
  %c0 = arith.constant 0 : index
  memref.store %v, %m[%c0] : memref<4xi64>
  return
}
// Kernels divide their work themselves.
// CHECK-LABEL: func.func private @kernel
// CHECK-NOT: qk.barrier
func.func private @kernel(%m: memref<4xi64>, %v: i64) attributes {qk.kernel} {
  %c0 = arith.constant 0 : index
  memref.store %v, %m[%c0] : memref<4xi64>
  return
}
