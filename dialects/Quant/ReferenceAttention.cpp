// Reference lowerings of operations on KV state: a cache is plain memory (qnt.cache_view); attention is scores, their softmax and a weighted
// sum of values, each a tensor of its own.
#include "dialects/Quant/ReferenceBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <limits>
using namespace mlir;
using namespace qcc::qnt;
using Lowered = FailureOr<SmallVector<Value>>;

/// `body` for every index below `extents`, in any order.
static void forEach(ReferenceBuilder &r, ValueRange extents, function_ref<void(ValueRange)> body) {
  SmallVector<Value> zeros(extents.size(), r.index(0)), ones(extents.size(), r.index(1));
  scf::ParallelOp::create(r.b, r.loc, zeros, extents, ones, [&](OpBuilder &, Location, ValueRange at) { body(at); });
}

/// Rounds to nearest even.
static void storeRounded(ReferenceBuilder &r, Value value, Value memory, ValueRange at) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  if (value.getType() != element)
    value = r.make<arith::TruncFOp>(element, value);
  memref::StoreOp::create(r.b, r.loc, value, memory, at);
}

static Value loadWidened(ReferenceBuilder &r, Value memory, ValueRange at) {
  Value value = r.make<memref::LoadOp>(memory, at);
  return value.getType().isF32() ? value : r.make<arith::ExtFOp>(r.b.getF32Type(), value);
}

/// A number of i32 in the form that memory keeps it: one code, or two of 4 bits, the second in the upper half.
static Value asSlot(ReferenceBuilder &r, Value first, Value second) {
  if (second)
    first = r.make<arith::OrIOp>(r.make<arith::AndIOp>(first, r.i32(15)), r.make<arith::ShLIOp>(second, r.i32(4)));
  return r.make<arith::TruncIOp>(r.b.getI8Type(), first);
}

/// Writes the codes and the scale of one token's key (or value) in one head, whose channels `x` gives: see qnt.cache.
static void storeQuantized(ReferenceBuilder &r, CacheType cache, function_ref<Value(Value)> x, Value codes, Value scales, ValueRange at) {
  int64_t perSlot = cache.getHeadDim() / cache.getSlots();
  float limit = float(1 << (cache.getBits() - 1));
  auto most = [&](bool ofNegatives) {
    return r.fold(r.index(0), r.index(cache.getHeadDim()), r.f32(0), [&](Value d, Value most) {
      return r.make<arith::MaximumFOp>(most, ofNegatives ? r.subf(r.f32(0), x(d)) : x(d));
    });
  };
  auto atLeast = [&](Value a, Value b) { return r.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, a, b); };
  Value high = most(false), low = most(true), some = atLeast(r.make<arith::MaximumFOp>(high, low), r.f32(0x1p-120f));
  Value lowest = r.select(atLeast(low, high), low, r.subf(r.f32(0), high));
  Value scale = r.select(some, r.mulf(lowest, r.f32(1 / limit)), r.f32(0)), inverse = r.select(some, r.divf(r.f32(1), scale), r.f32(0));
  memref::StoreOp::create(r.b, r.loc, scale, scales, at);
  auto code = [&](Value d) {
    Value c = r.make<math::RoundEvenOp>(r.mulf(x(d), inverse));
    return r.make<arith::FPToSIOp>(r.b.getI32Type(), r.make<arith::MaximumFOp>(r.make<arith::MinimumFOp>(c, r.f32(limit - 1)), r.f32(-limit)));
  };
  scf::ForOp::create(r.b, r.loc, r.index(0), r.index(cache.getSlots()), r.index(1), ValueRange(), [&](OpBuilder &, Location, Value slot, ValueRange) {
    Value first = r.times(slot, perSlot), second = perSlot > 1 ? code(r.add(first, r.index(1))) : Value();
    SmallVector<Value> cell(at);
    cell.push_back(slot);
    memref::StoreOp::create(r.b, r.loc, asSlot(r, code(first), second), codes, cell);
    scf::YieldOp::create(r.b, r.loc);
  });
}

/// An element of keys (or values): a float that widens, or a code times its scale.
static Value elementAt(ReferenceBuilder &r, CacheType cache, Value memory, Value scales, ValueRange at) {
  if (!cache.isQuantized())
    return loadWidened(r, memory, at);
  int64_t perSlot = cache.getHeadDim() / cache.getSlots();
  Value code = r.make<arith::ExtSIOp>(r.b.getI32Type(), r.make<memref::LoadOp>(memory, withLast(at, r.over(at.back(), perSlot))));
  if (perSlot > 1) {
    Value low = r.make<arith::ShRSIOp>(r.make<arith::ShLIOp>(code, r.i32(28)), r.i32(28));
    code = r.select(r.less(r.rest(at.back(), perSlot), 1), low, r.make<arith::ShRSIOp>(code, r.i32(4)));
  }
  return r.mulf(r.asFloat(code), r.make<memref::LoadOp>(scales, at.drop_back()));
}

/// The first new token of a row of the batch.
static Value startOf(ReferenceBuilder &r, Value past, Value starts, Value row) { return starts ? r.indexAt(starts, {row}) : past; }

Lowered KvUpdateOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  auto type = cast<CacheType>(getCache().getType());
  auto view = CacheViewOp::create(builder, getLoc(), getCache());
  Value batch = r.make<tensor::DimOp>(getKey(), 0), tokens = r.make<tensor::DimOp>(getKey(), 1);
  if (type.isQuantized()) {
    forEach(r, {batch, tokens, r.index(type.getKvHeads())}, [&](ValueRange at) {
      SmallVector<Value> cell{at[0], at[2], r.add(startOf(r, getPast(), getStarts(), at[0]), at[1])};
      auto channels = [&](Value tensor) {
        return [&, tensor](Value d) { return r.at(tensor, {at[0], at[1], r.add(r.times(at[2], type.getHeadDim()), d)}); };
      };
      storeQuantized(r, type, channels(getKey()), view.getKey(), view.getScales()[0], cell);
      storeQuantized(r, type, channels(getValue()), view.getValue(), view.getScales()[1], cell);
    });
    return SmallVector<Value>{};
  }
  forEach(r, {batch, tokens, r.index(type.getKvHeads() * type.getHeadDim())}, [&](ValueRange at) {
    SmallVector<Value> cell{at[0], r.over(at[2], type.getHeadDim()), r.add(startOf(r, getPast(), getStarts(), at[0]), at[1]), r.rest(at[2], type.getHeadDim())};
    storeRounded(r, r.at(getKey(), at), view.getKey(), cell);
    storeRounded(r, r.at(getValue(), at), view.getValue(), cell);
  });
  return SmallVector<Value>{};
}

/// The cache itself stays an operation: its memory is for later stages to find.
Lowered CacheLoadOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  auto empty = CacheLoadOp::create(builder, getLoc(), getCache().getType(), ValueRange());
  if (getPast().empty())
    return SmallVector<Value>{empty};
  auto view = CacheViewOp::create(builder, getLoc(), empty);
  SmallVector<Value> extents;
  for (int64_t i = 0; i < 4; ++i)
    extents.push_back(r.make<tensor::DimOp>(getPast()[0], i));
  forEach(r, extents, [&](ValueRange at) {
    storeRounded(r, r.at(getPast()[0], at), view.getKey(), at);
    storeRounded(r, r.at(getPast()[1], at), view.getValue(), at);
  });
  return SmallVector<Value>{empty};
}

Lowered CacheStoreOp::lowerToReference(OpBuilder &builder) {
  ReferenceBuilder r(builder, getLoc());
  auto type = cast<RankedTensorType>(getKey().getType());
  auto cache = cast<CacheType>(getCache().getType());
  auto view = CacheViewOp::create(builder, getLoc(), getCache());
  SmallVector<Value> all{r.make<DimOp>("batch"), r.index(cache.getKvHeads()), getTotal(), r.index(cache.getHeadDim())}, extents;
  for (int64_t i = 0; i < 4; ++i)
    if (type.isDynamicDim(i))
      extents.push_back(all[i]);
  SmallVector<Value> results;
  for (Value memory : {view.getKey(), view.getValue()})
    results.push_back(r.generate(type, extents, [&](ValueRange at) {
      Value value = loadWidened(r, memory, at);
      if (!getStarts())
        return value;
      Value end = r.add(r.indexAt(getStarts(), {at[0]}), r.make<DimOp>("seq"));
      return r.select(r.make<arith::CmpIOp>(arith::CmpIPredicate::ult, at[2], end), value, r.f32(0));
    }));
  return results;
}

namespace {
/// The steps of attention, each on what the one before it made: [B, heads, S, T] and [B, heads, S].
struct Attention {
  ReferenceBuilder r;
  AttentionOp op;
  CacheType cache = cast<CacheType>(op.getCache().getType());
  int64_t heads = op.getHeads(), headDim = cache.getHeadDim(), shared = heads / cache.getKvHeads();
  CacheViewOp view = CacheViewOp::create(r.b, r.loc, op.getCache());
  Value batch = r.make<tensor::DimOp>(op.getQuery(), 0), tokens = r.make<tensor::DimOp>(op.getQuery(), 1), total = r.add(op.getPast(), tokens);

  RankedTensorType type(bool perToken) {
    SmallVector<int64_t> shape{ShapedType::kDynamic, heads, ShapedType::kDynamic};
    if (perToken)
      shape.push_back(ShapedType::kDynamic);
    return RankedTensorType::get(shape, r.b.getF32Type());
  }
  Value perToken(function_ref<Value(ValueRange)> element) { return r.generate(type(true), {batch, tokens, total}, element); }
  /// Folds the elements of `rows` over the last dimension.
  Value perRow(Value rows, float start, function_ref<Value(Value, Value)> combine) {
    return r.generate(type(false), {batch, tokens}, [&](ValueRange at) {
      return r.fold(r.index(0), total, r.f32(start), [&](Value t, Value sofar) { return combine(sofar, r.at(rows, {at[0], at[1], at[2], t})); });
    });
  }
  Value cached(bool value, ValueRange at) {
    return elementAt(r, cache, value ? view.getValue() : view.getKey(), cache.isQuantized() ? view.getScales()[value] : Value(), at);
  }
  Value compare(arith::CmpIPredicate how, Value x, Value y) { return r.make<arith::CmpIOp>(how, x, y); }

  /// Whether the query at position past (or start) + s attends to token t.
  Value isAttended(Value b, Value s, Value t) {
    Value start = startOf(r, op.getPast(), op.getStarts(), b), here = r.add(start, s), attended = r.make<arith::ConstantOp>(r.b.getBoolAttr(true));
    if (op.getCausal())
      attended = compare(arith::CmpIPredicate::ule, t, here);
    else if (op.getStarts())
      attended = compare(arith::CmpIPredicate::ult, t, r.add(start, tokens));
    if (op.getWindow())
      attended = r.make<arith::AndIOp>(attended, compare(arith::CmpIPredicate::ugt, r.add(t, r.index(op.getWindow())), here));
    if (op.getKeyMask())
      attended = r.make<arith::AndIOp>(attended, compare(arith::CmpIPredicate::ne, r.indexAt(op.getKeyMask(), {b, t}), r.index(0)));
    return attended;
  }

  /// scale * q . k, capped; tokens that are not attended are at minus infinity.
  Value score(ValueRange at) {
    Value b = at[0], head = at[1], s = at[2], t = at[3], kvHead = r.over(head, shared);
    Value dot = r.fold(r.index(0), r.index(headDim), r.f32(0), [&](Value d, Value sum) {
      Value q = r.at(op.getQuery(), {b, s, r.add(r.times(head, headDim), d)});
      return r.addf(sum, r.mulf(q, cached(/*value=*/false, {b, kvHead, t, d})));
    });
    Value score = r.mulf(dot, r.f32(op.getScale().convertToFloat()));
    if (float cap = op.getSoftcap().convertToFloat())
      score = r.mulf(r.make<math::TanhOp>(r.divf(score, r.f32(cap))), r.f32(cap));
    return r.select(isAttended(b, s, t), score, r.f32(-std::numeric_limits<float>::infinity()));
  }

  Value build() {
    Value scores = perToken([&](ValueRange at) { return score(at); });
    Value most = perRow(scores, -std::numeric_limits<float>::infinity(), [&](Value x, Value y) { return r.make<arith::MaximumFOp>(x, y); });
    Value weights = perToken([&](ValueRange at) {
      Value weight = r.make<math::ExpOp>(r.subf(r.at(scores, at), r.at(most, at.drop_back())));
      return r.select(isAttended(at[0], at[2], at[3]), weight, r.f32(0));
    });
    Value sums = perRow(weights, 0, [&](Value x, Value y) { return r.addf(x, y); });
    return r.generate(op.getType(), op.getQuery(), [&](ValueRange at) {
      Value head = r.over(at[2], headDim), kvHead = r.over(head, shared), d = r.rest(at[2], headDim);
      Value sum = r.fold(r.index(0), total, r.f32(0), [&](Value t, Value sum) {
        return r.addf(sum, r.mulf(r.at(weights, {at[0], head, at[1], t}), cached(/*value=*/true, {at[0], kvHead, t, d})));
      });
      Value all = r.at(sums, {at[0], head, at[1]});
      Value isEmpty = r.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, all, r.f32(0));
      return r.select(isEmpty, r.f32(0), r.divf(sum, all)); // a row that attends to nothing gives 0
    });
  }
};
} // namespace

Lowered AttentionOp::lowerToReference(OpBuilder &builder) {
  return SmallVector<Value>{Attention{ReferenceBuilder(builder, getLoc()), *this}.build()};
}
