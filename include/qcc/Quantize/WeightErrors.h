// What encoding has cost each weight.
#ifndef QCC_QUANTIZE_WEIGHTERRORS_H
#define QCC_QUANTIZE_WEIGHTERRORS_H
#include "dialects/Quant/Quant.h"
#include "llvm/ADT/DenseMap.h"
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

/// By source and type, as EncodedWeights. Weights that arrive quantized are not in it: nothing is lost here, and what was lost before is not known.
class WeightErrors {
public:
  void add(qnt::WeightDeclOp decl, WeightError error) { errors[{decl.getSource(), decl.getType()}] = error; }
  std::optional<WeightError> find(qnt::WeightDeclOp decl) const {
    auto at = errors.find({decl.getSource(), decl.getType()});
    return at == errors.end() ? std::nullopt : std::optional(at->second);
  }

private:
  llvm::DenseMap<std::pair<mlir::ArrayAttr, mlir::Type>, WeightError> errors;
};
} // namespace qcc
#endif
