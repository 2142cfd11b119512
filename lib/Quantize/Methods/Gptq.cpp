// GPTQ (Frantar et al., arXiv 2210.17323): columns are rounded one after the other, and those that are left make up for the error of each, as the
// inputs' second moments H = X^T X say. With U the upper Cholesky factor of H^-1 (H^-1 = U^T U), column i's error e = (w_i - q_i) / U_ii is spread as
// w_j -= e U_ij, j > i.
//
// Columns go in the order of falling H_ii ("act-order"), under scales that are chosen before any column is touched ("static groups"), so that the
// order leaves no trace in the codes. Their importance per column is 1 / U_ii^2, since the loss is the sum of (w_i - q_i)^2 / U_ii^2. Then scales are
// fitted to the codes (RefitScales.h), and codes chosen once more under them, where a row gains.
//
// Works with every format. The factor is computed in double, in a fixed order; rows are independent of each other.
#include "ErrorFeedback.h"
#include "Methods.h"
#include "RefitScales.h"
#include "llvm/Support/Parallel.h"
#include <Eigen/Dense>
#include <atomic>
#include <cmath>
#include <numeric>
using namespace mlir;
using namespace qcc;

static constexpr int attempts = 10;          // at a Cholesky factor, with doubled damping
static constexpr int64_t rowsOfTask = 32;    // read each part of U once
static constexpr int64_t columnsOfTask = 64; // of the inverse

namespace {
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;

/// How errors spread: row i of `u`, from its diagonal element on, divided by it; both in the order of rounding.
struct Feedback {
  int64_t K, stride;          // columns and, for whole vectors, columns and zeros
  std::vector<int64_t> order;
  std::vector<float> u;       // [K][stride]
  std::vector<double> costs;  // 1 / U_ii^2: what a squared error there costs
};
} // namespace

static std::vector<int64_t> roundingOrder(const WeightProblem &problem) {
  std::vector<int64_t> order(problem.K);
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) { return std::pair(-problem.inputs->energy(a), a) < std::pair(-problem.inputs->energy(b), b); });
  return order;
}

/// H, damped, in `order`. Channels that are always 0 get a diagonal of 1: they influence nothing.
static Matrix dampedMoments(const InputStatistics &inputs, ArrayRef<int64_t> order, double added) {
  int64_t K = inputs.K;
  Matrix H(K, K);
  double mean = 0;
  for (int64_t k = 0; k < K; ++k)
    mean += inputs.energy(k) / double(K);
  llvm::parallelFor(0, K, [&](size_t j) {
    for (int64_t i = 0; i < K; ++i)
      H(i, j) = inputs.moments[order[j] * K + order[i]];
    H(j, j) = (H(j, j) == 0 ? 1.0 : H(j, j)) + added * mean;
  });
  return H;
}

/// Fills `u` from M, lower, the Cholesky factor of H with rows and columns reversed: reversal turns M^-1, lower, into U, upper, so that no inverse of H is
/// formed. False when an element is not finite.
static bool invertFactor(const Matrix &M, Feedback &feedback) {
  int64_t K = feedback.K;
  feedback.u.assign(K * feedback.stride, 0.0f);
  feedback.costs.resize(K);
  for (int64_t i = 0; i < K; ++i)
    feedback.costs[i] = M(K - 1 - i, K - 1 - i) * M(K - 1 - i, K - 1 - i);
  std::atomic<bool> finite = true;
  llvm::parallelFor(0, (K + columnsOfTask - 1) / columnsOfTask, [&](size_t task) {
    int64_t from = int64_t(task) * columnsOfTask, left = K - from, n = std::min(columnsOfTask, left);
    Matrix inverse = Matrix::Identity(left, n); // columns of M^-1, which are 0 above `from`
    M.bottomRightCorner(left, left).triangularView<Eigen::Lower>().solveInPlace(inverse);
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = j; i < left; ++i) {
        float u = float(inverse(i, j) * M(from + i, from + i)); // M_ii is 1 / (M^-1)_ii
        feedback.u[(K - 1 - from - i) * feedback.stride + (K - 1 - from - j)] = u;
        if (!std::isfinite(u))
          finite = false;
      }
  });
  return finite;
}

/// Fails when H has no Cholesky factor however it is damped.
static FailureOr<Feedback> computeFeedback(const WeightProblem &problem) {
  Feedback feedback;
  feedback.K = problem.K;
  feedback.stride = (problem.K + feedbackLanes - 1) / feedbackLanes * feedbackLanes;
  feedback.order = roundingOrder(problem);
  std::vector<int64_t> reversed(feedback.order.rbegin(), feedback.order.rend());
  double added = problem.parameters[damping];
  for (int attempt = 0; attempt < attempts; ++attempt, added *= 2) {
    Matrix H = dampedMoments(*problem.inputs, reversed, added);
    Eigen::LLT<Eigen::Ref<Matrix>> cholesky(H); // in place
    if (cholesky.info() == Eigen::Success && invertFactor(H, feedback))
      return feedback;
  }
  return failure();
}

/// By column.
static std::vector<double> costsOf(const Feedback &feedback) {
  std::vector<double> costs(feedback.K);
  for (int64_t i = 0; i < feedback.K; ++i)
    costs[feedback.order[i]] = feedback.costs[i];
  return costs;
}

namespace {
/// Rounds rowsOfTask rows, column by column.
class RowRounder {
public:
  RowRounder(const WeightProblem &problem, const Feedback &feedback, int64_t first, qnt::QuantizedBuffer &out)
      : problem(problem), family(*qnt::familyOf(problem.element)), feedback(feedback), first(first), count(std::min(rowsOfTask, problem.rows - first)), out(out),
        rest(rowsOfTask * feedback.stride), errors(rowsOfTask * feedbackColumns), losses(rowsOfTask) {}

  void run(const RefitScales *refit) {
    round();
    if (!refit)
      return;
    std::vector<double> before = losses;
    std::vector<RowState> states;
    for (int64_t r = 0; r < count; ++r)
      states.emplace_back(out, first + r);
    for (int64_t row = 0; row < count; row += feedbackRows)
      refit->run(first + row, std::min(feedbackRows, count - row), out);
    round();
    for (int64_t r = 0; r < count; ++r)
      if (losses[r] >= before[r])
        states[r].restore(out, first + r);
  }

private:
  void round() {
    std::fill(losses.begin(), losses.end(), 0.0);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < problem.K; ++i)
        rest[r * feedback.stride + i] = problem.values[(first + r) * problem.K + feedback.order[i]];
    for (int64_t from = 0; from < problem.K; from += feedbackColumns) {
      int64_t to = std::min(problem.K, from + feedbackColumns);
      for (int64_t row = 0; row < count; row += feedbackRows)
        roundBlock(row, from, to);
      spreadErrors(from, to);
    }
  }

  const float *spread(int64_t i, int64_t j) const { return feedback.u.data() + i * feedback.stride + j; }
  float *errorsOf(int64_t row) { return errors.data() + row * feedbackColumns; } // [columns of the block][feedbackRows]

  /// Columns from .. to of feedbackRows rows, fewer at the end, whose errors spread within the block.
  void roundBlock(int64_t row, int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      float *e = errorsOf(row) + (i - from) * feedbackRows, *at = rest.data() + row * feedback.stride + i;
      for (int64_t r = 0; r < std::min(feedbackRows, count - row); ++r) {
        float value = at[r * feedback.stride], decoded;
        family.encodeColumns(value, feedback.order[i], out, first + row + r);
        family.decodeColumns(out.view, first + row + r, feedback.order[i], decoded);
        e[r] = value - decoded;
        losses[row + r] += double(e[r]) * e[r] * feedback.costs[i];
      }
      feedBack(at + 1, feedback.stride, e, spread(i, i + 1), to - i - 1);
    }
  }

  /// To the columns behind the block, a few at a time: that part of U stays in the cache for all rows.
  void spreadErrors(int64_t from, int64_t to) {
    constexpr int64_t columns = 256;
    for (int64_t j = to; j < problem.K; j += columns)
      for (int64_t row = 0; row < count; row += feedbackRows)
        feedBackBlock(rest.data() + row * feedback.stride + j, feedback.stride, errorsOf(row), to - from, spread(from, j), std::min(columns, feedback.stride - j));
  }

  const WeightProblem &problem;
  const qnt::FormatFamily &family;
  const Feedback &feedback;
  int64_t first, count;
  qnt::QuantizedBuffer &out;
  std::vector<float> rest, errors; // what is left of the rows, in the order of rounding; rows past the last are 0
  std::vector<double> losses;      // of each row
};

/// What one weight's codes and another's have in common.
struct Preparation : MethodPreparation {
  explicit Preparation(const WeightProblem &problem) : energies(columnImportance(problem, remark)) {
    if (remark.empty())
      feedback = computeFeedback(problem);
    if (succeeded(feedback)) {
      importance = normalizedImportance(costsOf(*feedback));
      moments.emplace(problem);
    } else if (remark.empty()) {
      remark = "the second moments of its inputs have no Cholesky factor, however damped: rounded to nearest instead of gptq";
    }
  }
  std::string remark;                          // why there is no feedback
  std::vector<float> energies, importance;     // of columns: in themselves, and when later ones make up for them
  FailureOr<Feedback> feedback = failure();
  std::optional<DampedMoments> moments;        // with feedback
};

struct Gptq : QuantizationMethod {
  StringRef name() const override { return "gptq"; }
  bool needsInputs() const override { return true; }
  bool usesMoments() const override { return true; }
  ArrayRef<MethodParameter> parameters() const override { return damping; }
  std::unique_ptr<MethodPreparation> prepare(const WeightProblem &problem) const override { return std::make_unique<Preparation>(problem); }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    assert(problem.inputs && problem.inputs->hasMoments() && problem.inputs->K == problem.K);
    if (!problem.preparation)
      return encode(problem, Preparation(problem), out, why);
    return encode(problem, *static_cast<const Preparation *>(problem.preparation), out, why);
  }

private:
  static LogicalResult encode(const WeightProblem &problem, const Preparation &preparation, qnt::QuantizedBuffer &out, std::string &why) {
    const FailureOr<Feedback> &feedback = preparation.feedback;
    if (failed(fitRows(problem, succeeded(feedback) ? preparation.importance : preparation.energies, out, why)))
      return failure();
    if (failed(feedback)) {
      roundRows(problem, out);
      why = preparation.remark;
      return success();
    }
    std::optional<RefitScales> refit;
    if (RefitScales::applies(problem.element))
      refit.emplace(problem, *preparation.moments);
    llvm::parallelFor(0, (problem.rows + rowsOfTask - 1) / rowsOfTask,
                      [&](size_t task) { RowRounder(problem, *feedback, int64_t(task) * rowsOfTask, out).run(refit ? &*refit : nullptr); });
    return success();
  }
};
} // namespace

const QuantizationMethod &qcc::getGptq() {
  static const Gptq method;
  return method;
}
