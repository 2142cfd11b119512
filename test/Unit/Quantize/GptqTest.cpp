// GPTQ against its definition, and what its statistics may look like.
#include "MethodProblem.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>
using namespace mlir;
using namespace qcc;

namespace {
using GptqTest = MethodTest;
} // namespace

static InputStatistics uncorrelated(int64_t K) {
  InputStatistics inputs;
  inputs.K = K;
  inputs.rows = K;
  inputs.moments.assign(K * K, 0.0f);
  for (int64_t k = 0; k < K; ++k)
    inputs.moments[k * K + k] = 1;
  return inputs;
}

/// The inverse of a symmetric positive definite matrix, by Gauss and Jordan.
static std::vector<double> inverseOf(std::vector<double> a, int64_t n) {
  std::vector<double> inverse(n * n);
  for (int64_t i = 0; i < n; ++i)
    inverse[i * n + i] = 1;
  for (int64_t pivot = 0; pivot < n; ++pivot) {
    double scale = 1 / a[pivot * n + pivot];
    for (int64_t j = 0; j < n; ++j)
      a[pivot * n + j] *= scale, inverse[pivot * n + j] *= scale;
    for (int64_t i = 0; i < n; ++i) {
      double factor = i == pivot ? 0 : a[i * n + pivot];
      for (int64_t j = 0; j < n; ++j)
        a[i * n + j] -= factor * a[pivot * n + j], inverse[i * n + j] -= factor * inverse[pivot * n + j];
    }
  }
  return inverse;
}

/// Optimal brain surgeon, column by column (the article's equations 2 and 3): the rest moves by -e (H^-1)_{.i} / (H^-1)_ii, H that of the columns that are
/// left, inverted anew each time. No Cholesky factor, no blocks. In the order of falling energy, under the scales of `out`.
static void roundByDefinition(const WeightProblem &problem, double damping, qnt::QuantizedBuffer &out) {
  int64_t K = problem.K;
  const InputStatistics &inputs = *problem.inputs;
  std::vector<int64_t> order(K);
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) { return std::pair(-inputs.energy(a), a) < std::pair(-inputs.energy(b), b); });
  double mean = 0;
  for (int64_t k = 0; k < K; ++k)
    mean += inputs.energy(k) / double(K);
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  std::vector<double> rest(problem.values.begin(), problem.values.end());
  for (int64_t i = 0; i < K; ++i) {
    int64_t n = K - i;
    std::vector<double> H(n * n);
    for (int64_t a = 0; a < n; ++a)
      for (int64_t b = 0; b < n; ++b)
        H[a * n + b] = inputs.moments[order[i + a] * K + order[i + b]] + (a == b ? damping * mean : 0);
    std::vector<double> inverse = inverseOf(H, n);
    for (int64_t r = 0; r < problem.rows; ++r) {
      float value = float(rest[r * K + order[i]]), decoded;
      family.encodeColumns(value, order[i], out, r);
      family.decodeColumns(out.view, r, order[i], decoded);
      for (int64_t a = 1; a < n; ++a)
        rest[r * K + order[i + a]] -= (rest[r * K + order[i]] - decoded) * inverse[a * n] / inverse[0];
    }
  }
}

/// The codes nearest to the values under the scales of `out`.
static qnt::QuantizedBuffer nearestUnderScales(const WeightProblem &problem, const qnt::QuantizedBuffer &out) {
  qnt::QuantizedBuffer nearest;
  nearest.reset(problem.element, 0, problem.rows, problem.K);
  std::copy(out.scales.begin(), out.scales.end(), nearest.scales.begin());
  std::copy(out.subScales.begin(), out.subScales.end(), nearest.subScales.begin());
  std::copy(out.zeros.begin(), out.zeros.end(), nearest.zeros.begin());
  std::copy(out.floatZeros.begin(), out.floatZeros.end(), nearest.floatZeros.begin());
  std::copy(out.mins.begin(), out.mins.end(), nearest.mins.begin());
  std::copy(out.subMins.begin(), out.subMins.end(), nearest.subMins.begin());
  std::copy(out.scaleCodes.begin(), out.scaleCodes.end(), nearest.scaleCodes.begin());
  nearest.setNumbers(out.numbers);
  for (int64_t r = 0; r < problem.rows; ++r)
    qnt::familyOf(problem.element)->encodeColumns(problem.values.slice(r * problem.K, problem.K), 0, nearest, r);
  return nearest;
}

TEST_F(GptqTest, IsItsDefinition) {
  for (int64_t K : {1, 2, 7, 48, 150}) {
    std::vector<float> values = Numbers(uint32_t(K)).weights(6 * K);
    InputStatistics inputs = statisticsOf(correlatedInputs(3 * K, K), K);
    for (StringRef name : {"w3g64asym", "w4g32", "w4t", "nf4"})
      for (double damping : {0.01, 0.2}) {
        WeightProblem p = problem(name, values, K, &inputs);
        if (damping != 0.01) // the default
          p.parameters.set("damping", damping);
        qnt::QuantizedBuffer out = encode("gptq", p), expected = encode("gptq", p); // its scales
        std::fill(expected.codes.begin(), expected.codes.end(), uint8_t(0));
        roundByDefinition(p, damping, expected);
        EXPECT_EQ(out.codes, expected.codes) << name.str() << " K " << K;
      }
  }
}

TEST_F(GptqTest, RoundsToNearestWhereInputsAreUncorrelated) {
  for (int64_t K : {1, 7, 40, 97, 300}) {
    std::vector<float> values = Numbers(uint32_t(K)).weights(5 * K);
    InputStatistics inputs = uncorrelated(K);
    for (StringRef name : qnt::exampleFormats()) {
      if (!roundsToNearest(name))
        continue;
      WeightProblem p = problem(name, values, K, &inputs);
      qnt::QuantizedBuffer out = encode("gptq", p);
      EXPECT_EQ(out.codes, nearestUnderScales(p, out).codes) << name.str() << " K " << K;
    }
  }
}

TEST_F(GptqTest, HasLessErrorThanItsDefinitionUnderSearchedScales) {
  constexpr int64_t K = 331;
  std::vector<float> values = Numbers(12).weights(9 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(1000, K), K);
  for (StringRef name : {"w3g64asym", "w4g32", "w4t", "nf4"}) {
    WeightProblem p = problem(name, values, K, &inputs);
    qnt::QuantizedBuffer plain = searched(p);
    roundByDefinition(p, 0.01, plain);
    EXPECT_LT(error("gptq", p, &inputs), errorOf(plain, p, &inputs)) << name.str();
  }
}

TEST_F(GptqTest, HasLessErrorThanRoundingInEveryFormat) {
  constexpr int64_t K = 331; // neither whole groups nor whole blocks
  std::vector<float> values = Numbers(12).weights(9 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(1000, K), K);
  for (StringRef name : qnt::exampleFormats()) {
    if (name == "f32")
      continue;
    WeightProblem p = problem(name, values, K, &inputs);
    EXPECT_LT(error("gptq", p, &inputs), 0.8 * std::min(error("rtn", p, &inputs), error("mse", p, &inputs))) << name.str();
  }
}

TEST_F(GptqTest, OrderLeavesNoTrace) {
  // Under one scale a row, columns in another order get the same codes in that order.
  constexpr int64_t K = 131, N = 10;
  std::vector<float> values = Numbers(13).weights(N * K), permuted(N * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(500, K), K), moved = inputs;
  auto from = [](int64_t k) { return (k * 50 + 17) % K; };
  for (int64_t i = 0; i < K; ++i) {
    for (int64_t r = 0; r < N; ++r)
      permuted[r * K + i] = values[r * K + from(i)];
    for (int64_t j = 0; j < K; ++j)
      moved.moments[i * K + j] = inputs.moments[from(i) * K + from(j)];
  }
  for (StringRef name : {"w8row", "w4rowasym", "nf4row", "fp8e4m3"}) {
    WeightProblem first = problem(name, values, K, &inputs), second = problem(name, permuted, K, &moved);
    qnt::QuantizedBuffer a = encode("gptq", first), b = encode("gptq", second);
    for (int64_t r = 0; r < N; ++r)
      EXPECT_FLOAT_EQ(a.scales[r], b.scales[r]) << name.str(); // fitted by sums in another order, which shows in the last digits of an f32
    for (int64_t i = 0; i < N * K; ++i)
      ASSERT_EQ(b.codes[i], a.codes[i / K * K + from(i % K)]) << name.str();
  }
}

TEST_F(GptqTest, FewerInputsThanChannelsAreEnough) {
  constexpr int64_t K = 200;
  std::vector<float> values = Numbers(14).weights(7 * K);
  for (int64_t tokens : {1, 3, 50}) {
    InputStatistics inputs = statisticsOf(correlatedInputs(tokens, K), K);
    for (StringRef name : {"w4g32", "w4t", "w3g64asym"}) {
      WeightProblem p = problem(name, values, K, &inputs);
      EXPECT_LT(error("gptq", p, &inputs), 0.5 * error("rtn", p, &inputs)) << name.str();
      EXPECT_EQ(remark, "");
    }
  }
}

TEST_F(GptqTest, DampsAnIndefiniteMatrixMore) {
  // Two channels of correlation 1.5: one eigenvalue is negative until 0.5 is added to the diagonal, 51 times the first damping.
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(15).weights(4 * K);
  InputStatistics inputs = uncorrelated(K);
  inputs.moments[3 * K + 9] = inputs.moments[9 * K + 3] = 1.5f;
  WeightProblem p = problem("w4g32", values, K, &inputs);
  qnt::QuantizedBuffer out = encode("gptq", p);
  EXPECT_EQ(remark, "");
  qnt::QuantizedBuffer rounded = nearestUnderScales(p, out);
  for (int64_t i = 0; i < 4 * K; ++i)
    if (i % K != 9)
      EXPECT_EQ(out.codes[i], rounded.codes[i]) << "only channel 9, behind 3, has an error to make up for";
  EXPECT_NE(out.codes, rounded.codes);
}

TEST_F(GptqTest, RoundsUnderAMatrixBeyondHelp) {
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(16).weights(4 * K);
  for (float bad : {100.0f, float(NAN), float(INFINITY)}) {
    InputStatistics inputs = uncorrelated(K);
    inputs.moments[3 * K + 9] = inputs.moments[9 * K + 3] = bad;
    qnt::QuantizedBuffer out = encode("gptq", problem("w4g32", values, K, &inputs));
    EXPECT_EQ(remark, "the second moments of its inputs have no Cholesky factor, however damped: rounded to nearest instead of gptq");
    expectSame(out, searched(problem("w4g32", values, K, &inputs)), "the same scales");
  }
}

TEST_F(GptqTest, DeadChannelsInfluenceNothing) {
  constexpr int64_t K = 100;
  std::vector<float> values = Numbers(17).weights(6 * K), x = correlatedInputs(300, K);
  auto dead = [](int64_t k) { return k % 7 == 3 || (k >= 32 && k < 64); }; // one group of nothing else
  for (size_t i = 0; i < x.size(); ++i)
    if (dead(int64_t(i) % K))
      x[i] = 0;
  InputStatistics inputs = statisticsOf(x, K);
  for (StringRef name : {"w4g32", "w4g32asym", "w4t", "nf4g32", "mxfp4"}) {
    WeightProblem p = problem(name, values, K, &inputs);
    qnt::QuantizedBuffer out = encode("gptq", p), nearest = nearestUnderScales(p, out);
    for (int64_t i = 0; i < 6 * K; ++i)
      if (dead(i % K))
        ASSERT_EQ(out.codes[i], nearest.codes[i]) << name.str();
    EXPECT_LT(error("gptq", p, &inputs), 0.8 * error("mse", p, &inputs)) << name.str();
    // They are fitted all the same: another text may wake them.
    std::vector<float> decoded = decode(out), unweighted = decode(encode("mse", problem(name, values, K)));
    double e = 0, best = 0;
    for (int64_t i = 0; i < 6 * K; ++i)
      if (i % K >= 32 && i % K < 64)
        e += std::pow(double(decoded[i]) - values[i], 2), best += std::pow(double(unweighted[i]) - values[i], 2);
    EXPECT_LT(e, 1.5 * best) << name.str();
  }
}

TEST_F(GptqTest, NoLiveChannelAtAll) {
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(18).weights(2 * K);
  InputStatistics inputs = statisticsOf(std::vector<float>(3 * K), K);
  for (StringRef name : qnt::exampleFormats())
    if (roundsToNearest(name))
      expectSame(encode("gptq", problem(name, values, K, &inputs)), encode("mse", problem(name, values, K)), name.str());
}
