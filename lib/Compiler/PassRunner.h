// Runs pipelines: MLIR's options, and the difference between a program that cannot be compiled and a compiler that is wrong.
#ifndef QCC_LIB_COMPILER_PASSRUNNER_H
#define QCC_LIB_COMPILER_PASSRUNNER_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <string>
namespace qcc {
class Phases;
struct CompilerOptions;

class PassRunner {
public:
  /// `reproducer` is where the program is written that a pass fails on by the compiler's own mistake.
  PassRunner(const CompilerOptions &options, Phases &phases, std::string reproducer) : options(options), phases(phases), reproducer(std::move(reproducer)) {}

  /// Runs what `build` adds on `module`. Fails after a diagnostic; or after the message of an internal error, for a pass that failed without saying
  /// why or left an invalid program.
  mlir::LogicalResult run(mlir::ModuleOp module, llvm::function_ref<void(mlir::OpPassManager &)> build);
  bool sawInternalError() const { return internalError; }

private:
  const CompilerOptions &options;
  Phases &phases;
  std::string reproducer;
  bool internalError = false;
};

} // namespace qcc
#endif
