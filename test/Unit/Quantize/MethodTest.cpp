// What holds for every method: rtn is what formats do, mse searches further, hqq chooses zero points, degenerate weights, refusals, threads.
#include "MethodProblem.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

static std::vector<StringRef> names() {
  std::vector<StringRef> names;
  for (const QuantizationMethod *method : allMethods())
    names.push_back(method->name());
  return names;
}

TEST_F(MethodTest, AreFoundByName) {
  std::string list = "\n" + listMethods();
  for (const QuantizationMethod *method : allMethods()) {
    EXPECT_EQ(findMethod(method->name()), method) << method->name().str();
    EXPECT_NE(StringRef(list).find(("\n" + method->name() + "  ").str()), StringRef::npos) << method->name().str();
    EXPECT_FALSE(findScalingMethod(method->name())) << method->name().str();
  }
  for (StringRef name : {"", "GPTQ", "gptq2", "none"})
    EXPECT_FALSE(findMethod(name)) << name.str();
  EXPECT_TRUE(method("gptq").needsInputs());
  EXPECT_FALSE(method("mse").needsInputs());
  EXPECT_EQ(defaultMethod(/*hasText=*/false).name(), "rtn");
  EXPECT_EQ(defaultMethod(/*hasText=*/true).name(), "gptq");
}

TEST_F(MethodTest, RtnIsWhatFormatsDo) {
  constexpr int64_t K = 300;
  std::vector<float> values = Numbers(1).weights(5 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(50, K), K);
  for (StringRef name : qnt::exampleFormats()) {
    qnt::QuantizedBuffer rows;
    rows.reset(format(name), 0, 5, K);
    std::string why;
    setNumbers(values, rows);
    for (int64_t r = 0; r < 5; ++r)
      ASSERT_TRUE(succeeded(qnt::familyOf(rows.view.element)->encodeRow(ArrayRef(values).slice(r * K, K), rows, r, why))) << why;
    expectSame(encode("rtn", problem(name, values, K)), rows, name.str());
    expectSame(encode("rtn", problem(name, values, K, &inputs)), rows, name.str() + " with inputs");
  }
}

TEST_F(MethodTest, MseIsBetterThanRtn) {
  constexpr int64_t K = 512;
  std::vector<float> values = Numbers(2).weights(8 * K);
  for (StringRef name : {"w2g32", "w3g64asym", "w4g32", "w4g32asym", "w4t", "nf4", "fp4g32", "fp8e5m2g64"}) {
    WeightProblem p = problem(name, values, K);
    EXPECT_LT(error("mse", p, nullptr), error("rtn", p, nullptr)) << name.str();
  }
}

TEST_F(MethodTest, MseWeighsColumnsByTheirInputs) {
  constexpr int64_t K = 256;
  std::vector<float> values = Numbers(3).weights(8 * K), x(4 * K);
  Numbers numbers(4);
  for (int64_t k = 0; k < K; ++k)   // a fifth of the channels is ten times as large; each in its own direction of four only
    x[k % 4 * K + k] = (k % 5 ? 1.0f : 10.0f) * (1.0f + 0.1f * numbers.uniform());
  InputStatistics inputs = statisticsOf(x, K);
  for (int64_t i = 0; i < K * K; ++i)
    if (i % (K + 1))
      inputs.moments[i] = 0; // the diagonal is all that it minimizes
  for (StringRef name : {"w3g64asym", "w4g32", "w4g32asym", "w4t", "nf4"})
    EXPECT_LT(error("mse", problem(name, values, K, &inputs), &inputs), 0.9 * error("mse", problem(name, values, K), &inputs)) << name.str();
}

// The diagonal does not see errors that have a sign in common.
TEST_F(MethodTest, MseFitsScalesToWhatInputsHaveInCommon) {
  constexpr int64_t K = 256;
  std::vector<float> values = Numbers(3).weights(8 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(600, K), K);
  for (StringRef name : {"w3g64asym", "w4g128asym", "w4g32", "w4t", "nf4"}) {
    WeightProblem p = problem(name, values, K, &inputs);
    EXPECT_LT(error("mse", p, &inputs), 0.99 * errorOf(searched(p), p, &inputs)) << name.str();
  }
}

TEST_F(MethodTest, TheSizeOfInputsDoesNotMatter) {
  constexpr int64_t K = 96;
  std::vector<float> values = Numbers(5).weights(6 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(200, K), K);
  for (StringRef name : {"w4g32", "w4g32asym", "w4t", "nf4"})
    for (StringRef method : {"mse", "gptq"})
      for (int exponent : {-110, 110}) {
        InputStatistics scaled = inputs;
        for (float &moment : scaled.moments)
          moment = std::ldexp(moment, exponent);
        expectSame(encode(method, problem(name, values, K, &inputs)), encode(method, problem(name, values, K, &scaled)), (name + " " + method).str());
      }
}

TEST_F(MethodTest, HqqHandlesFormatsWithZeroPoints) {
  for (StringRef name : {"w4g32", "w4t", "nf4"})
    EXPECT_FALSE(method("hqq").handles(cast<qnt::BlockType>(format(name)))) << name.str();
  for (StringRef name : {"w4g32asym", "w4g64zf"})
    EXPECT_TRUE(method("hqq").handles(cast<qnt::BlockType>(format(name)))) << name.str();
  for (StringRef name : {"w4g32", "w4t", "nf4"})
    EXPECT_TRUE(method("gptq").handles(cast<qnt::BlockType>(format(name)))) << name.str();
}

TEST_F(MethodTest, HqqHasFewLargeErrors) {
  constexpr int64_t K = 512;
  std::vector<float> values = Numbers(7).weights(16 * K);
  for (StringRef name : {"w3g64zfs32", "w4g64zf"}) {
    // The norm that it minimizes, under the same scales, against zero points that are rounded.
    auto norm = [&](const qnt::QuantizedBuffer &buffer) {
      double sum = 0;
      for (auto [decoded, value] : llvm::zip(decode(buffer), values))
        sum += std::pow(std::fabs(double(decoded) - value), 0.7);
      return sum;
    };
    qnt::QuantizedBuffer chosen = encode("hqq", problem(name, values, K)), rounded = encode("hqq", problem(name, values, K));
    const qnt::FormatFamily &family = *qnt::familyOf(rounded.view.element);
    for (float &zero : rounded.floatZeros)
      zero = std::nearbyint(zero);
    for (int64_t r = 0; r < rounded.view.rows; ++r)
      family.encodeColumns(ArrayRef(values).slice(r * K, K), 0, rounded, r);
    EXPECT_LT(norm(chosen), norm(rounded)) << name.str();
  }
}

TEST_F(MethodTest, HqqIsItsDefinition) {
  // Against an implementation in double.
  std::vector<float> values(64);
  uint32_t state = 1;
  for (float &value : values) { // as in the formats' digests, moved up by a half
    state = state * 1664525u + 1013904223u;
    value = float(int32_t(state >> 16) - 32768) / 8192.0f + 0.5f;
  }
  struct {
    const char *format;
    float scale, zero;
    const char *codes;
  } expected[] = {{"w4g64zfs32", 0.521525085f, 6.45829733f, "357b15c80a469d3fd5a831152b964be25f687fdbef25a2729d50e3d06052c629"},
                  {"w3g64zfs32", 1.11755371f, 3.11292871f, "2345036405234627625421021543257127343765771351414620726030216314"},
                  {"w2g64zfs32", 2.60762525f, 1.25522046f, "1112012202112213312210010221123013121332330120102310312010102102"}};
  for (auto &e : expected) {
    qnt::QuantizedBuffer out = encode("hqq", problem(e.format, values, 64));
    EXPECT_FLOAT_EQ(out.scales[0], e.scale);
    EXPECT_NEAR(out.floatZeros[0], e.zero, 1e-5f * e.zero);
    std::string codes;
    for (uint8_t code : out.codes)
      codes += "0123456789abcdef"[code];
    EXPECT_EQ(codes, e.codes);
  }
}

TEST_F(MethodTest, HqqSurvivesNarrowRangesFarFromZero) {
  std::vector<float> values = Numbers(8).weights(128);
  for (float &value : values)
    value = 1.0f + 2e-5f * value; // a zero point near -10^6 codes: no f16
  for (StringRef name : {"w4g64zf", "w4g64zfs32", "w4g64asym"})
    for (float value : decode(encode("hqq", problem(name, values, 128))))
      EXPECT_NEAR(value, 1.0f, 0.04f) << name.str();
}

TEST_F(MethodTest, GroupsOfZerosAndConstantsComeBack) {
  constexpr int64_t K = 128;
  std::vector<float> values(3 * K);
  for (int64_t k = 0; k < K; ++k) // zeros; constants; both
    values[K + k] = 0.5f, values[2 * K + k] = k < 64 ? 0.0f : -0.25f;
  InputStatistics inputs = statisticsOf(correlatedInputs(300, K), K);
  auto hasCodedScales = [&](StringRef name) { // a constant is then no multiple of the scale
    auto block = dyn_cast<qnt::BlockType>(format(name));
    return block && qnt::scaleStorage(block.getScale()).table;
  };
  for (StringRef name : qnt::exampleFormats())
    for (StringRef method : names())
      if (handles(method, name) && !hasCodedScales(name))
        for (auto [decoded, value] : llvm::zip(decode(encode(method, problem(name, values, K, &inputs))), values))
          ASSERT_NEAR(decoded, value, 0.05f) << name.str() << " " << method.str();
}

TEST_F(MethodTest, AScaleThatOverflowsIsRefusedByRow) {
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(9).weights(40 * K);
  for (int64_t row : {33, 37})
    std::fill_n(values.begin() + row * K, K, row == 33 ? 1e9f : 2e9f);
  InputStatistics inputs = statisticsOf(correlatedInputs(100, K), K);
  for (StringRef name : {"w4g32", "w4g32asym", "w4g64zf", "w4t", "nf4", "f16"})
    for (StringRef method : names()) {
      if (!handles(method, name))
        continue;
      qnt::QuantizedBuffer out;
      out.reset(format(name), 0, 40, K);
      std::string why;
      EXPECT_TRUE(failed(this->method(method).encode(problem(name, values, K, &inputs), out, why))) << name.str() << " " << method.str();
      EXPECT_TRUE(StringRef(why).starts_with("row 33: ")) << why;
      EXPECT_NE(StringRef(why).find("too large for f16"), StringRef::npos) << why;
    }
}

TEST_F(MethodTest, TheSameBitsAtAnyNumberOfThreads) {
  constexpr int64_t K = 203, N = 77;
  std::vector<float> values = Numbers(10).weights(N * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(400, K), K);
  auto strategy = llvm::parallel::strategy;
  for (StringRef name : qnt::exampleFormats())
    for (StringRef method : names()) {
      if (!handles(method, name))
        continue;
      llvm::parallel::strategy = llvm::hardware_concurrency(1);
      qnt::QuantizedBuffer one = encode(method, problem(name, values, K, &inputs));
      llvm::parallel::strategy = llvm::hardware_concurrency(2);
      expectSame(encode(method, problem(name, values, K, &inputs)), one, (name + " " + method).str());
    }
  llvm::parallel::strategy = strategy;
}

TEST_F(MethodTest, StatisticsThatAreNotFiniteAreLeftOut) {
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(11).weights(4 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(100, K), K);
  qnt::QuantizedBuffer plain = encode("mse", problem("w4g32", values, K));
  EXPECT_EQ(remark, "");
  for (float bad : {float(INFINITY), float(NAN), -1.0f}) {
    inputs.moments[5 * K + 5] = bad;
    for (StringRef method : {"mse", "gptq"}) {
      expectSame(encode(method, problem("w4g32", values, K, &inputs)), plain, method.str());
      EXPECT_EQ(remark, "the second moments of its inputs are not finite: rounded as if all columns counted alike");
    }
  }
}
