// How attention is divided among threads (AttentionKernels.h); the arithmetic is AttentionBlock's.
#include "AttentionBlock.h"
#include "llvm/ADT/StringExtras.h"
using namespace mlir;
using namespace qcc;

std::string AttentionSpec::name() const {
  std::string name;
  llvm::raw_string_ostream out(name);
  auto bits = [](float f) { return llvm::utohexstr(llvm::bit_cast<uint32_t>(f), /*LowerCase=*/true); };
  out << "h" << heads << "_kv" << cache.kvHeads << "x" << cache.headDim << cache.element << "_s" << bits(scale);
  if (softcap != 0)
    out << "_cap" << bits(softcap);
  if (window)
    out << "_w" << window;
  if (mask)
    out << "_m" << mask;
  if (rows)
    out << "_rows";
  if (!causal)
    out << "_all";
  return name;
}

static MemRefType rows(KernelLibrary &library, int64_t width) { return rowsOf(width, Float32Type::get(library.context())); }

static SmallVector<Type> inputs(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = {rows(library, spec.heads * spec.cache.headDim), spec.cache.type()};
  if (spec.mask)
    types.push_back(MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, spec.mask));
  if (spec.rows)
    types.push_back(MemRefType::get({ShapedType::kDynamic}, IntegerType::get(library.context(), 64)));
  return types;
}

// Later blocks of a causal head cost more: threads take blocks in turns, and every other head is counted backwards.
FlatSymbolRefAttr qcc::attentionKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputs(library, spec);
  types.push_back(rows(library, spec.heads * spec.cache.headDim));
  return library.get("attention_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    AttentionBlock block(b, spec, args.drop_back(), /*manyRows=*/true);
    Value count = b.mul(b.dim("seq"), spec.heads / spec.cache.kvHeads), blocks = b.ceilDiv(count, block.maxRows());
    Value items = b.mul(b.mul(b.dim("batch"), spec.cache.kvHeads), blocks);
    auto loop = scf::ForOp::create(b, qk::ThreadIdOp::create(b, b.getIndexType()), items, qk::NumThreadsOp::create(b, b.getIndexType()));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    Value unit = b.div(loop.getInductionVar(), blocks), i = b.rem(loop.getInductionVar(), blocks);
    Value even = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.rem(unit, 2), b.idx(0));
    i = b.select(even, i, b.sub(b.add(blocks, -1), i));
    block.start(b.div(unit, spec.cache.kvHeads), b.rem(unit, spec.cache.kvHeads), b.mul(i, block.maxRows()), count);
    block.attend(block.from(), block.to());
    block.finish(args.back());
  });
}

FlatSymbolRefAttr qcc::attentionChunkKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputs(library, spec);
  types.push_back(rows(library, spec.cache.headDim + 2));
  return library.get("attention_chunk_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    AttentionBlock block(b, spec, args.drop_back(), /*manyRows=*/false);
    Value count = b.mul(b.dim("seq"), spec.heads / spec.cache.kvHeads), blocks = b.ceilDiv(count, block.maxRows());
    Value chunks = b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk(b.facts));
    b.share(b.mul(b.mul(b.mul(b.dim("batch"), spec.cache.kvHeads), blocks), chunks), [&](Value item) {
      Value chunk = b.rem(item, chunks), i = b.rem(b.div(item, chunks), blocks), unit = b.div(b.div(item, chunks), blocks);
      block.start(b.div(unit, spec.cache.kvHeads), b.rem(unit, spec.cache.kvHeads), b.mul(i, block.maxRows()), count);
      Value lo = b.mul(chunk, attentionChunk(b.facts));
      block.attend(b.max(lo, block.from()), b.min(b.add(lo, attentionChunk(b.facts)), block.to()));
      block.finishPartial(args.back(), [&](Value row, Value head) {
        return b.add(b.mul(b.add(b.mul(row, spec.heads), head), chunks), chunk);
      });
    });
  });
}

/// Sums of a row's partial results, `together` at a time: a thread that shares rows waits for memory once for all of these. Those past the last chunk
/// are the last one's with weight 0.
static void mergeTogether(KernelBuilder &b, int64_t headDim, Value partials, Value chunks, Value row, function_ref<void(Value, ArrayRef<Value>)> finish) {
  constexpr int64_t together = 8;
  int64_t vectors = headDim / b.lanes();
  auto one = b.vec(1, b.getF32Type());                              // exp takes vectors
  SmallVector<Value> at(together);
  auto places = [&](Value first) {
    for (int64_t i = 0; i < together; ++i)
      at[i] = b.add(b.mul(row, chunks), b.min(b.add(first, i), b.add(chunks, -1)));
  };
  Value most = b.loop(b.idx(0), chunks, together, b.f32(-3e38), [&](Value first, ValueRange m) -> KernelBuilder::Values {
    places(first);
    SmallVector<Value> x;
    for (Value place : at)
      x.push_back(b.load(partials, {place, b.idx(headDim)}));
    Value most = m[0];
    for (Value v : x)
      most = b.max(most, v);
    return {most};
  })[0];
  KernelBuilder::Values zeros(vectors, b.zero(b.vecF32()));
  zeros.push_back(b.f32(0));
  auto sums = b.loop(b.idx(0), chunks, together, zeros, [&](Value first, ValueRange carried) {
    places(first);
    KernelBuilder::Values acc(carried);
    SmallVector<Value> maxima, parts, values;
    for (Value place : at) {
      maxima.push_back(b.load(partials, {place, b.idx(headDim)}));
      parts.push_back(b.load(partials, {place, b.idx(headDim + 1)}));
      for (int64_t v = 0; v < vectors; ++v)
        values.push_back(b.loadVec(partials, {place, b.idx(v * b.lanes())}));
    }
    for (int64_t i = 0; i < together; ++i) {
      Value w = vector::ExtractOp::create(b, b.exp(b.splat(b.sub(maxima[i], most), one)), ArrayRef<int64_t>{0});
      w = b.select(b.less(b.add(first, i), chunks), w, b.f32(0));
      acc.back() = b.fma(w, parts[i], acc.back());
      for (int64_t v = 0; v < vectors; ++v)
        acc[v] = b.fma(b.splat(w, b.vecF32()), values[i * vectors + v], acc[v]);
    }
    return acc;
  });
  finish(sums.back(), ArrayRef(sums).drop_back());
}

FlatSymbolRefAttr qcc::attentionMergeKernel(KernelLibrary &library, const AttentionSpec &spec) {
  int64_t headDim = spec.cache.headDim;
  return library.get("attention_merge_h" + Twine(spec.heads) + "_" + Twine(headDim), {rows(library, headDim + 2), rows(library, spec.heads * headDim)}, [&](KernelBuilder &b, ValueRange args) {
    Value partials = args[0], output = args[1], zero = b.f32(0);
    Value chunks = b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk(b.facts));
    auto at = [&](Value row, Value chunk) { return b.add(b.mul(row, chunks), chunk); };
    auto one = b.vec(1, b.getF32Type());                            // exp takes vectors
    b.share(b.mul(b.mul(b.dim("batch"), b.dim("seq")), spec.heads), [&](Value row) {
      if (b.facts.version.shareRows && headDim % b.lanes() == 0)
        return mergeTogether(b, headDim, partials, chunks, row, [&](Value sum, ArrayRef<Value> values) {
          Value any = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, zero), to = b.mul(b.rem(row, spec.heads), headDim);
          Value factor = b.splat(b.select(any, b.div(b.f32(1), sum), zero), b.vecF32());
          for (auto [v, value] : llvm::enumerate(values))
            b.storeVec(b.mul(value, factor), output, {b.div(row, spec.heads), b.add(to, v * b.lanes())});
        });
      Value most = b.loop(b.idx(0), chunks, 1, b.f32(-3e38), [&](Value chunk, ValueRange m) -> KernelBuilder::Values {
        return {b.max(m[0], b.load(partials, {at(row, chunk), b.idx(headDim)}))};
      })[0];
      auto weight = [&](Value chunk) {
        Value m = b.sub(b.load(partials, {at(row, chunk), b.idx(headDim)}), most);
        return Value(vector::ExtractOp::create(b, b.exp(b.splat(m, one)), ArrayRef<int64_t>{0}));
      };
      Value sum = b.loop(b.idx(0), chunks, 1, zero, [&](Value chunk, ValueRange l) -> KernelBuilder::Values {
        return {b.fma(weight(chunk), b.load(partials, {at(row, chunk), b.idx(headDim + 1)}), l[0])};
      })[0];
      Value any = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, zero);
      Value factor = b.splat(b.select(any, b.div(b.f32(1), sum), zero), b.vecF32()), to = b.mul(b.rem(row, spec.heads), headDim);
      b.columns(headDim, [&](Value c, Value mask) {
        Value acc = b.loop(b.idx(0), chunks, 1, b.zero(b.vecF32()), [&](Value chunk, ValueRange x) -> KernelBuilder::Values {
          return {b.fma(b.splat(weight(chunk), b.vecF32()), b.loadVec(partials, {at(row, chunk), c}, mask), x[0])};
        })[0];
        b.storeVec(b.mul(acc, factor), output, {b.div(row, spec.heads), b.add(to, c)}, mask);
      });
    });
  });
}
