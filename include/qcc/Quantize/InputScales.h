// Static scales of activations: declared beside the weights, found by calibration or kept by a recipe.
#ifndef QCC_QUANTIZE_INPUTSCALES_H
#define QCC_QUANTIZE_INPUTSCALES_H
#include "dialects/Quant/Quant.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <vector>

namespace qcc {
/// The scale (`tensor<1xf32>`) by which everything is quantized that `weight` is multiplied with. Other weights may read the same values.
struct InputScale {
  qnt::WeightDeclOp scale, weight;
};

/// All of the module, in its order.
std::vector<InputScale> findInputScales(mlir::ModuleOp module);
/// The declaration of `weight`'s input scale; made, without a value, where there is none.
qnt::WeightDeclOp declareInputScale(mlir::ModuleOp module, qnt::WeightDeclOp weight);

/// None as long as nobody has found it.
std::optional<float> valueOf(const InputScale &scale);
void setValue(const InputScale &scale, float value);
} // namespace qcc
#endif
