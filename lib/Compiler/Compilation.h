// One compilation: the model on its way through the stages (Driver.cpp) to files (WriteOutputs.cpp).
#ifndef QCC_LIB_COMPILER_COMPILATION_H
#define QCC_LIB_COMPILER_COMPILATION_H
#include "qcc/Base/TargetInfo.h"
#include "lib/Compiler/BuildReport.h"
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/Evaluation.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/ThreadPool.h"
#include <mutex>
namespace qcc {
class Target;

/// Standard output may be a full disk.
int flushScreen();

/// Every step returns an ExitCode, after a message where it is not ExitSuccess.
class Compilation {
public:
  explicit Compilation(const CompilerOptions &options);
  int run();

private:
  int stages();
  int check(int recognized);
  int findTarget();
  int findRuntime();
  int findText();
  int decideFormats(mlir::ModuleOp graph);
  int scaleChannels(mlir::ModuleOp graph);
  int scaleActivations(mlir::ModuleOp graph);
  int chooseCodes(mlir::OwningOpRef<mlir::ModuleOp> graph);
  int writeCode();
  int writeLibrary();
  int plan();
  int writeReports(const BuildReport &report);
  int saveRecipe();
  void tellKeptCodes();
  int readInput();
  void report(mlir::Diagnostic &diagnostic);
  void summarize();
  int runStage(llvm::StringRef stage, int failureCode, llvm::function_ref<void(mlir::OpPassManager &)> build);
  int writeIr();
  int saveTemps(const llvm::Twine &stage, mlir::ModuleOp program);
  const CompilerOptions &options;
  Phases phases;
  PassRunner runner;
  std::optional<llvm::DefaultThreadPool> pool;         // of the context, with -j
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OwningOpRef<mlir::ModuleOp> decided;             // with --verify: the module before weights are placed
  Evaluation evaluation;                               // with --evaluate
  std::shared_ptr<SourceFiles> sources = std::make_shared<SourceFiles>();  // what the module's references to weights index
  TargetInfo target;
  const Target *family = nullptr;
  CalibrationInput calibration;
  EncodedWeights encoded;                              // what methods have chosen; every other weight is encoded as it is written
  OutputFiles files;
  std::mutex reporting;
  int errors = 0, warnings = 0;
};

} // namespace qcc
#endif
