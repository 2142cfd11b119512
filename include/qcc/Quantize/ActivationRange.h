// How far the static scale of activations reaches: what lies beyond saturates.
#ifndef QCC_QUANTIZE_ACTIVATIONRANGE_H
#define QCC_QUANTIZE_ACTIVATIONRANGE_H
#include <cstdint>
#include <vector>

namespace qcc {
struct RangeRule {
  enum Kind {
    AbsMax,      // the largest magnitude that calibration has seen
    Percentile,  // the least that holds `percentile` percent of the values
    Entropy,     // the one under which 128 levels keep most of the distribution of magnitudes (least KL divergence)
  } kind = AbsMax;
  double percentile = 99.99;
};

/// Counts magnitudes of values as they come, in bins of equal width. The range doubles when a larger one comes, so that neither the order of the values
/// nor the number of threads (llvm::parallel::strategy) matters.
class MagnitudeHistogram {
public:
  static constexpr int64_t numBins = 4096;
  /// With `countsBins` false only the largest magnitude is kept.
  explicit MagnitudeHistogram(bool countsBins) : bins(countsBins ? numBins : 0) {}
  /// Whether all values are finite. If not, nothing is added.
  [[nodiscard]] bool add(const float *values, int64_t count);
  float largest() const { return most; }
  /// By `rule`; AbsMax needs no bins. 0 if all values are 0.
  float range(const RangeRule &rule) const;

private:
  void widen();
  float edge(int64_t bin) const;   // where the bin before `bin` ends
  int64_t endOfPercentile(double percentile) const;
  int64_t endOfEntropy() const;

  std::vector<uint64_t> bins;      // [0, 2^exponent) in equal parts
  int exponent = -126;
  float most = 0;
};
} // namespace qcc
#endif
