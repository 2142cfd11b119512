// Methods that choose scales of input channels. What AWQ searches is ChannelScalesTest's.
#include "qcc/Quantize/ScalingMethod.h"
#include "MethodProblem.h"
#include "qcc/Quantize/ChannelScales.h"
using namespace mlir;
using namespace qcc;

namespace {
struct ScalingMethodTest : MethodTest {
  std::vector<float> choose(StringRef name, ArrayRef<WeightProblem> readers, ParameterValues values = {}, StringRef codes = "rtn") {
    FailureOr<std::vector<float>> scales = findScalingMethod(name)->choose(readers, *findMethod(codes), values, remark = "");
    EXPECT_TRUE(succeeded(scales)) << remark;
    return succeeded(scales) ? *scales : std::vector<float>();
  }
};
} // namespace

// max|x| = 4, 16, 0 and max|w| = 1, 4, 2 over both readers.
TEST_F(ScalingMethodTest, SmoothQuantIsItsFormula) {
  InputStatistics inputs;
  inputs.K = 3;
  inputs.absMax = {4, 16, 0};
  std::vector<float> a = {1, -0.5f, 2, 0.25f, 1, 1}, b = {-1, 4, -0.5f};
  WeightProblem readers[] = {problem("w8row", a, 3, &inputs), problem("w8row", b, 3, &inputs)};
  ParameterValues values;
  values.set("smooth-alpha", 0.75);
  std::vector<float> half = choose("smoothquant", readers), most = choose("smoothquant", readers, values);
  EXPECT_FLOAT_EQ(half[0], 2);
  EXPECT_FLOAT_EQ(half[1], 2);
  EXPECT_FLOAT_EQ(half[2], std::sqrt(1e-5f / 2));
  EXPECT_FLOAT_EQ(most[0], std::pow(4.0f, 0.75f));
  EXPECT_FLOAT_EQ(most[1], 8 / std::sqrt(2.0f));
  EXPECT_EQ(remark, "");
}

TEST_F(ScalingMethodTest, InputsThatAreNotFiniteAreLeftAsTheyAre) {
  constexpr int64_t K = 64;
  std::vector<float> values = Numbers(1).weights(4 * K);
  InputStatistics inputs = statisticsOf(correlatedInputs(50, K), K);
  for (float bad : {float(INFINITY), float(NAN)}) {
    inputs.absMax[3] = inputs.moments[3 * K + 3] = bad;
    EXPECT_EQ(choose("smoothquant", problem("w8row", values, K, &inputs)), std::vector<float>(K, 1.0f));
    EXPECT_EQ(remark, "its inputs are not finite: they are not smoothed");
    EXPECT_EQ(choose("awq", problem("w4g32", values, K, &inputs)), std::vector<float>(K, 1.0f));
    EXPECT_EQ(remark, "the second moments of its inputs are not finite: no scales are searched");
  }
}

TEST_F(ScalingMethodTest, AwqTakesTheBetterOfBothSearches) {
  constexpr int64_t K = 128;
  std::vector<float> x = correlatedInputs(300, K), values = Numbers(2).weights(40 * K);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] *= int64_t(i) % K % 24 == 5 ? 30.0f : 1.0f;
  InputStatistics inputs = statisticsOf(x, K);
  WeightProblem p = problem("w3g64asym", values, K, &inputs);
  // Ranges are the format's own with `rtn`, and weighted by the inputs with methods that weigh them.
  for (StringRef codes : {"rtn", "mse", "gptq"}) {
    double least = INFINITY;
    std::vector<float> scales;
    for (bool duo : {false, true}) {
      ChannelScaleOptions options;
      options.duo = duo;
      options.weighted = codes != "rtn";
      FailureOr<ChannelScales> found = searchChannelScales(p, options, remark);
      ASSERT_TRUE(succeeded(found));
      EXPECT_LT(found->error, found->plainError);
      if (found->error < least)
        scales = found->scales;
      least = std::min(least, found->error);
    }
    EXPECT_EQ(choose("awq", p, {}, codes), scales) << codes.str();
  }
}
