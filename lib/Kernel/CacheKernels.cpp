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

/// Where channel d of token `t` lies behind the head's keys: + d * lanes.
static Value keyAt(KernelBuilder &b, const CacheView &view, Value head, Value t) {
  int64_t lanes = view.layout.lanes;
  return b.add(b.add(head, b.mul(b.div(t, lanes), lanes * view.layout.headDim)), b.rem(t, lanes));
}
static Value valueAt(KernelBuilder &b, const CacheView &view, Value head, Value t) {
  return b.add(b.add(view.half, head), b.mul(t, view.layout.headDim));
}

static MemRefType startsType(MLIRContext *context) { return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64)); }
static Value startOf(KernelBuilder &b, Value starts, Value row) { return arith::IndexCastOp::create(b, b.getIndexType(), b.load(starts, row)); }

FlatSymbolRefAttr qcc::kvUpdateKernel(KernelLibrary &library, const CacheLayout &cache, const Columns &key, const Columns &value, bool rows) {
  MLIRContext *context = library.context();
  SmallVector<Type> types{key.type(context), value.type(context)};
  if (rows)
    types.push_back(startsType(context));
  types.push_back(cache.type());
  std::string name = "kv_update_" + cacheName(cache) + "_" + key.name() + "_" + value.name() + (rows ? "_rows" : "");
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value past = b.dim("past"), seq = b.dim("seq"), memref = args.back();
    CacheView view(b, cache, memref, b.dim("batch"));
    b.share(b.mul(b.size(args[0], 0), cache.kvHeads), [&](Value unit) {
      Value row = b.div(unit, cache.kvHeads), h = b.rem(unit, cache.kvHeads);
      Value batchRow = b.div(row, seq), start = rows ? startOf(b, args[2], batchRow) : past;
      Value t = b.add(start, b.rem(row, seq)), head = view.head(b, batchRow, h), from = b.mul(h, cache.headDim);
      Value keys = keyAt(b, view, head, t), values = valueAt(b, view, head, t);
      b.loop(b.idx(0), b.idx(cache.headDim), 1, [&](Value d) {
        Value x = b.load(args[0], {row, b.add(b.add(from, d), key.offset)});
        b.store(toCache(b, cache, x), memref, b.add(keys, b.mul(d, cache.lanes)));
      });
      b.columns(cache.headDim, [&](Value d, Value mask) {
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
