// LLM.int8(): vector-wise int8, as formats round by themselves, and outlier channels that are found at run time (qnt.split_outliers).
// Source: Dettmers et al. 2022, arXiv 2208.07339; the threshold of 6 is theirs.
#include "Methods.h"
using namespace mlir;
using namespace qcc;

namespace {
struct LlmInt8 : QuantizationMethod {
  StringRef name() const override { return "llm-int8"; }
  bool choosesCodes() const override { return false; }
  double outlierThreshold() const override { return 6; }
  std::optional<RequiredFormats> requiredFormats() const override {
    return RequiredFormats{/*weightBits=*/8, /*activationBits=*/8, /*groupSize=*/-1, /*activationGroup=*/-1, /*symmetric=*/true, /*dynamicActivations=*/true};
  }
  bool handles(qnt::BlockType format) const override {
    return format.getElement() == qnt::Element::Int && format.getBits() == 8 && format.getGroup() < 0 && format.getZero() == qnt::ZeroKind::None;
  }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    return encodeRows(problem, out, why);
  }
};
} // namespace

const QuantizationMethod &qcc::getLlmInt8() {
  static const LlmInt8 method;
  return method;
}
