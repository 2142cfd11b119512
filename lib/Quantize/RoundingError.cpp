#include "qcc/Quantize/RoundingError.h"
#include "Methods/Methods.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t sampledRows = 128;

std::optional<RoundingError> qcc::estimateRoundingError(Type element, ArrayRef<float> values, int64_t K, ArrayRef<double> costs) {
  const qnt::FormatFamily &family = *qnt::familyOf(element);
  int64_t rows = int64_t(values.size()) / K, samples = std::min(rows, sampledRows);
  std::vector<float> importance = costs.empty() ? std::vector<float>() : normalizedImportance(costs);
  qnt::QuantizedBuffer buffer;
  buffer.reset(element, 0, samples, K);
  std::vector<RoundingError> errors(samples);
  std::vector<char> failures(samples);
  llvm::parallelFor(0, samples, [&](size_t sample) {
    ArrayRef<float> row = values.slice(int64_t(sample) * rows / samples * K, K);
    std::string why;
    if ((failures[sample] = failed(family.fitRow(row, {importance, /*thorough=*/true}, buffer, sample, why))))
      return;
    family.encodeColumns(row, 0, buffer, sample);
    std::vector<float> decoded(K);
    family.decodeRow(buffer.view, sample, decoded);
    for (int64_t k = 0; k < K; ++k) {
      double cost = costs.empty() ? 1 : costs[k], value = row[k], lost = value - decoded[k];
      errors[sample].signal += cost * value * value;
      errors[sample].noise += cost * lost * lost;
    }
  });
  if (llvm::is_contained(failures, char(true)))
    return std::nullopt;
  RoundingError all;
  double scale = samples ? double(rows) / double(samples) : 0;
  for (const RoundingError &error : errors) {
    all.signal += error.signal * scale;
    all.noise += error.noise * scale;
  }
  return all;
}
