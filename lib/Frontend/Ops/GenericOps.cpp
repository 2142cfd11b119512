#include "lib/Frontend/Ops/GenericOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

RankedTensorType GenericOps::type(Value value) {
  RankedTensorType type = r.type(value);
  auto integer = type ? dyn_cast<IntegerType>(type.getElementType()) : IntegerType();
  return integer && !integer.isSignless() ? type.clone(b.getIntegerType(integer.getWidth())) : type;
}

void GenericOps::set(Value value, Value now) {
  if (RankedTensorType wanted = type(value); wanted && now.getType() != wanted)
    now = tensor::CastOp::create(b, now.getLoc(), wanted, now);
  converted[value] = now;
  if (const Elements::Shape *shape = r.elements.shape(value))
    for (auto [i, dim] : llvm::enumerate(*shape))
      if (dim->kind == Kind::Dim)
        sources.try_emplace(dim, now, i);
}

Value GenericOps::get(onnx::NodeOp node, Value value) {
  if (Value known = converted.lookup(value))
    return known;
  RankedTensorType wanted = type(value);
  Location loc = node ? node.getLoc() : value.getLoc();
  if (!wanted) {
    emitError(loc) << "an operand has no known rank [unknown-rank]";
    return {};
  }
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>()) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && dense.getType() != wanted)
      dense = dense.bitcast(wanted.getElementType());
    if (dense)
      return arith::ConstantOp::create(b, loc, wanted, dense);
  }
  if (value.getDefiningOp<onnx::InitializerOp>()) {
    Value weight = r.weights.get(b, loc, value);
    if (weight && weight.getType() == wanted)
      return weight;
    emitError(loc) << "a large constant of type " << wanted << " is not supported here (weights are float32) [constant-type]";
    return {};
  }
  // A function argument or the result of a qnt op stays what it is, but for a size that only the analysis knows.
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(value);
  set(value, value);
  return converted.lookup(value);
}

void GenericOps::castArguments() {
  b.setInsertionPointToStart(&r.func.getBody().front());
  for (BlockArgument argument : r.func.getArguments())
    if (RankedTensorType wanted = type(argument); wanted && wanted != argument.getType()) {
      retyped.push_back(UnrealizedConversionCastOp::create(b, argument.getLoc(), wanted, argument));
      set(argument, retyped.back().getResult(0));
    }
}
void GenericOps::retypeArguments() {
  for (UnrealizedConversionCastOp cast : retyped) {
    auto argument = mlir::cast<BlockArgument>(cast.getOperand(0));
    argument.setType(cast.getType(0));
    cast.getResult(0).replaceAllUsesWith(argument);
    cast.erase();
  }
  retyped.clear();
}

OpFoldResult GenericOps::size(Location loc, E dim) {
  if (std::optional<int64_t> c = ExprPool::integer(dim))
    return b.getIndexAttr(*c);
  Value known = r.index(loc, dim, [&](E fresh) -> Value {
    auto it = sources.find(fresh);
    return it == sources.end() ? Value() : tensor::DimOp::create(b, loc, it->second.first, it->second.second);
  });
  return known ? OpFoldResult(known) : OpFoldResult();
}
FailureOr<SmallVector<OpFoldResult>> GenericOps::sizes(onnx::NodeOp node, ArrayRef<E> dims) {
  SmallVector<OpFoldResult> result;
  for (E dim : dims) {
    result.push_back(size(node.getLoc(), dim));
    if (!result.back())
      return refuse(node, "the shape of the result depends on data", "data-dependent-shape");
  }
  return result;
}
FailureOr<Value> GenericOps::empty(onnx::NodeOp node, ArrayRef<E> dims, Type element) {
  auto all = sizes(node, dims);
  if (failed(all))
    return failure();
  return Value(tensor::EmptyOp::create(b, node.getLoc(), *all, element));
}

LogicalResult GenericOps::agree(onnx::NodeOp node, E a, E b) {
  if (a == b || ExprPool::integer(a) == 1 || ExprPool::integer(b) == 1 || !(a->clamps || b->clamps))
    return success();
  return refuse(node, "the extents '" + ExprPool::print(a) + "' and '" + ExprPool::print(b) + "' are not the same for all inputs", "extents-differ");
}

/// The map that reads an operand of shape `from` at the indices of a result of shape `to`, broadcasting from the right.
static AffineMap broadcastMap(OpBuilder &b, ArrayRef<E> from, size_t rank) {
  SmallVector<AffineExpr> indices;
  for (auto [i, dim] : llvm::enumerate(from))
    indices.push_back(ExprPool::integer(dim) == 1 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(rank - from.size() + i));
  return AffineMap::get(rank, 0, indices, b.getContext());
}

FailureOr<Value> GenericOps::elementwise(onnx::NodeOp node, ValueRange operands, ArrayRef<E> shape, Type element, Body body) {
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (Value operand : operands) {
    Value input = get(node, operand);
    if (!input)
      return failure();
    inputs.push_back(input);
    const Elements::Shape &from = *r.elements.shape(operand);
    if (from.size() > shape.size())
      return refuse(node, "an operand has " + Twine(from.size()) + " dimensions, and the result only " + Twine(shape.size()), "result-rank");
    for (auto [own, whole] : llvm::zip(from, shape.take_back(from.size())))
      if (failed(agree(node, own, whole)))
        return failure();
    AffineMap map = broadcastMap(b, from, shape.size());
    // A size of 1 in the result too: read by its own index, so that the map stays a plain identity.
    SmallVector<AffineExpr> indices(map.getResults());
    for (size_t i = 0; i < from.size(); ++i)
      if (ExprPool::integer(shape[shape.size() - from.size() + i]) == 1)
        indices[i] = b.getAffineDimExpr(shape.size() - from.size() + i);
    maps.push_back(AffineMap::get(shape.size(), 0, indices, b.getContext()));
  }
  FailureOr<Value> out = empty(node, shape, element);
  if (failed(out))
    return failure();
  maps.push_back(b.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> loops(shape.size(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(b, node.getLoc(), TypeRange{out->getType()}, inputs, ValueRange{*out}, maps, loops,
                                           [&](OpBuilder &inner, Location loc, ValueRange args) { linalg::YieldOp::create(inner, loc, body(inner, loc, args.drop_back())); });
  return generic.getResult(0);
}

FailureOr<Value> GenericOps::reduce(onnx::NodeOp node, Value value, ArrayRef<E> shape, ArrayRef<int64_t> axes, TypedAttr start, Body body) {
  SmallVector<E> kept;
  SmallVector<AffineExpr> out;
  SmallVector<utils::IteratorType> loops;
  for (auto [i, dim] : llvm::enumerate(shape)) {
    bool reduced = llvm::is_contained(axes, int64_t(i));
    loops.push_back(reduced ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    if (!reduced) {
      kept.push_back(dim);
      out.push_back(b.getAffineDimExpr(i));
    }
  }
  FailureOr<Value> into = empty(node, kept, start.getType());
  if (failed(into))
    return failure();
  Location loc = node.getLoc();
  Value first = arith::ConstantOp::create(b, loc, start);
  Value filled = linalg::FillOp::create(b, loc, first, *into).getResult(0);
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(shape.size()), AffineMap::get(shape.size(), 0, out, b.getContext())};
  auto generic = linalg::GenericOp::create(b, loc, TypeRange{filled.getType()}, value, filled, maps, loops,
                                           [&](OpBuilder &inner, Location at, ValueRange args) { linalg::YieldOp::create(inner, at, body(inner, at, args)); });
  return generic.getResult(0);
}

FailureOr<Value> GenericOps::reshape(onnx::NodeOp node, Value value, ArrayRef<E> from, ArrayRef<E> to) {
  Location loc = node.getLoc();
  auto all = sizes(node, to);
  if (failed(all))
    return failure();
  if (from == to)
    return value;
  Type element = cast<ShapedType>(value.getType()).getElementType();
  RankedTensorType target = r.type(to, element);
  // Groups of dimensions with as many elements on both sides: collapse, then expand. Sizes of 1 join the group before them.
  SmallVector<ReassociationIndices> source, result;
  size_t i = 0, j = 0;
  bool grouped = !from.empty() && !to.empty();
  while (grouped && (i < from.size() || j < to.size())) {
    ReassociationIndices a, c;
    E left = r.pool.number(1), right = r.pool.number(1);
    do {
      // Take from the side whose product is a divisor of the other's.
      bool takeLeft = c.empty() ? a.empty() : i < from.size() && (j >= to.size() || a.empty() || (left != right && ExprPool::integer(r.pool.divMod(right, left).second) == 0));
      if (takeLeft && i < from.size())
        left = r.pool.mul(left, from[i]), a.push_back(i++);
      else if (j < to.size())
        right = r.pool.mul(right, to[j]), c.push_back(j++);
      else
        break;
    } while (a.empty() || c.empty() || left != right);
    while (i < from.size() && ExprPool::integer(from[i]) == 1)
      a.push_back(i++);
    while (j < to.size() && ExprPool::integer(to[j]) == 1)
      c.push_back(j++);
    grouped = left && left == right && !a.empty() && !c.empty();
    source.push_back(a), result.push_back(c);
  }
  // Upstream's lowering of an expansion crashes on two runtime sizes in one group.
  for (ReassociationIndices &group : result)
    grouped &= llvm::count_if(group, [&](int64_t k) { return target.isDynamicDim(k); }) <= 1;
  if (grouped) {
    Value flat = value;
    if (source.size() < from.size())
      flat = tensor::CollapseShapeOp::create(b, loc, value, source);
    if (result.size() == to.size())
      return flat.getType() == target ? flat : Value(tensor::CastOp::create(b, loc, target, flat));
    return Value(tensor::ExpandShapeOp::create(b, loc, target, flat, result, *all));
  }
  SmallVector<Value> extents;
  for (OpFoldResult size : *all)
    extents.push_back(arith::IndexCastOp::create(b, loc, b.getI64Type(), getValueOrCreateConstantIndexOp(b, loc, size)));
  auto shapeType = RankedTensorType::get({int64_t(extents.size())}, b.getI64Type());
  Value shape = extents.empty() ? Value(tensor::EmptyOp::create(b, loc, shapeType.getShape(), b.getI64Type())) : Value(tensor::FromElementsOp::create(b, loc, shapeType, extents));
  return Value(tensor::ReshapeOp::create(b, loc, target, value, shape));
}
