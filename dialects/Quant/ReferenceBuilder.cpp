// Formulas to IR.
#include "dialects/Quant/ReferenceBuilder.h"
using namespace mlir;
using namespace qcc::qnt;

Value ReferenceBuilder::at(Value tensor, ValueRange indices) {
  Value value = make<tensor::ExtractOp>(tensor, indices);
  if (isa<Float16Type, BFloat16Type>(value.getType()))
    return make<arith::ExtFOp>(b.getF32Type(), value);
  if (value.getType().isInteger(8))
    return make<arith::ExtUIOp>(b.getI32Type(), value);
  return value;
}

Value ReferenceBuilder::indexAt(Value tensor, ValueRange indices) {
  return make<arith::IndexCastOp>(b.getIndexType(), make<tensor::ExtractOp>(tensor, indices));
}

Value ReferenceBuilder::checkedIndex(Value i, int64_t extent) {
  Value inside = less(i, extent);
  cf::AssertOp::create(b, loc, inside, "index out of range");
  return select(inside, i, index(0));
}

Value ReferenceBuilder::generate(Type type, Value shapeOf, function_ref<Value(ValueRange)> element) {
  SmallVector<Value> extents;
  for (auto [i, extent] : llvm::enumerate(cast<RankedTensorType>(type).getShape()))
    if (ShapedType::isDynamic(extent))
      extents.push_back(make<tensor::DimOp>(shapeOf, int64_t(i)));
  return generate(type, extents, element);
}

Value ReferenceBuilder::generate(Type type, ValueRange dynamicExtents, function_ref<Value(ValueRange)> element) {
  return tensor::GenerateOp::create(b, loc, type, dynamicExtents, [&](OpBuilder &, Location, ValueRange indices) {
    Value value = element(indices); // the body builder shares our insertion point
    tensor::YieldOp::create(b, loc, value);
  });
}

Value ReferenceBuilder::fold(Value from, Value to, Value start, function_ref<Value(Value, Value)> body) {
  auto loop = scf::ForOp::create(b, loc, from, to, index(1), ValueRange{start}, [&](OpBuilder &, Location, Value i, ValueRange carried) {
    scf::YieldOp::create(b, loc, body(i, carried[0]));
  });
  return loop.getResult(0);
}

ReferenceBuilder::Components ReferenceBuilder::decompose(Value quantized) {
  auto type = cast<BlockType>(cast<RankedTensorType>(quantized.getType()).getElementType());
  auto op = DecomposeOp::create(b, loc, quantized);
  SmallVector<Value> side(op.getSide());
  Components c{type, op.getCodes(), op.getScales(), {}, {}, {}};
  if (hasSubMinima(type))
    c.subMins = side.pop_back_val();
  if (type.getZero() == ZeroKind::Min)
    c.mins = side.pop_back_val();
  if (type.getZero() == ZeroKind::Shift)
    c.mins = c.scales;
  if (!side.empty())
    c.side = side.front();
  return c;
}

SmallVector<Value> ReferenceBuilder::groupIndices(const Components &c, ValueRange indices, bool ofScale) {
  int64_t size = ofScale && c.type.getSuper() ? c.type.getSuper() : c.type.getGroup();
  return withLast(indices, size < 0 ? index(0) : over(indices.back(), size));
}

ElementValues ReferenceBuilder::elementAt(const Components &c, ValueRange indices) {
  ElementValues element;
  element.code = at(c.codes, indices);
  element.scale = at(c.scales, groupIndices(c, indices, /*ofScale=*/true));
  if (c.side)
    element.side = at(c.side, groupIndices(c, indices, /*ofScale=*/false));
  if (c.mins)
    element.min = at(c.mins, groupIndices(c, indices, /*ofScale=*/true));
  if (c.subMins)
    element.subMin = at(c.subMins, groupIndices(c, indices, /*ofScale=*/false));
  if (c.type.getZero() == ZeroKind::Shift)
    element.subMin = shiftedMinimum(b, loc, c.type.getBits(), c.type.getSubBits(), element.side, element.subMin);
  return element;
}
