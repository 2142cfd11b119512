// AWQ (Lin et al., arXiv 2306.00978): the search of ChannelScales.h, with and without the weights' own magnitudes (AutoAWQ's duo scaling), whichever loses
// less. Its clipping search is what `mse` does for every group. Exponents are compared under the ranges that codes will have: `mse` and `gptq` weigh errors by
// the inputs and search finely, `rtn` does neither.
#include "Methods.h"
#include "qcc/Quantize/ChannelScales.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

namespace {
struct Awq : ScalingMethod {
  StringRef name() const override { return "awq"; }
  bool usesMoments() const override { return true; }
  bool scalesLinearInputs() const override { return true; }
  StringRef codes() const override { return "mse"; }
  FailureOr<std::vector<float>> choose(ArrayRef<WeightProblem> readers, const QuantizationMethod &codes, const ParameterValues &, std::string &why) const override {
    const InputStatistics &inputs = *readers.front().inputs;
    for (int64_t k = 0; k < inputs.K; ++k)
      if (!std::isfinite(inputs.energy(k))) {
        why = "the second moments of its inputs are not finite: no scales are searched";
        return std::vector<float>(inputs.K, 1.0f);
      }
    ChannelScaleOptions options;
    options.weighted = codes.usesMoments();
    FailureOr<ChannelScales> plain = searchChannelScales(readers, options, why);
    if (failed(plain))
      return failure();
    options.duo = true;
    FailureOr<ChannelScales> duo = searchChannelScales(readers, options, why);
    if (failed(duo))
      return failure();
    return duo->error < plain->error ? duo->scales : plain->scales;
  }
};
} // namespace

const ScalingMethod &qcc::getAwq() {
  static const Awq method;
  return method;
}
