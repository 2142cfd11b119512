// RUN: qcc-opt %s --qcc-target-mark-kernels | FileCheck %s

// CHECK: llvm.func @step_norm(%arg0: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>, qk.block = 128 : i64}
llvm.func @step_norm(%weights: !llvm.ptr) attributes {qk.block = 128 : i64} {
  llvm.return
}
// Two blocks of a team fit a multiprocessor.
// CHECK: llvm.func @step_team() attributes {nvvm.kernel, nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 512>, qk.block = 512 : i64, qk.team = 16 : i64}
llvm.func @step_team() attributes {qk.block = 512 : i64, qk.team = 16 : i64} {
  llvm.return
}
// CHECK: llvm.func @other()
// CHECK-NOT: nvvm.kernel
llvm.func @other() {
  llvm.return
}
