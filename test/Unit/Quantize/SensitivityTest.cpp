// What sensitivities are made of: errors of formats, what they cost in outputs, how far predictions move.
#include "MethodProblem.h"
#include "qcc/Quantize/LogitDivergence.h"
#include "qcc/Quantize/RoundingError.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

namespace {
struct SensitivityTest : MethodTest {
  std::optional<RoundingError> errorOf(StringRef methodName, StringRef formatName, const std::vector<float> &values, int64_t K, const InputStatistics *inputs = nullptr) {
    return estimateRoundingErrors(method(methodName), problem(formatName, values, K, inputs), {format(formatName)}).front();
  }
};
} // namespace

TEST_F(SensitivityTest, CandidatesAreDistinctAndSmallerOnesAreWorse) {
  constexpr int64_t K = 512;
  std::vector<float> values = Numbers(3).weights(64 * K);
  std::vector<std::pair<double, double>> points;      // bits, noise
  llvm::SmallVector<Type> formats = qnt::candidateFormats(&context);
  std::vector<std::optional<RoundingError>> errors = estimateRoundingErrors(method("rtn"), problem("w4g32", values, K), formats);
  for (size_t i = 0; i < formats.size(); ++i) {
    EXPECT_EQ(qnt::parseFormat(qnt::formatName(formats[i]), &context), formats[i]);
    for (size_t j = 0; j < i; ++j)
      EXPECT_NE(formats[i], formats[j]);
    ASSERT_TRUE(errors[i]) << qnt::formatName(formats[i]);
    points.push_back({qnt::bitsPerWeight(formats[i], K), errors[i]->noise});
  }
  for (auto &[bits, noise] : points)
    for (auto &[otherBits, otherNoise] : points)
      if (bits + 0.9 < otherBits)
        EXPECT_GT(noise, otherNoise) << bits << " bits against " << otherBits;
}

// All rows are seen: the sums are those of the definition, of outputs for inputs whose channels have nothing in common.
TEST_F(SensitivityTest, RoundingErrorIsOfOutputs) {
  constexpr int64_t K = 64, rows = 8;
  std::vector<float> values = Numbers(4).weights(rows * K);
  InputStatistics inputs;
  inputs.K = K, inputs.rows = 1;
  inputs.moments.assign(K * K, 0);
  inputs.moments[5 * K + 5] = 3;
  std::optional<RoundingError> error = errorOf("mse", "w8g32", values, K, &inputs), plain = errorOf("mse", "w8g32", values, K);
  ASSERT_TRUE(error && plain);
  double signal = 0, all = 0;
  for (int64_t r = 0; r < rows; ++r)
    signal += 3 * double(values[r * K + 5]) * values[r * K + 5];
  for (float value : values)
    all += double(value) * value;
  EXPECT_NEAR(error->signal, signal, 1e-6 * signal);
  EXPECT_LT(error->noise, 1e-3 * signal);
  EXPECT_NEAR(plain->signal, all, 1e-6 * all);
  EXPECT_GT(plain->noise, 0);
  inputs.moments[0] = INFINITY;                        // of no use: as without
  EXPECT_NEAR(errorOf("mse", "w8g32", values, K, &inputs)->signal, all, 1e-6 * all);
}

TEST_F(SensitivityTest, RoundingErrorOfSampledRowsStandsForAll) {
  constexpr int64_t K = 64, rows = 1000;
  std::vector<float> values = Numbers(5).weights(rows * K);
  double signal = 0;
  for (float value : values)
    signal += double(value) * value;
  EXPECT_NEAR(errorOf("rtn", "w3g32", values, K)->signal, signal, 0.1 * signal);
}

TEST_F(SensitivityTest, NoErrorWhereARowHasNoEncoding) {
  std::vector<float> values(64, 1e9f);
  EXPECT_FALSE(errorOf("rtn", "w4g32", values, 64));
}

// An error is what the method leaves: correlated columns make up for each other.
TEST_F(SensitivityTest, RoundingErrorIsTheMethods) {
  constexpr int64_t K = 48;
  InputStatistics inputs = statisticsOf(correlatedInputs(500, K), K);
  std::vector<float> values = Numbers(6).weights(16 * K);
  EXPECT_LT(errorOf("gptq", "w3g16", values, K, &inputs)->noise, 0.9 * errorOf("mse", "w3g16", values, K, &inputs)->noise);
}

TEST_F(SensitivityTest, PreparedAndUnpreparedCodesAreEqual) {
  constexpr int64_t K = 48;
  InputStatistics inputs = statisticsOf(correlatedInputs(500, K), K);
  std::vector<float> values = Numbers(8).weights(4 * K);
  WeightProblem p = problem("w3g16", values, K, &inputs);
  qnt::QuantizedBuffer alone = encode("gptq", p);
  std::unique_ptr<MethodPreparation> preparation = method("gptq").prepare(p);
  ASSERT_TRUE(preparation);
  p.preparation = preparation.get();
  expectSame(encode("gptq", p), alone, "prepared");
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
