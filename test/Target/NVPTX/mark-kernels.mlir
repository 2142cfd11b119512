// RUN: qcc-opt %s --qcc-target-mark-kernels | FileCheck %s

// CHECK: llvm.func @step_norm(%arg0: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>, qk.block = 128 : i64}
llvm.func @step_norm(%weights: !llvm.ptr) attributes {qk.block = 128 : i64} {
  llvm.return
}
// CHECK: llvm.func @other()
// CHECK-NOT: nvvm.kernel
llvm.func @other() {
  llvm.return
}
