// Gathers InputStatistics from inputs as they come.
#ifndef QCC_QUANTIZE_COLLECTSTATISTICS_H
#define QCC_QUANTIZE_COLLECTSTATISTICS_H
#include "qcc/Quantize/InputStatistics.h"

namespace qcc {
/// The same numbers at any number of threads (llvm::parallel::strategy) and on every machine; they depend on how rows are divided into calls only in
/// the last digits.
class StatisticsCollector {
public:
  StatisticsCollector(int64_t K, bool withMoments);
  /// Takes `rows` more inputs, values[rows][K].
  void add(const float *values, int64_t rows);
  /// What all of them say. Ends the collection.
  InputStatistics finish();

private:
  void addMoments(const float *values, int64_t rows);
  InputStatistics sums;  // meanAbs and moments: sums so far; of the moments only row i's elements from the 16 columns of i on
};
} // namespace qcc
#endif
