// RUN: qcc-opt %s --pass-pipeline='builtin.module(func.func(qcc-target-place-scratch))' -split-input-file -verify-diagnostics | FileCheck %s

// Lanes wait before they overwrite scratch that others may read, and after every store.
// CHECK-LABEL: func.func @lanes
// CHECK-SAME: qk.scratch_bytes = 272
func.func @lanes(%v: vector<1xf32>, %s: f32, %y: memref<?xf32>, %i: index) attributes {qk.step, qk.lanes = 32} {
  // CHECK: %[[A:.*]] = arith.constant 0 : index
  // CHECK: %[[LINE:.*]] = qk.bind scratch at %[[A]] : memref<64xf32>
  // CHECK: %[[B:.*]] = arith.constant 256 : index
  // CHECK: qk.bind scratch at %[[B]] : memref<3xi8>
  %line = memref.alloca() {alignment = 64 : i64} : memref<64xf32>
  %few = memref.alloca() : memref<3xi8>
  // CHECK: qk.sync_lanes
  // CHECK-NEXT: vector.store %{{.*}}, %[[LINE]]
  // CHECK-NEXT: qk.sync_lanes
  vector.store %v, %line[%i] : memref<64xf32>, vector<1xf32>
  // A scalar is stored by all lanes: none may still be reading what it replaces.
  // CHECK-NEXT: qk.sync_lanes
  // CHECK-NEXT: memref.store
  // CHECK-NEXT: qk.sync_lanes
  memref.store %s, %y[%i] : memref<?xf32>
  return
}

// A stack of its own for every thread.
// CHECK-LABEL: func.func @threads
// CHECK: memref.alloca
// CHECK-NOT: qk.sync_lanes
func.func @threads(%s: f32, %i: index) attributes {qk.step} {
  %line = memref.alloca() : memref<64xf32>
  memref.store %s, %line[%i] : memref<64xf32>
  return
}

// -----

func.func @unknown(%n: index) attributes {qk.step, qk.lanes = 32} {
  // expected-error@+1 {{has a size that is not known when the step is compiled}}
  %line = memref.alloca(%n) : memref<?xf32>
  return
}
