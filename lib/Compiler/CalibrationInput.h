// What calibration starts from: the text, and what earlier runs have made of it.
#ifndef QCC_LIB_COMPILER_CALIBRATIONINPUT_H
#define QCC_LIB_COMPILER_CALIBRATIONINPUT_H
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/CalibrationCache.h"
#include "lib/Compiler/CalibrationText.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Quantize/InputStatistics.h"
#include <memory>
namespace qcc {

/// One for a compilation: several steps calibrate.
class CalibrationInput {
public:
  /// Reads the text, and with --calib-cache the cache; the second time there is nothing to do. An exit code, after a message.
  int open(const CompilerOptions &options, mlir::ModuleOp model, const SourceFiles &sources);
  const CalibrationText &text() const { return calibrationText; }
  /// Null without --calib-cache.
  CalibrationCache *cache() const { return store.get(); }
  /// Writes the cache and says what came from it. An exit code, after a message.
  int close(const CompilerOptions &options);

private:
  bool isOpen = false;
  CalibrationText calibrationText;
  std::unique_ptr<CalibrationCache> store;
};

/// Of everything that decides what `graph` computes on this machine: operations, weights (by their places in the model's files), the code that is made of it.
CacheKey keyOfProgram(mlir::ModuleOp graph);

/// What inputs `values[rows][K]` of a weight say. A cache keeps it as the record of `key`, behind what `record` has already; it may be null.
InputStatistics collectStatistics(const float *values, int64_t rows, int64_t K, bool withMoments, CalibrationCache *cache, const Digest &key, RecordWriter record = {});
/// False where what is left of the record is nothing that could be of the inputs of `weight`.
bool readStatistics(RecordReader &record, InputStatistics &inputs, qnt::WeightDeclOp weight, bool withMoments);
/// The statistics of `key`, if the cache has them; an exit code after a message. `cache` may be null.
int findStatistics(CalibrationCache *cache, const Digest &key, qnt::WeightDeclOp weight, bool withMoments, std::optional<InputStatistics> &inputs);

} // namespace qcc
#endif
