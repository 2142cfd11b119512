// See the header. The article runs the layer for each exponent; second moments give the same error of a linear layer's outputs without inputs at hand:
// |x E^T|^2 summed over inputs is tr(E X^T X E^T).
#include "qcc/Quantize/ChannelScales.h"
#include "Methods.h"
#include "llvm/Support/Parallel.h"
#include <Eigen/Dense>
#include <cmath>
#include <numeric>
using namespace mlir;
using namespace qcc;

static constexpr int64_t rowsOfTask = 32;

namespace {
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Rows of one weight that errors are measured on.
struct Piece {
  const WeightProblem *weight;
  std::vector<int64_t> rows;
  double share;             // rows of the weight for each of the sample
};

class ErrorMeasure {
public:
  ErrorMeasure(ArrayRef<WeightProblem> readers, const ChannelScaleOptions &options) : inputs(*readers.front().inputs), weighted(options.weighted) {
    for (const WeightProblem &weight : readers) {
      int64_t sampled = std::min(weight.rows, options.sampledRows);
      for (int64_t first = 0; first < sampled; first += rowsOfTask) {
        Piece &piece = pieces.emplace_back(Piece{&weight, {}, double(weight.rows) / double(sampled)});
        for (int64_t i = first; i < std::min(sampled, first + rowsOfTask); ++i)
          piece.rows.push_back(i * weight.rows / sampled);
      }
    }
  }

  /// Of weights under `scales`. Fails when a row has no encoding.
  FailureOr<double> operator()(ArrayRef<float> scales, std::string &why) const {
    std::vector<double> errors(pieces.size());
    std::vector<std::string> messages(pieces.size());
    std::vector<float> importance = importanceUnder(scales);
    llvm::parallelFor(0, pieces.size(), [&](size_t i) { errors[i] = errorOf(pieces[i], scales, importance, messages[i]); });
    for (const std::string &message : messages)
      if (!message.empty()) {
        why = message;
        return failure();
      }
    return std::accumulate(errors.begin(), errors.end(), 0.0);
  }

private:
  /// Of columns that `scales` multiply: their inputs are divided. Empty: all alike.
  std::vector<float> importanceUnder(ArrayRef<float> scales) const {
    std::vector<double> energies;
    for (int64_t k = 0; weighted && k < inputs.K; ++k)
      energies.push_back(inputs.energy(k) / (double(scales[k]) * scales[k]));
    return weighted ? normalizedImportance(energies) : std::vector<float>();
  }

  static double errorOf(const Piece &piece, ArrayRef<float> scales, ArrayRef<float> importance, std::string &message) {
    const WeightProblem &weight = *piece.weight;
    const qnt::FormatFamily &family = *qnt::familyOf(weight.element);
    int64_t K = weight.K;
    qnt::QuantizedBuffer codes;
    codes.reset(weight.element, 0, 1, K);
    qnt::FitOptions fit;
    fit.importance = importance;
    fit.thorough = !importance.empty();
    Rows errors(piece.rows.size(), K);
    std::vector<float> scaled(K);
    auto scale = [&](ArrayRef<float> values) {
      for (int64_t k = 0; k < K; ++k)
        scaled[k] = values[k] * scales[k];
    };
    if (qnt::weightNumbers(weight.element)) {          // as far as these rows tell
      qnt::WeightExtent extent;
      for (int64_t row : piece.rows) {
        scale(weight.values.slice(row * K, K));
        family.measure(weight.element, scaled, extent);
      }
      codes.setNumbers(family.numbersOf(weight.element, extent));
    }
    for (auto [i, row] : llvm::enumerate(piece.rows)) {
      ArrayRef<float> values = weight.values.slice(row * K, K);
      scale(values);
      std::string why;
      if (failed(family.encodeRow(scaled, codes, 0, why, fit))) {
        message = "row " + std::to_string(row) + ": " + why;
        return 0;
      }
      family.decodeRow(codes.view, 0, scaled);
      for (int64_t k = 0; k < K; ++k)
        errors(i, k) = scaled[k] / scales[k] - values[k];
    }
    Rows products = errors * Eigen::Map<const Rows>(weight.inputs->moments.data(), K, K);
    return piece.share * errors.cast<double>().cwiseProduct(products.cast<double>()).sum();
  }

  const InputStatistics &inputs;
  bool weighted;
  std::vector<Piece> pieces;
};
} // namespace

/// Mean over all rows of each column's share of the largest magnitude in its group.
static std::vector<double> weightMagnitudes(ArrayRef<WeightProblem> readers) {
  int64_t K = readers.front().K, rows = 0;
  std::vector<double> sums(K);
  for (const WeightProblem &weight : readers) {
    auto block = dyn_cast<qnt::BlockType>(weight.element);
    int64_t group = block && block.getGroup() > 0 ? block.getGroup() : K;
    rows += weight.rows;
    for (int64_t at = 0, end = weight.rows * K, n; at < end; at += n) {
      n = std::min(group, K - at % K);
      float most = 0;
      for (float value : weight.values.slice(at, n))
        most = std::max(most, std::fabs(value));
      for (int64_t i = 0; i < n; ++i)
        sums[at % K + i] += std::fabs(weight.values[at + i]) / (double(most) + 1e-6);
    }
  }
  for (double &sum : sums)
    sum /= double(rows);
  return sums;
}

/// Mean |x| of each channel over that of all, at least a thousandth.
static std::vector<double> inputMagnitudes(const InputStatistics &inputs) {
  double mean = 0;
  for (float magnitude : inputs.meanAbs)
    mean += magnitude / double(inputs.K);
  std::vector<double> magnitudes;
  for (float magnitude : inputs.meanAbs)
    magnitudes.push_back(mean > 0 && std::isfinite(mean) ? std::max(magnitude / mean, 1e-3) : 1.0);
  return magnitudes;
}

/// x^exponent, or x^exponent / w^(1 - exponent); the largest and the smallest are each other's inverse.
static std::vector<float> candidate(ArrayRef<double> inputs, ArrayRef<double> weights, double exponent) {
  std::vector<double> scales(inputs.size());
  for (auto [k, scale] : llvm::enumerate(scales))
    scale = std::max(std::pow(inputs[k], exponent) / (weights.empty() ? 1.0 : std::pow(weights[k], 1 - exponent) + 1e-4), 1e-4);
  auto [least, most] = std::minmax_element(scales.begin(), scales.end());
  double middle = std::sqrt(*least * *most);
  std::vector<float> found;
  for (double scale : scales)
    found.push_back(float(scale / middle));
  return found;
}

FailureOr<ChannelScales> qcc::searchChannelScales(ArrayRef<WeightProblem> readers, const ChannelScaleOptions &options, std::string &why) {
  const InputStatistics &inputs = *readers.front().inputs;
  assert(inputs.hasMoments() && llvm::all_of(readers, [&](const WeightProblem &reader) { return reader.inputs == &inputs && reader.K == inputs.K; }));
  ErrorMeasure measure(readers, options);
  ChannelScales best;
  best.scales.assign(inputs.K, 1.0f);
  FailureOr<double> plain = measure(best.scales, why);
  if (failed(plain))
    return failure();
  best.error = best.plainError = *plain;
  std::vector<double> magnitudes = inputMagnitudes(inputs), weights;
  if (options.duo)
    weights = weightMagnitudes(readers);
  for (int64_t step = options.duo ? 0 : 1; step < options.steps; ++step) {
    std::vector<float> scales = candidate(magnitudes, weights, double(step) / double(options.steps));
    std::string refused; // by this exponent only
    FailureOr<double> error = measure(scales, refused);
    if (succeeded(error) && *error < best.error) {
      best.error = *error;
      best.scales = scales;
    }
  }
  return best;
}
