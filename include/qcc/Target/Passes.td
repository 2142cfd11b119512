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
      %y = ... arith.select, math.fma, arith.divf : vector<16xf32>
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def LowerHooks : Pass<"qcc-target-lower-hooks"> {
  let summary = "Micro-kernel hooks become instructions of a target";
  let description = [{
    `version` names a version of some target's preset (avx2, avx512vnni, amx, ...); its instructions are used where it has them, the generic
    lowering to vector and arith elsewhere. With `version=generic`, the generic lowering of all hooks: their meaning. The compiler itself
    calls `lowerHooks` with the version that it compiles for.
    Example:
      %1 = qk.dot4 %0, %u, %s {max = 15 : i32} : vector<16xi32>, vector<64xi8>
    becomes, with `version=avx512vnni`,
      %1 = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%0, %u, %s) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
  }];
  let options = [Option<"version", "version", "std::string", "\"generic\"", "version of a preset, or generic">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];                                             // and those of the targets
}
#endif
