// Weights and the statistics of inputs for tests of quantization methods.
#ifndef QCC_TEST_UNIT_QUANTIZE_METHODPROBLEM_H
#define QCC_TEST_UNIT_QUANTIZE_METHODPROBLEM_H
#include "lib/Quantize/Methods/Methods.h"
#include "mlir/IR/MLIRContext.h"
#include <cmath>
#include <gtest/gtest.h>

namespace qcc {
/// The same numbers everywhere, around 0 and of about `scale`.
class Numbers {
public:
  explicit Numbers(uint32_t seed) : state(seed) {}
  /// In -1 .. 1, all alike.
  float uniform() {
    state = state * 1664525u + 1013904223u;
    return float(int32_t(state >> 16) - 32768) / 32768.0f;
  }
  /// Heavier tails, as weights have.
  float weight() {
    float x = uniform();
    return 0.3f * x + 0.7f * x * x * x;
  }
  std::vector<float> weights(int64_t n) {
    std::vector<float> values(n);
    for (float &value : values)
      value = weight();
    return values;
  }

private:
  uint32_t state;
};

/// Second moments X^T X / tokens.
inline InputStatistics statisticsOf(const std::vector<float> &x, int64_t K) {
  InputStatistics inputs;
  inputs.K = K;
  inputs.rows = int64_t(x.size()) / K;
  inputs.meanAbs.resize(K);
  inputs.absMax.resize(K);
  std::vector<double> sums(K * K);
  for (int64_t t = 0; t < inputs.rows; ++t)
    for (int64_t i = 0; i < K; ++i) {
      inputs.meanAbs[i] += std::fabs(x[t * K + i]) / float(inputs.rows);
      inputs.absMax[i] = std::max(inputs.absMax[i], std::fabs(x[t * K + i]));
      for (int64_t j = 0; j < K; ++j)
        sums[i * K + j] += double(x[t * K + i]) * x[t * K + j];
    }
  for (double sum : sums)
    inputs.moments.push_back(float(sum / double(inputs.rows)));
  return inputs;
}

/// Inputs whose channels differ in size and go along with each other.
inline std::vector<float> correlatedInputs(int64_t tokens, int64_t K, uint32_t seed = 5) {
  Numbers numbers(seed);
  std::vector<float> x(tokens * K), size(K);
  for (float &s : size)
    s = 0.25f + 2.0f * std::fabs(numbers.weight());
  for (int64_t t = 0; t < tokens; ++t) {
    float common = numbers.uniform(), last = 0;
    for (int64_t k = 0; k < K; ++k) {
      last = 0.6f * last + 0.5f * numbers.uniform();
      x[t * K + k] = size[k] * (last + 0.5f * common);
    }
  }
  return x;
}

struct MethodTest : testing::Test {
  MethodTest() { context.loadDialect<qnt::QntDialect>(); }

  static const QuantizationMethod &method(llvm::StringRef name) { return *findMethod(name); }
  mlir::Type format(llvm::StringRef name) { return qnt::parseFormat(name, &context); }
  bool handles(llvm::StringRef name, llvm::StringRef format) {
    auto block = mlir::dyn_cast<qnt::BlockType>(this->format(format));
    return block ? method(name).handles(block) : !method(name).choosesCodes(); // floats have no codes
  }
  WeightProblem problem(llvm::StringRef name, const std::vector<float> &values, int64_t K, const InputStatistics *inputs = nullptr) {
    return {format(name), int64_t(values.size()) / K, K, values, inputs, {}};
  }

  qnt::QuantizedBuffer encode(llvm::StringRef name, const WeightProblem &problem) {
    qnt::QuantizedBuffer out;
    out.reset(problem.element, 0, problem.rows, problem.K);
    remark.clear();
    EXPECT_TRUE(succeeded(method(name).encode(problem, out, remark))) << name.str() << ": " << remark;
    return out;
  }
  /// The nearest codes under searched scales, errors weighed by the energy of their column: where mse starts.
  qnt::QuantizedBuffer searched(const WeightProblem &problem) {
    qnt::QuantizedBuffer out;
    out.reset(problem.element, 0, problem.rows, problem.K);
    std::string why;
    EXPECT_TRUE(succeeded(fitRows(problem, columnImportance(problem, why), out, why))) << why;
    roundRows(problem, out);
    return out;
  }
  std::vector<float> decode(const qnt::QuantizedBuffer &buffer) {
    const qnt::QuantizedRows &view = buffer.view;
    std::vector<float> values(view.rows * view.K);
    for (int64_t r = 0; r < view.rows; ++r)
      qnt::familyOf(view.element)->decodeRow(view, r, llvm::MutableArrayRef(values).slice(r * view.K, view.K));
    return values;
  }
  /// tr(E H E^T) of the decoded weight's errors E; H = 1 without statistics.
  double error(llvm::StringRef name, const WeightProblem &problem, const InputStatistics *inputs) { return errorOf(encode(name, problem), problem, inputs); }
  double errorOf(const qnt::QuantizedBuffer &buffer, const WeightProblem &problem, const InputStatistics *inputs) {
    std::vector<float> decoded = decode(buffer);
    int64_t K = problem.K;
    double sum = 0;
    for (int64_t r = 0; r < problem.rows; ++r)
      for (int64_t i = 0; i < K; ++i) {
        double e = decoded[r * K + i] - problem.values[r * K + i];
        for (int64_t j = 0; inputs && j < K; ++j)
          sum += e * inputs->moments[i * K + j] * (double(decoded[r * K + j]) - problem.values[r * K + j]);
        sum += inputs ? 0 : e * e;
      }
    return sum;
  }
  /// Whether rows are rounded to nearest under what fitRow chooses, as methods do: not where a format has a rounding of its own.
  bool roundsToNearest(llvm::StringRef name) {
    auto block = mlir::dyn_cast<qnt::BlockType>(format(name));
    return !block || !block.getRule();
  }
  /// Everything that is stored.
  static void expectSame(const qnt::QuantizedBuffer &a, const qnt::QuantizedBuffer &b, const std::string &what) {
    EXPECT_EQ(a.codes, b.codes) << what;
    EXPECT_EQ(a.scales, b.scales) << what;
    EXPECT_EQ(a.subScales, b.subScales) << what;
    EXPECT_EQ(a.zeros, b.zeros) << what;
    EXPECT_EQ(a.floatZeros, b.floatZeros) << what;
    EXPECT_EQ(a.values, b.values) << what;
  }

  mlir::MLIRContext context;
  std::string remark;  // of the last encode
};
} // namespace qcc
#endif
