// The search for factors per input channel.
#include "qcc/Quantize/ChannelScales.h"
#include "MethodProblem.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

namespace {
struct ChannelScalesTest : MethodTest {
  ChannelScales search(ArrayRef<WeightProblem> readers, ChannelScaleOptions options = {}) {
    FailureOr<ChannelScales> found = searchChannelScales(readers, options, remark);
    EXPECT_TRUE(succeeded(found)) << remark;
    return succeeded(found) ? *found : ChannelScales();
  }
  static constexpr int64_t K = 192;
};

/// Every 24th channel is `outlier` times as large as the others.
InputStatistics withOutliers(int64_t K, float outlier) {
  std::vector<float> x = correlatedInputs(400, K);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] *= int64_t(i) % K % 24 == 5 ? outlier : 1.0f;
  return statisticsOf(x, K);
}

/// tr(E H E^T) of a weight that is multiplied by `scales`, rounded, and divided again.
double errorUnder(ArrayRef<float> scales, const WeightProblem &problem, bool weighted = false) {
  int64_t K = problem.K;
  std::vector<float> importance;
  for (int64_t k = 0; weighted && k < K; ++k)
    importance.push_back(problem.inputs->energy(k) / (scales[k] * scales[k]));
  qnt::QuantizedBuffer codes;
  codes.reset(problem.element, 0, 1, K);
  double sum = 0;
  for (int64_t r = 0; r < problem.rows; ++r) {
    std::vector<float> row(K);
    for (int64_t k = 0; k < K; ++k)
      row[k] = problem.values[r * K + k] * scales[k];
    std::string why;
    EXPECT_TRUE(succeeded(qnt::familyOf(problem.element)->encodeRow(row, codes, 0, why, {importance, weighted}))) << why;
    qnt::familyOf(problem.element)->decodeRow(codes.view, 0, row);
    for (int64_t k = 0; k < K; ++k)
      row[k] = row[k] / scales[k] - problem.values[r * K + k];
    for (int64_t i = 0; i < K; ++i)
      for (int64_t j = 0; j < K; ++j)
        sum += double(row[i]) * problem.inputs->moments[i * K + j] * row[j];
  }
  return sum;
}
} // namespace

TEST_F(ChannelScalesTest, OutlierChannelsAreMadeLarger) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> values = Numbers(1).weights(40 * K);
  for (StringRef name : {"w4g32", "w4g32asym", "w3g64asym", "w4t", "nf4"})
    for (auto [duo, weighted] : {std::pair(false, false), {true, false}, {false, true}}) {
      WeightProblem p = problem(name, values, K, &inputs);
      ChannelScaleOptions options;
      options.duo = duo;
      options.weighted = weighted;
      ChannelScales found = search(p, options);
      EXPECT_TRUE(weighted || found.error <= 0.9 * found.plainError) << name.str(); // weighted ranges alone may do as well
      // All rows are measured: the errors are those of the weights.
      EXPECT_NEAR(found.plainError, errorUnder(std::vector<float>(K, 1.0f), p, weighted), 1e-3 * found.plainError) << name.str();
      EXPECT_NEAR(found.error, errorUnder(found.scales, p, weighted), 1e-3 * found.error) << name.str();
      float outliers = INFINITY, others = 0;
      for (int64_t k = 0; k < K; ++k)
        (k % 24 == 5 ? outliers : others) = k % 24 == 5 ? std::min(outliers, found.scales[k]) : std::max(others, found.scales[k]);
      EXPECT_TRUE(duo || weighted || outliers > others) << name.str();
    }
}

TEST_F(ChannelScalesTest, ReadersOfTheSameInputsShareThem) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> a = Numbers(2).weights(24 * K), b = Numbers(3).weights(8 * K);
  WeightProblem readers[] = {problem("w4g32", a, K, &inputs), problem("w8row", b, K, &inputs)};
  ChannelScales found = search(readers);
  EXPECT_NEAR(found.error, errorUnder(found.scales, readers[0]) + errorUnder(found.scales, readers[1]), 1e-3 * found.error);
}

TEST_F(ChannelScalesTest, ASampleStandsForAllRows) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> values = Numbers(4).weights(300 * K);
  ChannelScaleOptions sampled;
  sampled.sampledRows = 100;
  WeightProblem p = problem("w4g32", values, K, &inputs);
  ChannelScales found = search(p, sampled);
  EXPECT_NEAR(found.error, errorUnder(found.scales, p), 0.15 * found.error);
}

TEST_F(ChannelScalesTest, NothingIsGainedWhereNothingIsLost) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> values(4 * K);
  for (int64_t i = 0; i < 4 * K; ++i)
    values[i] = 0.25f * float(i * 7 % 16 - 8); // every group on the grid
  ChannelScales found = search(problem("w4g32", values, K, &inputs));
  EXPECT_EQ(found.plainError, 0);
  EXPECT_EQ(found.scales, std::vector<float>(K, 1.0f));
}

TEST_F(ChannelScalesTest, DeadChannelsStayInRange) {
  std::vector<float> x = correlatedInputs(200, K), values = Numbers(5).weights(16 * K);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] *= int64_t(i) % K < 40 ? 0.0f : int64_t(i) % K < 44 ? 30.0f : 1.0f;
  InputStatistics inputs = statisticsOf(x, K), none = statisticsOf(std::vector<float>(3 * K), K);
  for (bool duo : {false, true}) {
    ChannelScaleOptions options;
    options.duo = duo;
    for (const InputStatistics *statistics : {&inputs, &none})
      for (float scale : search(problem("w4g32", values, K, statistics), options).scales) {
        EXPECT_GT(scale, 1e-3f);
        EXPECT_LT(scale, 1e3f);
      }
  }
}

TEST_F(ChannelScalesTest, ARowWithoutEncodingIsRefused) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> values = Numbers(6).weights(8 * K);
  std::fill_n(values.begin() + 3 * K, K, 1e9f);
  std::string why;
  EXPECT_TRUE(failed(searchChannelScales(problem("w4g32", values, K, &inputs), {}, why)));
  EXPECT_EQ(why, "row 3: the scale of group 0 is too large for f16");
  // An exponent under which it has none is only left out.
  std::fill_n(values.begin() + 3 * K, K, 4e5f);
  ChannelScales found = search(problem("w4g32", values, K, &inputs));
  for (float scale : found.scales)
    EXPECT_LT(4e5f * scale / 8, 65520.0f);
}

TEST_F(ChannelScalesTest, TheSameBitsAtAnyNumberOfThreads) {
  InputStatistics inputs = withOutliers(K, 30);
  std::vector<float> values = Numbers(7).weights(150 * K);
  auto strategy = llvm::parallel::strategy;
  ChannelScales found[2];
  for (int threads : {1, 2}) {
    llvm::parallel::strategy = llvm::hardware_concurrency(threads);
    found[threads - 1] = search(problem("w4g32", values, K, &inputs));
  }
  llvm::parallel::strategy = strategy;
  EXPECT_EQ(found[0].scales, found[1].scales);
  EXPECT_EQ(found[0].error, found[1].error);
}
