// GPTQ (Frantar et al., arXiv 2210.17323): columns are rounded one after the other, and those that are left make up for the error of each, as the
// inputs' second moments H = X^T X say. With U the upper Cholesky factor of H^-1 (H^-1 = U^T U), column i's error e = (w_i - q_i) / U_ii is spread as
// w_j -= e U_ij, j > i.
//
// Columns go in the order of falling H_ii ("act-order"), under scales that are chosen before any column is touched ("static groups"), so that the
// order leaves no trace in the codes. They are fitted with 1 / U_ii^2 as importance, since the loss is the sum of (w_i - q_i)^2 / U_ii^2. Then the
// scales that are best for the codes follow by least squares under H, and the codes once more under them, kept where a row gains.
//
// Works with every format that has scales. Factors are computed in double, in a fixed order; rows are independent of each other.
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
/// Times that scales are fitted to codes at most.
static constexpr int refits = 1;

namespace {
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;

/// How errors spread: row i of `u`, from its diagonal element on, divided by it, in the order of rounding.
struct Feedback {
  std::vector<float> moments;  // [K][K] damped, by the columns' own numbers
  std::vector<int64_t> order;
  std::vector<float> u;      // [K][K]
  std::vector<float> costs;  // of each column, by its number: 1 / U_ii^2, what the rows' squared errors there add to the output's
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
    Eigen::VectorXd diagonal = H.diagonal();
    Eigen::LLT<Eigen::Ref<Matrix>> cholesky(H);
    if (cholesky.info() != Eigen::Success)
      continue;
    Matrix inverse = Matrix::Identity(K, K);
    H.triangularView<Eigen::Lower>().solveInPlace(inverse);
    feedback.moments = inputs.moments;
    for (int64_t k = 0; k < K; ++k)
      feedback.moments[reversed[k] * K + reversed[k]] = float(diagonal[k]);
    feedback.u.assign(K * K, 0.0f);
    feedback.costs.assign(K, 0.0f);
    bool finite = true;
    for (int64_t i = 0; i < K; ++i) {
      feedback.costs[feedback.order[i]] = float(1 / (inverse(K - 1 - i, K - 1 - i) * inverse(K - 1 - i, K - 1 - i)));
      for (int64_t j = i; j < K; ++j) {
        float u = float(inverse(K - 1 - i, K - 1 - j) / inverse(K - 1 - i, K - 1 - i));
        feedback.u[i * K + j] = u;
        finite &= bool(std::isfinite(u));
      }
    }
    if (finite)
      return true;
  }
  return false;
}

namespace {
/// A few rows that are worked on together.
class Rows {
public:
  Rows(const WeightProblem &problem, const qnt::FormatFamily &family, const Feedback &feedback, int64_t first, qnt::QuantizedBuffer &out)
      : problem(problem), family(family), feedback(feedback), first(first), count(std::min(feedbackRows, problem.rows - first)), K(problem.K), out(out),
        scales(int64_t(out.view.scales.size()) / problem.rows), span(out.view.superBlocks ? cast<qnt::BlockType>(problem.element).getSuper() : out.view.group) {}

  void encode() {
    double best[feedbackRows], loss[feedbackRows];
    round(best);
    auto scaleKind = cast<qnt::BlockType>(problem.element).getScale();
    for (int i = 0; i < refits && scaleKind != qnt::ScaleKind::E8M0; ++i) { // powers of two are too far apart for a fit
      std::vector<uint8_t> codes(out.codes.begin() + first * K, out.codes.begin() + (first + count) * K);
      std::vector<float> old(out.scales.begin() + first * scales, out.scales.begin() + (first + count) * scales);
      refit(scaleKind);
      round(loss);
      bool gained = false;
      for (int64_t r = 0; r < count; ++r) {
        if (loss[r] < best[r]) {
          gained = true;
          best[r] = loss[r];
          continue;
        }
        std::copy_n(codes.begin() + r * K, K, out.codes.begin() + (first + r) * K);
        std::copy_n(old.begin() + r * scales, scales, out.scales.begin() + (first + r) * scales);
      }
      if (!gained)
        return;
    }
  }

private:
  /// Codes under the rows' scales; `loss` is what they cost.
  void round(double *loss) {
    std::vector<float> rest(count * K); // in the order of rounding
    for (int64_t r = 0; r < count; ++r) {
      loss[r] = 0;
      for (int64_t i = 0; i < K; ++i)
        rest[r * K + i] = problem.values[(first + r) * K + feedback.order[i]];
    }
    for (int64_t i = 0; i < K; ++i) {
      float errors[feedbackRows];
      for (int64_t r = 0; r < count; ++r) {
        float value = rest[r * K + i], decoded;
        family.encodeColumns(value, feedback.order[i], out, first + r);
        family.decodeColumns(out.view, first + r, feedback.order[i], decoded);
        errors[r] = value - decoded;
        loss[r] += double(errors[r]) * errors[r] * feedback.costs[feedback.order[i]];
      }
      feedBack(rest.data() + i + 1, K, count, errors, feedback.u.data() + i * K + i + 1, K - i - 1);
    }
  }

  /// Scales of least loss for the rows' codes. A value is its scale times what its code stands for, c: with t_g = H c_g, for the columns g of a scale,
  /// sum_h (c_g t_h) s_h = w t_g.
  void refit(qnt::ScaleKind kind) {
    std::vector<float> units(count * K), product(count * K);
    for (int64_t r = 0; r < count; ++r) {
      MutableArrayRef<float> row = MutableArrayRef(units).slice(r * K, K);
      family.decodeRow(out.view, first + r, row);
      for (int64_t k = 0; k < K; ++k)
        row[k] /= out.scales[(first + r) * scales + k / span];
    }
    std::vector<Matrix> normal(count, Matrix(scales, scales));
    std::vector<Eigen::VectorXd> right(count, Eigen::VectorXd(scales));
    for (int64_t g = 0; g < scales; ++g) {
      std::fill(product.begin(), product.end(), 0.0f);
      for (int64_t k = g * span, end = std::min(K, k + span); k < end; ++k) {
        float minus[feedbackRows];
        for (int64_t r = 0; r < count; ++r)
          minus[r] = -units[r * K + k];
        feedBack(product.data(), K, count, minus, feedback.moments.data() + k * K, K);
      }
      for (int64_t r = 0; r < count; ++r) {
        right[r](g) = 0;
        normal[r].col(g).setZero();
        for (int64_t k = 0; k < K; ++k) {
          normal[r](k / span, g) += double(units[r * K + k]) * product[r * K + k];
          right[r](g) += double(problem.values[(first + r) * K + k]) * product[r * K + k];
        }
      }
    }
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t g = 0; g < scales; ++g)
        if (normal[r](g, g) <= 0) // all codes stand for 0: its scale is of no effect, and stays
          normal[r](g, g) = 1, right[r](g) = out.scales[(first + r) * scales + g];
      Eigen::VectorXd found = normal[r].ldlt().solve(right[r]);
      for (int64_t g = 0; g < scales; ++g) {
        float scale = qnt::roundToScale(float(found(g)), kind), &old = out.scales[(first + r) * scales + g];
        if (std::isfinite(scale) && scale != 0 && (scale > 0) == (old > 0))
          old = scale;
      }
    }
  }

  const WeightProblem &problem;
  const qnt::FormatFamily &family;
  const Feedback &feedback;
  const int64_t first, count, K;
  qnt::QuantizedBuffer &out;
  const int64_t scales, span;  // stored scales of a row, and columns of each
};

struct Gptq : QuantizationMethod {
  StringRef name() const override { return "gptq"; }
  bool needsInputs() const override { return true; }
  bool usesMoments() const override { return true; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    assert(problem.inputs && problem.inputs->hasMoments() && problem.inputs->K == problem.K);
    const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
    Feedback feedback;
    if (!factor(*problem.inputs, feedback)) {
      why = "the second moments of its inputs have no Cholesky factor, even damped " + std::to_string(int(damping * double(1 << (attempts - 1)) * 100)) + " percent";
      return failure();
    }
    if (failed(forEachRow(problem, why, [&](int64_t row, std::string &why) {
          return family.fitRow(problem.values.slice(row * problem.K, problem.K), {feedback.costs, /*thorough=*/true}, out, row, why);
        })))
      return failure();
    int64_t blocks = (problem.rows + feedbackRows - 1) / feedbackRows;
    WeightProblem blocked = problem;
    blocked.rows = blocks;
    return forEachRow(blocked, why, [&](int64_t block, std::string &) {
      Rows(problem, family, feedback, block * feedbackRows, out).encode();
      return success();
    });
  }
};
} // namespace

const QuantizationMethod &qcc::getGptq() {
  static const Gptq method;
  return method;
}
