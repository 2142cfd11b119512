// Against values of 60 decimal digits rounded once, and everywhere near the C library's.
#include "lib/Quantize/Methods/ProximalStep.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
using namespace qcc;

TEST(ProximalStepTest, IsRoundedOnce) {
  struct {
    float e, step;
  } cases[] = {{0.0f, 0.0f}, {1e-30f, 0.0f}, {0x1p-149f, 0.0f}, {0.1f, 0.0f}, {0.17f, 0.0f}, {0x1.5e3540p-3f, 0x1.29d0bap-10f}, {0x1.8p-3f, 0x1.6cce0cp-6f},
               {0x1p-2f, 0x1.93299ap-4f}, {0x1.333334p-2f, 0x1.40810cp-3f}, {0x1.555556p-2f, 0x1.8dea3cp-3f}, {0x1p-1f, 0x1.81ee4ap-2f}, {0x1.666666p-1f, 0x1.2d6aeap-1f},
               {1.0f, 0x1.ccccccp-1f}, {0x1.b33334p+0f, 0x1.9d5e10p+0f}, {2.0f, 0x1.eb34d2p+0f}, {0x1.921fa0p+1f, 0x1.890b42p+1f}, {10.0f, 0x1.3e656ep+3f},
               {1000.5f, 0x1.f43e64p+9f}, {65504.0f, 0x1.ffbffep+15f}, {1e30f, 1e30f}, {0x1.fffffep+127f, 0x1.fffffep+127f}};
  for (auto [e, step] : cases) {
    EXPECT_EQ(proximalStep(e), step) << e;
    EXPECT_EQ(proximalStep(-e), -step) << e;
  }
}

TEST(ProximalStepTest, IsTheFormula) {
  for (float e = 0.15f; e < 1e6f; e *= 1.0003f) {
    double exact = std::max(0.0, e - std::pow(double(e), -0.3) / 10);
    EXPECT_NEAR(proximalStep(e), exact, 0x1p-24 * exact * 1.0000001 + 1e-14) << e;
  }
}
