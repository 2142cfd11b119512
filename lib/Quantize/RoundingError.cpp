// Rows are encoded by the method itself: what it changes of a format's error (feedback into columns that clip, scales fitted to codes) differs from format to
// format, most where there are few codes.
#include "qcc/Quantize/RoundingError.h"
#include "llvm/Support/Parallel.h"
#include <Eigen/Dense>
#include <cmath>
using namespace mlir;
using namespace qcc;

static constexpr int64_t sampledRows = 128;
static constexpr int64_t sampledWithInputs = 32;       // each costs K^2, and formats of a weight are compared on the same ones

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Of the outputs that rows make, where `inputs` tell; else of the rows. NaN where moments overflow.
static double meanSquare(const Rows &rows, const InputStatistics *inputs) {
  if (!inputs)
    return rows.cast<double>().squaredNorm();
  Rows products = rows * Eigen::Map<const Rows>(inputs->moments.data(), inputs->K, inputs->K);
  double sum = rows.cast<double>().cwiseProduct(products.cast<double>()).sum();
  return sum < 0 ? 0 : sum;
}

static const InputStatistics *finiteMoments(const WeightProblem &problem) {
  if (!problem.inputs || !problem.inputs->hasMoments())
    return nullptr;
  for (int64_t k = 0; k < problem.K; ++k)
    if (!std::isfinite(problem.inputs->energy(k)))
      return nullptr;
  return problem.inputs;
}

std::vector<std::optional<RoundingError>> qcc::estimateRoundingErrors(const QuantizationMethod &method, const WeightProblem &problem, ArrayRef<Type> formats) {
  int64_t K = problem.K, samples = std::min(problem.rows, problem.inputs ? sampledWithInputs : sampledRows);
  double share = samples ? double(problem.rows) / double(samples) : 0;
  std::vector<float> sampled;
  for (int64_t i = 0; i < samples; ++i) {
    ArrayRef<float> row = problem.values.slice(i * problem.rows / samples * K, K);
    sampled.insert(sampled.end(), row.begin(), row.end());
  }
  Eigen::Map<const Rows> values(sampled.data(), samples, K);
  const InputStatistics *inputs = finiteMoments(problem);
  double signal = share * meanSquare(values, inputs);
  std::unique_ptr<MethodPreparation> preparation = method.prepare(problem);
  std::vector<std::optional<RoundingError>> errors(formats.size());
  llvm::parallelFor(0, formats.size(), [&](size_t i) {
    WeightProblem sample{formats[i], samples, K, sampled, problem.inputs, problem.parameters, preparation.get()};
    qnt::QuantizedBuffer codes;
    codes.reset(sample.element, 0, samples, K);
    std::string why;
    if (failed(method.encode(sample, codes, why)))
      return;
    Rows lost(samples, K);
    for (int64_t row = 0; row < samples; ++row)
      qnt::familyOf(sample.element)->decodeRow(codes.view, row, {lost.data() + row * K, size_t(K)});
    lost -= values;
    double noise = share * meanSquare(lost, inputs);
    if (std::isfinite(noise) && std::isfinite(signal))
      errors[i] = RoundingError{signal, noise};
  });
  return errors;
}
