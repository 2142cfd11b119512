#ifndef QCC_TARGET_PASSES
#define QCC_TARGET_PASSES
include "mlir/Pass/PassBase.td"

def LowerProgram : Pass<"qcc-target-lower-program", "::mlir::ModuleOp"> {
  let summary = "Program operations become accesses to the invocation";
  let description = [{
    Every function gets two leading parameters, the `qcc_invocation` of Program.h and the number of the calling thread, and passes them on.
    `qk.bind`, `qk.dim`, `qk.thread_id`, `qk.num_threads`, `qk.barrier` and `qk.fail` become loads, stores and calls through its fields, which
    do not change while a program runs. Functions without parameters that return an index compute sizes from dimensions; those that the
    runtime calls (`decode.frame`, ..., `state_bytes`) get a wrapper `<prefix>decode.frame(dims)`. `prefix` keeps versions apart.
    Example:
      func.func @decode() { %t = qk.thread_id  ... }
    becomes
      func.func @decode(%inv: !llvm.ptr, %thread: i64) { %t = arith.index_cast %thread : i64 to index  ... }
  }];
  let options = [Option<"prefix", "prefix", "std::string", "\"\"", "before the names of the functions that the runtime calls">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect"];
}

def ApproximateMath : Pass<"qcc-target-approximate-math"> {
  let summary = "Transcendental functions become polynomials";
  let description = [{
    Nothing calls libm: an artifact needs only the C library, and vectors stay vectors.
    Example:
      %y = math.erf %x : vector<16xf32>
    becomes
      %y = ... arith.mulf, math.fma, arith.divf : vector<16xf32>
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}
#endif
