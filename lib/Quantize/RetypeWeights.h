// Gives weights new element types, and with them the functions they are passed to.
#ifndef QCC_LIB_QUANTIZE_RETYPEWEIGHTS_H
#define QCC_LIB_QUANTIZE_RETYPEWEIGHTS_H
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qcc {
/// Sets the type of each declaration in `types` (symbol name -> type), of its values, and of the arguments they are passed to.
/// A private function that is called with several lists of types gets a copy for each further one; `copies` counts them.
/// The new types must be legal for every user (WeightUses finds out). Fails with a diagnostic if a public function's type would change.
mlir::LogicalResult retypeWeights(mlir::ModuleOp module, const llvm::DenseMap<mlir::StringAttr, mlir::RankedTensorType> &types, unsigned &copies);

/// The end of a pass that decides formats: retypeWeights, whose copies `numCopies` counts, and with `print` what is decided now, on standard error.
mlir::LogicalResult applyFormats(mlir::ModuleOp module, const llvm::DenseMap<mlir::StringAttr, mlir::RankedTensorType> &types, bool print,
                                 mlir::Pass::Statistic &numCopies);
} // namespace qcc
#endif
