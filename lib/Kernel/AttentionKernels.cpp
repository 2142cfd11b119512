// How attention is divided among threads (AttentionKernels.h); the arithmetic is AttentionBlock's.
#include "AttentionBlock.h"
#include "AttentionFragments.h"
#include "lib/Kernel/Kernels.h"
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
  if (rotary)
    out << "_r" << rotary->half << "x" << rotary->context << "_" << rotary->columns.name();
  return name;
}

static MemRefType rows(KernelLibrary &library, int64_t width) { return rowsOf(width, Float32Type::get(library.context())); }

bool qcc::canRotateQueries(const TargetFacts &facts, const CacheLayout &cache, const RotarySpec &spec) {
  return facts.version.shareRows && !spec.interleaved && !spec.positions && 2 * spec.half == cache.headDim && spec.half % facts.lanes() == 0 &&
         cache.slots % facts.lanes() == 0;
}

static SmallVector<Type> inputs(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = {spec.rotary ? spec.rotary->columns.type(library.context()) : rows(library, spec.heads * spec.cache.headDim), spec.cache.type()};
  if (spec.rotary)
    types.append(2, rotaryTable(library.context(), *spec.rotary));
  if (spec.mask)
    types.push_back(MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, spec.mask));
  if (spec.rows)
    types.push_back(MemRefType::get({ShapedType::kDynamic}, IntegerType::get(library.context(), 64)));
  return types;
}

/// Runs `body` with batch row, KV head, first row and count of rows of each block of `maxRows` that is the calling thread's. Later blocks of a causal
/// head cost more: threads take blocks in turns, and every other head is counted backwards.
static void eachBlock(KernelBuilder &b, const AttentionSpec &spec, int64_t maxRows, function_ref<void(Value, Value, Value, Value)> body) {
  Value count = b.mul(b.dim("seq"), spec.heads / spec.cache.kvHeads), blocks = b.ceilDiv(count, maxRows);
  Value items = b.mul(b.mul(b.dim("batch"), spec.cache.kvHeads), blocks);
  auto loop = scf::ForOp::create(b, qk::ThreadIdOp::create(b, b.getIndexType()), items, qk::NumThreadsOp::create(b, b.getIndexType()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value unit = b.div(loop.getInductionVar(), blocks), i = b.rem(loop.getInductionVar(), blocks);
  Value even = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.rem(unit, 2), b.idx(0));
  i = b.select(even, i, b.sub(b.add(blocks, -1), i));
  body(b.div(unit, spec.cache.kvHeads), b.rem(unit, spec.cache.kvHeads), b.mul(i, maxRows), count);
}

FlatSymbolRefAttr qcc::attentionKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputs(library, spec);
  types.push_back(rows(library, spec.heads * spec.cache.headDim));
  return library.get("attention_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    if (AttentionFragments::applies(b.facts, spec)) {
      b.getInsertionBlock()->getParentOp()->setAttr("qk.lane_registers", b.getI64IntegerAttr(AttentionFragments::laneRegisters));
      AttentionFragments fragments(b, spec, args.drop_back());
      return eachBlock(b, spec, AttentionFragments::rows, [&](Value batchRow, Value kvHead, Value first, Value count) {
        fragments.run(batchRow, kvHead, first, count, args.back());
      });
    }
    AttentionBlock block(b, spec, args.drop_back(), /*manyRows=*/true);
    eachBlock(b, spec, block.maxRows(), [&](Value batchRow, Value kvHead, Value first, Value count) {
      block.start(batchRow, kvHead, first, count);
      block.attend(block.from(), block.to());
      block.finish(args.back());
    });
  });
}

FlatSymbolRefAttr qcc::attentionChunkKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputs(library, spec);
  types.push_back(rows(library, spec.cache.headDim + 2));
  return library.get("attention_chunk_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    AttentionBlock block(b, spec, args.drop_back(), /*manyRows=*/false);
    Value count = b.mul(b.dim("seq"), spec.heads / spec.cache.kvHeads), blocks = b.ceilDiv(count, block.maxRows());
    Value chunks = b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk(b.facts));
    // Heads that share a chunk come one after the other: a thread, or neighbours, read it from their cache.
    b.share(b.mul(b.mul(b.mul(b.dim("batch"), spec.cache.kvHeads), blocks), chunks), [&](Value item) {
      Value i = b.rem(item, blocks), chunk = b.rem(b.div(item, blocks), chunks), unit = b.div(b.div(item, blocks), chunks);
      block.start(b.div(unit, spec.cache.kvHeads), b.rem(unit, spec.cache.kvHeads), b.mul(i, block.maxRows()), count);
      Value lo = b.mul(chunk, attentionChunk(b.facts));
      block.attend(b.max(lo, block.from()), b.min(b.add(lo, attentionChunk(b.facts)), block.to()));
      block.finishPartial(args.back(), [&](Value row, Value head) {
        return b.add(b.mul(b.add(b.mul(row, spec.heads), head), chunks), chunk);
      });
    });
  });
}

/// Partial results that a thread which shares rows reads together: it waits for memory once for all of these.
constexpr int64_t together = 8;

/// Sums of the partial results [from, to) of the `chunks` of each of `rows`. Those past the last are the last one's with weight 0. Of each row the
/// maximum, the sum of weights and vectors of weighted values; of none of them 0.
static KernelBuilder::Values mergePartials(KernelBuilder &b, int64_t headDim, Value partials, Value chunks, Value from, Value to, ArrayRef<Value> rows) {
  int64_t vectors = headDim / b.lanes();
  auto one = b.vec(1, b.getF32Type());                              // exp takes vectors
  auto exp = [&](Value x) { return Value(vector::ExtractOp::create(b, b.exp(b.splat(x, one)), ArrayRef<int64_t>{0})); };
  KernelBuilder::Values carried;
  for (size_t row = 0; row < rows.size(); ++row) {
    carried.append({b.f32(-1e30), b.f32(0)});
    carried.append(vectors, b.zero(b.vecF32()));
  }
  return b.loop(from, to, together, carried, [&](Value first, ValueRange carried) {
    SmallVector<KernelBuilder::Values> loaded;                      // of each row and chunk
    for (Value row : rows)
      for (int64_t i = 0; i < together; ++i) {
        Value at = b.add(b.mul(row, chunks), b.min(b.add(first, i), b.add(to, -1)));
        KernelBuilder::Values one = {b.load(partials, {at, b.idx(headDim)}), b.load(partials, {at, b.idx(headDim + 1)})};
        for (int64_t v = 0; v < vectors; ++v)
          one.push_back(b.loadVec(partials, {at, b.idx(v * b.lanes())}));
        loaded.push_back(one);
      }
    KernelBuilder::Values sums(carried);
    for (size_t row = 0; row < rows.size(); ++row) {
      auto of = MutableArrayRef(sums).slice(row * (2 + vectors), 2 + vectors);
      auto parts = ArrayRef(loaded).slice(row * together, together);
      Value before = of[0];
      for (const KernelBuilder::Values &part : parts)
        of[0] = b.max(of[0], part[0]);
      Value rescale = exp(b.sub(before, of[0]));
      of[1] = b.mul(of[1], rescale);
      for (Value &value : of.drop_front(2))
        value = b.mul(value, b.splat(rescale, b.vecF32()));
      for (auto [i, part] : llvm::enumerate(parts)) {
        Value weight = b.select(b.less(b.add(first, i), to), exp(b.sub(part[0], of[0])), b.f32(0));
        of[1] = b.fma(weight, part[1], of[1]);
        for (int64_t v = 0; v < vectors; ++v)
          of[2 + v] = b.fma(b.splat(weight, b.vecF32()), part[2 + v], of[2 + v]);
      }
    }
    return sums;
  });
}

/// Vectors of weighted values of each row over the sum of its weights.
static SmallVector<KernelBuilder::Values> normalized(KernelBuilder &b, int64_t headDim, ArrayRef<Value> merged) {
  SmallVector<KernelBuilder::Values> results;
  for (ArrayRef<Value> rest = merged; !rest.empty();) {
    ArrayRef<Value> of = rest.take_front(2 + headDim / b.lanes());
    rest = rest.drop_front(of.size());
    Value zero = b.f32(0), any = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, of[1], zero);
    Value factor = b.splat(b.select(any, b.div(b.f32(1), of[1]), zero), b.vecF32());
    KernelBuilder::Values &result = results.emplace_back();
    for (Value value : of.drop_front(2))
      result.push_back(b.mul(value, factor));
  }
  return results;
}

static bool mergesTogether(const TargetFacts &facts, int64_t headDim) { return facts.version.shareRows && headDim % facts.lanes() == 0; }

/// Columns of a row that a team merges and one of its threads quantizes: whole groups and heads, or mergeQuantizes refuses them.
static int64_t mergedTile(const TargetFacts &facts, const AttentionSpec &spec, const QuantizedRow &row8) {
  return row8.tile(std::max<int64_t>(facts.version.shareColumns, spec.cache.headDim));
}

bool qcc::mergeQuantizes(const TargetFacts &facts, const AttentionSpec &spec, const QuantizedRow &row8) {
  constexpr int64_t mostVectors = 8;                                // of a thread's tile
  int64_t tile = mergedTile(facts, spec, row8);
  return mergesTogether(facts, spec.cache.headDim) && row8.k % tile == 0 && tile % spec.cache.headDim == 0 && tile / facts.lanes() <= mostVectors;
}

/// Merges the chunks of `heads` heads from `row` on into `line`, by a team: threads have one head each, and beyond what one reads together a part of its
/// chunks.
static void mergeByTeam(KernelBuilder &b, int64_t headDim, Value partials, Value chunks, Value row, int64_t heads, Value rank, int64_t team, Value line) {
  int64_t most = std::max<int64_t>(1, team / heads);
  auto inTeam = MemRefType::get({heads * most, headDim + 2}, b.getF32Type());
  Value memory = qk::BindOp::create(b, inTeam, qk::Storage::Team, 0, b.idx(cast<MemRefType>(line.getType()).getNumElements() * 4), ValueRange());
  Value parts = b.min(b.ceilDiv(chunks, together), b.idx(most)), part = b.div(rank, heads), head = b.rem(rank, heads);
  auto begin = [&](Value part) { return b.min(b.div(b.mul(chunks, part), parts), chunks); };
  auto vectors = [&](ArrayRef<Value> values, Value memref, function_ref<SmallVector<Value>(int64_t)> place) {
    for (auto [v, value] : llvm::enumerate(values))
      b.storeVec(value, memref, place(int64_t(v) * b.lanes()));
  };
  b.when(b.less(part, parts), [&] {
    KernelBuilder::Values own = mergePartials(b, headDim, partials, chunks, begin(part), begin(b.add(part, 1)), b.add(row, head));
    Value at = b.add(b.mul(head, most), part);
    b.store(own[0], memory, {at, b.idx(headDim)});
    b.store(own[1], memory, {at, b.idx(headDim + 1)});
    vectors(ArrayRef(own).drop_front(2), memory, [&](int64_t column) -> SmallVector<Value> { return {at, b.idx(column)}; });
  });
  qk::TeamBarrierOp::create(b);
  b.when(b.less(rank, b.idx(heads)), [&] {
    KernelBuilder::Values all = mergePartials(b, headDim, memory, b.idx(most), b.idx(0), parts, rank);
    vectors(normalized(b, headDim, all)[0], line, [&](int64_t column) -> SmallVector<Value> { return {b.add(b.mul(rank, headDim), column)}; });
  });
  qk::TeamBarrierOp::create(b);
}

FlatSymbolRefAttr qcc::attentionMergeQuantizeKernel(KernelLibrary &library, const AttentionSpec &spec, const QuantizedRow &row8) {
  int64_t headDim = spec.cache.headDim;
  SmallVector<Type> types = {rows(library, headDim + 2)};
  row8.addTypes(types, library.context());
  std::string name = ("attention_merge_h" + Twine(spec.heads) + "_" + Twine(headDim) + "_a8_" + row8.name()).str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    int64_t tile = mergedTile(b.facts, spec, row8), team = std::max<int64_t>(b.facts.version.teamThreads, tile / headDim);
    b.getInsertionBlock()->getParentOp()->setAttr("qk.team", b.getI64IntegerAttr(team));
    Value line = qk::BindOp::create(b, MemRefType::get({tile}, b.getF32Type()), qk::Storage::Team, 0, b.idx(0), ValueRange());
    Value rank = qk::TeamRankOp::create(b, b.getIndexType()), scale = row8.isStatic ? args[1] : Value();
    Value chunks = b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk(b.facts));
    ValueRange out = args.take_back(3);
    b.shareTiles(b.size(out[0], 0), row8.k, tile, [&](Value row, Value lo, Value hi) {
      mergeByTeam(b, headDim, args[0], chunks, b.add(b.mul(row, spec.heads), b.div(lo, headDim)), tile / headDim, rank, team, line);
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rank, b.idx(0)), [&] {
        quantizeColumns(b, row8, line, {}, lo, row, lo, hi, scale, out);
        b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(row8.k)), [&] { padQuantized(b, row8, row, out); });
      });
      qk::TeamBarrierOp::create(b);                                   // before the next tile's
    });
  });
}

FlatSymbolRefAttr qcc::attentionMergeKernel(KernelLibrary &library, const AttentionSpec &spec) {
  int64_t headDim = spec.cache.headDim;
  return library.get("attention_merge_h" + Twine(spec.heads) + "_" + Twine(headDim), {rows(library, headDim + 2), rows(library, spec.heads * headDim)}, [&](KernelBuilder &b, ValueRange args) {
    Value partials = args[0], output = args[1], zero = b.f32(0);
    Value chunks = b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk(b.facts));
    auto at = [&](Value row, Value chunk) { return b.add(b.mul(row, chunks), chunk); };
    auto one = b.vec(1, b.getF32Type());                            // exp takes vectors
    b.share(b.mul(b.mul(b.dim("batch"), b.dim("seq")), spec.heads), [&](Value row) {
      if (mergesTogether(b.facts, headDim)) {
        Value to = b.mul(b.rem(row, spec.heads), headDim);
        for (auto [v, value] : llvm::enumerate(normalized(b, headDim, mergePartials(b, headDim, partials, chunks, b.idx(0), chunks, row))[0]))
          b.storeVec(value, output, {b.div(row, spec.heads), b.add(to, v * b.lanes())});
        return;
      }
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
