// From a program with placed weights to objects: one set of kernels per target version, and the program table.
#ifndef QCC_LIB_COMPILER_BACKEND_H
#define QCC_LIB_COMPILER_BACKEND_H
#include "qcc/Base/ExitCodes.h"
#include "qcc/Target/ProgramTable.h"
#include "qcc/Target/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
namespace qcc {
struct CompilerOptions;
class PassRunner;

/// The kernel stage for one version, on a clone of `module`. Null after a diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> runKernelStage(mlir::ModuleOp module, PassRunner &runner, const CompilerOptions &options, const TargetInfo &target,
                                                 const TargetVersion &version);

/// The llvm stage for one version, in place; exported functions are called `versionPrefix(version)` + decode, short, long, ...
mlir::LogicalResult runLlvmStage(mlir::ModuleOp module, PassRunner &runner, const CompilerOptions &options, const Target &family, const TargetVersion &version);
std::string versionPrefix(const TargetVersion &version);

/// One version in the LLVM dialect, ready for code generation.
struct CompiledVersion {
  const TargetVersion *version;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OwningOpRef<mlir::ModuleOp> host = {};       // of a device: what runs on the machine that it belongs to
};
/// Both stages for every version, and the entries of `program`. `after` sees the program after each stage ("kernel", "llvm").
mlir::FailureOr<std::vector<CompiledVersion>> lowerVersions(mlir::ModuleOp module, PassRunner &runner, const CompilerOptions &options, const TargetInfo &target,
                                                            const Target &family, ProgramDescription &program,
                                                            llvm::function_ref<void(llvm::StringRef stage, const TargetVersion &, mlir::ModuleOp)> after);

enum class CodeKind { LlvmIr, Assembly, Object };
/// Generates code for each version (several at a time) into `paths`, one file each. Object code of a device is that of its host; the device's image
/// is written beside it, at imagePath.
llvm::Error generateCode(llvm::MutableArrayRef<CompiledVersion> versions, const CompilerOptions &options, const TargetInfo &target, CodeKind kind,
                         llvm::ArrayRef<std::string> paths);
std::string imagePath(llvm::StringRef objectPath);
/// Writes the object with the program table.
llvm::Error generateTable(const ProgramDescription &program, const TargetInfo &target, llvm::StringRef path);

} // namespace qcc
#endif
