// Conversions between f32 and narrower floats, to nearest even, without depending on what the host CPU or libgcc offers:
// the compiler's output must not depend on the machine it runs on.
#ifndef QCC_DIALECTS_QUANT_FORMATS_HALF_H
#define QCC_DIALECTS_QUANT_FORMATS_HALF_H
#include <cstdint>
#include <cstring>

namespace qcc::qnt {
inline uint32_t bitsOf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float floatOf(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline float halfToFloat(uint16_t half) {
  // Shifting the exponent into place makes a float that is 2^-112 times the value; the multiplication is exact, subnormals included.
  uint32_t magnitude = uint32_t(half & 0x7fff) << 13, sign = uint32_t(half & 0x8000) << 16;
  if ((half & 0x7c00) == 0x7c00) // infinity and NaN
    return floatOf(sign | 0x7f800000u | magnitude);
  return floatOf(bitsOf(floatOf(magnitude) * 0x1p112f) | sign);
}

inline uint16_t floatToHalf(float x) {
  uint32_t bits = bitsOf(x), magnitude = bits & 0x7fffffff;
  uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  if (magnitude > 0x7f800000u)
    return sign | 0x7e00;
  if (magnitude >= 0x477ff000u) // 65520 and above round to infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000u)  // below 2^-14: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded to nearest even
    return sign | uint16_t(bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000u);
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return sign | uint16_t((rounded - 0x38000000u) >> 13);
}

inline float bfloatToFloat(uint16_t bfloat) { return floatOf(uint32_t(bfloat) << 16); }
inline uint16_t floatToBfloat(float x) {
  uint32_t bits = bitsOf(x);
  if ((bits & 0x7fffffff) > 0x7f800000u)
    return uint16_t(bits >> 16) | 0x40;
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Powers of two as biased exponents (E8M0 of OCP MX v1.0, section 5.4.1; 255 is NaN and never made). Rounds down to a power of two
/// within 2^-127 .. 2^127; `x` is positive and finite.
inline float e8m0ToFloat(uint8_t exponent) { return floatOf(exponent ? uint32_t(exponent) << 23 : 0x00400000u); }
inline uint8_t floatToE8m0(float x) {
  uint32_t exponent = bitsOf(x) >> 23 & 255;
  return uint8_t(exponent > 254 ? 254 : exponent);
}
} // namespace qcc::qnt
#endif
