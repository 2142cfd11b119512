// Moving keys and values into and out of a cache (CacheLayout.h).
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static std::string cacheName(const CacheLayout &cache) {
  std::string element;
  llvm::raw_string_ostream(element) << cache.element;
  return std::to_string(cache.kvHeads) + "x" + std::to_string(cache.headDim) + element;
}

static Value toCache(KernelBuilder &b, const CacheLayout &cache, Value v) {
  if (cache.element.isF32())
    return v;
  Type type = cache.element;
  if (auto vector = dyn_cast<VectorType>(v.getType()))
    type = vector.cloneWith(std::nullopt, type);
  return arith::TruncFOp::create(b, type, v);
}

/// Where slot d of token `t` lies behind the head's keys: + d * lanes.
static Value keyAt(KernelBuilder &b, const CacheView &view, Value head, Value t) {
  int64_t lanes = view.layout.lanes;
  return b.add(b.add(head, b.mul(b.div(t, lanes), lanes * view.layout.slots)), b.rem(t, lanes));
}
static Value valueAt(KernelBuilder &b, const CacheView &view, Value head, Value t) {
  return b.add(b.add(view.half, head), b.mul(t, view.layout.slots));
}

namespace {
/// Codes of one token's key or value in one head, as qnt.cache defines them.
class HeadCodes {
public:
  /// The head's channels start at column `from` of row `row` of `source`.
  HeadCodes(KernelBuilder &b, const CacheLayout &cache, Value source, Value row, Value from)
      : b(b), cache(cache), source(source), row(row), from(from) {
    Value zero = b.zero(b.vecF32());
    auto extremes = b.columns(cache.headDim, {zero, zero}, [&](Value d, Value mask, ValueRange most) -> KernelBuilder::Values {
      Value x = b.loadVec(source, {row, b.add(from, d)}, mask);
      return {b.max(most[0], x), b.max(most[1], b.sub(zero, x))};
    });
    Value high = b.maximum(extremes[0]), low = b.maximum(extremes[1]), none = b.f32(0);
    auto least = [&](Value x, Value y) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x, y).getResult(); };
    Value some = least(b.max(high, low), b.f32(0x1p-120));
    Value lowest = b.select(least(low, high), low, b.sub(none, high));              // becomes code -2^(bits-1)
    scale = b.select(some, b.mul(lowest, b.f32(1.0 / limit())), none);
    inverse = b.select(some, b.div(b.f32(1), scale), none);
  }
  Value scale;
  Value at(Value channel) { return code(b.load(source, {row, b.add(from, channel)}), b.getI32Type()); }
  Value at(Value channel, Value mask) { return code(b.loadVec(source, {row, b.add(from, channel)}, mask), b.vec(b.lanes(), b.getI32Type())); }
  /// Codes (i32) as a byte: one, or two of 4 bits.
  Value slot(Value first, Value second) {
    Type bytes = b.getI8Type();
    auto vector = dyn_cast<VectorType>(first.getType());
    auto constant = [&](int64_t v) { return vector ? b.splat(b.i32(v), vector) : b.i32(v); };
    if (second)
      first = arith::OrIOp::create(b, arith::AndIOp::create(b, first, constant(15)), arith::ShLIOp::create(b, second, constant(4)));
    return arith::TruncIOp::create(b, vector ? Type(vector.cloneWith(std::nullopt, bytes)) : bytes, first);
  }

private:
  double limit() const { return double(1 << (cache.element.getIntOrFloatBitWidth() - 1)); }
  Value code(Value x, Type type) {
    auto constant = [&](double v) { return isa<VectorType>(type) ? b.splat(v) : b.f32(v); };
    Value factor = isa<VectorType>(type) ? b.splat(inverse, b.vecF32()) : inverse;
    Value c = math::RoundEvenOp::create(b, b.mul(x, factor));
    return arith::FPToSIOp::create(b, type, b.max(b.min(c, constant(limit() - 1)), constant(-limit())));
  }
  KernelBuilder &b;
  const CacheLayout &cache;
  Value source, row, from, inverse;
};
} // namespace

/// Quantizes a token's key and value, whose channels start at column `keyFrom` and `valueFrom`, to slots `keys` and `values`, scales `at`.
static void updateCodes(KernelBuilder &b, const CacheView &view, ValueRange sources, Value row, Value keyFrom, Value valueFrom, Value keys,
                        Value values, Value at) {
  const CacheLayout &cache = view.layout;
  int64_t perSlot = cache.codesPerSlot();
  HeadCodes key(b, cache, sources[0], row, keyFrom), value(b, cache, sources[1], row, valueFrom);
  b.store(key.scale, view.scales, at);
  b.store(value.scale, view.scales, b.add(view.halfOfScales, at));
  b.loop(b.idx(0), b.idx(cache.slots), 1, [&](Value d) {
    Value first = b.mul(d, perSlot);
    b.store(key.slot(key.at(first), perSlot > 1 ? key.at(b.add(first, 1)) : Value()), view.memref, b.add(keys, b.mul(d, cache.lanes)));
  });
  b.columns(cache.slots, [&](Value d, Value mask) {
    b.storeVec(value.slot(value.at(d, mask), perSlot > 1 ? value.at(b.add(d, cache.slots), mask) : Value()), view.memref, b.add(values, d), mask);
  });
}

static MemRefType startsType(MLIRContext *context) { return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64)); }
static Value startOf(KernelBuilder &b, Value starts, Value row) { return arith::IndexCastOp::create(b, b.getIndexType(), b.load(starts, row)); }

/// Channels of a head that a thread stores: codes of a head have a scale; others are divided where a thread's share is less.
static int64_t partOf(const TargetFacts &facts, const CacheLayout &cache) {
  int64_t least = facts.version.shareColumns;
  return !cache.isQuantized() && cache.headDim % least == 0 ? least : cache.headDim;
}

bool qcc::canRotateKeys(const TargetFacts &facts, const CacheLayout &cache, const RotarySpec &spec) {
  int64_t part = partOf(facts, cache);
  return !spec.interleaved && !spec.positions && !cache.isQuantized() && 2 * spec.half == cache.headDim && spec.half % part == 0 && part % facts.lanes() == 0;
}

/// Channels [begin, begin + n) of a head whose channels start at column `from`, rotated, in scratch.
static Value rotatedPart(KernelBuilder &b, const RotarySpec &spec, Value source, Value cos, Value sin, Value row, Value from, Value begin, int64_t n) {
  Value line = b.scratch({n}, b.getF32Type()), lower = b.less(begin, b.idx(spec.half)), position = rotaryPosition(b, spec, row);
  Value inTable = b.select(lower, begin, b.add(begin, -spec.half)), partner = b.select(lower, b.add(begin, spec.half), inTable);
  KernelBuilder::Values parts;
  for (int64_t v = 0; v < n; v += b.lanes())
    parts.push_back(rotated(b, b.loadVec(source, {row, b.add(from, b.add(begin, v))}), b.loadVec(source, {row, b.add(from, b.add(partner, v))}),
                            b.loadVec(cos, {position, b.add(inTable, v)}), b.loadVec(sin, {position, b.add(inTable, v)}), lower));
  for (auto [v, x] : llvm::enumerate(parts))
    b.storeVec(x, line, b.idx(v * b.lanes()));
  return line;
}

FlatSymbolRefAttr qcc::kvUpdateKernel(KernelLibrary &library, const CacheLayout &cache, const Columns &key, const Columns &value, bool rows, const RotarySpec *rotary) {
  MLIRContext *context = library.context();
  SmallVector<Type> types{key.type(context), value.type(context)};
  if (rows)
    types.push_back(startsType(context));
  if (rotary)
    types.append(2, rotaryTable(context, *rotary));
  types.push_back(cache.type());
  std::string name = "kv_update_" + cacheName(cache) + "_" + key.name() + "_" + value.name() + (rows ? "_rows" : "");
  if (rotary)
    name += "_r" + std::to_string(rotary->half) + "x" + std::to_string(rotary->context);
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value past = b.dim("past"), seq = b.dim("seq"), memref = args.back();
    CacheView view(b, cache, memref, b.dim("batch"));
    int64_t part = partOf(b.facts, cache), parts = cache.headDim / part;
    b.share(b.mul(b.size(args[0], 0), cache.kvHeads * parts), [&](Value piece) {
      Value unit = b.div(piece, parts), begin = b.mul(b.rem(piece, parts), part), end = b.add(begin, part);
      Value row = b.div(unit, cache.kvHeads), h = b.rem(unit, cache.kvHeads);
      Value batchRow = b.div(row, seq), start = rows ? startOf(b, args[2], batchRow) : past;
      Value t = b.add(start, b.rem(row, seq)), head = view.head(b, batchRow, h), from = b.mul(h, cache.headDim);
      Value keys = keyAt(b, view, head, t), values = valueAt(b, view, head, t);
      if (cache.isQuantized()) {
        updateCodes(b, view, args, row, b.add(from, key.offset), b.add(from, value.offset), keys, values, b.add(view.scale(b, batchRow, h), t));
        return;
      }
      // A load does not pass a store that it may read: several first.
      int64_t together = part < cache.headDim ? part : 1;
      Value line;
      if (rotary)
        line = rotatedPart(b, *rotary, args[0], args[args.size() - 3], args[args.size() - 2], row, b.add(from, key.offset), begin, part);
      b.loop(begin, end, together, [&](Value d) {
        SmallVector<Value> x;
        for (int64_t i = 0; i < together; ++i)
          x.push_back(line ? b.load(line, b.add(b.sub(d, begin), i)) : b.load(args[0], {row, b.add(b.add(from, b.add(d, i)), key.offset)}));
        for (int64_t i = 0; i < together; ++i)
          b.store(toCache(b, cache, x[i]), memref, b.add(keys, b.mul(b.add(d, i), cache.lanes)));
      });
      b.columns(begin, end, part, [&](Value d, Value mask) {
        Value x = b.loadVec(args[1], {row, b.add(b.add(from, d), value.offset)}, mask);
        b.storeVec(toCache(b, cache, x), memref, b.add(values, d), mask);
      });
    });
  });
}

FlatSymbolRefAttr qcc::rowStartsKernel(KernelLibrary &library, Type length) {
  return library.get("row_starts_i" + Twine(length.getIntOrFloatBitWidth()), {MemRefType::get({ShapedType::kDynamic}, length), startsType(library.context())},
                     [&](KernelBuilder &b, ValueRange args) {
    Value past = b.dim("past"), seq = b.dim("seq"), zero = b.idx(0);
    auto compare = [&](arith::CmpIPredicate how, Value x, Value y) { return arith::CmpIOp::create(b, how, x, y).getResult(); };
    b.share(b.size(args[0], 0), [&](Value row) {
      Value tokens = b.add(arith::IndexCastOp::create(b, b.getIndexType(), b.load(args[0], row)), 1);
      Value least = b.select(compare(arith::CmpIPredicate::eq, past, zero), b.idx(1), seq);
      Value few = compare(arith::CmpIPredicate::slt, tokens, least), many = compare(arith::CmpIPredicate::sgt, tokens, b.add(past, seq));
      Value wrong = arith::OrIOp::create(b, few, many);
      b.when(wrong, [&] { qk::FailOp::create(b, /*QCC_RUN_ROW_LENGTH*/ 2, arith::IndexCastOp::create(b, b.getI64Type(), tokens)); });
      // The program goes on: with a row that fits.
      Value start = b.select(wrong, zero, b.max(b.sub(tokens, seq), zero));
      b.store(arith::IndexCastOp::create(b, b.getI64Type(), start), args[1], row);
    });
  });
}

/// Loops over this thread's tokens of [B, kvHeads, T, D] tensors `key` and `value` beside a cache.
static void tokens(KernelBuilder &b, const CacheView &view, Value tensor, function_ref<void(ValueRange, Value, Value)> body) {
  int64_t heads = view.layout.kvHeads;
  Value count = b.size(tensor, 2);
  b.share(b.mul(b.mul(b.size(tensor, 0), heads), count), [&](Value unit) {
    Value t = b.rem(unit, count), bh = b.div(unit, count), row = b.div(bh, heads), h = b.rem(bh, heads);
    Value head = view.head(b, row, h), keys = keyAt(b, view, head, t), values = valueAt(b, view, head, t);
    b.loop(b.idx(0), b.idx(view.layout.headDim), 1, [&](Value d) {
      body({row, h, t, d}, b.add(keys, b.mul(d, view.layout.lanes)), b.add(values, d));
    });
  });
}

static MemRefType heads4(const CacheLayout &cache, MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic, cache.kvHeads, ShapedType::kDynamic, cache.headDim}, Float32Type::get(context));
}

FlatSymbolRefAttr qcc::cacheLoadKernel(KernelLibrary &library, const CacheLayout &cache) {
  auto tensor = heads4(cache, library.context());
  return library.get("cache_load_" + cacheName(cache), {tensor, tensor, cache.type()}, [&](KernelBuilder &b, ValueRange args) {
    CacheView view(b, cache, args[2], b.size(args[0], 0));
    tokens(b, view, args[0], [&](ValueRange at, Value key, Value value) {
      b.store(toCache(b, cache, b.load(args[0], at)), args[2], key);
      b.store(toCache(b, cache, b.load(args[1], at)), args[2], value);
    });
  });
}

FlatSymbolRefAttr qcc::cacheStoreKernel(KernelLibrary &library, const CacheLayout &cache, bool rows) {
  auto tensor = heads4(cache, library.context());
  SmallVector<Type> types{cache.type()};
  if (rows)
    types.push_back(startsType(library.context()));
  types.append({tensor, tensor});
  return library.get("cache_store_" + cacheName(cache) + (rows ? "_rows" : ""), types, [&](KernelBuilder &b, ValueRange args) {
    ValueRange outs = args.take_back(2);
    CacheView view(b, cache, args[0], b.size(outs[0], 0));
    Value seq = b.dim("seq");
    tokens(b, view, outs[0], [&](ValueRange at, Value key, Value value) {
      for (auto [from, out] : {std::pair(key, outs[0]), std::pair(value, outs[1])}) {
        Value x = b.toF32(b.load(args[0], from));
        b.store(rows ? b.select(b.less(at[2], b.add(startOf(b, args[1], at[0]), seq)), x, b.f32(0)) : x, out, at);
      }
    });
  });
}
