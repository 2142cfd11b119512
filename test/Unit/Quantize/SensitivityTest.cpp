// What sensitivities are made of: errors of formats, what they cost in outputs, how far predictions move.
#include "MethodProblem.h"
#include "qcc/Quantize/LogitDivergence.h"
#include "qcc/Quantize/RoundingError.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

namespace {
using SensitivityTest = MethodTest;
} // namespace

TEST_F(SensitivityTest, CandidatesAreDistinctAndSmallerOnesAreWorse) {
  constexpr int64_t K = 512;
  std::vector<float> values = Numbers(3).weights(64 * K);
  std::vector<std::pair<double, double>> points;      // bits, noise
  llvm::SmallVector<Type> formats = qnt::candidateFormats(&context);
  for (size_t i = 0; i < formats.size(); ++i) {
    EXPECT_EQ(qnt::parseFormat(qnt::formatName(formats[i]), &context), formats[i]);
    for (size_t j = 0; j < i; ++j)
      EXPECT_NE(formats[i], formats[j]);
    std::optional<RoundingError> error = estimateRoundingError(formats[i], values, K, {});
    ASSERT_TRUE(error) << qnt::formatName(formats[i]);
    points.push_back({qnt::bitsPerWeight(formats[i], K), error->noise});
  }
  for (auto &[bits, noise] : points)
    for (auto &[otherBits, otherNoise] : points)
      if (bits + 0.9 < otherBits)
        EXPECT_GT(noise, otherNoise) << bits << " bits against " << otherBits;
}

// All rows are seen: the sums are those of the definition.
TEST_F(SensitivityTest, RoundingErrorWeighsColumns) {
  constexpr int64_t K = 64, rows = 8;
  std::vector<float> values = Numbers(4).weights(rows * K);
  std::vector<double> costs(K, 0.0), ones(K, 1.0);
  costs[5] = 3;
  Type element = format("w8g32");
  std::optional<RoundingError> error = estimateRoundingError(element, values, K, costs);
  ASSERT_TRUE(error);
  double signal = 0;
  for (int64_t r = 0; r < rows; ++r)
    signal += 3 * double(values[r * K + 5]) * values[r * K + 5];
  EXPECT_NEAR(error->signal, signal, 1e-9 * signal);
  EXPECT_GT(error->noise, 0);
  EXPECT_LT(error->noise, 1e-3 * signal);
  EXPECT_NEAR(estimateRoundingError(element, values, K, ones)->noise, estimateRoundingError(element, values, K, {})->noise, 1e-9);
}

TEST_F(SensitivityTest, RoundingErrorOfSampledRowsStandsForAll) {
  constexpr int64_t K = 64, rows = 1000;
  std::vector<float> values = Numbers(5).weights(rows * K);
  double signal = 0;
  for (float value : values)
    signal += double(value) * value;
  EXPECT_NEAR(estimateRoundingError(format("w3g32"), values, K, {})->signal, signal, 0.1 * signal);
}

TEST_F(SensitivityTest, NoErrorWhereARowHasNoEncoding) {
  std::vector<float> values(64, 1e9f);
  EXPECT_FALSE(estimateRoundingError(format("w4g32"), values, 64, {}));
}

TEST_F(SensitivityTest, ColumnsCostWhatTheMethodLeaves) {
  constexpr int64_t K = 48;
  InputStatistics inputs = statisticsOf(correlatedInputs(500, K), K);
  std::vector<float> values = Numbers(6).weights(2 * K);
  WeightProblem p = problem("w4g32", values, K, &inputs);
  std::vector<double> mse = method("mse").columnCosts(p), gptq = method("gptq").columnCosts(p);
  ASSERT_EQ(mse.size(), size_t(K));
  ASSERT_EQ(gptq.size(), size_t(K));
  double all = 0, left = 0, damping = 0;
  for (int64_t k = 0; k < K; ++k) {
    EXPECT_EQ(mse[k], inputs.energy(k));
    damping += 0.01 * inputs.energy(k) / K;
    all += mse[k];
    left += gptq[k];
  }
  for (int64_t k = 0; k < K; ++k)                      // 1 / (H^-1)_kk among what is left is at most H_kk
    EXPECT_LE(gptq[k], (mse[k] + damping) * (1 + 1e-6)) << k;
  EXPECT_LT(left, 0.9 * all);                          // correlated columns make up for each other
  inputs.moments[0] = INFINITY;
  EXPECT_TRUE(method("mse").columnCosts(p).empty());
  EXPECT_TRUE(method("gptq").columnCosts(p).empty());
}

// Two words: KL of Bernoulli distributions.
TEST_F(SensitivityTest, DivergenceIsKullbackAndLeiblers) {
  LogitDivergence divergence({0, 1}, 1);               // logits 0 and x
  divergence.setReference({1.0f, -2.0f});
  EXPECT_EQ(divergence.of({1.0f, -2.0f}), 0);
  auto kl = [](double x, double y) {
    double p = 1 / (1 + std::exp(-x)), q = 1 / (1 + std::exp(-y));
    return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
  };
  EXPECT_NEAR(divergence.of({0.5f, 1.0f}), (kl(1, 0.5) + kl(-2, 1)) / 2, 1e-9);
  double small = 1e-3;                                 // no digits are lost: about d^2 p (1 - p) / 2
  EXPECT_NEAR(divergence.of({1.0f + float(small), -2.0f}) / (kl(1, 1 + double(float(1.0f + float(small)) - 1.0f)) / 2), 1, 1e-5);
}

TEST_F(SensitivityTest, DivergenceIsTheSameAtAnyNumberOfThreads) {
  constexpr int64_t K = 32, vocabulary = 1000, positions = 9;
  Numbers numbers(7);
  LogitDivergence divergence(numbers.weights(vocabulary * K), K);
  std::vector<float> inputs = numbers.weights(positions * K), others = numbers.weights(positions * K);
  auto run = [&](unsigned threads) {
    llvm::parallel::strategy = llvm::hardware_concurrency(threads);
    divergence.setReference(inputs);
    return divergence.of(others);
  };
  double one = run(1);
  EXPECT_GT(one, 0);
  EXPECT_EQ(one, run(2));
}
