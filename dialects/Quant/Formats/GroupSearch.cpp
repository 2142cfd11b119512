// See the header. Loops are written on 8-lane vectors; target_clones lets AVX2 hosts run them twice as fast with the same results,
// since products and sums are never contracted (-ffp-contract=off).
#include "dialects/Quant/Formats/GroupSearch.h"
#include <cmath>
#include <initializer_list>
#if defined(__x86_64__)
#define QCC_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define QCC_CLONES
#endif
using namespace qcc::qnt;

typedef float Lanes __attribute__((vector_size(32), aligned(4)));

// Macros where one would like inline functions: passing 32-byte vectors has no stable calling convention without AVX.
// Round to nearest even, exact for |x| < 2^22: the addition pushes the fraction out.
#define ROUND_LANES(x) (((x) + 0x1.8p23f) - 0x1.8p23f)
#define CLAMP_LANES(x, lo, hi) __builtin_elementwise_min(__builtin_elementwise_max((x), (lo)), (hi))
#define LOAD_LANES(p) (*reinterpret_cast<const Lanes *>(p))
#define SUM_LANES(v) (((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])))

QCC_CLONES Extent qcc::qnt::extentOf(const float *x, int64_t n) {
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

QCC_CLONES CodeSums qcc::qnt::codeSums(const float *x, const float *importance, int64_t n, float inverse, float lo, float hi) {
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

QCC_CLONES float qcc::qnt::squaredError(const float *x, const float *importance, int64_t n, float inverse, float scale, float lo, float hi) {
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

QCC_CLONES void qcc::qnt::encodeGroup(const float *x, int64_t n, float scale, float lo, float hi, uint8_t *codes) {
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
