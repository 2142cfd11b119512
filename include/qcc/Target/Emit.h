// From the LLVM dialect to LLVM IR, assembly and object code, in this process.
#ifndef QCC_TARGET_EMIT_H
#define QCC_TARGET_EMIT_H
#include "qcc/Base/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>
namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
class raw_pwrite_stream;
} // namespace llvm
namespace qcc {

/// The code generator for one version of a target: position independent, at optLevel (0 to 3) or the least level of the version.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const TargetInfo &target, const TargetVersion &version, unsigned optLevel);

/// Translates a module of the LLVM dialect. Functions get the CPU, features and further attributes of `version`, which `machine` was made for;
/// every function but those named in `exported` becomes internal, so that versions can be linked together.
llvm::Expected<std::unique_ptr<llvm::Module>> translateToLlvmIr(mlir::ModuleOp module, llvm::LLVMContext &context, llvm::TargetMachine &machine,
                                                                 const TargetVersion &version, llvm::ArrayRef<std::string> exported);

/// LLVM's default pipeline, at the machine's level.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

/// Writes assembly or an object file. Fails if the target cannot select an instruction.
llvm::Error emitAssembly(llvm::Module &module, llvm::TargetMachine &machine, llvm::raw_pwrite_stream &out);
llvm::Error emitObject(llvm::Module &module, llvm::TargetMachine &machine, llvm::raw_pwrite_stream &out);

} // namespace qcc
#endif
