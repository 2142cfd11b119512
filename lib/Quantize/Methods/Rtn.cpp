// Round to nearest: what formats do by themselves.
#include "Methods.h"
using namespace mlir;
using namespace qcc;

namespace {
struct Rtn : QuantizationMethod {
  StringRef name() const override { return "rtn"; }
  bool choosesCodes() const override { return false; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
    qnt::FitOptions options;
    options.largest = largestOf(problem);
    return forEachRow(problem, why, [&](int64_t row, std::string &why) {
      return family.encodeRow(problem.values.slice(row * problem.K, problem.K), out, row, why, options);
    });
  }
};
} // namespace

const QuantizationMethod &qcc::getRtn() {
  static const Rtn method;
  return method;
}
