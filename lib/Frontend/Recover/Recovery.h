// What every pass that rewrites onnx nodes into qnt ops shares: the function, its analysis, and the means to build replacements.
//
// Onnx and qnt ops live side by side until convert-onnx: a replacement has the layout of the value it replaces, restored with onnx nodes that
// only move elements (Reshape, Transpose), which simplify-views and the analysis look through again.
#ifndef QCC_FRONTEND_RECOVER_RECOVERY_H
#define QCC_FRONTEND_RECOVER_RECOVERY_H
#include "dialects/Quant/Quant.h"
#include "lib/Frontend/Symbolic/Elements.h"
#include "lib/Frontend/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qcc::frontend {
class Recovery {
public:
  explicit Recovery(mlir::func::FuncOp func);
  mlir::func::FuncOp func;
  ExprPool pool;
  Elements elements;
  mlir::OpBuilder builder;
  Weights weights;

  /// The onnx nodes in program order. Nodes made meanwhile are not among them.
  llvm::SmallVector<onnx::NodeOp> nodes();
  /// The ranked type of `value` with every size that is known.
  mlir::RankedTensorType type(mlir::Value value);
  mlir::RankedTensorType type(llvm::ArrayRef<E> shape, mlir::Type element);

  /// Onnx nodes that move elements. A size of 0 in `sizes` keeps that dimension, as ONNX says.
  mlir::Value node(mlir::Location loc, llvm::StringRef op, mlir::ValueRange inputs, mlir::RankedTensorType type, llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value constant(mlir::Location loc, llvm::ArrayRef<int64_t> values);
  mlir::Value scalar(mlir::Location loc, double value);
  mlir::Value reshape(mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> sizes);
  mlir::Value transpose(mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> perm);
  mlir::Value slice(mlir::Location loc, mlir::Value value, int64_t axis, int64_t start, int64_t size);

  /// The operations of qnt compute in float32. `value` as that (itself, or cast), and a result of theirs as the elements of `like`.
  mlir::Value asF32(mlir::Location loc, mlir::Value value);
  mlir::Value asElementsOf(mlir::Location loc, mlir::Value result, mlir::Value like);

  /// `value` with a last extent of `channels`; where only a run tells it, that run compares. Null when it is another extent, one that no dimension of
  /// an input tells or one that a Slice cuts, or `value` is a scalar.
  mlir::Value withChannels(mlir::Location loc, mlir::Value value, int64_t channels);

  /// `e` (a sum of products of dimensions, their quotients and clamps) as an index value; null when it has a dimension without a name that `measure` cannot give.
  mlir::Value index(mlir::Location loc, E e, llvm::function_ref<mlir::Value(E)> measure = {});

  /// A value of shape [B, S, heads * D] whose channel `head * D + d` of token (b, s) is `leaf`, or null: `leaf` must be a Load whose indices
  /// have that form, or that of [B, S, heads, D] or [B, heads, S, D]. With `build` false only asks (the result is then the tensor itself).
  mlir::Value channels(mlir::Location loc, E leaf, E b, E s, E head, E d, int64_t heads, int64_t size, bool build = true);
  /// The reverse: `value` [B, S, heads * D] as [B, heads, S, D] (`headsFirst`) or [B, S, heads, D].
  mlir::Value heads(mlir::Location loc, mlir::Value value, int64_t heads, int64_t size, bool headsFirst);

  /// Ends a pass: removes dead nodes, brings the function's type up to date.
  void finish();
};
/// Are the elements float32 or exactly float32 numbers (float16, bfloat16)? Of other floats qnt has no operations.
bool fitsF32(mlir::Value value);
/// Is `value` the same in every run (an initializer or a constant)?
bool isConstant(mlir::Value value);
/// An attention scale that is 1/sqrt(size) but for an exporter's rounding (it multiplies two fourth roots, or prints few digits) is made exact.
double roundedScale(double scale, int64_t size);
} // namespace qcc::frontend
#endif
