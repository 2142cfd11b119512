#ifndef QCC_TARGET_NVPTX_PASSES
#define QCC_TARGET_NVPTX_PASSES
include "mlir/Pass/PassBase.td"

def LowerSteps : Pass<"qcc-target-lower-steps", "::mlir::ModuleOp"> {
  let summary = "Steps become CUDA kernels";
  let description = [{
    Steps get the memory of a call as leading parameters (Program.h, `qcc_device`) and the attributes of a kernel; program operations become accesses
    to it. A thread of the program is a warp where registers are spread over lanes, else a thread. Scratch lies in shared memory if a block's fits
    there, else in memory of the device. Programs and functions of sizes are gone: their tables are made before. Where steps overlap
    (TargetVersion::overlapsSteps) a step waits for the one before, but not before it reads what a step may have written; `qk.waits` says so. First
    loads of weights, which no step writes, come before the wait.
    Example:
      func.func @step_norm() attributes {qk.step} { %t = qk.thread_id  ... }
    becomes
      func.func @step_norm(%weights: !llvm.ptr, %arena: !llvm.ptr, %state: !llvm.ptr, %scratch: !llvm.ptr, %call: !llvm.ptr) attributes {qk.block = 128 : i64} {
        %block = nvvm.read.ptx.sreg.ctaid.x : i32
        ...
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def MarkKernels : Pass<"qcc-target-mark-kernels", "::mlir::ModuleOp"> {
  let summary = "Functions of the LLVM dialect that are steps become entry points of a CUDA image";
  let description = [{
    Example:
      llvm.func @step_norm(%weights: !llvm.ptr, ...) attributes {qk.block = 128 : i64}
    becomes
      llvm.func @step_norm(%weights: !llvm.ptr, ...) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>, qk.block = 128 : i64}
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}
#endif
