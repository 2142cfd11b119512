// Round to nearest under the ranges of least squared error: a finer search than the formats' own. With second moments, the error of a column counts
// as much as the mean square of its input: the diagonal of the error's weighted norm tr(E X^T X E^T). Errors of one group have a sign in common where they come
// of its range, which the diagonal does not see: scales are then fitted to the whole norm (RefitScales.h), and what a row loses by it is taken back.
#include "ErrorFeedback.h"
#include "Methods.h"
#include "RefitScales.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

/// Of `count` rows: scales fitted to codes, then codes to these scales, as far as each lowers the loss.
static void refine(const WeightProblem &problem, const RefitScales &refit, int64_t first, int64_t count, qnt::QuantizedBuffer &out) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  std::vector<double> least = refit.losses(first, count, out);
  std::vector<RowState> best;
  for (int64_t r = 0; r < count; ++r)
    best.emplace_back(out, first + r);
  auto keepBetter = [&] {
    std::vector<double> losses = refit.losses(first, count, out);
    for (int64_t r = 0; r < count; ++r)
      if (losses[r] < least[r]) {
        least[r] = losses[r];
        best[r] = RowState(out, first + r);
      }
  };
  refit.run(first, count, out);
  keepBetter();
  for (int64_t r = first; r < first + count; ++r)
    family.encodeColumns(problem.values.slice(r * problem.K, problem.K), 0, out, r);
  keepBetter();
  for (int64_t r = 0; r < count; ++r)
    best[r].restore(out, first + r);
}

namespace {
struct Preparation : MethodPreparation {
  explicit Preparation(const WeightProblem &problem) : importance(columnImportance(problem, remark)) {
    if (!importance.empty())
      moments.emplace(problem);
  }
  std::string remark;                   // why columns count alike
  std::vector<float> importance;        // of columns; empty: they count alike
  std::optional<DampedMoments> moments; // with importance
};

struct Mse : QuantizationMethod {
  StringRef name() const override { return "mse"; }
  bool usesMoments() const override { return true; }
  ArrayRef<MethodParameter> parameters() const override { return damping; }
  std::unique_ptr<MethodPreparation> prepare(const WeightProblem &problem) const override { return std::make_unique<Preparation>(problem); }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    if (!problem.preparation)
      return encode(problem, Preparation(problem), out, why);
    return encode(problem, *static_cast<const Preparation *>(problem.preparation), out, why);
  }

private:
  static LogicalResult encode(const WeightProblem &problem, const Preparation &preparation, qnt::QuantizedBuffer &out, std::string &why) {
    if (failed(fitRows(problem, preparation.importance, out, why)))
      return failure();
    roundRows(problem, out);
    why = preparation.remark;
    if (preparation.importance.empty() || !RefitScales::applies(problem.element))
      return success();
    RefitScales refit(problem, *preparation.moments);
    llvm::parallelFor(0, (problem.rows + feedbackRows - 1) / feedbackRows, [&](size_t task) {
      int64_t first = int64_t(task) * feedbackRows;
      refine(problem, refit, first, std::min(feedbackRows, problem.rows - first), out);
    });
    return success();
  }
};
} // namespace

const QuantizationMethod &qcc::getMse() {
  static const Mse method;
  return method;
}
