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

FlatSymbolRefAttr qcc::kvUpdateKernel(KernelLibrary &library, const CacheLayout &cache, const Columns &key, const Columns &value) {
  MLIRContext *context = library.context();
  return library.get("kv_update_" + cacheName(cache) + "_" + key.name() + "_" + value.name(), {key.type(context), value.type(context), cache.type()},
                     [&](KernelBuilder &b, ValueRange args) {
    Value past = b.dim("past"), seq = b.dim("seq");
    CacheView view(b, cache, args[2], b.dim("batch"));
    b.share(b.mul(b.size(args[0], 0), cache.kvHeads), [&](Value unit) {
      Value row = b.div(unit, cache.kvHeads), h = b.rem(unit, cache.kvHeads);
      Value t = b.add(past, b.rem(row, seq)), head = view.head(b, b.div(row, seq), h), from = b.mul(h, cache.headDim);
      Value keys = keyAt(b, view, head, t), values = valueAt(b, view, head, t);
      b.loop(b.idx(0), b.idx(cache.headDim), 1, [&](Value d) {
        Value x = b.load(args[0], {row, b.add(b.add(from, d), key.offset)});
        b.store(toCache(b, cache, x), args[2], b.add(keys, b.mul(d, cache.lanes)));
      });
      b.columns(cache.headDim, [&](Value d, Value mask) {
        Value x = b.loadVec(args[1], {row, b.add(b.add(from, d), value.offset)}, mask);
        b.storeVec(toCache(b, cache, x), args[2], b.add(values, d), mask);
      });
    });
  });
}

FlatSymbolRefAttr qcc::checkLengthsKernel(KernelLibrary &library, const CacheLayout &cache, Type length) {
  return library.get("check_lengths_" + cacheName(cache) + "_i" + Twine(length.getIntOrFloatBitWidth()),
                     {MemRefType::get({ShapedType::kDynamic}, length), cache.type()}, [&](KernelBuilder &b, ValueRange args) {
    Value past = b.dim("past"), total = b.add(past, b.dim("seq"));
    auto compare = [&](arith::CmpIPredicate how, Value x, Value y) { return arith::CmpIOp::create(b, how, x, y); };
    b.share(b.size(args[0], 0), [&](Value row) {
      Value tokens = b.add(arith::IndexCastOp::create(b, b.getIndexType(), b.load(args[0], row)), 1);
      Value start = compare(arith::CmpIPredicate::eq, past, b.idx(0)), some = compare(arith::CmpIPredicate::sgt, tokens, b.idx(0));
      Value padded = arith::AndIOp::create(b, arith::AndIOp::create(b, start, some), b.less(tokens, total));
      Value other = compare(arith::CmpIPredicate::ne, tokens, total), no = arith::ConstantIntOp::create(b, 0, 1);
      b.when(b.select(padded, no, other), [&] {
        qk::FailOp::create(b, /*QCC_RUN_ROW_LENGTH*/ 2, arith::IndexCastOp::create(b, b.getI64Type(), tokens));
      });
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

FlatSymbolRefAttr qcc::cacheStoreKernel(KernelLibrary &library, const CacheLayout &cache) {
  auto tensor = heads4(cache, library.context());
  return library.get("cache_store_" + cacheName(cache), {cache.type(), tensor, tensor}, [&](KernelBuilder &b, ValueRange args) {
    CacheView view(b, cache, args[0], b.size(args[1], 0));
    tokens(b, view, args[1], [&](ValueRange at, Value key, Value value) {
      b.store(b.toF32(b.load(args[0], key)), args[1], at);
      b.store(b.toF32(b.load(args[0], value)), args[2], at);
    });
  });
}
