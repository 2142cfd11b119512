// --evaluate: how far what was built has moved from the float model, on a text, as qcc-eval tells it of two artifacts.
#ifndef QCC_LIB_COMPILER_EVALUATION_H
#define QCC_LIB_COMPILER_EVALUATION_H
#include "lib/Compiler/CalibrationText.h"
#include "lib/Compiler/Library.h"
#include "mlir/IR/OwningOpRef.h"
#include <vector>
namespace qcc {

/// KL(float model || build) in nats, at the positions of each window but the first.
struct EvaluationReport {
  std::string text;
  int64_t windows = 0, length = 0, tokens = 0;          // tokens: scored
  double perplexity = 0, floatPerplexity = 0;
  double meanDivergence = 0, divergence99 = 0, maxDivergence = 0;
  double agreement = 0;                                 // share of positions with the same most likely token
  std::vector<double> divergences;                      // mean of each window
};

/// The text, and the float model to compare with.
struct Evaluation {
  CalibrationText text;
  mlir::OwningOpRef<mlir::ModuleOp> model;              // as the file has it
};

/// Reads `options.evaluation`. ExitUnsupported, after a message, for a program (behind the graph stage) that predicts no next tokens.
int readEvaluationText(const CompilerOptions &options, mlir::ModuleOp program, CalibrationText &text);
/// Runs `library`, which `job` has built with `weights`, and the float model, and says how far they are apart.
int evaluateBuild(const LibraryJob &job, Evaluation evaluation, llvm::StringRef library, const WrittenWeights &weights, EvaluationReport &report);

} // namespace qcc
#endif
