// RUN: qcc-opt %s --qcc-target-mark-kernels | FileCheck %s

// Four blocks without a team do.
// CHECK: llvm.func @step_norm(%arg0: !llvm.ptr) attributes {nvvm.kernel, nvvm.minctasm = 4 : i32, nvvm.reqntid = array<i32: 128>, qk.block = 128 : i64}
llvm.func @step_norm(%weights: !llvm.ptr) attributes {qk.block = 128 : i64} {
  llvm.return
}
// Teams of 1024 threads together fit a multiprocessor.
// CHECK: llvm.func @step_team() attributes {nvvm.kernel, nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 512>, qk.block = 512 : i64, qk.team = 16 : i64}
llvm.func @step_team() attributes {qk.block = 512 : i64, qk.team = 16 : i64} {
  llvm.return
}
// CHECK: llvm.func @step_large() attributes {nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 1024>, qk.block = 1024 : i64, qk.team = 32 : i64}
llvm.func @step_large() attributes {qk.block = 1024 : i64, qk.team = 32 : i64} {
  llvm.return
}
// CHECK: llvm.func @step_cluster() attributes {nvvm.cluster_dim = array<i32: 2, 1, 1>, nvvm.kernel, {{.*}}qk.cluster = 2 : i64
llvm.func @step_cluster() attributes {qk.block = 1024 : i64, qk.cluster = 2 : i64, qk.team = 32 : i64} {
  llvm.return
}
// A step whose threads need more registers has fewer blocks.
// CHECK: llvm.func @step_registers() attributes {nvvm.kernel, nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 128>,
llvm.func @step_registers() attributes {qk.block = 128 : i64, qk.lane_registers = 255 : i64, qk.team = 4 : i64} {
  llvm.return
}
// CHECK: llvm.func @other()
// CHECK-NOT: nvvm.kernel
llvm.func @other() {
  llvm.return
}
