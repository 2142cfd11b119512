// Attention over a cache (CacheLayout.h), f32 sums, online softmax (FlashAttention, arXiv 2205.14135).
//
// Query rows of all heads that share a KV head are one matrix: row i is position i / G, head i % G (G = heads per KV head), so a KV head is
// read once for the group. It is cut into tiles of a few rows; for each chunk of tokens a tile makes its scores (vectors of tokens times a scalar
// of the query, summed over channels), takes them through softmax, and adds probabilities times values. Chunks and tiles are of fixed size: results
// do not depend on the number of threads.
#include "AttentionKernels.h"
#include "KernelBuilder.h"
using namespace mlir;
using namespace qcc;

namespace {
constexpr double masked = -1e30;   // the score of a token that is not seen; finite, so that differences of two of them are no NaN

/// One tile of query rows against one KV head.
class Tile {
public:
  using Values = KernelBuilder::Values;
  /// `args` = (query, cache, [mask]).
  Tile(KernelBuilder &b, const AttentionSpec &spec, int64_t rows, ValueRange args)
      : rows(rows), b(b), spec(spec), D(spec.cache.headDim), L(spec.cache.lanes), blocks(std::max<int64_t>(2, 8 / rows > 4 ? 4 : 8 / rows)),
        query(args[0]), mask(spec.mask ? args[2] : Value()), past(b.dim("past")), seq(b.dim("seq")), batch(b.dim("batch")),
        view(b, spec.cache, args[1], batch), vec(b.vec(L, b.getF32Type())) {
    Type f32 = b.getF32Type();
    Q = b.scratch({rows, D}, f32), O = b.scratch({rows, D}, f32), S = b.scratch({rows, attentionChunk}, f32);
    M = b.scratch({rows}, f32), sums = b.scratch({rows}, f32);
  }

  const int64_t rows;
  int64_t group() const { return spec.heads / spec.cache.kvHeads; }
  /// Rows that one KV head serves for one batch row.
  Value rowCount() { return b.mul(seq, group()); }
  Value batchRows() { return batch; }

  void start(Value batchRow, Value kvHead, Value first);
  /// Tokens that some row of the tile sees: [from, to). Rows ascend in position.
  Value from() { return spec.window > 0 ? b.max(b.sub(limits.front(), b.idx(spec.window)), b.idx(0)) : b.idx(0); }
  Value to() { return limits.back(); }
  /// Adds tokens [lo, min(lo + attentionChunk, hi)); `lo` is a multiple of the chunk.
  void addChunk(Value lo, Value hi);
  /// Sums of values over sums of weights, to the rows' places in `output` [.., heads*D].
  void finish(Value output);
  /// Sums of values, maximum and sum of weights, to row `rowOf(head)` of `output` [.., D + 2]; for one position.
  void partial(Value output, function_ref<Value(Value)> rowOf);

private:
  void scores(Value t, Value at);
  Value softmax(int64_t r, Value width);
  void weigh(Value lo, Value end, int64_t d, ArrayRef<Value> rescale);
  Value visible(Value t, int64_t r, Value padding);
  Value cap(Value s);
  /// The vectors of a head: `body` gets the channel and the mask of a partial vector.
  void channels(function_ref<void(Value, Value)> body) {
    for (int64_t d = 0; d < D; d += L)
      body(b.idx(d), tail(d));
  }
  Value tail(int64_t d) {
    return d + L <= D ? Value() : Value(vector::CreateMaskOp::create(b, b.vec(L, b.getI1Type()), ValueRange{b.idx(D - d)}));
  }
  Value load(Value memref, ValueRange at, Value m = {}) { return b.loadVec(memref, at, m, L); }
  Value isRow(int64_t r) { return b.less(b.add(first, r), rowCount()); }

  KernelBuilder &b;
  const AttentionSpec &spec;
  const int64_t D, L, blocks;      // channels, lanes, vectors of tokens per step
  Value query, mask, past, seq, batch;
  CacheView view;
  VectorType vec;
  Value Q, O, S, M, sums;          // on the stack: scaled query, sums of values, scores; per row: maximum, sum of weights
  Value batchRow, kvHead, first, head;
  SmallVector<Value> limits;       // tokens that a row sees
};

void Tile::start(Value batchRow, Value kvHead, Value first) {
  this->batchRow = batchRow, this->kvHead = kvHead, this->first = first;
  head = view.head(b, batchRow, kvHead);
  limits.clear();
  Value last = b.add(rowCount(), -1), factor = b.splat(b.f32(spec.scale), vec);
  for (int64_t r = 0; r < rows; ++r) {
    Value i = b.min(b.add(first, r), last), s = b.div(i, group());        // rows past the end repeat the last one
    limits.push_back(spec.causal ? b.add(b.add(past, s), 1) : b.add(past, seq));
    Value row = b.add(b.mul(batchRow, seq), s), column = b.mul(b.add(b.mul(kvHead, group()), b.rem(i, group())), D);
    channels([&](Value d, Value m) {
      b.storeVec(b.mul(load(query, {row, b.add(column, d)}, m), factor), Q, {b.idx(r), d}, m);
      b.storeVec(b.zero(vec), O, {b.idx(r), d}, m);
    });
    b.store(b.f32(masked), M, b.idx(r));
    b.store(b.f32(0), sums, b.idx(r));
  }
}

void Tile::addChunk(Value lo, Value hi) {
  Value end = b.min(b.add(lo, attentionChunk), hi), step = b.idx(blocks * L);
  b.loop(lo, end, blocks * L, [&](Value t) { scores(t, b.sub(t, lo)); });
  Value width = b.mul(b.ceilDiv(b.sub(end, lo), blocks * L), step);
  SmallVector<Value> rescale;
  for (int64_t r = 0; r < rows; ++r)
    rescale.push_back(softmax(r, width));
  int64_t wide = rows >= 4 ? 2 : 4;                                  // with 8 rows: 16 sums, 2 values, 1 weight of 32 registers
  for (int64_t d = 0; d < D; d += wide * L)
    weigh(lo, end, d, rescale);
}

/// Scores of `blocks` vectors of tokens from `t` on, to S[.., at]. Vectors past the cache's end read its last one, and are masked.
void Tile::scores(Value t, Value at) {
  SmallVector<Value> bases;
  for (int64_t j = 0; j < blocks; ++j)
    bases.push_back(b.add(head, b.mul(b.min(b.add(t, j * L), b.sub(view.capacity, b.idx(L))), D)));
  Values zeros(rows * blocks, b.zero(vec));
  Values sums = b.loop(b.idx(0), b.idx(D), 1, zeros, [&](Value d, ValueRange s) {
    Values keys, next;
    for (int64_t j = 0; j < blocks; ++j)
      keys.push_back(b.toF32(load(view.memref, b.add(bases[j], b.mul(d, L)))));
    for (int64_t r = 0; r < rows; ++r) {
      Value q = b.splat(b.load(Q, {b.idx(r), d}), vec);
      for (int64_t j = 0; j < blocks; ++j)
        next.push_back(b.fma(keys[j], q, s[r * blocks + j]));
    }
    return next;
  });
  for (int64_t j = 0; j < blocks; ++j) {
    Value token = b.add(t, j * L), padding;
    if (mask) {
      Value length = b.size(mask, 1), left = b.max(b.min(b.sub(length, token), b.idx(L)), b.idx(0));
      Value inside = vector::CreateMaskOp::create(b, b.vec(L, b.getI1Type()), left);
      Value flags = b.loadVec(mask, {batchRow, b.min(token, b.add(length, -1))}, inside, L);
      padding = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, flags, b.zero(flags.getType()));
    }
    for (int64_t r = 0; r < rows; ++r)
      b.storeVec(b.select(visible(token, r, padding), cap(sums[r * blocks + j]), b.splat(b.f32(masked), vec)), S, {b.idx(r), b.add(at, j * L)});
  }
}

Value Tile::cap(Value s) {
  if (spec.softcap == 0)
    return s;
  auto c = [&](double v) { return b.splat(b.f32(v), vec); };         // cap * tanh(s / cap), tanh x = 1 - 2 / (exp(2 x) + 1)
  Value e = b.exp(b.mul(s, c(2.0 / spec.softcap)));
  return b.mul(c(spec.softcap), b.sub(c(1), b.div(c(2), b.add(e, c(1)))));
}

/// Which of the tokens t .. t + L - 1 row `r` sees.
Value Tile::visible(Value t, int64_t r, Value padding) {
  auto type = b.vec(L, b.getI32Type());
  SmallVector<int32_t> steps = llvm::to_vector(llvm::seq<int32_t>(0, L));
  Value lane = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
  auto spread = [&](Value index) { return b.splat(arith::IndexCastOp::create(b, b.getI32Type(), index), type); };
  Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lane, spread(b.sub(limits[r], t)));
  auto both = [&](Value other) { seen = arith::AndIOp::create(b, seen, other); };
  if (spec.window > 0)
    both(arith::CmpIOp::create(b, arith::CmpIPredicate::sge, lane, spread(b.sub(b.sub(limits[r], b.idx(spec.window)), t))));
  if (padding)
    both(padding);
  return seen;
}

/// Scores of row `r` become weights; returns by how much the sums so far must shrink.
Value Tile::softmax(int64_t r, Value width) {
  Value row = b.idx(r), zero = b.idx(0), before = b.load(M, row);
  Value best = b.loop(zero, width, L, b.splat(b.f32(masked), vec), [&](Value t, ValueRange m) {
    return Values{b.max(load(S, {row, t}), m[0])};
  })[0];
  Value now = b.max(before, b.maximum(best)), level = b.splat(now, vec);
  Value total = b.loop(zero, width, L, b.zero(vec), [&](Value t, ValueRange sum) {
    Value p = b.exp(b.sub(load(S, {row, t}), level));
    b.storeVec(p, S, {row, t});
    return Values{b.add(sum[0], p)};
  })[0];
  Value shrink = b.exp(b.splat(b.sub(before, now), vec));
  Value factor = vector::ExtractOp::create(b, shrink, 0);
  b.store(now, M, row);
  b.store(b.fma(b.load(sums, row), factor, b.sum(total)), sums, row);
  return shrink;
}

/// O[.., d ..] = O * rescale + S . values, for a few vectors of channels.
void Tile::weigh(Value lo, Value end, int64_t d, ArrayRef<Value> rescale) {
  int64_t wide = std::min<int64_t>(rows >= 4 ? 2 : 4, (D - d + L - 1) / L);
  SmallVector<Value> masks;
  Values start;
  for (int64_t j = 0; j < wide; ++j)
    masks.push_back(tail(d + j * L));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < wide; ++j)
      start.push_back(b.mul(load(O, {b.idx(r), b.idx(d + j * L)}, masks[j]), rescale[r]));
  Value base = b.add(b.add(view.half, head), d);
  Values sums = b.loop(lo, end, 1, start, [&](Value t, ValueRange s) {
    Values values, next;
    for (int64_t j = 0; j < wide; ++j)
      values.push_back(b.toF32(load(view.memref, b.add(b.add(base, b.mul(t, D)), j * L), masks[j])));
    for (int64_t r = 0; r < rows; ++r) {
      Value p = b.splat(b.load(S, {b.idx(r), b.sub(t, lo)}), vec);
      for (int64_t j = 0; j < wide; ++j)
        next.push_back(b.fma(values[j], p, s[r * wide + j]));
    }
    return next;
  });
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < wide; ++j)
      b.storeVec(sums[r * wide + j], O, {b.idx(r), b.idx(d + j * L)}, masks[j]);
}

/// 1 / sum of weights; 0 for a row that sees no token.
Value inverse(KernelBuilder &b, Value maximum, Value sum, VectorType vec) {
  Value seen = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, maximum, b.f32(masked / 2));
  return b.splat(b.select(seen, b.div(b.f32(1), sum), b.f32(0)), vec);
}

void Tile::finish(Value output) {
  for (int64_t r = 0; r < rows; ++r)
    b.when(isRow(r), [&] {
      Value i = b.add(first, r), row = b.add(b.mul(batchRow, seq), b.div(i, group()));
      Value column = b.mul(b.add(b.mul(kvHead, group()), b.rem(i, group())), D);
      Value factor = inverse(b, b.load(M, b.idx(r)), b.load(sums, b.idx(r)), vec);
      channels([&](Value d, Value m) { b.storeVec(b.mul(load(O, {b.idx(r), d}, m), factor), output, {row, b.add(column, d)}, m); });
    });
}

void Tile::partial(Value output, function_ref<Value(Value)> rowOf) {
  for (int64_t r = 0; r < rows; ++r)
    b.when(isRow(r), [&] {
      Value row = rowOf(b.add(b.mul(kvHead, group()), b.add(first, r)));
      channels([&](Value d, Value m) { b.storeVec(load(O, {b.idx(r), d}, m), output, {row, d}, m); });
      b.store(b.load(M, b.idx(r)), output, {row, b.idx(D)});
      b.store(b.load(sums, b.idx(r)), output, {row, b.idx(D + 1)});
    });
}
} // namespace

std::string AttentionSpec::name() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  uint32_t bits[2];
  memcpy(bits, &scale, 4);
  memcpy(bits + 1, &softcap, 4);
  out << "_h" << heads << "_" << cache.kvHeads << "x" << cache.headDim << cache.element << "_s" << llvm::utohexstr(bits[0], true);
  if (bits[1])
    out << "_cap" << llvm::utohexstr(bits[1], true);
  if (!causal)
    out << "_full";
  if (window)
    out << "_w" << window;
  if (mask)
    out << "_m" << mask.getIntOrFloatBitWidth();
  return text;
}

static SmallVector<Type> inputsOf(MLIRContext *context, const AttentionSpec &spec) {
  SmallVector<Type> types = {rowsOf(spec.heads * spec.cache.headDim, Float32Type::get(context)), spec.cache.type()};
  if (spec.mask)
    types.push_back(MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, spec.mask));
  return types;
}

FlatSymbolRefAttr qcc::attentionKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  types.push_back(types[0]);
  return library.get("attention" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    Tile tile(b, spec, b.facts.version.numVectorRegisters >= 32 ? 8 : 4, args);
    Value tiles = b.ceilDiv(tile.rowCount(), tile.rows), heads = b.mul(tile.batchRows(), spec.cache.kvHeads);
    // Every thread takes each n-th tile: later tiles of a causal head see more tokens.
    Value thread = qk::ThreadIdOp::create(b, b.getIndexType()), threads = qk::NumThreadsOp::create(b, b.getIndexType()), units = b.mul(tiles, heads);
    Value mine = b.select(b.less(thread, units), b.div(b.add(b.sub(units, thread), b.add(threads, -1)), threads), b.idx(0));
    b.loop(b.idx(0), mine, 1, [&](Value i) {
      Value unit = b.add(b.mul(i, threads), thread), head = b.div(unit, tiles);
      tile.start(b.div(head, spec.cache.kvHeads), b.rem(head, spec.cache.kvHeads), b.mul(b.rem(unit, tiles), tile.rows));
      Value lo = b.mul(b.div(tile.from(), attentionChunk), attentionChunk), hi = tile.to();
      b.loop(lo, hi, attentionChunk, [&](Value t) { tile.addChunk(t, hi); });
      tile.finish(args.back());
    });
  });
}

static Value chunksOf(KernelBuilder &b) { return b.ceilDiv(b.add(b.dim("past"), b.dim("seq")), attentionChunk); }

FlatSymbolRefAttr qcc::attentionChunkKernel(KernelLibrary &library, const AttentionSpec &spec) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  types.push_back(rowsOf(spec.cache.headDim + 2, Float32Type::get(library.context())));
  return library.get("attention_chunk" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    int64_t group = spec.heads / spec.cache.kvHeads, kvHeads = spec.cache.kvHeads;
    Tile tile(b, spec, std::min<int64_t>(group, b.facts.version.numVectorRegisters >= 32 ? 8 : 4), args);
    int64_t tiles = (group + tile.rows - 1) / tile.rows;
    Value chunks = chunksOf(b), perHead = b.mul(chunks, tiles);
    b.share(b.mul(b.mul(tile.batchRows(), kvHeads), perHead), [&](Value unit) {
      Value head = b.div(unit, perHead), inHead = b.rem(unit, perHead), chunk = b.div(inHead, tiles);
      Value row = b.div(head, kvHeads), lo = b.mul(chunk, attentionChunk);
      tile.start(row, b.rem(head, kvHeads), b.mul(b.rem(inHead, tiles), tile.rows));
      tile.addChunk(lo, tile.to());
      tile.partial(args.back(), [&](Value h) { return b.add(b.mul(b.add(b.mul(row, spec.heads), h), chunks), chunk); });
    });
  });
}

FlatSymbolRefAttr qcc::attentionMergeKernel(KernelLibrary &library, const AttentionSpec &spec) {
  Type f32 = Float32Type::get(library.context());
  int64_t D = spec.cache.headDim;
  return library.get("attention_merge_" + Twine(spec.heads) + "x" + Twine(D), {rowsOf(D + 2, f32), rowsOf(spec.heads * D, f32)},
                     [&](KernelBuilder &b, ValueRange args) {
    using Values = KernelBuilder::Values;
    Value chunks = chunksOf(b), zero = b.idx(0), part = args[0];
    b.share(b.mul(b.size(args[1], 0), spec.heads), [&](Value unit) {
      Value first = b.mul(unit, chunks), row = b.div(unit, spec.heads), column = b.mul(b.rem(unit, spec.heads), D);
      Value most = b.loop(zero, chunks, 1, b.f32(masked), [&](Value c, ValueRange m) {
        return Values{b.max(m[0], b.load(part, {b.add(first, c), b.idx(D)}))};
      })[0];
      auto weight = [&](Value c) { return b.exp(b.splat(b.sub(b.load(part, {b.add(first, c), b.idx(D)}), most), b.vecF32())); };
      Value total = b.loop(zero, chunks, 1, b.zero(b.vecF32()), [&](Value c, ValueRange sum) {
        return Values{b.fma(weight(c), b.splat(b.load(part, {b.add(first, c), b.idx(D + 1)}), b.vecF32()), sum[0])};
      })[0];
      Value factor = inverse(b, most, vector::ExtractOp::create(b, total, 0), b.vecF32());
      b.columns(D, [&](Value d, Value mask) {
        Value value = b.loop(zero, chunks, 1, b.zero(b.vecF32()), [&](Value c, ValueRange sum) {
          return Values{b.fma(weight(c), b.loadVec(part, {b.add(first, c), d}, mask), sum[0])};
        })[0];
        b.storeVec(b.mul(value, factor), args[1], {row, b.add(column, d)}, mask);
      });
    });
  });
}
