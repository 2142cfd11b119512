// See the header. Loops are written on 8-lane vectors; target_clones lets AVX2 hosts run them twice as fast with the same results,
// since products and sums are never contracted (-ffp-contract=off).
#include "dialects/Quant/Formats/GroupSearch.h"
#include "qcc/Base/Clones.h"
#include <cmath>
#include <initializer_list>
using namespace qcc::qnt;

typedef float Lanes __attribute__((vector_size(32), aligned(4)));

// Macros where one would like inline functions: passing 32-byte vectors has no stable calling convention without AVX.
// Round to nearest even, exact for |x| < 2^22: the addition pushes the fraction out.
#define ROUND_LANES(x) (((x) + 0x1.8p23f) - 0x1.8p23f)
#define CLAMP_LANES(x, lo, hi) __builtin_elementwise_min(__builtin_elementwise_max((x), (lo)), (hi))
#define LOAD_LANES(p) (*reinterpret_cast<const Lanes *>(p))
#define SUM_LANES(v) (((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])))

QCC_CLONES("avx2", "default") Extent qcc::qnt::extentOf(const float *x, int64_t n) {
  float min = 0, max = 0;
  uint32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    min = x[i] < min ? x[i] : min;
    max = x[i] > max ? x[i] : max;
    uint32_t magnitude = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffu;
    largest = magnitude > largest ? magnitude : largest;
  }
  return {min, max, largest < 0x7f800000u};
}

QCC_CLONES("avx2", "default") CodeSums qcc::qnt::codeSums(const float *x, const float *importance, int64_t n, float inverse, float lo, float hi) {
  Lanes xq = {}, qq = {}, low = xq + lo, high = xq + hi;
  for (int64_t i = 0; importance && i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i), q = CLAMP_LANES(ROUND_LANES(v * inverse), low, high), weighted = q * LOAD_LANES(importance + i);
    xq += v * weighted;
    qq += q * weighted;
  }
  for (int64_t i = 0; !importance && i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i), q = CLAMP_LANES(ROUND_LANES(v * inverse), low, high);
    xq += v * q;
    qq += q * q;
  }
  return {SUM_LANES(xq), SUM_LANES(qq)};
}

QCC_CLONES("avx2", "default") float qcc::qnt::squaredError(const float *x, const float *importance, int64_t n, float inverse, float scale, float lo, float hi) {
  Lanes error = {}, low = error + lo, high = error + hi;
  for (int64_t i = 0; importance && i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i), q = CLAMP_LANES(ROUND_LANES(v * inverse), low, high), d = v - q * scale;
    error += d * d * LOAD_LANES(importance + i);
  }
  for (int64_t i = 0; !importance && i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i), q = CLAMP_LANES(ROUND_LANES(v * inverse), low, high), d = v - q * scale;
    error += d * d;
  }
  return SUM_LANES(error);
}

QCC_CLONES("avx2", "default") float qcc::qnt::squaredErrorOfLine(const float *x, const float *importance, int64_t n, float inverse, float scale, float offset, float lo, float hi) {
  Lanes error = {}, low = error + lo, high = error + hi;
  for (int64_t i = 0; i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i) - offset, q = CLAMP_LANES(ROUND_LANES(v * inverse), low, high), d = v - q * scale;
    error += d * d * LOAD_LANES(importance + i);
  }
  return SUM_LANES(error);
}

QCC_CLONES("avx2", "default") LineSums qcc::qnt::lineSums(const float *x, const float *importance, int64_t n, float inverse, float offset, float lo, float hi) {
  Lanes sw = {}, sx = {}, sq = {}, sxq = {}, sqq = {}, low = sw + lo, high = sw + hi;
  for (int64_t i = 0; i < n; i += searchLanes) {
    Lanes v = LOAD_LANES(x + i), w = LOAD_LANES(importance + i), q = CLAMP_LANES(ROUND_LANES((v - offset) * inverse), low, high), wq = w * q;
    sw += w;
    sx += w * v;
    sq += wq;
    sxq += v * wq;
    sqq += q * wq;
  }
  return {SUM_LANES(sw), SUM_LANES(sx), SUM_LANES(sq), SUM_LANES(sxq), SUM_LANES(sqq)};
}

QCC_CLONES("avx2", "default") void qcc::qnt::encodeGroup(const float *x, int64_t n, float scale, float lo, float hi, uint8_t *codes) {
  for (int64_t i = 0; i < n; ++i) {
    float q = x[i] / scale;
    q = q < lo ? lo : q > hi ? hi : q; // before rounding: a tiny scale must not leave the range in which rounding is exact
    codes[i] = uint8_t(int32_t((q + 0x1.8p23f) - 0x1.8p23f) - int32_t(lo));
  }
}

float qcc::qnt::searchSymmetricScale(const float *x, const float *importance, int64_t n, int bits, bool thorough) {
  Extent range = extentOf(x, n);
  float most = -range.min > range.max ? range.min : range.max; // signed value of largest magnitude
  if (most == 0)
    return 0;
  float codes = float(1 << (bits - 1));
  // Ranges tried, in units of the signed-maximum scale `most / -2^(bits-1)`: the fewer bits, the more clipping pays.
  float shrink = bits <= 2 ? 0.10f : bits == 3 ? 0.06f : bits == 4 ? 0.03f : 0.01f;
  float best = -1, scale = most / -codes;
  auto attempt = [&](float inverse) {
    if (!std::isfinite(inverse)) // a subnormal maximum
      return;
    CodeSums sums = codeSums(x, importance, n, inverse, -codes, codes - 1);
    // Only a real gain replaces an earlier range: among equals the signed maximum stays, which is exact for constants.
    if (sums.qq > 0 && (sums.xq > 0) == (inverse > 0) && sums.xq * sums.xq > best * sums.qq * 1.000001f) {
      best = sums.xq * sums.xq / sums.qq;
      scale = sums.xq / sums.qq;
    }
  };
  attempt(-codes / most);
  for (float sign : {-1.0f, 1.0f})
    for (int step = thorough ? -12 : -3, last = thorough ? 36 : 8; step <= last; ++step)
      attempt(sign * codes * (1.0f + (thorough ? 0.5f : 1.0f) * shrink * float(step)) / most);
  return scale;
}

/// Extent of what counts.
static Extent weightedExtent(const float *x, const float *importance, int64_t n) {
  Extent range{INFINITY, -INFINITY, true};
  for (int64_t i = 0; i < n; ++i)
    if (importance[i] > 0) {
      range.min = x[i] < range.min ? x[i] : range.min;
      range.max = x[i] > range.max ? x[i] : range.max;
    }
  return range;
}

Line qcc::qnt::searchLine(const float *x, const float *importance, int64_t n, int bits, bool thorough) {
  Extent range = weightedExtent(x, importance, n);
  float codes = float(1 << bits), lo = -codes / 2, hi = codes / 2 - 1, width = range.max - range.min;
  if (!(width > 0) || !std::isfinite(codes / width))
    return {0, range.max < range.min ? 0.0f : range.min};
  // Sizes of the range, in steps: the fewer bits, the more clipping pays.
  float step = bits <= 2 ? 0.3f : bits == 3 ? 0.35f : 0.5f, first = -2 * step;
  int count = bits <= 2 ? 9 : bits == 3 ? 10 : 9;
  if (thorough) {
    step /= 2;
    count *= 2;
  }
  Line best{width / (codes - 1), 0};
  best.offset = range.min - lo * best.scale;
  float least = INFINITY;
  auto attempt = [&](float inverse, float offset) {
    LineSums s = lineSums(x, importance, n, inverse, offset, lo, hi);
    float determinant = s.w * s.qq - s.q * s.q;
    if (!(determinant > 0))
      return false;
    Line line{(s.w * s.xq - s.x * s.q) / determinant, (s.qq * s.x - s.q * s.xq) / determinant};
    float error = squaredErrorOfLine(x, importance, n, 1 / line.scale, line.scale, line.offset, lo, hi);
    if (!(line.scale > 0) || !(error < least))
      return false;
    least = error;
    best = line;
    return true;
  };
  float center = (range.min + range.max) / 2;
  for (int i = 0; i < count; ++i) {
    float scale = width / (codes - 1 + first + step * float(i));
    attempt(1 / scale, center - (lo + hi) / 2 * scale);
  }
  for (int i = 0; i < (thorough ? 4 : 2) && attempt(1 / best.scale, best.offset); ++i) {
  }
  return best;
}
