#include "qcc/Quantize/CollectStatistics.h"
#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"
#include <cmath>
using namespace qcc;

namespace {
/// Values that are exact in small sums.
std::vector<float> inputs(int64_t rows, int64_t K) {
  std::vector<float> x(rows * K);
  for (int64_t i = 0; i < rows * K; ++i)
    x[i] = float((i * 7919 + 13) % 17 - 8) / 4.0f;
  return x;
}

class Shapes : public testing::TestWithParam<std::pair<int64_t, int64_t>> {};
INSTANTIATE_TEST_SUITE_P(Awkward, Shapes, testing::Values(std::pair(1, 1), std::pair(3, 31), std::pair(129, 17), std::pair(300, 64), std::pair(1, 97)));

TEST_P(Shapes, EqualTheirDefinition) {
  auto [rows, K] = GetParam();
  std::vector<float> x = inputs(rows, K);
  StatisticsCollector collector(K, true);
  collector.add(x.data(), rows / 2);
  collector.add(x.data() + rows / 2 * K, rows - rows / 2);
  InputStatistics s = collector.finish();
  EXPECT_EQ(s.rows, rows);
  for (int64_t i = 0; i < K; ++i) {
    double most = 0, mean = 0;
    for (int64_t r = 0; r < rows; ++r)
      most = std::max<double>(most, std::fabs(x[r * K + i])), mean += std::fabs(x[r * K + i]) / double(rows);
    EXPECT_EQ(s.absMax[i], float(most));
    EXPECT_NEAR(s.meanAbs[i], mean, 1e-6 * mean);
    for (int64_t j = 0; j < K; ++j) {
      double moment = 0;
      for (int64_t r = 0; r < rows; ++r)
        moment += double(x[r * K + i]) * x[r * K + j];
      EXPECT_NEAR(s.moments[i * K + j], moment / double(rows), 1e-5) << i << ", " << j;
    }
  }
}

TEST(CollectStatistics, DoesNotDependOnTheNumberOfThreads) {
  std::vector<float> x = inputs(500, 200);
  for (float &value : x)
    value = std::sin(value) * 1e3f;
  std::vector<float> moments[2], means[2];
  auto strategy = llvm::parallel::strategy;
  for (int threads : {1, 4}) {
    llvm::parallel::strategy = llvm::hardware_concurrency(threads);
    StatisticsCollector collector(200, true);
    collector.add(x.data(), 500);
    InputStatistics s = collector.finish();
    moments[threads > 1] = s.moments, means[threads > 1] = s.meanAbs;
  }
  llvm::parallel::strategy = strategy;
  EXPECT_EQ(moments[0], moments[1]);
  EXPECT_EQ(means[0], means[1]);
}

TEST(CollectStatistics, KeepsNoMomentsUnasked) {
  StatisticsCollector collector(8, false);
  collector.add(inputs(2, 8).data(), 2);
  EXPECT_FALSE(collector.finish().hasMoments());
}
} // namespace
