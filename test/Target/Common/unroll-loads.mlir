// RUN: qcc-opt %s --pass-pipeline='builtin.module(func.func(qcc-target-unroll-loads))' | FileCheck %s

// A short loop is unrolled.
// CHECK-LABEL: func.func @short
// CHECK-NOT: scf.for
// CHECK: vector.load
// CHECK: arith.addf
// CHECK: vector.load
// CHECK: arith.addf
// CHECK: return
func.func @short(%x: memref<?xf32>, %zero: vector<1xf32>) -> vector<1xf32> attributes {qk.step} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %s = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %zero) -> (vector<1xf32>) {
    %v = vector.load %x[%i] : memref<?xf32>, vector<1xf32>
    %b = arith.addf %a, %v : vector<1xf32>
    scf.yield %b : vector<1xf32>
  }
  return %s : vector<1xf32>
}

// Eight turns of a loop of unknown length; the rest runs turn by turn.
// CHECK-LABEL: func.func @long
// CHECK: scf.for
// CHECK-COUNT-8: vector.load
// CHECK: scf.for
// CHECK: vector.load
// CHECK-NOT: vector.load
// CHECK: return
func.func @long(%x: memref<?xf32>, %zero: vector<1xf32>, %n: index) -> vector<1xf32> attributes {qk.step} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> (vector<1xf32>) {
    %v = vector.load %x[%i] : memref<?xf32>, vector<1xf32>
    %b = arith.addf %a, %v : vector<1xf32>
    scf.yield %b : vector<1xf32>
  }
  return %s : vector<1xf32>
}

// A load may read what the turn before stored. Scratch is near.
// CHECK-LABEL: func.func @stays
// CHECK: scf.for
// CHECK-COUNT-1: memref.load
// CHECK-COUNT-1: memref.store
// CHECK: scf.for
// CHECK-COUNT-1: memref.load
// CHECK-NOT: memref.load
// CHECK: return
func.func @stays(%x: memref<?xf32>, %zero: f32, %n: index) -> f32 attributes {qk.step} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %x[%i] : memref<?xf32>
  }
  %near = qk.bind scratch at %c0 : memref<64xf32>
  %s = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> (f32) {
    %v = memref.load %near[%i] : memref<64xf32>
    %b = arith.addf %a, %v : f32
    scf.yield %b : f32
  }
  return %s : f32
}
