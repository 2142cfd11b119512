// SmoothQuant (Xiao et al., arXiv 2211.10438, section 4): s = max|x|^alpha / max|w|^(1 - alpha) for each channel, so that inputs and weights are equally
// hard to quantize. As in the authors' code, both maxima are at least 1e-5, the weights' is over all readers, and only what norms make is smoothed.
#include "Methods.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

static constexpr MethodParameter alpha = {"smooth-alpha", 0.5, 0, 1, "SmoothQuant: how much of the inputs' range moves into weights"};

namespace {
struct SmoothQuant : ScalingMethod {
  StringRef name() const override { return "smoothquant"; }
  bool usesMoments() const override { return false; }
  bool scalesLinearInputs() const override { return false; }
  StringRef codes() const override { return "rtn"; }
  ArrayRef<MethodParameter> parameters() const override { return alpha; }
  FailureOr<std::vector<float>> choose(ArrayRef<WeightProblem> readers, const QuantizationMethod &, const ParameterValues &values, std::string &why) const override {
    const InputStatistics &inputs = *readers.front().inputs;
    std::vector<float> weights(inputs.K), scales(inputs.K, 1.0f);
    for (const WeightProblem &reader : readers)
      for (int64_t i = 0; i < reader.rows * reader.K; ++i)
        weights[i % reader.K] = std::max(weights[i % reader.K], std::fabs(reader.values[i]));
    double a = values[alpha];
    for (int64_t k = 0; k < inputs.K; ++k) {
      double x = std::max(inputs.absMax[k], 1e-5f), w = std::max(weights[k], 1e-5f);
      scales[k] = float(std::pow(x, a) / std::pow(w, 1 - a));
      if (std::isfinite(inputs.absMax[k]) && std::isfinite(scales[k]) && scales[k] > 0)
        continue;
      why = "its inputs are not finite: they are not smoothed";
      return std::vector<float>(inputs.K, 1.0f);
    }
    return scales;
  }
};
} // namespace

const ScalingMethod &qcc::getSmoothQuant() {
  static const SmoothQuant method;
  return method;
}
