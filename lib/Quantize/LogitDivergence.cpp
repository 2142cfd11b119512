#include "qcc/Quantize/LogitDivergence.h"
#include "llvm/Support/Parallel.h"
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
using namespace qcc;
using llvm::ArrayRef;

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
static constexpr int64_t rowsOfTask = 256;   // of the head

std::vector<float> LogitDivergence::logitsOf(ArrayRef<float> inputs) const {
  int64_t vocabulary = int64_t(head.size()) / K, positions = int64_t(inputs.size()) / K;
  std::vector<float> logits(positions * vocabulary);
  Eigen::Map<const Matrix> x(inputs.data(), positions, K), w(head.data(), vocabulary, K);
  Eigen::Map<Matrix> y(logits.data(), positions, vocabulary);
  llvm::parallelFor(0, (vocabulary + rowsOfTask - 1) / rowsOfTask, [&](size_t task) {
    int64_t from = int64_t(task) * rowsOfTask, n = std::min(rowsOfTask, vocabulary - from);
    Matrix part = x * w.middleRows(from, n).transpose();
    y.middleCols(from, n) = part;
  });
  return logits;
}

void LogitDivergence::setReference(ArrayRef<float> inputs) { reference = logitsOf(inputs); }

/// log(sum p e^d) - sum p d for p the softmax of `z` and d = other - z, which loses no digits when d is small.
static double divergence(const float *z, const float *other, int64_t n) {
  double top = *std::max_element(z, z + n), sum = 0, exponentials = 0, mean = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += std::exp(z[i] - top);
  for (int64_t i = 0; i < n; ++i) {
    double p = std::exp(z[i] - top) / sum, d = double(other[i]) - z[i];
    exponentials += p * std::expm1(d);
    mean += p * d;
  }
  return std::log1p(exponentials) - mean;
}

double LogitDivergence::of(ArrayRef<float> inputs) const {
  std::vector<float> logits = logitsOf(inputs);
  int64_t vocabulary = int64_t(head.size()) / K, positions = int64_t(logits.size()) / vocabulary;
  std::vector<double> divergences(positions);
  llvm::parallelFor(0, positions, [&](size_t at) { divergences[at] = divergence(&reference[at * vocabulary], &logits[at * vocabulary], vocabulary); });
  double sum = 0;
  for (double one : divergences)
    sum += one;
  return positions ? sum / double(positions) : 0;
}
