// Operators with a reduction inside: sums and extremes along axes, softmax, products of activations.
#include "lib/Frontend/Ops/GenericOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Results = FailureOr<SmallVector<Value>>;
using Shape = Elements::Shape;

namespace {
enum class Fold { Sum, Mean, Max, Min, Prod };
Value combine(OpBuilder &b, Location loc, Fold fold, Value x, Value acc, bool isUnsigned = false) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (fold) {
  case Fold::Sum:
  case Fold::Mean: return isFloat ? Value(arith::AddFOp::create(b, loc, acc, x)) : Value(arith::AddIOp::create(b, loc, acc, x));
  case Fold::Max:
    if (isUnsigned)
      return arith::MaxUIOp::create(b, loc, acc, x);
    return isFloat ? Value(arith::MaximumFOp::create(b, loc, acc, x)) : Value(arith::MaxSIOp::create(b, loc, acc, x));
  case Fold::Min:
    if (isUnsigned)
      return arith::MinUIOp::create(b, loc, acc, x);
    return isFloat ? Value(arith::MinimumFOp::create(b, loc, acc, x)) : Value(arith::MinSIOp::create(b, loc, acc, x));
  case Fold::Prod: return isFloat ? Value(arith::MulFOp::create(b, loc, acc, x)) : Value(arith::MulIOp::create(b, loc, acc, x));
  }
  llvm_unreachable("all folds are above");
}
TypedAttr startOf(OpBuilder &b, Fold fold, Type type, bool isUnsigned = false) {
  double infinity = std::numeric_limits<double>::infinity();
  double value = fold == Fold::Max ? -infinity : fold == Fold::Min ? infinity : fold == Fold::Prod ? 1 : 0;
  if (isa<FloatType>(type))
    return b.getFloatAttr(type, value);
  unsigned width = type.getIntOrFloatBitWidth();
  llvm::APInt least = isUnsigned ? llvm::APInt::getZero(width) : llvm::APInt::getSignedMinValue(width);
  llvm::APInt bits = fold == Fold::Max ? least : fold == Fold::Min ? ~least : llvm::APInt(width, uint64_t(value));
  return b.getIntegerAttr(type, bits);
}
} // namespace

template <Fold fold> static Results reduce(GenericOps &g, onnx::NodeOp node) {
  const Shape *from = g.r.elements.shape(node.input(0)), *to = g.r.elements.shape(node.output(0));
  auto axes = from ? g.r.elements.axes(node, 1, from->size(), true) : std::nullopt;
  if (!axes || !to)
    return refuse(node, "the axes are not known", "reduce-axes");
  Value x = g.get(node, node.input(0));
  if (!x)
    return failure();
  Type element = cast<ShapedType>(x.getType()).getElementType();
  Location loc = node.getLoc();
  bool asUnsigned = isUnsigned(node.input(0));
  FailureOr<Value> reduced = g.reduce(node, x, *from, *axes, startOf(g.b, fold, element, asUnsigned),
                                      [&](OpBuilder &b, Location at, ValueRange args) { return combine(b, at, fold, args[0], args[1], asUnsigned); });
  if (failed(reduced))
    return failure();
  Shape kept;
  E count = g.r.pool.number(1);
  for (auto [i, dim] : llvm::enumerate(*from))
    if (llvm::is_contained(*axes, int64_t(i)))
      count = g.r.pool.mul(count, dim);
    else
      kept.push_back(dim);
  FailureOr<Value> shaped = g.reshape(node, *reduced, kept, *to);
  if (failed(shaped) || fold != Fold::Mean)
    return failed(shaped) ? Results(failure()) : Results(SmallVector<Value>{*shaped});
  OpFoldResult size = g.size(loc, count);
  if (!size || !isa<FloatType>(element))
    return refuse(node, "a mean needs floats and a known number of elements", "reduce-axes");
  Value n = arith::IndexCastOp::create(g.b, loc, g.b.getI64Type(), getValueOrCreateConstantIndexOp(g.b, loc, size));
  Value divisor = arith::SIToFPOp::create(g.b, loc, element, n);
  FailureOr<Value> out = g.empty(node, *to, element);
  if (failed(out))
    return failure();
  Value divisors = linalg::FillOp::create(g.b, loc, divisor, *out).getResult(0);
  return SmallVector<Value>{arith::DivFOp::create(g.b, loc, *shaped, divisors)};
}

/// exp(x - max) / sum, along one axis.
static Results softmax(GenericOps &g, onnx::NodeOp node) {
  const Shape *shape = g.r.elements.shape(node.input(0));
  int64_t axis = shape && node.getSince() >= 13 ? normalizeAxis(node.intAttribute("axis", -1), shape->size()) : -1;
  if (axis < 0)
    return refuse(node, "only softmax along one axis (opset 13 and later) is supported", "softmax-axis");
  Value x = g.get(node, node.input(0));
  if (!x)
    return failure();
  Type element = cast<ShapedType>(x.getType()).getElementType();
  Location loc = node.getLoc();
  int64_t rank = shape->size();
  auto fold = [&](Value value, Fold kind) {
    return g.reduce(node, value, *shape, axis, startOf(g.b, kind, element), [&](OpBuilder &b, Location at, ValueRange args) { return combine(b, at, kind, args[0], args[1]); });
  };
  auto zip = [&](Value value, Value along, GenericOps::Body body) -> FailureOr<Value> {
    FailureOr<Value> out = g.empty(node, *shape, element);
    if (failed(out))
      return failure();
    SmallVector<AffineExpr> others;
    for (int64_t i = 0; i < rank; ++i)
      if (i != axis)
        others.push_back(g.b.getAffineDimExpr(i));
    AffineMap all = g.b.getMultiDimIdentityMap(rank);
    SmallVector<AffineMap> maps{all, AffineMap::get(rank, 0, others, g.b.getContext()), all};
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    return linalg::GenericOp::create(g.b, loc, TypeRange{out->getType()}, ValueRange{value, along}, *out, maps, loops,
                                     [&](OpBuilder &b, Location at, ValueRange args) { linalg::YieldOp::create(b, at, body(b, at, args)); }).getResult(0);
  };
  FailureOr<Value> largest = fold(x, Fold::Max);
  FailureOr<Value> powers = failed(largest) ? FailureOr<Value>(failure()) : zip(x, *largest, [](OpBuilder &b, Location at, ValueRange a) -> Value {
    return math::ExpOp::create(b, at, arith::SubFOp::create(b, at, a[0], a[1]));
  });
  FailureOr<Value> sum = failed(powers) ? FailureOr<Value>(failure()) : fold(*powers, Fold::Sum);
  FailureOr<Value> result = failed(sum) ? FailureOr<Value>(failure()) : zip(*powers, *sum, [](OpBuilder &b, Location at, ValueRange a) -> Value { return arith::DivFOp::create(b, at, a[0], a[1]); });
  return failed(result) ? Results(failure()) : Results(SmallVector<Value>{*result});
}

/// out[batch.., m, n] = sum over k of a[.., m, k] * b[.., k, n], with `transA`, `transB` swapping the last two indices of an operand. Where `a` is a vector
/// there is no m, where `b` is one no n.
static FailureOr<Value> product(GenericOps &g, onnx::NodeOp node, ArrayRef<E> out, bool transA, bool transB) {
  Value sides[2] = {g.get(node, node.input(0)), g.get(node, node.input(1))};
  if (!sides[0] || !sides[1])
    return failure();
  Type element = cast<ShapedType>(sides[0].getType()).getElementType();
  const Shape &left = *g.r.elements.shape(node.input(0)), &right = *g.r.elements.shape(node.input(1));
  bool isRow = left.size() == 1, isColumn = right.size() == 1;
  unsigned rank = out.size(), loops = rank + 1, batch = rank - !isRow - !isColumn; // the last loop is k
  AffineExpr m = g.b.getAffineDimExpr(batch), n = g.b.getAffineDimExpr(batch + !isRow), k = g.b.getAffineDimExpr(rank);
  SmallVector<AffineMap> maps;
  for (unsigned side = 0; side < 2; ++side) {
    ArrayRef<E> shape = side == 0 ? left : right, own = shape.drop_back(std::min<size_t>(shape.size(), 2));
    SmallVector<AffineExpr> at;
    for (auto [i, dim] : llvm::enumerate(own)) {
      unsigned loop = batch - own.size() + i;
      if (failed(g.agree(node, dim, out[loop])))
        return failure();
      at.push_back(ExprPool::integer(dim) == 1 && ExprPool::integer(out[loop]) != 1 ? g.b.getAffineConstantExpr(0) : g.b.getAffineDimExpr(loop));
    }
    SmallVector<AffineExpr, 2> matrix = {side == 0 ? m : k, side == 0 ? k : n};
    if (side == 0 ? transA : transB)
      std::swap(matrix[0], matrix[1]);
    if (shape.size() == 1)
      matrix = {k};
    llvm::append_range(at, matrix);
    maps.push_back(AffineMap::get(loops, 0, at, g.b.getContext()));
  }
  if (failed(g.agree(node, left[left.size() - (transA ? 2 : 1)], right[right.size() - (transB || isColumn ? 1 : 2)])))
    return failure();
  FailureOr<Value> into = g.empty(node, out, element);
  if (failed(into))
    return failure();
  Location loc = node.getLoc();
  Value zero = arith::ConstantOp::create(g.b, loc, g.b.getZeroAttr(element));
  Value filled = linalg::FillOp::create(g.b, loc, zero, *into).getResult(0);
  SmallVector<AffineExpr> result;
  for (unsigned i = 0; i < rank; ++i)
    result.push_back(g.b.getAffineDimExpr(i));
  maps.push_back(AffineMap::get(loops, 0, result, g.b.getContext()));
  SmallVector<utils::IteratorType> kinds(loops, utils::IteratorType::parallel);
  kinds.back() = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(g.b, loc, TypeRange{filled.getType()}, ValueRange{sides[0], sides[1]}, filled, maps, kinds, [&](OpBuilder &b, Location at, ValueRange a) {
    Value next = isa<FloatType>(element) ? Value(arith::AddFOp::create(b, at, a[2], arith::MulFOp::create(b, at, a[0], a[1])))
                                         : Value(arith::AddIOp::create(b, at, a[2], arith::MulIOp::create(b, at, a[0], a[1])));
    linalg::YieldOp::create(b, at, next);
  });
  return generic.getResult(0);
}
static Results matMul(GenericOps &g, onnx::NodeOp node) {
  const Shape *a = g.r.elements.shape(node.input(0)), *b = g.r.elements.shape(node.input(1)), *out = g.r.elements.shape(node.output(0));
  if (!a || !b || !out || a->empty() || b->empty())
    return refuse(node, "needs two vectors, matrices or batches of them, of known rank", "unknown-rank");
  FailureOr<Value> result = product(g, node, *out, false, false);
  return failed(result) ? Results(failure()) : Results(SmallVector<Value>{*result});
}
static Results gemm(GenericOps &g, onnx::NodeOp node) {
  const Shape *out = g.r.elements.shape(node.output(0));
  if (!out || out->size() != 2)
    return refuse(node, "needs matrices of known shape", "unknown-rank");
  FailureOr<Value> result = product(g, node, *out, node.intAttribute("transA", 0), node.intAttribute("transB", 0));
  if (failed(result))
    return failure();
  double alpha = node.floatAttribute("alpha", 1), beta = node.floatAttribute("beta", 1);
  Type element = cast<ShapedType>(result->getType()).getElementType();
  if (!isa<FloatType>(element))
    return refuse(node, "only floats are supported", "element-type");
  // alpha * product + beta * C, C broadcast.
  Value sum = *result, addend = node.input(2);
  SmallVector<Value> operands;
  if (addend)
    operands.push_back(addend);
  if (!addend && alpha == 1)
    return SmallVector<Value>{sum};
  auto constant = [&](OpBuilder &b, Location at, double v) -> Value { return arith::ConstantOp::create(b, at, b.getFloatAttr(element, v)); };
  FailureOr<Value> scaled = addend ? g.elementwise(node, operands, *out, element, [&](OpBuilder &b, Location at, ValueRange a) -> Value { return arith::MulFOp::create(b, at, a[0], constant(b, at, beta)); })
                                   : FailureOr<Value>(Value());
  if (failed(scaled))
    return failure();
  if (alpha != 1) {
    Value scale = arith::ConstantOp::create(g.b, node.getLoc(), g.b.getFloatAttr(element, alpha));
    FailureOr<Value> into = g.empty(node, *out, element);
    if (failed(into))
      return failure();
    sum = arith::MulFOp::create(g.b, node.getLoc(), sum, linalg::FillOp::create(g.b, node.getLoc(), scale, *into).getResult(0));
  }
  return SmallVector<Value>{*scaled ? Value(arith::AddFOp::create(g.b, node.getLoc(), sum, *scaled)) : sum};
}

/// Running sum along an axis, as a masked sum: out[i] = sum over j <= i of x[j]. Short vectors only (positions from a mask).
static Results cumSum(GenericOps &g, onnx::NodeOp node) {
  const Shape *shape = g.r.elements.shape(node.input(0));
  auto axis = shape ? g.r.elements.integers(node.input(1)) : std::nullopt;
  int64_t along = axis ? normalizeAxis((*axis)[0], shape->size()) : -1;
  if (along < 0 || node.intAttribute("exclusive", 0) || node.intAttribute("reverse", 0))
    return refuse(node, "needs a constant axis, neither exclusive nor reverse", "cumsum");
  Value x = g.get(node, node.input(0));
  Type element = cast<ShapedType>(g.type(node.output(0))).getElementType();
  FailureOr<Value> into = x ? g.empty(node, *shape, element) : FailureOr<Value>(failure());
  OpFoldResult extent = x ? g.size(node.getLoc(), (*shape)[along]) : OpFoldResult();
  if (failed(into) || !extent)
    return failure();
  Location loc = node.getLoc();
  Value zero = arith::ConstantOp::create(g.b, loc, g.b.getZeroAttr(element));
  Value filled = linalg::FillOp::create(g.b, loc, zero, *into).getResult(0);
  unsigned rank = shape->size();
  SmallVector<AffineExpr> read, write;
  for (unsigned i = 0; i < rank; ++i) {
    read.push_back(g.b.getAffineDimExpr(i == along ? rank : i));
    write.push_back(g.b.getAffineDimExpr(i));
  }
  SmallVector<AffineMap> maps{AffineMap::get(rank + 1, 0, read, g.b.getContext()), AffineMap::get(rank + 1, 0, write, g.b.getContext())};
  SmallVector<utils::IteratorType> kinds(rank + 1, utils::IteratorType::parallel);
  kinds.back() = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(g.b, loc, TypeRange{filled.getType()}, x, filled, maps, kinds, [&](OpBuilder &b, Location at, ValueRange a) {
    Value keep = arith::CmpIOp::create(b, at, arith::CmpIPredicate::sle, linalg::IndexOp::create(b, at, rank), linalg::IndexOp::create(b, at, along));
    Value none = arith::ConstantOp::create(b, at, b.getZeroAttr(element));
    linalg::YieldOp::create(b, at, combine(b, at, Fold::Sum, arith::SelectOp::create(b, at, keep, a[0], none), a[1]));
  });
  return SmallVector<Value>{generic.getResult(0)};
}

static constexpr GenericRow rows[] = {
    {"ReduceSum", "", 1, reduce<Fold::Sum>, 0b10},
    {"ReduceMean", "", 1, reduce<Fold::Mean>, 0b10},
    {"ReduceMax", "", 1, reduce<Fold::Max>, 0b10},
    {"ReduceMin", "", 1, reduce<Fold::Min>, 0b10},
    {"ReduceProd", "", 1, reduce<Fold::Prod>, 0b10},
    {"Softmax", "", 1, softmax},
    {"MatMul", "", 1, matMul},
    {"Gemm", "", 7, gemm},
    {"CumSum", "", 11, cumSum, 0b10},
};
ArrayRef<GenericRow> qcc::frontend::reductionRows() { return rows; }
