// GPTQ (Frantar et al., arXiv 2210.17323): columns are rounded one after the other, and those that are left make up for the error of each, as the
// inputs' second moments H = X^T X say. With U the upper Cholesky factor of H^-1 (H^-1 = U^T U), column i's error e = (w_i - q_i) / U_ii is spread as
// w_j -= e U_ij, j > i.
//
// Columns go in the order of falling H_ii ("act-order"), under scales that are chosen before any column is touched ("static groups"), so that the
// order leaves no trace in the codes; scales are fitted with H's diagonal as importance. Works with every format that has scales. The factor is
// computed in double, in a fixed order; rows are independent of each other.
#include "ErrorFeedback.h"
#include "Methods.h"
#include <Eigen/Dense>
#include <cmath>
#include <numeric>
using namespace mlir;
using namespace qcc;

/// Of the mean diagonal element, added to the diagonal; doubled for as long as the matrix has no Cholesky factor, ten times.
static constexpr double damping = 0.01;
static constexpr int attempts = 10;

namespace {
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;

/// How errors spread: row i of `u`, from its diagonal element on, divided by it; both in the order of rounding.
struct Feedback {
  std::vector<int64_t> order;
  std::vector<float> u;      // [K][K]
};
} // namespace

/// H, damped, in the order of rounding. Channels that are always 0 get a diagonal of 1: they influence nothing.
static Matrix dampedMoments(const InputStatistics &inputs, ArrayRef<int64_t> order, double damp) {
  int64_t K = inputs.K;
  Matrix H(K, K);
  double mean = 0;
  for (int64_t k = 0; k < K; ++k)
    mean += inputs.energy(k) / double(K);
  for (int64_t j = 0; j < K; ++j)
    for (int64_t i = 0; i < K; ++i)
      H(i, j) = inputs.moments[order[i] * K + order[j]];
  for (int64_t k = 0; k < K; ++k)
    H(k, k) = (H(k, k) == 0 ? 1.0 : H(k, k)) + damp * mean;
  return H;
}

/// U through the Cholesky factor M of H with rows and columns reversed, since reversal turns M^-1, lower, into U, upper: no inverse of H is formed.
static bool factor(const InputStatistics &inputs, Feedback &feedback) {
  int64_t K = inputs.K;
  feedback.order.resize(K);
  std::iota(feedback.order.begin(), feedback.order.end(), 0);
  llvm::stable_sort(feedback.order, [&](int64_t a, int64_t b) { return inputs.energy(a) > inputs.energy(b); });
  std::vector<int64_t> reversed(feedback.order.rbegin(), feedback.order.rend());
  double damp = damping;
  for (int attempt = 0; attempt < attempts; ++attempt, damp *= 2) {
    Matrix H = dampedMoments(inputs, reversed, damp);
    Eigen::LLT<Eigen::Ref<Matrix>> cholesky(H);
    if (cholesky.info() != Eigen::Success)
      continue;
    Matrix inverse = Matrix::Identity(K, K);
    H.triangularView<Eigen::Lower>().solveInPlace(inverse);
    feedback.u.assign(K * K, 0.0f);
    bool finite = true;
    for (int64_t i = 0; i < K; ++i)
      for (int64_t j = i; j < K; ++j) {
        float u = float(inverse(K - 1 - i, K - 1 - j) / inverse(K - 1 - i, K - 1 - i));
        feedback.u[i * K + j] = u;
        finite &= bool(std::isfinite(u));
      }
    if (finite)
      return true;
  }
  return false;
}

namespace {
struct Gptq : QuantizationMethod {
  StringRef name() const override { return "gptq"; }
  bool needsInputs() const override { return true; }
  bool usesMoments() const override { return true; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    assert(problem.inputs && problem.inputs->hasMoments() && problem.inputs->K == problem.K);
    std::vector<float> energies = inputEnergies(problem);
    const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
    if (failed(forEachRow(problem, why, [&](int64_t row, std::string &why) {
          return family.fitRow(problem.values.slice(row * problem.K, problem.K), {energies, /*thorough=*/true}, out, row, why);
        })))
      return failure();
    Feedback feedback;
    if (!factor(*problem.inputs, feedback)) {
      why = "the second moments of its inputs have no Cholesky factor, even damped " + std::to_string(int(damping * double(1 << (attempts - 1)) * 100)) + " percent";
      return failure();
    }
    int64_t blocks = (problem.rows + feedbackRows - 1) / feedbackRows;
    WeightProblem blocked = problem;
    blocked.rows = blocks;
    return forEachRow(blocked, why, [&](int64_t block, std::string &) {
      roundRows(problem, family, feedback, block * feedbackRows, std::min(feedbackRows, problem.rows - block * feedbackRows), out);
      return success();
    });
  }

private:
  static void roundRows(const WeightProblem &problem, const qnt::FormatFamily &family, const Feedback &feedback, int64_t first, int64_t count, qnt::QuantizedBuffer &out) {
    int64_t K = problem.K;
    std::vector<float> rest(count * K); // in the order of rounding
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < K; ++i)
        rest[r * K + i] = problem.values[(first + r) * K + feedback.order[i]];
    for (int64_t i = 0; i < K; ++i) {
      float errors[feedbackRows];
      for (int64_t r = 0; r < count; ++r) {
        float value = rest[r * K + i], decoded;
        family.encodeColumns(value, feedback.order[i], out, first + r);
        family.decodeColumns(out.view, first + r, feedback.order[i], decoded);
        errors[r] = value - decoded;
      }
      feedBack(rest.data() + i + 1, K, count, errors, feedback.u.data() + i * K + i + 1, K - i - 1);
    }
  }
};
} // namespace

const QuantizationMethod &qcc::getGptq() {
  static const Gptq method;
  return method;
}
