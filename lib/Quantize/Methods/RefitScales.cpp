// H c_g is summed column by column of g, for a few rows at once; the small systems are solved in double.
#include "RefitScales.h"
#include "ErrorFeedback.h"
#include "Methods.h"
#include <Eigen/Dense>
#include <cmath>
using namespace mlir;
using namespace qcc;

RowState::RowState(const qnt::QuantizedBuffer &buffer, int64_t row) {
  int64_t K = buffer.view.K, scalesOfRow = int64_t(buffer.scales.size()) / buffer.view.rows;
  codes.assign(buffer.codes.begin() + row * K, buffer.codes.begin() + (row + 1) * K);
  scales.assign(buffer.scales.begin() + row * scalesOfRow, buffer.scales.begin() + (row + 1) * scalesOfRow);
}

void RowState::restore(qnt::QuantizedBuffer &buffer, int64_t row) const {
  std::copy(codes.begin(), codes.end(), buffer.codes.begin() + row * int64_t(codes.size()));
  std::copy(scales.begin(), scales.end(), buffer.scales.begin() + row * int64_t(scales.size()));
}

bool RefitScales::applies(Type element) { return qnt::familyOf(element)->hasLinearScales(element); }

DampedMoments::DampedMoments(const WeightProblem &problem) : stride((problem.K + feedbackLanes - 1) / feedbackLanes * feedbackLanes), values(problem.K * stride) {
  double mean = 0;
  for (int64_t k = 0; k < problem.K; ++k)
    mean += problem.inputs->energy(k) / double(problem.K);
  for (int64_t k = 0; k < problem.K; ++k) {
    std::copy_n(problem.inputs->moments.begin() + k * problem.K, problem.K, values.begin() + k * stride);
    values[k * stride + k] += float(problem.parameters[damping] * mean);
  }
}

RefitScales::RefitScales(const WeightProblem &problem, const DampedMoments &moments) : problem(problem), family(*qnt::familyOf(problem.element)), moments(moments) {
  auto block = cast<qnt::BlockType>(problem.element);
  span = block.getSuper() ? block.getSuper() : block.getGroup() < 0 ? problem.K : block.getGroup();
}

void RefitScales::run(int64_t first, int64_t count, qnt::QuantizedBuffer &out) const {
  int64_t K = problem.K, scales = (K + span - 1) / span, stride = moments.stride;
  auto scaleOf = [&](int64_t r, int64_t g) -> float & { return out.scales[(first + r) * scales + g]; };
  std::vector<float> units(count * K), product(feedbackRows * stride), minus(span * feedbackRows);
  for (int64_t r = 0; r < count; ++r) {
    MutableArrayRef<float> row = MutableArrayRef(units).slice(r * K, K);
    family.decodeRow(out.view, first + r, row);
    for (int64_t k = 0; k < K; ++k)
      row[k] = scaleOf(r, k / span) != 0 ? row[k] / scaleOf(r, k / span) : 0;
  }
  std::vector<Eigen::MatrixXd> normal(count, Eigen::MatrixXd::Zero(scales, scales));
  std::vector<Eigen::VectorXd> right(count, Eigen::VectorXd::Zero(scales));
  for (int64_t g = 0; g < scales; ++g) {
    int64_t from = g * span, n = std::min(span, K - from);
    for (int64_t k = 0; k < n; ++k)
      for (int64_t r = 0; r < feedbackRows; ++r)
        minus[k * feedbackRows + r] = r < count ? -units[r * K + from + k] : 0.0f;
    std::fill(product.begin(), product.end(), 0.0f);
    feedBackBlock(product.data(), stride, minus.data(), n, moments.values.data() + from * stride, stride);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t h = 0; h < scales; ++h)
        for (int64_t k = h * span, end = std::min(K, k + span); k < end; ++k) {
          normal[r](h, g) += double(units[r * K + k]) * product[r * stride + k];
          right[r](g) += double(problem.values[(first + r) * K + k]) * product[r * stride + k];
        }
  }
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t g = 0; g < scales; ++g)
      if (normal[r](g, g) <= 0) { // all its codes stand for 0
        normal[r](g, g) = 1;
        right[r](g) = scaleOf(r, g);
      }
    Eigen::VectorXd found = normal[r].ldlt().solve(right[r]);
    auto kind = cast<qnt::BlockType>(problem.element).getScale();
    for (int64_t g = 0; g < scales; ++g) {
      float scale = qnt::roundToScale(float(found(g)), kind);
      if (std::isfinite(scale) && scale != 0 && (scale > 0) == (scaleOf(r, g) > 0))
        scaleOf(r, g) = scale;
    }
  }
}

std::vector<double> RefitScales::losses(int64_t first, int64_t count, const qnt::QuantizedBuffer &out) const {
  int64_t K = problem.K, stride = moments.stride;
  std::vector<float> lost(count * K), minus(K * feedbackRows), product(feedbackRows * stride);
  for (int64_t r = 0; r < count; ++r) {
    family.decodeRow(out.view, first + r, MutableArrayRef(lost).slice(r * K, K));
    for (int64_t k = 0; k < K; ++k) {
      lost[r * K + k] -= problem.values[(first + r) * K + k];
      minus[k * feedbackRows + r] = -lost[r * K + k];
    }
  }
  feedBackBlock(product.data(), stride, minus.data(), K, moments.values.data(), stride);
  std::vector<double> sums(count);
  for (int64_t r = 0; r < count; ++r)
    for (int64_t k = 0; k < K; ++k)
      sums[r] += double(lost[r * K + k]) * product[r * stride + k];
  return sums;
}
