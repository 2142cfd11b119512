// RUN: qcc-opt %s --qcc-target-outline-steps -split-input-file | FileCheck %s

// Layers are part of their program; steps that differ in constants alone are one function, whose parameters they are. Equal constants stay inside.
// CHECK-LABEL: func.func @decode()
// CHECK: %[[A:.*]] = arith.constant 64 : index
// CHECK: call @step_norm(%[[A]]) : (index) -> ()
// CHECK: %[[B:.*]] = arith.constant 320 : index
// CHECK: call @step_norm(%[[B]]) : (index) -> ()
// CHECK: call @step_loops() : () -> ()
// CHECK: call @step_sum() : () -> ()
// CHECK-NOT: qk.barrier
// CHECK: return
// CHECK-NOT: @layer
// Sizes are not run by the device.
// CHECK: func.func @decode.frame
// CHECK-NOT: @norm
// CHECK: func.func @step_norm(%[[OFFSET:.*]]: index) attributes {qk.step} {
// CHECK-DAG: %[[AT:.*]] = arith.constant 0 : index
// CHECK-DAG: qk.bind arena at %[[AT]] : memref<64xf32>
// CHECK-DAG: qk.bind weights at %[[OFFSET]] : memref<64xf32>
// CHECK: memref.load
// CHECK: memref.store
// CHECK: func.func @step_loops() attributes {qk.step} {
// CHECK: qk.dim "past"
// CHECK: scf.for
// A kernel of clusters of teams makes such a step.
// CHECK: func.func @step_sum() attributes {qk.cluster = 2 : i64, qk.shares = 3 : i64, qk.step, qk.team = 16 : i64} {
module attributes {qnt.dims = ["past"]} {
  func.func @decode() attributes {qk.rows = "decode"} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %c320 = arith.constant 320 : index
    %x = qk.bind arena at %c0 : memref<64xf32>
    %w = qk.bind weights at %c64 : memref<64xf32>
    call @layer(%x, %w) : (memref<64xf32>, memref<64xf32>) -> ()
    %v = qk.bind weights at %c320 : memref<64xf32>
    call @layer(%x, %v) : (memref<64xf32>, memref<64xf32>) -> ()
    %past = qk.dim "past"
    %c1 = arith.constant 1 : index
    %f = arith.constant 0.0 : f32
    scf.for %i = %c0 to %past step %c1 {
      memref.store %f, %x[%i] : memref<64xf32>
    }
    qk.barrier 2
    call @sum(%x) : (memref<64xf32>) -> ()
    return
  }
  func.func private @layer(%x: memref<64xf32>, %w: memref<64xf32>) attributes {qk.rows = "decode"} {
    call @norm(%x, %w) : (memref<64xf32>, memref<64xf32>) -> ()
    qk.barrier 0
    return
  }
  func.func @decode.frame() -> index attributes {qk.size} {
    %c256 = arith.constant 256 : index
    return %c256 : index
  }
  func.func private @norm(%x: memref<64xf32>, %w: memref<64xf32>) attributes {qk.kernel} {
    %t = qk.thread_id
    %v = memref.load %w[%t] : memref<64xf32>
    memref.store %v, %x[%t] : memref<64xf32>
    return
  }
  func.func private @sum(%x: memref<64xf32>) attributes {qk.kernel, qk.team = 16 : i64, qk.cluster = 2 : i64, qk.shares = 3 : i64} {
    qk.team_barrier
    return
  }
}
