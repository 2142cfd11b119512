#include "qcc/Quantize/ActivationRange.h"
#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
using namespace qcc;

namespace {
/// Values whose magnitudes fall off as a Laplace distribution's, in an order that jumps about; with `outlier`, one far away.
std::vector<float> laplace(int64_t count, float outlier = 0) {
  std::vector<float> x(count);
  for (int64_t i = 0; i < count; ++i)
    x[i] = float((i % 2 ? 1 : -1) * std::log(double((i * 7919) % count + 1) / double(count)));
  if (outlier != 0)
    x[count / 2] = outlier;
  return x;
}

float rangeOf(const std::vector<float> &x, RangeRule rule, int64_t parts = 1) {
  MagnitudeHistogram histogram(true);
  for (int64_t part = 0, n = int64_t(x.size()); part < parts; ++part)
    EXPECT_TRUE(histogram.add(x.data() + part * n / parts, (part + 1) * n / parts - part * n / parts));
  return histogram.range(rule);
}

TEST(ActivationRange, AbsMaxIsTheLargestMagnitude) {
  EXPECT_EQ(rangeOf({1.0f, -7.25f, 3.0f}, {RangeRule::AbsMax}), 7.25f);
  MagnitudeHistogram alone(false);
  float x[] = {-2.0f, 1.0f};
  EXPECT_TRUE(alone.add(x, 2));
  EXPECT_EQ(alone.range({RangeRule::AbsMax}), 2.0f);
}

TEST(ActivationRange, PercentileHoldsSoManyValues) {
  std::vector<float> x = laplace(100003);
  for (double percentile : {50.0, 99.0, 99.9, 100.0}) {
    float range = rangeOf(x, {RangeRule::Percentile, percentile}), most = rangeOf(x, {RangeRule::AbsMax});
    int64_t inside = std::count_if(x.begin(), x.end(), [&](float value) { return std::fabs(value) <= range; });
    EXPECT_GE(double(inside), percentile / 100 * double(x.size()));
    // One bin, at most 1/2048 of the largest magnitude, less would not do.
    int64_t fewer = std::count_if(x.begin(), x.end(), [&](float value) { return std::fabs(value) < range - most / 2048; });
    EXPECT_LT(double(fewer), percentile / 100 * double(x.size()));
  }
}

TEST(ActivationRange, EntropyCutsWhatIsFarAway) {
  float near = rangeOf(laplace(100003), {RangeRule::Entropy}), far = rangeOf(laplace(100003, 1000), {RangeRule::Entropy});
  EXPECT_GT(near, 3.0f);
  EXPECT_LT(near, 12.0f);
  EXPECT_LT(far, 40.0f);  // 1/32 of the range is the least that 128 levels of 4096 bins can have
  // Levels as wide as bins lose nothing: no range is better than all of 127 equal magnitudes in 128 bins.
  std::vector<float> even;
  for (int i = 0; i < 4096; ++i)
    even.push_back(float(i) / 4096 * 0.999f);
  EXPECT_EQ(rangeOf(even, {RangeRule::Entropy}), rangeOf(even, {RangeRule::AbsMax}));
}

TEST(ActivationRange, DependsNeitherOnOrderNorOnThreads) {
  std::vector<float> x = laplace(400001), reversed(x.rbegin(), x.rend());
  auto strategy = llvm::parallel::strategy;
  for (RangeRule rule : {RangeRule{RangeRule::Percentile, 99.9}, RangeRule{RangeRule::Entropy}}) {
    llvm::parallel::strategy = llvm::hardware_concurrency(1);
    float one = rangeOf(x, rule);
    llvm::parallel::strategy = llvm::hardware_concurrency(4);
    EXPECT_EQ(one, rangeOf(x, rule));
    EXPECT_EQ(one, rangeOf(x, rule, 7));
    EXPECT_EQ(one, rangeOf(reversed, rule, 3));
  }
  llvm::parallel::strategy = strategy;
}

TEST(ActivationRange, RefusesWhatIsNotFinite) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    MagnitudeHistogram histogram(true);
    float x[] = {1.0f, bad, 2.0f};
    EXPECT_FALSE(histogram.add(x, 3));
    EXPECT_EQ(histogram.largest(), 0.0f);
  }
}

TEST(ActivationRange, OfZerosIsZero) {
  std::vector<float> zeros(100);
  for (RangeRule::Kind kind : {RangeRule::AbsMax, RangeRule::Percentile, RangeRule::Entropy})
    EXPECT_EQ(rangeOf(zeros, {kind}), 0.0f);
}

TEST(ActivationRange, HoldsTheLargestFloat) {
  float most = std::numeric_limits<float>::max();
  EXPECT_EQ(rangeOf({most, 1.0f}, {RangeRule::Percentile, 100.0}), most);
}
} // namespace
