// Reference lowerings of quantized arithmetic. This is the definition that integer kernels equal bit for bit.
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/ReferenceBuilder.h"
#include <cmath>
#include <limits>
using namespace mlir;
using namespace qcc::qnt;
using Lowered = FailureOr<SmallVector<Value>>;

static BlockType blockOf(Value tensor) { return dyn_cast<BlockType>(cast<RankedTensorType>(tensor.getType()).getElementType()); }
static int64_t lastDim(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape().back(); }

static LogicalResult needFamily(Operation *op, Value tensor) {
  BlockType block = blockOf(tensor);
  if (block && !familyOf(block))
    return op->emitOpError("has no reference lowering: no format decodes ") << block;
  if (ShapedType::isDynamic(lastDim(tensor)))
    return op->emitOpError("has no reference lowering without a static number of channels, got ") << tensor.getType();
  return success();
}

/// scale = absmax / largest, also for the last, short group; 0 for a group of zeros, NaN or infinity where a value is.
static Value dynamicScales(ReferenceBuilder &r, Value input, Type type, int64_t group, float largest) {
  return r.generate(type, input, [&](ValueRange at) {
    Value from = group < 0 ? r.index(0) : r.times(at.back(), group), end = r.index(lastDim(input));
    Value to = group < 0 ? end : r.make<arith::MinUIOp>(r.add(from, r.index(group)), end);
    Value most = r.fold(from, to, r.f32(0), [&](Value k, Value most) {
      return r.make<arith::MaximumFOp>(most, r.make<math::AbsFOp>(r.at(input, withLast(at, k))));
    });
    return r.divf(most, r.f32(largest));
  });
}

/// Codes of 8-bit floats, which ascend with magnitudes: the last one whose values begin at or below |x / scale|, found by bisection, and the sign of x.
/// Values begin halfway to the code before, which has the middle itself where it is even.
static Value floatCodes(ReferenceBuilder &r, Value input, Value scales, Type type, BlockType block) {
  const CodeTable &table = *floatTableOf(block);
  constexpr unsigned count = 128;
  SmallVector<float> begins(count, std::numeric_limits<float>::quiet_NaN());        // of no code that is finite: never reached
  for (unsigned code = 1; code < count && std::isfinite(table.values[code]); ++code) {
    float middle = (table.values[code - 1] + table.values[code]) / 2;               // exact
    begins[code] = code % 2 ? std::nextafter(middle, table.largest()) : middle;
  }
  Value begin = r.make<arith::ConstantOp>(DenseElementsAttr::get(RankedTensorType::get({int64_t(count)}, r.b.getF32Type()), ArrayRef<float>(begins)));
  return r.generate(type, input, [&](ValueRange at) {
    Value x = r.at(input, at);
    Value scale = r.at(scales, withLast(at, block.getGroup() < 0 ? r.index(0) : r.over(at.back(), block.getGroup())));
    Value vanishes = r.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, scale, r.f32(0));
    Value size = r.make<math::AbsFOp>(r.divf(x, r.select(vanishes, r.f32(1), scale))), code = r.i32(0);
    for (unsigned step = count / 2; step; step /= 2) {
      Value next = r.make<arith::AddIOp>(code, r.i32(step));
      Value from = r.at(begin, r.make<arith::IndexCastOp>(r.b.getIndexType(), next));
      code = r.select(r.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, size, from), next, code);
    }
    Value bits = r.make<arith::BitcastOp>(r.b.getI32Type(), x);
    Value sign = r.make<arith::AndIOp>(r.make<arith::ShRUIOp>(bits, r.i32(24)), r.i32(count));
    return r.make<arith::TruncIOp>(r.b.getI8Type(), r.make<arith::OrIOp>(code, sign));
  });
}

Lowered QuantizeOp::lowerToReference(OpBuilder &builder) {
  if (failed(needFamily(*this, getResult())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  BlockType block = blockOf(getResult());
  int64_t group = block.getGroup();
  SmallVector<Type> types = componentTypes(cast<RankedTensorType>(getType()));
  if (const CodeTable *table = floatTableOf(block)) {
    Value scales = dynamicScales(r, getInput(), types[1], group, table->largest());
    return SmallVector<Value>{r.make<ComposeOp>(getType(), floatCodes(r, getInput(), scales, types[0], block), scales, ValueRange())};
  }
  Value scales = getScale() ? r.generate(types[1], getInput(), [&](ValueRange) { return r.at(getScale(), {r.index(0)}); })
                            : dynamicScales(r, getInput(), types[1], group, 127);
  // code = round(x * (1 / scale)) + 128: one division for a group, as in kernels.
  Value codes = r.generate(types[0], getInput(), [&](ValueRange at) {
    Value scale = r.at(scales, withLast(at, group < 0 ? r.index(0) : r.over(at.back(), group)));
    Value some = r.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, scale, r.f32(0));
    Value inverse = r.select(some, r.divf(r.f32(1), scale), r.f32(0));
    Value code = r.make<math::RoundEvenOp>(r.mulf(r.at(getInput(), at), inverse));
    if (getScale())
      code = r.make<arith::MaxNumFOp>(r.make<arith::MinNumFOp>(code, r.f32(127)), r.f32(-127));
    Value whole = r.make<arith::FPToSIOp>(builder.getI32Type(), code);
    return r.make<arith::TruncIOp>(builder.getI8Type(), r.make<arith::AddIOp>(whole, r.i32(128)));
  });
  return SmallVector<Value>{r.make<ComposeOp>(getType(), codes, scales, ValueRange())};
}

/// Folds |x| of channel `k` over all rows: dimensions `dim`.. of `input`, the last one excepted.
static Value mostOfChannel(ReferenceBuilder &r, Value input, SmallVector<Value> &at, unsigned dim, Value k, Value most) {
  if (dim + 1 == cast<RankedTensorType>(input.getType()).getRank()) {
    at.push_back(k);
    Value value = r.make<math::AbsFOp>(r.at(input, at));
    at.pop_back();
    return r.make<arith::MaxNumFOp>(most, value);
  }
  return r.fold(r.index(0), r.make<tensor::DimOp>(input, int64_t(dim)), most, [&](Value i, Value most) {
    at.push_back(i);
    Value folded = mostOfChannel(r, input, at, dim + 1, k, most);
    at.pop_back();
    return folded;
  });
}

Lowered SplitOutliersOp::lowerToReference(OpBuilder &builder) {
  int64_t K = lastDim(getInput());
  if (ShapedType::isDynamic(K))
    return emitOpError("has no reference lowering without a static number of channels, got ") << getInput().getType();
  ReferenceBuilder r(builder, getLoc());
  Value most = r.generate(RankedTensorType::get({K}, r.b.getF32Type()), ValueRange(), [&](ValueRange channel) {
    SmallVector<Value> at;
    return mostOfChannel(r, getInput(), at, 0, channel[0], r.f32(0));
  });
  SmallVector<Value> parts;
  for (bool ofOutliers : {false, true})
    parts.push_back(r.generate(getInput().getType(), getInput(), [&](ValueRange at) {
      Value isOutlier = r.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, r.at(most, {at.back()}), r.f32(getThreshold().convertToFloat()));
      Value x = r.at(getInput(), at), zero = r.f32(0);
      return ofOutliers ? r.select(isOutlier, x, zero) : r.select(isOutlier, zero, x);
    }));
  return parts;
}

Lowered DequantizeOp::lowerToReference(OpBuilder &builder) {
  if (failed(needFamily(*this, getInput())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  auto components = r.decompose(getInput());
  return SmallVector<Value>{r.generate(getType(), components.codes, [&](ValueRange at) { return r.decodeAt(components, at); })};
}

/// One element of a product with quantized activations: integer sums of the runs in which all float scales are constant (integer zero points are part of
/// the sum, sub-scales where sumsHaveSubScales says so), each rounded to f32 once, scaled and added by one fma, in ascending order. Minima: another
/// fma follows each, of the sum of activations (times integer sub-minima, where sub-scales are in sums too) times their scale. Minima in units of the scale
/// are part of the sum where sub-scales are.
static Value integerDot(ReferenceBuilder &r, const ReferenceBuilder::Components &x, const ReferenceBuilder::Components &w, ValueRange row, Value n, int64_t K) {
  const FormatFamily *family = familyOf(w.type), *activations = familyOf(x.type);
  int64_t run = exactRun(w.type, x.type), step = run < 0 ? K : run;
  bool hasFloatZero = w.type.getZero() == ZeroKind::Float;
  bool inSums = sumsHaveSubScales(w.type.getGroup(), w.type.getSuper(), x.type.getGroup()), inScales = w.type.getSuper() && !inSums;
  bool oneSum = inSums && w.type.getZero() == ZeroKind::Shift;    // minima in units of the scale
  auto xAt = [&](Value k) {
    SmallVector<Value> indices(row);
    indices.push_back(k);
    return r.elementAt(x, indices);
  };
  return r.fold(r.index(0), r.index((K + step - 1) / step), r.f32(0), [&](Value g, Value y) {
    Value from = r.times(g, step), to = r.make<arith::MinUIOp>(r.add(from, r.index(step)), r.index(K));
    auto sum = [&](function_ref<Value(Value)> term) {
      return r.fold(from, to, r.i32(0), [&](Value k, Value sum) { return r.make<arith::AddIOp>(sum, term(k)); });
    };
    auto codeOfX = [&](Value k) { return activations->integerValue(r.b, r.loc, x.type, xAt(k)); };
    Value dot = r.asFloat(sum([&](Value k) {
      ElementValues element = r.elementAt(w, ValueRange{n, k});
      Value integer = family->integerValue(r.b, r.loc, w.type, element);
      if (inSums)
        integer = r.make<arith::MulIOp>(integer, subScaleValue(r.b, r.loc, w.type, element));
      if (oneSum)
        integer = r.make<arith::AddIOp>(integer, element.subMin);
      return r.make<arith::MulIOp>(codeOfX(k), integer);
    }));
    ElementValues first = r.elementAt(w, ValueRange{n, from}); // its scales are those of the whole step
    if (hasFloatZero)
      dot = r.make<math::FmaOp>(r.make<arith::NegFOp>(first.side), r.asFloat(sum(codeOfX)), dot);
    Value scaleOfX = xAt(from).scale, scale = first.scale, min = first.min;
    if (const CodeTable *table = tableOf(w.type))
      scaleOfX = r.mulf(scaleOfX, r.f32(table->integers->unit));
    if (inScales)
      scale = r.mulf(scale, r.asFloat(subScaleValue(r.b, r.loc, w.type, first)));
    if (inScales && w.mins)
      min = r.mulf(min, r.asFloat(first.subMin));
    y = r.make<math::FmaOp>(dot, r.mulf(scale, scaleOfX), y);
    if (!w.mins || oneSum)
      return y;
    Value ofMins = r.asFloat(sum([&](Value k) {
      return w.subMins && inSums ? r.make<arith::MulIOp>(codeOfX(k), r.elementAt(w, ValueRange{n, k}).subMin) : codeOfX(k);
    }));
    return r.make<math::FmaOp>(r.mulf(ofMins, scaleOfX), min, y);
  });
}

Lowered MatmulOp::lowerToReference(OpBuilder &builder) {
  if (failed(needFamily(*this, getInput())) || failed(needFamily(*this, getWeight())))
    return failure();
  ReferenceBuilder r(builder, getLoc());
  int64_t K = lastDim(getWeight());
  bool isQuantizedX = bool(blockOf(getInput())), isQuantizedW = bool(blockOf(getWeight()));
  ReferenceBuilder::Components x, w;
  if (isQuantizedX)
    x = r.decompose(getInput());
  if (isQuantizedW)
    w = r.decompose(getWeight());
  Value shape = isQuantizedX ? x.codes : getInput();
  return SmallVector<Value>{r.generate(getType(), shape, [&](ValueRange at) {
    ValueRange row = at.drop_back();
    Value n = at.back(), y;
    if (isQuantizedX && isQuantizedW && hasIntegers(x.type) && hasIntegers(w.type))
      y = integerDot(r, x, w, row, n, K);
    else
      y = r.fold(r.index(0), r.index(K), r.f32(0), [&](Value k, Value sum) {
        SmallVector<Value> cell(row);
        cell.push_back(k);
        Value a = isQuantizedX ? r.decodeAt(x, cell) : r.at(getInput(), cell);
        Value b = isQuantizedW ? r.decodeAt(w, ValueRange{n, k}) : r.at(getWeight(), ValueRange{n, k});
        return r.addf(sum, r.mulf(a, b));
      });
    return getBias() ? r.addf(y, r.at(getBias(), n)) : y;
  })};
}
