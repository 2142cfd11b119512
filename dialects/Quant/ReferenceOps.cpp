// Reference lowerings of everything but quantized arithmetic (ReferenceMatmul.cpp): one formula for an element of the result.
#include "dialects/Quant/Hadamard.h"
#include "dialects/Quant/ReferenceBuilder.h"
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;
using Lowered = FailureOr<SmallVector<Value>>;

static int64_t lastDim(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape().back(); }

/// Formulas use the number of channels; without it there is no reference.
static LogicalResult needStaticChannels(Operation *op, Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (type && type.getRank() > 0 && !ShapedType::isDynamic(type.getShape().back()))
    return success();
  return op->emitOpError("has no reference lowering without a static number of channels, got ") << tensor.getType();
}

static Value activated(ReferenceBuilder &r, Activation activation, Value x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Silu: // x / (1 + exp(-x))
    return r.divf(x, r.addf(r.f32(1), r.make<math::ExpOp>(r.subf(r.f32(0), x))));
  case Activation::Gelu: { // x / 2 * (1 + erf(x / sqrt(2)))
    Value erf = r.make<math::ErfOp>(r.mulf(x, r.f32(float(M_SQRT1_2))));
    return r.mulf(r.mulf(x, r.f32(0.5f)), r.addf(r.f32(1), erf));
  }
  case Activation::GeluTanh: { // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
    Value cubic = r.addf(x, r.mulf(r.f32(0.044715f), r.mulf(x, r.mulf(x, x))));
    Value tanh = r.make<math::TanhOp>(r.mulf(r.f32(0.7978845608f), cubic));
    return r.mulf(r.mulf(x, r.f32(0.5f)), r.addf(r.f32(1), tanh));
  }
  case Activation::Relu:
    return r.make<arith::MaximumFOp>(x, r.f32(0));
  }
  llvm_unreachable("all activations are covered");
}

Lowered ActivateOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  return SmallVector<Value>{r.generate(getType(), getInput(), [&](ValueRange at) { return activated(r, getActivation(), r.at(getInput(), at)); })};
}

Lowered GluOp::lowerToReference(OpBuilder &builder) {
  if (failed(needStaticChannels(*this, getResult())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  Value half = r.index(lastDim(getResult()));
  return SmallVector<Value>{r.generate(getType(), getInput(), [&](ValueRange at) {
    Value up = r.at(getInput(), withLast(at, r.add(at.back(), half)));
    return r.mulf(activated(r, getActivation(), r.at(getInput(), at)), up);
  })};
}

Lowered GatherOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  auto table = cast<RankedTensorType>(getTable().getType());
  ReferenceBuilder::Components components;
  if (isa<BlockType>(table.getElementType()))
    components = r.decompose(getTable());
  return SmallVector<Value>{r.generate(getType(), getIds(), [&](ValueRange at) {
    Value id = r.indexAt(getIds(), at.drop_back());
    SmallVector<Value> cell{table.isDynamicDim(0) ? id : r.checkedIndex(id, table.getDimSize(0)), at.back()};
    return components.codes ? r.decodeAt(components, cell) : r.at(getTable(), cell);
  })};
}

Lowered PositionsOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  SmallVector<Value> extents;
  auto type = cast<RankedTensorType>(getType());
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(extent))
      extents.push_back(r.make<DimOp>(i == 0 ? "batch" : "seq"));
  return SmallVector<Value>{r.generate(type, extents, [&](ValueRange at) {
    Value start = getStarts() ? r.indexAt(getStarts(), {at[0]}) : Value(getPast());
    return r.make<arith::IndexCastOp>(type.getElementType(), r.add(start, at.back()));
  })};
}

/// -1 where the bit sets of `i` and `j` share an odd number, else 1: an entry of Sylvester's matrix.
static Value sylvester(ReferenceBuilder &r, Value i, Value j) {
  auto word = [&](Value v) { return r.make<arith::IndexCastOp>(r.b.getI64Type(), v); };
  Value shared = r.make<math::CtPopOp>(r.make<arith::AndIOp>(word(i), word(j)));
  Value odd = r.make<arith::TruncIOp>(r.b.getI1Type(), shared);
  return r.select(odd, r.f32(-1), r.f32(1));
}

/// Column `j` of Paley's matrix, a bit for each row that is set where the entry is -1: a constant of the program, which needs no memory.
static Value paleyColumn(ReferenceBuilder &r, ArrayRef<int8_t> matrix, int64_t order, Value j) {
  Value bits;
  for (int64_t column = 0; column < order; ++column) {
    uint64_t word = 0;                                 // orders end at 64
    for (int64_t row = 0; row < order; ++row)
      word |= uint64_t(matrix[row * order + column] < 0) << row;
    Value constant = r.make<arith::ConstantIntOp>(r.b.getI64Type(), int64_t(word));
    Value isIt = r.make<arith::CmpIOp>(arith::CmpIPredicate::eq, j, r.index(column));
    bits = bits ? r.select(isIt, constant, bits) : constant;
  }
  return bits;
}

/// One matrix after the other: within runs of `inner` channels, then over the runs. Sums are ascending; the root comes last.
Lowered HadamardOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  HadamardOrder order = *hadamardOrder(getBlock());
  Value sums = r.generate(getType(), getInput(), [&](ValueRange at) {
    Value i = r.rest(at.back(), order.inner), first = r.make<arith::SubIOp>(at.back(), i);
    return r.fold(r.index(0), r.index(order.inner), r.f32(0), [&](Value k, Value sum) {
      return r.addf(sum, r.mulf(r.at(getInput(), withLast(at, r.add(first, k))), sylvester(r, k, i)));
    });
  });
  std::vector<int8_t> matrix = paleyMatrix(order.outer);
  return SmallVector<Value>{r.generate(getType(), getInput(), [&](ValueRange at) {
    Value channel = r.rest(at.back(), order.size()), first = r.make<arith::SubIOp>(at.back(), channel), sum = r.at(sums, at);
    if (order.outer > 1) {
      Value bits = paleyColumn(r, matrix, order.outer, r.over(channel, order.inner)), i = r.add(first, r.rest(channel, order.inner));
      sum = r.fold(r.index(0), r.index(order.outer), r.f32(0), [&](Value k, Value sum) {
        Value isNegative = r.make<arith::TruncIOp>(r.b.getI1Type(), r.make<arith::ShRUIOp>(bits, r.make<arith::IndexCastOp>(r.b.getI64Type(), k)));
        return r.addf(sum, r.mulf(r.at(sums, withLast(at, r.add(i, r.times(k, order.inner)))), r.select(isNegative, r.f32(-1), r.f32(1))));
      });
    }
    return r.mulf(sum, r.f32(float(1 / std::sqrt(double(order.size())))));
  })};
}

/// Sum over the last dimension of `term(indices)`, ascending, for every row of `input`.
static Value rowSums(ReferenceBuilder &r, Value input, function_ref<Value(ValueRange)> term) {
  auto type = cast<RankedTensorType>(input.getType());
  auto rows = RankedTensorType::get(type.getShape().drop_back(), r.b.getF32Type());
  return r.generate(rows, input, [&](ValueRange at) {
    return r.fold(r.index(0), r.index(type.getShape().back()), r.f32(0), [&](Value k, Value sum) {
      SmallVector<Value> indices(at);
      indices.push_back(k);
      return r.addf(sum, term(indices));
    });
  });
}

Lowered NormOp::lowerToReference(OpBuilder &builder) {
  if (failed(needStaticChannels(*this, getInput())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  Value input = getInput(), channels = r.f32(float(lastDim(input))), mean;
  bool isLayer = getKind() == NormKind::Layer;
  if (isLayer)
    mean = rowSums(r, input, [&](ValueRange at) { return r.at(input, at); });
  auto centred = [&](ValueRange at) {
    Value x = r.at(input, at);
    return isLayer ? r.subf(x, r.divf(r.at(mean, at.drop_back()), channels)) : x;
  };
  Value squares = rowSums(r, input, [&](ValueRange at) {
    Value x = centred(at);
    return r.mulf(x, x);
  });
  return SmallVector<Value>{r.generate(getType(), input, [&](ValueRange at) {
    Value variance = r.divf(r.at(squares, at.drop_back()), channels);
    Value root = r.make<math::SqrtOp>(r.addf(variance, r.f32(getEpsilon().convertToFloat())));
    Value y = r.mulf(r.divf(centred(at), root), r.at(getScale(), at.back()));
    return getBias() ? r.addf(y, r.at(getBias(), at.back())) : y;
  })};
}

Lowered RotaryOp::lowerToReference(OpBuilder &builder) {
  if (failed(needStaticChannels(*this, getInput())) || failed(needStaticChannels(*this, getCos())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  auto table = cast<RankedTensorType>(getCos().getType());
  int64_t D = lastDim(getInput()) / int64_t(getHeads()), half = lastDim(getCos());
  return SmallVector<Value>{r.generate(getType(), getInput(), [&](ValueRange at) {
    Value channel = at.back(), i = r.rest(channel, D), base = r.make<arith::SubIOp>(channel, i);
    // Channel i of the head is the first or second of pair p; channels past the rotary dimension read pair 0 and drop it.
    Value isRotated = r.less(i, 2 * half), inside = r.select(isRotated, i, r.index(0)), pair, isFirst, first, second;
    if (getInterleaved()) {
      pair = r.over(inside, 2);
      isFirst = r.less(r.rest(inside, 2), 1);
      first = r.times(pair, 2);
      second = r.add(first, r.index(1));
    } else {
      pair = r.rest(inside, half);
      isFirst = r.less(inside, half);
      first = pair;
      second = r.add(pair, r.index(half));
    }
    Value a = r.at(getInput(), withLast(at, r.add(base, first))), b = r.at(getInput(), withLast(at, r.add(base, second)));
    Value position = r.indexAt(getPositions(), at.drop_back());
    SmallVector<Value> cell{table.isDynamicDim(0) ? position : r.checkedIndex(position, table.getDimSize(0)), pair};
    Value cos = r.at(getCos(), cell), sin = r.at(getSin(), cell);
    Value y = r.select(isFirst, r.subf(r.mulf(a, cos), r.mulf(b, sin)), r.addf(r.mulf(b, cos), r.mulf(a, sin)));
    return r.select(isRotated, y, r.at(getInput(), at));
  })};
}
