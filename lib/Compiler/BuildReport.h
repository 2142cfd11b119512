// What a build is going to be, or has been: for --dry-run and --report.
#ifndef QCC_LIB_COMPILER_BUILDREPORT_H
#define QCC_LIB_COMPILER_BUILDREPORT_H
#include "lib/Compiler/Evaluation.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Base/TargetInfo.h"
#include "qcc/Quantize/WeightErrors.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>
namespace qcc {
struct CompilerOptions;

/// Other: norms, biases, tables of angles, integers.
enum class WeightKind { Linear, Head, Embedding, Other };
constexpr WeightKind weightKinds[] = {WeightKind::Linear, WeightKind::Head, WeightKind::Embedding, WeightKind::Other};
/// "linear", "head", "embedding", "other".
llvm::StringRef weightKindName(WeightKind kind);

struct WeightReport {
  std::string weight, tensors;        // symbol; name of its section: its tensors' names joined by '+'
  WeightKind kind = WeightKind::Other;
  std::string format, reason, method; // reason: empty where there was nothing to decide; method: empty where there was nothing to choose
  std::string scaling;                // method whose scales of input channels it was multiplied by; empty: none
  int64_t rows = 0, columns = 0;
  double bits = 0;                    // of a weight, padding excluded
  int64_t bytes = 0;                  // in the weights file, padding included
  std::optional<WeightError> error;   // measured while it was encoded
  std::optional<double> difference;   // of products with it from their reference lowering, at most; where the build was verified
  int64_t elements() const { return rows * columns; }
};

struct CacheReport {
  int64_t layers = 0;
  std::string element;
  int64_t bytesPerToken = 0, maxContext = 0;
  int64_t bytes = 0;                  // at maxContext
};

struct BuildReport {
  std::string model, target;
  std::vector<std::string> options;   // one a word, defaults included
  bool isDryRun = false, hasAbsentData = false;
  std::vector<WeightReport> weights;  // in the order of the weights file
  int64_t weightsBytes = 0;           // all of them in the file
  std::optional<CacheReport> cache;
  /// Cache and memory for values in between are those of one sequence, or of the model's fixed batch. Nothing where the program depends on more.
  int64_t promptTokens = 0;           // 0: it knows no sequences
  std::optional<int64_t> arenaDecode, arenaPrompt;  // one token after maxContext - 1; promptTokens at once, into an empty cache
  std::optional<EvaluationReport> evaluation;       // with --evaluate
  std::optional<int64_t> libraryBytes;              // measured: the library's file

  struct Sum {
    int64_t weights = 0, bytes = 0;
    double bits = 0;                  // all together
    double bitsPerWeight() const { return weights ? bits / double(weights) : 0; }
  };
  Sum sum(llvm::function_ref<bool(const WeightReport &)> of) const;
  Sum sum(WeightKind kind) const {
    return sum([kind](const WeightReport &weight) { return weight.kind == kind; });
  }
  /// Weights, cache at maxContext, and the larger arena that is known.
  int64_t peakBytes() const;
};

/// `module`: a program with placed weights; `lowered`: the same after the kernel stage for one version of the target.
BuildReport describeBuild(mlir::ModuleOp module, mlir::ModuleOp lowered, const CompilerOptions &options, const TargetInfo &target, const SourceFiles &sources);
/// Adds what was measured.
void addErrors(BuildReport &report, mlir::ModuleOp module, const WeightErrors &errors);
void addVerified(BuildReport &report, const llvm::StringMap<double> &products);   // by section name

/// Weights that are alike but for numbers in their names, in the order of the first.
struct WeightGroup {
  std::string name;                   // numbers that differ are '*'
  std::vector<const WeightReport *> weights;
};
std::vector<WeightGroup> groupWeights(const BuildReport &report);

/// 1.60 GB, 800.00 MB, 12 bytes: powers of ten.
std::string bytesText(double bytes);
void printPlan(const BuildReport &report, llvm::raw_ostream &out);
void printReportJson(const BuildReport &report, llvm::raw_ostream &out);
void printReportHtml(const BuildReport &report, llvm::raw_ostream &out);

} // namespace qcc
#endif
