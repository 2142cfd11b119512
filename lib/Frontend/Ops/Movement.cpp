// Operators that move elements or make them from indices.
#include "lib/Frontend/Ops/GenericOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Results = FailureOr<SmallVector<Value>>;
using Shape = Elements::Shape;

static Results one(FailureOr<Value> value) { return failed(value) || !*value ? Results(failure()) : Results(SmallVector<Value>{*value}); }
/// The shapes of input 0 and of the result; null pointers after a diagnostic.
static std::pair<const Shape *, const Shape *> shapes(GenericOps &g, onnx::NodeOp node) {
  const Shape *from = g.r.elements.shape(node.input(0)), *to = g.r.elements.shape(node.output(0));
  if (from && to)
    return {from, to};
  (void)refuse(node, "an operand has no known rank", "unknown-rank");
  return {nullptr, nullptr};
}

static Results reshape(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  Value x = from ? g.get(node, node.input(0)) : Value();
  return x ? one(g.reshape(node, x, *from, *to)) : Results(failure());
}
static Results transpose(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  Value x = from ? g.get(node, node.input(0)) : Value();
  FailureOr<Value> out = x ? g.empty(node, *to, g.type(node.output(0)).getElementType()) : FailureOr<Value>(failure());
  if (failed(out))
    return failure();
  SmallVector<int64_t> perm;
  for (size_t i = 0; i < from->size(); ++i)
    perm.push_back(node.intsAttribute("perm") ? (*node.intsAttribute("perm"))[i] : int64_t(from->size() - 1 - i));
  return one(Value(linalg::TransposeOp::create(g.b, node.getLoc(), x, *out, perm).getResult()[0]));
}
static Results expand(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  if (!from)
    return failure();
  if (*from == *to)
    return one(g.get(node, node.input(0)));
  return one(g.elementwise(node, node.input(0), *to, g.type(node.output(0)).getElementType(), [](OpBuilder &, Location, ValueRange args) { return args[0]; }));
}

/// Has a tensor of this shape no elements in any run? A slice of one is no valid operation: offset 0 is past its end.
static bool isEmpty(ArrayRef<E> shape) {
  return llvm::any_of(shape, [](E dim) { return ExprPool::integer(dim) == 0; });
}

/// A part of `x` that starts at `starts` (an offset an axis, null: 0) with the sizes `to`.
static FailureOr<Value> part(GenericOps &g, onnx::NodeOp node, Value x, ArrayRef<E> starts, ArrayRef<E> to, ArrayRef<int64_t> steps) {
  if (isEmpty(to))
    return g.empty(node, to, cast<ShapedType>(x.getType()).getElementType());
  SmallVector<OpFoldResult> offsets, strides;
  auto sizes = g.sizes(node, to);
  if (failed(sizes))
    return failure();
  for (size_t i = 0; i < to.size(); ++i) {
    offsets.push_back(starts[i] ? g.size(node.getLoc(), starts[i]) : OpFoldResult(g.b.getIndexAttr(0)));
    if (!offsets.back())
      return refuse(node, "where the part starts depends on data", "data-dependent-shape");
    strides.push_back(g.b.getIndexAttr(steps[i]));
  }
  RankedTensorType type = g.r.type(to, cast<ShapedType>(x.getType()).getElementType());
  return Value(tensor::ExtractSliceOp::create(g.b, node.getLoc(), type, x, offsets, *sizes, strides));
}
/// The same, element by element: past the end the last element is read.
static FailureOr<Value> clampedPart(GenericOps &g, onnx::NodeOp node, Value x, ArrayRef<E> from, ArrayRef<E> starts, ArrayRef<E> to, ArrayRef<int64_t> steps) {
  SmallVector<Value> offsets, limits;
  for (size_t i = 0; i < to.size(); ++i) {
    OpFoldResult offset = starts[i] ? g.size(node.getLoc(), starts[i]) : OpFoldResult(g.b.getIndexAttr(0)), limit = g.size(node.getLoc(), from[i]);
    if (!offset || !limit)
      return refuse(node, "where the part starts depends on data", "data-dependent-shape");
    offsets.push_back(getValueOrCreateConstantIndexOp(g.b, node.getLoc(), offset));
    limits.push_back(getValueOrCreateConstantIndexOp(g.b, node.getLoc(), limit));
  }
  return g.elementwise(node, {}, to, cast<ShapedType>(x.getType()).getElementType(), [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    SmallVector<Value> at;
    for (size_t i = 0; i < to.size(); ++i) {
      Value scaled = arith::MulIOp::create(b, loc, linalg::IndexOp::create(b, loc, i), arith::ConstantIndexOp::create(b, loc, steps[i]));
      Value last = arith::SubIOp::create(b, loc, limits[i], arith::ConstantIndexOp::create(b, loc, 1));
      at.push_back(arith::MinSIOp::create(b, loc, arith::AddIOp::create(b, loc, scaled, offsets[i]), last));
    }
    return tensor::ExtractOp::create(b, loc, x, at);
  });
}
static Results slice(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  auto slices = from ? g.r.elements.slices(node) : std::nullopt;
  if (!slices)
    return from ? Results(refuse(node, "starts and ends must follow from extents (in few steps), and steps be positive numbers", "slice-bounds")) : Results(failure());
  Value x = g.get(node, node.input(0));
  if (!x)
    return failure();
  SmallVector<E> starts(to->size(), nullptr);
  SmallVector<int64_t> steps(to->size(), 1);
  bool assumed = false;
  for (const Elements::SliceAxis &s : *slices)
    starts[s.axis] = s.start, steps[s.axis] = s.step, assumed |= s.assumed;
  if (assumed)
    return one(clampedPart(g, node, x, *from, starts, *to, steps));
  return one(part(g, node, x, starts, *to, steps));
}
static Results split(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  int64_t axis = from ? normalizeAxis(node.intAttribute("axis", 0), from->size()) : -1;
  auto parts = axis < 0 ? std::nullopt : g.r.elements.splits(node, axis);
  if (!parts || parts->size() < node->getNumResults())
    return refuse(node, "the sizes of the parts are not known", "split-sizes");
  Value x = g.get(node, node.input(0));
  if (!x)
    return failure();
  E total = g.r.pool.number(0);
  for (E part : *parts)
    total = g.r.pool.add(total, part);
  if (total != (*from)[axis]) {
    Shape whole = *from;
    whole[axis] = total;
    if (!ExprPool::integer(total))
      return refuse(node, "the parts are '" + ExprPool::print(total) + "' together, but the extent is '" + ExprPool::print((*from)[axis]) + "'", "split-sizes");
    x = tensor::CastOp::create(g.b, node.getLoc(), g.r.type(whole, cast<ShapedType>(x.getType()).getElementType()), x); // checked at run time
  }
  SmallVector<Value> results;
  SmallVector<E> starts(from->size(), nullptr);
  E start = g.r.pool.number(0);
  for (unsigned i = 0; i < node->getNumResults(); ++i) {
    Shape size = *from;
    size[axis] = (*parts)[i], starts[axis] = start;
    FailureOr<Value> piece = part(g, node, x, starts, size, SmallVector<int64_t>(from->size(), 1));
    if (failed(piece))
      return failure();
    results.push_back(*piece);
    start = g.r.pool.add(start, (*parts)[i]);
  }
  return results;
}
static Results concat(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  int64_t axis = to ? normalizeAxis(node.intAttribute("axis", 0), to->size()) : -1;
  FailureOr<Value> out = axis < 0 ? FailureOr<Value>(failure()) : g.empty(node, *to, g.type(node.output(0)).getElementType());
  if (failed(out))
    return failure();
  Value result = *out;
  E start = g.r.pool.number(0);
  for (Value input : node.getInputs()) {
    Value piece = g.get(node, input);
    const Shape *shape = g.r.elements.shape(input);
    Shape whole = *to; // other extents are those of the result: a part that has others is told apart at run time
    if (shape)
      whole[axis] = (*shape)[axis];
    auto sizes = piece && shape ? g.sizes(node, whole) : FailureOr<SmallVector<OpFoldResult>>(failure());
    if (failed(sizes))
      return failure();
    for (auto [i, own] : llvm::enumerate(*shape))
      if (int64_t(i) != axis && failed(g.agree(node, own, (*to)[i])))
        return failure();
    if (isEmpty(whole))
      continue;
    SmallVector<OpFoldResult> offsets(shape->size(), g.b.getIndexAttr(0)), strides(shape->size(), g.b.getIndexAttr(1));
    offsets[axis] = g.size(node.getLoc(), start);
    if (!offsets[axis])
      return refuse(node, "the size of a part depends on data", "data-dependent-shape");
    if (RankedTensorType type = g.r.type(whole, cast<ShapedType>(piece.getType()).getElementType()); type != piece.getType())
      piece = tensor::CastOp::create(g.b, node.getLoc(), type, piece);
    result = tensor::InsertSliceOp::create(g.b, node.getLoc(), piece, result, offsets, *sizes, strides);
    start = g.r.pool.add(start, (*shape)[axis]);
  }
  return one(result);
}
static Results gather(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  const Shape *ids = from ? g.r.elements.shape(node.input(1)) : nullptr;
  int64_t axis = ids ? normalizeAxis(node.intAttribute("axis", 0), from->size()) : -1;
  Value data = axis < 0 ? Value() : g.get(node, node.input(0));
  OpFoldResult extent = data ? g.size(node.getLoc(), (*from)[axis]) : OpFoldResult();
  if (!extent)
    return data ? Results(refuse(node, "the gathered dimension depends on data", "data-dependent-shape")) : Results(failure());
  Value limit = getValueOrCreateConstantIndexOp(g.b, node.getLoc(), extent);
  // The ids are read by the indices of their own dimensions.
  Value indices = g.get(node, node.input(1));
  FailureOr<Value> out = indices ? g.empty(node, *to, g.type(node.output(0)).getElementType()) : FailureOr<Value>(failure());
  if (failed(out))
    return failure();
  SmallVector<AffineExpr> own;
  for (size_t i = 0; i < ids->size(); ++i)
    own.push_back(g.b.getAffineDimExpr(axis + i));
  SmallVector<AffineMap> maps{AffineMap::get(to->size(), 0, own, g.b.getContext()), g.b.getMultiDimIdentityMap(to->size())};
  SmallVector<utils::IteratorType> loops(to->size(), utils::IteratorType::parallel);
  int64_t idRank = ids->size(), rank = from->size();
  auto generic = linalg::GenericOp::create(g.b, node.getLoc(), TypeRange{out->getType()}, indices, *out, maps, loops, [&](OpBuilder &b, Location loc, ValueRange args) {
    Value id = arith::IndexCastOp::create(b, loc, b.getIndexType(), args[0]);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, id, zero);
    id = arith::SelectOp::create(b, loc, negative, arith::AddIOp::create(b, loc, id, limit), id);
    // An id outside the table reads its nearest row rather than other memory.
    id = arith::MaxSIOp::create(b, loc, id, zero);
    id = arith::MinSIOp::create(b, loc, id, arith::SubIOp::create(b, loc, limit, arith::ConstantIndexOp::create(b, loc, 1)));
    SmallVector<Value> at; // [before the axis, id, after the axis]; the ids' own dimensions stand where the axis was
    for (int64_t i = 0; i < rank; ++i)
      at.push_back(i == axis ? id : Value(linalg::IndexOp::create(b, loc, i < axis ? i : i - 1 + idRank)));
    linalg::YieldOp::create(b, loc, Value(tensor::ExtractOp::create(b, loc, data, at)));
  });
  return one(generic.getResult(0));
}

/// Element by element, since an extent may be taken away (a negative pad) where that is known only at run time.
static Results pad(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  auto pads = from ? g.r.elements.pads(node) : std::nullopt;
  if (!pads)
    return from ? Results(refuse(node, "pads are not known, or the mode is not constant", "pad-mode")) : Results(failure());
  Location loc = node.getLoc();
  Value x = g.get(node, node.input(0)), value = node.input(2) ? g.get(node, node.input(2)) : Value();
  if (!x || (node.input(2) && !value))
    return failure();
  Type element = g.type(node.output(0)).getElementType();
  if (value) {
    SmallVector<Value> first(cast<ShapedType>(value.getType()).getRank(), arith::ConstantIndexOp::create(g.b, loc, 0));
    value = tensor::ExtractOp::create(g.b, loc, value, first);
  } else
    value = arith::ConstantOp::create(g.b, loc, g.b.getZeroAttr(element));
  SmallVector<Value> before, limits;
  for (size_t i = 0; i < to->size(); ++i) {
    OpFoldResult offset = g.size(loc, (*pads)[i].first), limit = g.size(loc, (*from)[i]);
    if (!offset || !limit)
      return refuse(node, "the padding depends on data", "data-dependent-shape");
    before.push_back(getValueOrCreateConstantIndexOp(g.b, loc, offset));
    limits.push_back(getValueOrCreateConstantIndexOp(g.b, loc, limit));
  }
  return one(g.elementwise(node, {}, *to, element, [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    Value inside = arith::ConstantIntOp::create(b, loc, 1, 1), zero = arith::ConstantIndexOp::create(b, loc, 0);
    SmallVector<Value> at;
    for (size_t i = 0; i < limits.size(); ++i) {
      Value index = arith::SubIOp::create(b, loc, linalg::IndexOp::create(b, loc, i), before[i]);
      Value last = arith::SubIOp::create(b, loc, limits[i], arith::ConstantIndexOp::create(b, loc, 1));
      at.push_back(arith::MaxSIOp::create(b, loc, arith::MinSIOp::create(b, loc, index, last), zero));
      inside = arith::AndIOp::create(b, loc, inside, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, at.back(), index));
    }
    return arith::SelectOp::create(b, loc, inside, tensor::ExtractOp::create(b, loc, x, at), value);
  }));
}

static Results shapeOf(GenericOps &g, onnx::NodeOp node) {
  const Shape *from = g.r.elements.shape(node.input(0)), *to = g.r.elements.shape(node.output(0));
  auto dims = to ? g.r.elements.vector(node.output(0)) : std::nullopt;
  if (!from || !dims || llvm::is_contained(*dims, nullptr))
    return refuse(node, "the operand has no known rank", "unknown-rank");
  SmallVector<Value> values;
  for (E dim : *dims) {
    OpFoldResult size = g.size(node.getLoc(), dim);
    if (!size)
      return refuse(node, "a dimension depends on data", "data-dependent-shape");
    Value index = getValueOrCreateConstantIndexOp(g.b, node.getLoc(), size);
    values.push_back(arith::IndexCastOp::create(g.b, node.getLoc(), g.b.getI64Type(), index));
  }
  return one(Value(tensor::FromElementsOp::create(g.b, node.getLoc(), g.type(node.output(0)), values)));
}
static Results constantOfShape(GenericOps &g, onnx::NodeOp node) {
  const Shape *to = g.r.elements.shape(node.output(0));
  RankedTensorType type = g.type(node.output(0));
  FailureOr<Value> out = to && type ? g.empty(node, *to, type.getElementType()) : FailureOr<Value>(failure());
  if (failed(out))
    return to ? Results(failure()) : Results(refuse(node, "the shape depends on data", "data-dependent-shape"));
  TypedAttr value = g.b.getZeroAttr(type.getElementType());
  if (auto given = dyn_cast_or_null<DenseElementsAttr>(node.attribute("value"))) {
    if (isa<FloatType>(type.getElementType()))
      value = g.b.getFloatAttr(type.getElementType(), *given.value_begin<APFloat>());
    else
      value = g.b.getIntegerAttr(type.getElementType(), given.getElementType().isInteger(1) ? int64_t((*given.value_begin<APInt>()).getZExtValue()) : (*given.value_begin<APInt>()).getSExtValue());
  }
  Value element = arith::ConstantOp::create(g.b, node.getLoc(), value);
  return one(linalg::FillOp::create(g.b, node.getLoc(), element, *out).getResult(0));
}
static Results range(GenericOps &g, onnx::NodeOp node) {
  const Shape *to = g.r.elements.shape(node.output(0));
  Value start = g.get(node, node.input(0)), delta = g.get(node, node.input(2));
  if (!to || !start || !delta)
    return failure();
  Type element = g.type(node.output(0)).getElementType();
  if (!isa<IntegerType>(element))
    return refuse(node, "only ranges of integers are supported", "element-type");
  Value first = tensor::ExtractOp::create(g.b, node.getLoc(), start, ValueRange{}), step = tensor::ExtractOp::create(g.b, node.getLoc(), delta, ValueRange{});
  return one(g.elementwise(node, {}, *to, element, [&](OpBuilder &b, Location loc, ValueRange) -> Value {
    Value i = arith::IndexCastOp::create(b, loc, element, linalg::IndexOp::create(b, loc, 0));
    return arith::AddIOp::create(b, loc, first, arith::MulIOp::create(b, loc, i, step));
  }));
}
static Results trilu(GenericOps &g, onnx::NodeOp node) {
  auto [from, to] = shapes(g, node);
  auto k = !from ? std::nullopt : node.input(1) ? g.r.elements.vector(node.input(1)) : std::optional(SmallVector<E>{g.r.pool.number(0)});
  OpFoldResult offset = k && (*k)[0] && to->size() >= 2 ? g.size(node.getLoc(), (*k)[0]) : OpFoldResult();
  if (!offset)
    return refuse(node, "the diagonal depends on data", "data-dependent-shape");
  Value diagonal = getValueOrCreateConstantIndexOp(g.b, node.getLoc(), offset);
  bool upper = node.intAttribute("upper", 1);
  unsigned rank = to->size();
  Type element = g.type(node.output(0)).getElementType();
  return one(g.elementwise(node, node.input(0), *to, element, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    Value row = arith::AddIOp::create(b, loc, linalg::IndexOp::create(b, loc, rank - 2), diagonal), column = linalg::IndexOp::create(b, loc, rank - 1);
    Value keep = arith::CmpIOp::create(b, loc, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, column, row);
    return arith::SelectOp::create(b, loc, keep, args[0], arith::ConstantOp::create(b, loc, b.getZeroAttr(element)));
  }));
}

static constexpr GenericRow rows[] = {
    {"Reshape", "", 5, reshape, 0b10},
    {"Flatten", "", 1, reshape},
    {"Squeeze", "", 1, reshape, 0b10},
    {"Unsqueeze", "", 1, reshape, 0b10},
    {"Transpose", "", 1, transpose},
    {"Expand", "", 8, expand, 0b10},
    {"Slice", "", 10, slice, 0b11110},
    {"Split", "", 2, split, 0b10},
    {"Pad", "", 11, pad, 0b1010},
    {"Concat", "", 4, concat},
    {"Gather", "", 1, gather},
    {"Shape", "", 1, shapeOf},
    {"Size", "", 1, shapeOf},
    {"ConstantOfShape", "", 9, constantOfShape, 0b1},
    {"Range", "", 11, range, 0b10},
    {"Trilu", "", 14, trilu, 0b10},
};
ArrayRef<GenericRow> qcc::frontend::movementRows() { return rows; }
