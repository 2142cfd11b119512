// One pipeline run. The diagnostics of a pass are the user's; those of the verifier after it are ours.
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/InternalErrors.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Compiler/Options.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>
using namespace mlir;
using namespace qcc;

namespace {
/// Of a failed run: the pass, and what the verifier says about the program that it left.
struct Failure {
  std::mutex mutex;
  std::string pass;
  llvm::StringSet<> verifierErrors;
};

/// MLIR tells that a pass failed, not whether itself or the verifier after it: that is found out by verifying once more. Functions fail in parallel.
class FailureRecorder : public PassInstrumentation {
public:
  explicit FailureRecorder(Failure &failure) : failure(failure) {}
  void runBeforePass(Pass *, Operation *) override { useSignalStack(); }
  void runAfterPassFailed(Pass *pass, Operation *op) override {
    uint64_t thread = llvm::get_threadid();
    llvm::StringSet<> errors;
    {
      ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &diagnostic) {
        if (llvm::get_threadid() != thread)
          return mlir::failure();                    // another function's
        errors.insert(diagnostic.str());
        return success();
      });
      (void)verify(op);
    }
    std::lock_guard<std::mutex> lock(failure.mutex);
    if (failure.pass.empty() && !pass->getArgument().empty())   // not the adaptor that runs passes on functions
      failure.pass = pass->getArgument().str();
    for (auto &error : errors)
      failure.verifierErrors.insert(error.getKey());
  }

private:
  Failure &failure;
};
} // namespace

/// --mlir-pass-pipeline-crash-reproducer sets up MLIR's own, which is then the only one; it closes a failed run with an error that gives no reason.
static constexpr llvm::StringLiteral closingLine = "Failures have been detected while processing an MLIR pass pipeline";
static bool hasOwnReproducer() {
  auto &options = llvm::cl::getRegisteredOptions();
  auto it = options.find("mlir-pass-pipeline-crash-reproducer");
  return it != options.end() && it->second->getNumOccurrences();
}

LogicalResult PassRunner::run(ModuleOp module, llvm::function_ref<void(OpPassManager &)> build) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  Failure failed;
  passes.addInstrumentation(std::make_unique<FailureRecorder>(failed));
  if (TimingScope *timing = phases.timing())
    passes.enableTiming(*timing);
  build(passes);

  std::string plugins;
  llvm::raw_string_ostream out(plugins);
  for (auto [option, files] : {std::pair(" --load-pass-plugin=", &options.passPlugins), std::pair(" --load-dialect-plugin=", &options.dialectPlugins)})
    for (const std::string &file : *files)
      llvm::sys::printArg(out << option, file, /*Quote=*/false);
  Reproducer keeper(passes, module, reproducer, plugins);

  llvm::StringSet<> errors;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (std::string text = diagnostic.str(); diagnostic.getSeverity() == DiagnosticSeverity::Error && text != closingLine)
      errors.insert(text);
    return mlir::failure();                            // the driver's handler prints it
  });
  if (succeeded(passes.run(module)))
    return success();
  bool invalid = llvm::any_of(errors, [&](auto &error) { return failed.verifierErrors.contains(error.getKey()); });
  if (!errors.empty() && !invalid)
    return mlir::failure();
  internalError = true;
  llvm::errs() << "qcc: internal compiler error: pass '" << failed.pass << "' " << (invalid ? "left an invalid program" : "failed without saying why") << "\n";
  if (!hasOwnReproducer())
    keeper.write();
  return mlir::failure();
}
