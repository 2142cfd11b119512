// Weight declarations: one symbol per distinct weight, whatever number of nodes use it.
#ifndef QCC_FRONTEND_WEIGHTS_H
#define QCC_FRONTEND_WEIGHTS_H
#include "dialects/ONNX/ONNX.h"
#include "dialects/Quant/Quant.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace qcc::frontend {
class Weights {
public:
  explicit Weights(mlir::ModuleOp module);
  /// The value of a weight of `type` made of one `part`, declared now if no declaration has the same type and source.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, qnt::PartAttr part);
  /// The whole of a constant value as a weight of its own shape (norm scales, biases, tables); null when `value` is no constant of floats.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
  /// `rows` rows of the constant `value` ([rows, K], or [K, rows] when `transposed`, behind any extents of 1).
  mlir::Value get(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, bool transposed);

  /// `#onnx.bytes` as `#qnt.bytes`; null for what is no initializer.
  static qnt::BytesAttr bytes(mlir::Value value);
  /// The ONNX node's name that a location carries, or null.
  static mlir::StringAttr nodeName(mlir::Location loc);

private:
  mlir::Value get(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> stored, bool transposed);
  mlir::StringAttr symbolFor(qnt::PartAttr part);
  mlir::ModuleOp module;
  llvm::DenseMap<std::pair<mlir::Type, mlir::Attribute>, qnt::WeightDeclOp> declared;
  llvm::DenseSet<llvm::StringRef> symbols;
};
} // namespace qcc::frontend
#endif
