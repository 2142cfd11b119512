// What calibration knows about the values that reach a matmul, in one place for all methods that read it.
#ifndef QCC_QUANTIZE_INPUTSTATISTICS_H
#define QCC_QUANTIZE_INPUTSTATISTICS_H
#include <cstdint>
#include <vector>

namespace qcc {
/// Statistics of the inputs x [rows, K] of a linear layer over the calibration text, channel by channel. A vector that was not asked for is empty.
struct InputStatistics {
  int64_t K = 0, rows = 0;         // channels; how many inputs were seen (tokens)
  std::vector<float> absMax;       // [K] max |x|
  std::vector<float> meanAbs;      // [K] mean |x|
  std::vector<float> moments;      // [K][K] second moments, x^T x / rows: symmetric, both halves. GPTQ's Hessian is twice that (arXiv 2210.17323, section 3)
  bool hasMoments() const { return !moments.empty(); }
  /// Mean of x^2 of channel `k`: the diagonal of the second moments.
  float energy(int64_t k) const { return moments[k * K + k]; }
};
} // namespace qcc
#endif
