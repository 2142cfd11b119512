// What reference lowerings are written with: tensors given by a formula for their elements. Plain tensor.generate, scf, arith, math.
#ifndef QCC_DIALECTS_QUANT_REFERENCEBUILDER_H
#define QCC_DIALECTS_QUANT_REFERENCEBUILDER_H
#include "dialects/Quant/Formats/Format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace qcc::qnt {
/// Short names for the operations that formulas need; scalars are f32, i32 or index.
class ReferenceBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  ReferenceBuilder(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  Value f32(float v) { return mlir::arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v)); }
  Value i32(int64_t v) { return mlir::arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); }
  Value index(int64_t v) { return mlir::arith::ConstantIndexOp::create(b, loc, v); }
  template <typename Op, typename... Args> Value make(Args &&...args) { return Op::create(b, loc, std::forward<Args>(args)...); }
  Value addf(Value x, Value y) { return make<mlir::arith::AddFOp>(x, y); }
  Value subf(Value x, Value y) { return make<mlir::arith::SubFOp>(x, y); }
  Value mulf(Value x, Value y) { return make<mlir::arith::MulFOp>(x, y); }
  Value divf(Value x, Value y) { return make<mlir::arith::DivFOp>(x, y); }
  /// Index arithmetic by constants.
  Value add(Value x, Value y) { return make<mlir::arith::AddIOp>(x, y); }
  Value times(Value x, int64_t v) { return make<mlir::arith::MulIOp>(x, index(v)); }
  Value over(Value x, int64_t v) { return make<mlir::arith::DivUIOp>(x, index(v)); }
  Value rest(Value x, int64_t v) { return make<mlir::arith::RemUIOp>(x, index(v)); }
  Value less(Value x, int64_t v) { return make<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::ult, x, index(v)); }
  Value select(Value c, Value x, Value y) { return make<mlir::arith::SelectOp>(c, x, y); }
  Value asFloat(Value i) { return make<mlir::arith::SIToFPOp>(b.getF32Type(), i); }

  /// An element; f16 and bf16 widen to f32, i8 (unsigned) to i32, integers of other widths to index when `asIndex`.
  Value at(Value tensor, ValueRange indices);
  Value indexAt(Value tensor, ValueRange indices);
  /// `i` if it is below `extent`; else a run-time error of the program (cf.assert), which goes on with 0.
  Value checkedIndex(Value i, int64_t extent);

  /// The tensor of `type` whose elements are `element(indices)`. Dynamic extents: those of `shapeOf`, dimension by dimension.
  Value generate(mlir::Type type, Value shapeOf, llvm::function_ref<Value(ValueRange)> element);
  Value generate(mlir::Type type, ValueRange dynamicExtents, llvm::function_ref<Value(ValueRange)> element);
  /// Folds `body(i, carried)` over i in [from, to), ascending.
  Value fold(Value from, Value to, Value start, llvm::function_ref<Value(Value, Value)> body);

  /// The parts of one element of a decomposed tensor: `indices` end in k.
  struct Components {
    BlockType type;
    Value codes, scales, side, mins, subMins;
  };
  Components decompose(Value quantized);
  ElementValues elementAt(const Components &c, ValueRange indices);
  Value decodeAt(const Components &c, ValueRange indices) { return familyOf(c.type)->decode(b, loc, c.type, elementAt(c, indices)); }
  /// `indices` with the last one replaced by the index of its group, or of its stored scale.
  llvm::SmallVector<Value> groupIndices(const Components &c, ValueRange indices, bool ofScale);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

/// `indices` without the last one, then `last`.
inline llvm::SmallVector<mlir::Value> withLast(mlir::ValueRange indices, mlir::Value last) {
  llvm::SmallVector<mlir::Value> changed(indices.drop_back());
  changed.push_back(last);
  return changed;
}
} // namespace qcc::qnt
#endif
