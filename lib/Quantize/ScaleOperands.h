// The scales of static activations as values: they reach layers as weights do, so that layers which differ in numbers alone stay one function.
#ifndef QCC_LIB_QUANTIZE_SCALEOPERANDS_H
#define QCC_LIB_QUANTIZE_SCALEOPERANDS_H
#include "Callers.h"
#include "dialects/Quant/Quant.h"

namespace qcc {
class ScaleOperands {
public:
  explicit ScaleOperands(mlir::ModuleOp module) : module(module), callers(module) {}
  /// Whether the weight `value` is a declared one, of whoever calls.
  bool hasDeclaration(mlir::Value value) const;
  /// The input scale of the weight `value`, which has a declaration: defined where the function begins, or an argument that its callers pass.
  mlir::Value scaleOf(mlir::Value value);

private:
  mlir::ModuleOp module;
  Callers callers;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};
} // namespace qcc
#endif
