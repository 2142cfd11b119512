// The inner loops of the integer encoders: errors of one group for a given scale. Plain floats in a fixed order of additions
// (8 partial sums), so the result does not depend on the host's vector width. No MLIR here: this file is compiled with full optimization.
#ifndef QCC_DIALECTS_QUANT_FORMATS_GROUPSEARCH_H
#define QCC_DIALECTS_QUANT_FORMATS_GROUPSEARCH_H
#include <cstdint>

namespace qcc::qnt {
/// Groups are padded with zeros to a multiple of this; a zero is coded exactly, so padding adds no error.
constexpr int64_t searchLanes = 8;
inline int64_t paddedToLanes(int64_t n) { return (n + searchLanes - 1) / searchLanes * searchLanes; }

/// Smallest and largest of `n` values and 0; `finite` is false when one is NaN or infinite.
struct Extent {
  float min, max;
  bool finite;
};
Extent extentOf(const float *x, int64_t n);

/// `importance` (or null: ones) weighs every term, here and below; it is padded as x is.
/// Sums over q = clamp(round(x * inverse), lo, hi): the scale of least squared error for these codes is xq / qq.
struct CodeSums {
  float xq, qq;
};
CodeSums codeSums(const float *x, const float *importance, int64_t n, float inverse, float lo, float hi);

/// Sum of (x - scale * clamp(round(x * inverse), lo, hi))^2.
float squaredError(const float *x, const float *importance, int64_t n, float inverse, float scale, float lo, float hi);
/// The same of x - offset; `importance` must be given.
float squaredErrorOfLine(const float *x, const float *importance, int64_t n, float inverse, float scale, float offset, float lo, float hi);

/// Sums over q = clamp(round((x - offset) * inverse), lo, hi), from which the line of least squared error through (q, x) follows.
struct LineSums {
  float w, x, q, xq, qq;
};
LineSums lineSums(const float *x, const float *importance, int64_t n, float inverse, float offset, float lo, float hi);

/// `value = scale * q + offset` for whole q in lo..hi: what fits a group best, of a grid of ranges, a finer one if `thorough`. A group that is constant has the
/// scale 0. `importance` must be given; of padding it is 0.
struct Line {
  float scale, offset;
};
Line searchLine(const float *x, const float *importance, int64_t n, int bits, bool thorough);

/// codes[i] = clamp(round(x[i] / scale), lo, hi) - lo.
void encodeGroup(const float *x, int64_t n, float scale, float lo, float hi, uint8_t *codes);

/// The scale that codes -2^(bits-1) .. 2^(bits-1)-1 fit best: tries both orientations (the value of largest magnitude on the most
/// negative code, or the opposite one) and a grid of ranges, a finer and wider one if `thorough`. Not yet rounded to a storable scale. 0 for a
/// group of zeros.
float searchSymmetricScale(const float *x, const float *importance, int64_t n, int bits, bool thorough);
} // namespace qcc::qnt
#endif
