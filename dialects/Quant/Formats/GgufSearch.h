// How llama.cpp's reference quantizers choose scales of a group (ggml-quants.c, revision d99724f2). Plain floats, added one after the other in the same
// order, so that blocks come out bit for bit the same. `weights` say how much the squared error of each value counts.
#ifndef QCC_DIALECTS_QUANT_FORMATS_GGUFSEARCH_H
#define QCC_DIALECTS_QUANT_FORMATS_GGUFSEARCH_H
#include <cstdint>

namespace qcc::qnt {
/// `n` values on codes -half .. half-1: the least squares scale of the best of 19 ranges around the signed maximum. 0 for a group of zeros.
float ggufSymmetricScale(const float *x, const float *weights, int64_t n, int half);

/// The same of the range of the signed maximum, improved code by code, five times at most. Squared values are the weights; n <= 32.
float ggufRefinedScale(const float *x, int64_t n, int half);

struct GgufAffine {
  float scale, min;                      // value = scale * code - min; min >= 0
};
struct GgufRanges {
  float first, step;                     // codes by which ranges are wider than the values
  int count;
  bool absolute;                         // the error is |difference|, not its square
};
/// `n` values on codes 0 .. top: the least squares scale and minimum of the best of several ranges. Scale 0 where all values are alike.
GgufAffine ggufAffineScale(const float *x, const float *weights, int64_t n, int top, const GgufRanges &ranges);
} // namespace qcc::qnt
#endif
