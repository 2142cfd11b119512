// Round to nearest: what formats do by themselves.
#include "Methods.h"
using namespace mlir;
using namespace qcc;

namespace {
struct Rtn : QuantizationMethod {
  StringRef name() const override { return "rtn"; }
  bool choosesCodes() const override { return false; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    return encodeRows(problem, out, why);
  }
};
} // namespace

const QuantizationMethod &qcc::getRtn() {
  static const Rtn method;
  return method;
}
