// A program with taps, compiled and loaded into this process, and the sample that it runs on.
#ifndef QCC_LIB_COMPILER_TAPPEDPROGRAM_H
#define QCC_LIB_COMPILER_TAPPEDPROGRAM_H
#include "lib/Compiler/Library.h"
#include "lib/Artifact/ModelLibrary.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <vector>
namespace qcc {

/// What one call of the program is given: `count` tokens of each sequence, of the sample's tokens from `first`.
struct SampleStep {
  int64_t first, count;
};

/// The same for every run of a program: tokens that follow one another, numbers between -1 and 1 for other float inputs, zeros for other integers.
struct Sample {
  std::vector<int64_t> tokens;
  std::vector<SampleStep> steps;          // of a program with state each continues the sequence; others start anew
};
/// Steps for each class of rows (RowClasses.h), as far as the program's shapes leave a choice. `tokens`: at least one; are repeated where they do not suffice.
Sample makeSample(mlir::ModuleOp module, std::vector<int64_t> tokens);

/// values[rows][columns], which the program goes on with; called in the order of labelTaps.
using TapObserver = llvm::function_ref<void(float *values, int64_t rows, int64_t columns)>;

class TappedProgram {
public:
  TappedProgram() = default;
  TappedProgram(const TappedProgram &) = delete;
  ~TappedProgram();

  /// Loads a library that buildProgram wrote. `module`: what it was made of. Fails after a message.
  int load(llvm::StringRef path, mlir::ModuleOp module);
  /// From the beginning, with a variant (null: the best). `runs` is false where this CPU has not what the variant needs.
  int open(const WrittenWeights &weights, const char *variant, unsigned threads, bool &runs);
  int step(const Sample &sample, const SampleStep &step, TapObserver observer);

private:
  void close();
  int fail(qcc_status status);
  qcc_status append(const Sample &sample, const SampleStep &step);
  qcc_status call(const Sample &sample, const SampleStep &step);

  ModelLibrary library = {};
  mlir::ModuleOp module;
  int64_t batch = 1;
  qcc_model *model = nullptr;
  qcc_session *session = nullptr;
  qcc_info info = {};
};
} // namespace qcc
#endif
