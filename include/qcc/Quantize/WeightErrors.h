// What encoding has cost each weight.
#ifndef QCC_QUANTIZE_WEIGHTERRORS_H
#define QCC_QUANTIZE_WEIGHTERRORS_H
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <limits>
#include <optional>

namespace qcc {
/// Sums over the elements of a weight: of w^2, and of (decoded - w)^2.
struct WeightError {
  double signal = 0, noise = 0;
  /// Signal to quantization noise ratio in dB; infinite where nothing was lost.
  double sqnr() const { return noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity(); }
};

/// By section name (see sectionName). Weights that arrive quantized are not in it: nothing is lost here, and what was lost before is not known.
class WeightErrors {
public:
  void add(llvm::StringRef section, WeightError error) { errors[section] = error; }
  std::optional<WeightError> find(llvm::StringRef section) const {
    auto at = errors.find(section);
    return at == errors.end() ? std::nullopt : std::optional(at->second);
  }

private:
  llvm::StringMap<WeightError> errors;
};
} // namespace qcc
#endif
