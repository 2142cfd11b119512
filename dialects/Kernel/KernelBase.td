#ifndef QCC_KERNEL_BASE
#define QCC_KERNEL_BASE
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Qk_Dialect : Dialect {
  let name = "qk";
  let cppNamespace = "::qcc::qk";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let summary = "Kernel level: SPMD programs, launches, and micro-kernel hooks";
  let description = [{
    A program is a function that every thread of the pool calls with the same `qcc_invocation` (include/qcc/Runtime/Program.h). Program ops
    (ProgramOps.td) reach into that invocation: storage, dimensions, thread number, barrier, errors. Work is done by kernels: functions on
    memrefs that compute the calling thread's share. Hooks (HookOps.td) are the operations inside kernels that targets do differently.
  }];
}

class Qk_Op<string mnemonic, list<Trait> traits = []> : Op<Qk_Dialect, mnemonic, traits>;
#endif
