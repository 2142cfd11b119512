// The generic path: operators one by one as linalg, tensor, arith and math on symbolic shapes. Correct for any arrangement, and slow.
//
// The onnx graph stays as it is until the end, so that every question to the analysis is about the original; `get` gives what a value became.
#ifndef QCC_FRONTEND_OPS_GENERICOPS_H
#define QCC_FRONTEND_OPS_GENERICOPS_H
#include "lib/Frontend/Ops/Handlers.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace qcc::frontend {
class GenericOps {
public:
  explicit GenericOps(Recovery &recovery) : r(recovery), b(recovery.builder) {}
  Recovery &r;
  mlir::OpBuilder &b;

  /// The type that `value` has after conversion: signless integers, every known size.
  mlir::RankedTensorType type(mlir::Value value);
  /// What the onnx value became, of exactly type(value). Null (with a diagnostic at `node`, which may be null) when it has no form.
  mlir::Value get(onnx::NodeOp node, mlir::Value value);
  void set(mlir::Value value, mlir::Value converted);
  bool has(mlir::Value value) const { return converted.count(value); }
  /// The function's arguments become what they are read as (signless, with every known size) in two steps: the analysis goes by the onnx types
  /// until the end.
  void castArguments();
  void retypeArguments();

  /// A dimension as an index attribute or value; null when it depends on data.
  mlir::OpFoldResult size(mlir::Location loc, E dim);
  /// All dimensions; fails with a diagnostic when one depends on data.
  mlir::FailureOr<llvm::SmallVector<mlir::OpFoldResult>> sizes(onnx::NodeOp node, llvm::ArrayRef<E> dims);
  mlir::FailureOr<mlir::Value> empty(onnx::NodeOp node, llvm::ArrayRef<E> dims, mlir::Type element);

  /// Refuses extents that are read together and of which one is clamped (an end of a Slice), so that they differ in some runs. Other runtime
  /// dimensions are taken as equal where the model needs it.
  mlir::LogicalResult agree(onnx::NodeOp node, E a, E b);

  /// One linalg.generic over the result's index space. Operands are read through `maps`, `body` gets their elements.
  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
  mlir::FailureOr<mlir::Value> elementwise(onnx::NodeOp node, mlir::ValueRange onnxOperands, llvm::ArrayRef<E> shape, mlir::Type element, Body body);
  /// Reduces dimension `axis` of a converted value away; `body` gets (element, accumulator).
  mlir::FailureOr<mlir::Value> reduce(onnx::NodeOp node, mlir::Value value, llvm::ArrayRef<E> shape, llvm::ArrayRef<int64_t> axes, mlir::TypedAttr start, Body body);
  /// The same elements in another shape.
  mlir::FailureOr<mlir::Value> reshape(onnx::NodeOp node, mlir::Value value, llvm::ArrayRef<E> from, llvm::ArrayRef<E> to);

private:
  llvm::DenseMap<mlir::Value, mlir::Value> converted;
  llvm::SmallVector<mlir::UnrealizedConversionCastOp> retyped; // arguments that get another type
  llvm::DenseMap<E, std::pair<mlir::Value, int64_t>> sources; // dimensions without a name: where to measure them
};

/// Does the onnx value have elements of an unsigned type? What it becomes has signless ones, and only the operations on them tell.
inline bool isUnsigned(mlir::Value value) { return mlir::getElementTypeOrSelf(value.getType()).isUnsignedInteger(); }

using GenericHandler = mlir::FailureOr<llvm::SmallVector<mlir::Value>> (*)(GenericOps &, onnx::NodeOp);
struct GenericRow {
  llvm::StringLiteral op, domain;
  int64_t since;
  GenericHandler handler;
  unsigned shapeOperands = 0; // bit i: operand i only tells shapes, which the analysis knows
};
llvm::ArrayRef<GenericRow> elementwiseRows();
llvm::ArrayRef<GenericRow> movementRows();
llvm::ArrayRef<GenericRow> reductionRows();
inline std::array<llvm::ArrayRef<GenericRow>, 3> genericFamilies() { return {elementwiseRows(), movementRows(), reductionRows()}; }
} // namespace qcc::frontend
#endif
