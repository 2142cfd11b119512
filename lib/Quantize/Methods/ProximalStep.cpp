#include "ProximalStep.h"
#include <cmath>
#include <cstdint>
#include <cstring>

/// 2^exponent of a normal number.
static double powerOfTwo(int64_t exponent) {
  uint64_t bits = uint64_t(1023 + exponent) << 52;
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}

/// x^-0.3 of a positive normal number, from additions and multiplications alone. x = 2^(10q + r) m, r in 0..9, m in [1, 2); Newton's method finds the
/// y = m^-0.3 with y^-10 = m^3. A parabola starts it within 0.3%; three steps leave 1e-15.
static double inversePower(double x) {
  static constexpr double roots[10] = {1.0,                0.8122523963562355, 0.6597539553864471, 0.5358867312681466,  0.43527528164806206,   // 2^(-0.3 r)
                                       0.3535533905932738, 0.2871745887492588, 0.23325824788420185, 0.18946457081379975, 0.15389305166811454};
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  int64_t exponent = int64_t(bits >> 52) - 1023, r = (exponent % 10 + 10) % 10, q = (exponent - r) / 10;
  double m = x * powerOfTwo(-exponent), t = m - 1, cube = m * m * m;
  double y = 1.0 + t * (0.08266 * t - 0.27041);
  for (int i = 0; i < 3; ++i) {
    double y2 = y * y, y4 = y2 * y2;
    y *= 1.1 - 0.1 * (cube * (y4 * y4 * y2));
  }
  return y * roots[r] * powerOfTwo(-3 * q);
}

float qcc::proximalStep(float e) {
  constexpr double beta = 10;
  double magnitude = std::fabs(double(e));
  if (magnitude == 0)
    return 0;
  double step = magnitude - inversePower(magnitude) / beta;
  return step > 0 ? std::copysign(float(step), e) : 0.0f;
}
