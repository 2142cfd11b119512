// Round to nearest under the ranges of least squared error: a finer search than the formats' own. With second moments, the error of a column counts
// as much as the mean square of its input: the diagonal of the error's weighted norm tr(E X^T X E^T).
#include "Methods.h"
using namespace mlir;
using namespace qcc;

namespace {
struct Mse : QuantizationMethod {
  StringRef name() const override { return "mse"; }
  bool usesMoments() const override { return true; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    std::string remark;
    if (failed(fitRows(problem, columnImportance(problem, remark), out, why)))
      return failure();
    roundRows(problem, out);
    why = remark;
    return success();
  }
};
} // namespace

const QuantizationMethod &qcc::getMse() {
  static const Mse method;
  return method;
}
