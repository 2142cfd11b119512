#ifndef QCC_TARGET_PASSES
#define QCC_TARGET_PASSES
include "mlir/Pass/PassBase.td"

def LowerProgram : Pass<"qcc-target-lower-program", "::mlir::ModuleOp"> {
  let summary = "Program operations become accesses to the invocation";
  let description = [{
    Every function gets two leading parameters, the `qcc_invocation` of Program.h and the number of the calling thread, and passes them on.
    `qk.bind`, `qk.dim`, `qk.thread_id`, `qk.num_threads`, `qk.barrier` and `qk.fail` become loads, stores and calls through its fields, which
    do not change while a program runs. Functions without parameters that return an index compute sizes from dimensions; those that the
    runtime calls (`decode.frame`, ..., `state_bytes`) get a wrapper `<prefix>decode.frame(dims)`. `prefix` keeps versions apart. Calls of
    kernels from the program are not inlined: functions of all regions take LLVM long.
    Example:
      func.func @decode() { %t = qk.thread_id  ... }
    becomes
      func.func @decode(%inv: !llvm.ptr, %thread: i64) { %t = arith.index_cast %thread : i64 to index  ... }
  }];
  let options = [Option<"prefix", "prefix", "std::string", "\"\"", "before the names of the functions that the runtime calls">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect"];
}

def OutlineSteps : Pass<"qcc-target-outline-steps", "::mlir::ModuleOp"> {
  let summary = "A program becomes a list of calls, one for each step that a device runs";
  let description = [{
    For devices that run one function on all their threads at a time. Layers are inlined; every kernel call and every loop of the generic path becomes
    a function (`qk.step`) that computes its operands from the program's dimensions by itself, with the kernel's body in it. Steps that differ
    in the values of index constants alone are one function; those constants are its parameters. Barriers vanish: a step starts when the one before
    has ended.
    Example:
      func.func @decode() attributes {qk.rows = "decode"} {
        %w = qk.bind weights at %c64 : memref<64xf32>
        call @norm(%x, %w, %y) : ...
        qk.barrier 0
        %v = qk.bind weights at %c320 : memref<64xf32>
        call @norm(%y, %v, %z) : ...
      }
    becomes
      func.func @decode() attributes {qk.rows = "decode"} {
        call @step_norm(%c64) : (index) -> ()
        call @step_norm(%c320) : (index) -> ()
      }
      func.func @step_norm(%offset: index) attributes {qk.step} {
        %w = qk.bind weights at %offset : memref<64xf32>
        ...
      }
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def SpreadLanes : Pass<"qcc-target-spread-lanes", "::mlir::func::FuncOp"> {
  let summary = "Registers become values of the threads that are their lanes";
  let description = [{
    For devices whose threads run in groups in step. The vectors of a step have a multiple of the register's lanes; each lane keeps its part. Steps
    without vectors that do not ask for their lane stay as they are: there, every lane is a thread of its own. Others get the attribute `qk.lanes`, 32 in the example.
    Example:
      %v = vector.load %x[%i] : memref<?xf32>, vector<32xf32>
      %s = vector.reduction <add>, %v : vector<32xf32> into f32
    becomes
      %lane = qk.lane_id
      %at = arith.addi %i, %lane
      %v = vector.load %x[%at] : memref<?xf32>, vector<1xf32>
      %e = vector.extract %v[0] : f32 from vector<1xf32>
      %s = qk.reduce_lanes #vector.kind<add>, %e : f32
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def PlaceScratch : Pass<"qcc-target-place-scratch", "::mlir::func::FuncOp"> {
  let summary = "The stack of a step becomes memory that its lanes share";
  let description = [{
    `qk.scratch_bytes` is what a group of lanes needs. Lanes wait for each other after every store, and before stores that other lanes may still read.
    Example:
      %line = memref.alloca() : memref<64xf32>
      vector.store %v, %line[%i] : memref<64xf32>, vector<1xf32>
    becomes
      %line = qk.bind scratch at %c0 : memref<64xf32>
      qk.sync_lanes
      vector.store %v, %line[%i] : memref<64xf32>, vector<1xf32>
      qk.sync_lanes
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

def UnrollLoads : Pass<"qcc-target-unroll-loads", "::mlir::func::FuncOp"> {
  let summary = "Loops of a step ask for several turns of loads at a time";
  let description = [{
    Innermost loops that read memory of the device and store nothing: whole if they are short, else so many turns that a body has at most 64 loads.
    Example:
      %s = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %zero) -> (vector<1xf32>) {
        %v = vector.load %x[%i] : memref<?xf32>, vector<1xf32>
        %b = arith.addf %a, %v : vector<1xf32>
        scf.yield %b : vector<1xf32>
      }
    becomes
      %v = vector.load %x[%c0] : memref<?xf32>, vector<1xf32>
      %b = arith.addf %zero, %v : vector<1xf32>
      %w = vector.load %x[%c1] : memref<?xf32>, vector<1xf32>
      %s = arith.addf %b, %w : vector<1xf32>
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
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
