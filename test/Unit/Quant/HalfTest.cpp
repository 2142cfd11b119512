// The 16-bit float conversions against LLVM's: every half, and floats around every rounding boundary.
#include "dialects/Quant/Formats/Half.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <gtest/gtest.h>
using namespace qcc::qnt;

static uint16_t expectedBits(float x, const llvm::fltSemantics &semantics) {
  llvm::APFloat value(x);
  bool losesInfo;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

TEST(Half, EveryHalfConvertsAndComesBack) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    float expected = llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, half)).convertToFloat();
    float x = halfToFloat(uint16_t(half));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(x)) << half;
      continue;
    }
    ASSERT_EQ(bitsOf(x), bitsOf(expected)) << half;
    ASSERT_EQ(floatToHalf(x), half);
  }
}

TEST(Half, RoundsToNearestEvenAroundEveryHalf) {
  for (uint32_t half = 0; half < 0x7bff; ++half) {
    float low = halfToFloat(uint16_t(half)), middle = (low + halfToFloat(uint16_t(half + 1))) / 2;
    for (float x : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, INFINITY), -middle})
      ASSERT_EQ(floatToHalf(x), expectedBits(x, llvm::APFloat::IEEEhalf())) << x;
  }
  for (float x : {65504.0f, 65519.99f, 65520.0f, 1e30f, INFINITY, -INFINITY, 0x1p-25f, 0x1.8p-25f, 1e-30f})
    EXPECT_EQ(floatToHalf(x), expectedBits(x, llvm::APFloat::IEEEhalf())) << x;
}

TEST(Half, BfloatRoundsToNearestEven) {
  for (uint32_t top = 0; top < 0x7f80; ++top)
    for (uint32_t low : {0u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      float x = floatOf(top << 16 | low);
      ASSERT_EQ(floatToBfloat(x), expectedBits(x, llvm::APFloat::BFloat())) << x;
    }
  EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(NAN))));
}
