// The inner loops of attention (AttentionBlock.h).
//
// Registers: a row tile of R rows by V vectors of sums, V vectors loaded and one scalar spread at a time: R*V fused multiply-adds for V + R
// loads. 4 x 4 of 32 registers is bound by arithmetic with two loads a cycle; 16 registers leave room for 4 x 2.
//
// Codes of a quantized cache become floats in registers, as they are. A scale belongs to a token: that of its key multiplies its score, that of its
// value its weight, a vector of tokens at a time.
#include "AttentionBlock.h"
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

// Scores of tokens that are not attended: finite, so that no difference is NaN. Sums start from a maximum above it and below any score,
// so that a row which sees nothing keeps sum 0.
static constexpr double hidden = -1e30, lowest = -1e20;

static int64_t roundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/// Rows of a tile: all heads of a group if they fit, else what divides them.
static int64_t chooseRowTile(int64_t group, int64_t most) {
  for (int64_t r = std::min(group, most); r > most / 2; --r)
    if (group % r == 0)
      return r;
  return std::min<int64_t>(group, 4);
}

AttentionBlock::AttentionBlock(KernelBuilder &b, const AttentionSpec &spec, ValueRange inputs, bool manyRows)
    : b(b), spec(spec), headDim(spec.cache.headDim), lanes(spec.cache.lanes), group(spec.heads / spec.cache.kvHeads),
      slots(spec.cache.slots), codes(spec.cache.codesPerSlot()), slotVectors((slots + lanes - 1) / lanes), width(codes * slotVectors * lanes),
      tile(manyRows ? mostTile : std::min(mostTile, attentionChunk(b.facts))), oneRow(!manyRows && b.facts.version.shareRows), panels(manyRows && !b.facts.version.shareRows && !spec.cache.element.isF32()), query(inputs[0]), cos(spec.rotary ? inputs[2] : Value()),
      sin(spec.rotary ? inputs[3] : Value()), mask(spec.mask ? inputs[spec.rotary ? 4 : 2] : Value()),
      starts(spec.rows ? inputs.back() : Value()),
      past(b.dim("past")), seq(b.dim("seq")), total(b.add(past, seq)), cache(b, spec.cache, inputs[1], b.dim("batch")),
      f32s(b.vec(lanes, b.getF32Type())), i32s(b.vec(lanes, b.getI32Type())) {
  bool manyRegisters = b.facts.version.numVectorRegisters >= 32, sharesRows = manyRows && b.facts.version.shareRows;
  rowVectors = manyRegisters ? 4 : 2;
  rowTile = oneRow ? 1 : manyRows && !sharesRows ? 4 : chooseRowTile(group, manyRegisters ? 6 : 4);
  // With a panel of values about the size of an L1 cache. Where threads share rows too, few: scratch is what limits the threads of a multiprocessor.
  rows = oneRow ? 1 : sharesRows ? 2 * rowTile : roundUp(headDim <= 64 ? 32 : 16, rowTile);
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t padded = roundUp(rows, lanes);
  queries = b.scratch({rows, headDim}, f32);
  sumsOfValues = b.scratch({rows, width}, f32);
  score = b.scratch({rows, tile}, f32);
  sums = b.scratch({rows, lanes}, f32);
  limits = b.scratch({padded}, i32);
  if (spec.window)
    begins = b.scratch({padded}, i32);
  maxima = b.scratch({padded}, f32);
  tileMaxima = b.scratch({padded}, f32);
  rescale = b.scratch({padded}, f32);
  if (panels)
    panel = b.scratch({tile * width}, f32);
  if (mask)
    tokenMask = b.scratch({tile}, f32);
}

Value AttentionBlock::max(Value x, Value y) { return arith::MaxNumFOp::create(b, x, y, arith::FastMathFlags::nnan); }
Value AttentionBlock::maximum(Value v) {
  return vector::ReductionOp::create(b, vector::CombiningKind::MAXNUMF, v, arith::FastMathFlags::nnan);
}
Value AttentionBlock::tail() { return vector::CreateMaskOp::create(b, b.vec(lanes, b.getI1Type()), ValueRange{b.idx(slots % lanes)}); }

void AttentionBlock::eachColumn(function_ref<void(Value, Value, Value)> body) {
  for (int64_t code = 0; code < codes; ++code)
    for (int64_t v = 0; v < slotVectors; ++v)
      body(b.idx(column(code, v)), b.idx(code * slots + v * lanes), (v + 1) * lanes > slots ? tail() : Value());
}

KernelBuilder::Values AttentionBlock::decode(Value loaded) {
  if (codes == 1)
    return {b.toF32(loaded)};
  Value both = arith::ExtSIOp::create(b, i32s, loaded);             // two signed codes of 4 bits
  Value low = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, both, b.splat(b.i32(28), i32s)), b.splat(b.i32(28), i32s));
  return {b.toF32(low), b.toF32(arith::ShRSIOp::create(b, both, b.splat(b.i32(4), i32s)))};
}

static Value toI32(KernelBuilder &b, Value v) { return arith::IndexCastOp::create(b, b.getI32Type(), v); }

KernelBuilder::Values AttentionBlock::loadQuery(Value row, Value column) {
  KernelBuilder::Values loaded;
  if (!spec.rotary) {
    eachColumn([&](Value, Value channel, Value m) { loaded.push_back(b.loadVec(query, {row, b.add(column, channel)}, m, lanes)); });
    return loaded;
  }
  int64_t half = spec.rotary->half;
  Value position = rotaryPosition(b, *spec.rotary, row);
  column = b.add(column, spec.rotary->columns.offset);
  for (int64_t channel = 0; channel < headDim; channel += lanes) {
    bool lower = channel < half;
    Value at = b.idx(lower ? channel : channel - half), partner = b.add(column, lower ? channel + half : channel - half);
    loaded.push_back(rotated(b, b.loadVec(query, {row, b.add(column, channel)}, {}, lanes), b.loadVec(query, {row, partner}, {}, lanes),
                             b.loadVec(cos, {position, at}, {}, lanes), b.loadVec(sin, {position, at}, {}, lanes),
                             arith::ConstantOp::create(b, b.getBoolAttr(lower))));
  }
  return loaded;
}

void AttentionBlock::start(Value batchRow, Value kvHead, Value first, Value count) {
  this->batchRow = batchRow;
  if (starts) {
    past = arith::IndexCastOp::create(b, b.getIndexType(), b.load(starts, batchRow));
    total = b.add(past, seq);
  }
  this->kvHead = kvHead;
  this->first = first;
  this->count = count;
  keys = cache.head(b, batchRow, kvHead);
  values = b.add(cache.half, keys);
  keyScales = cache.scale(b, batchRow, kvHead);
  usedRows = oneRow ? b.idx(1) : b.mul(b.ceilDiv(b.min(b.sub(count, first), b.idx(rows)), rowTile), rowTile);
  Value scale = b.splat(b.f32(spec.scale), f32s), zero = b.zero(f32s);
  b.loop(b.idx(0), usedRows, 1, [&](Value r) {                      // rows of a tile past the last one repeat it, and are not written
    Value i = number(r), position = b.div(i, group), head = b.add(b.mul(kvHead, group), b.rem(i, group));
    Value row = b.add(b.mul(batchRow, seq), position), column = b.mul(head, headDim);
    KernelBuilder::Values loaded = loadQuery(row, column);          // all are read before the first is stored, which no later load passes
    eachColumn([&, next = loaded.begin()](Value c, Value channel, Value m) mutable {
      b.storeVec(b.mul(*next++, scale), queries, {r, channel}, m);
      b.storeVec(zero, sumsOfValues, {r, c});
    });
    b.storeVec(zero, sums, {r, b.idx(0)});
    Value at = b.add(past, position), end = spec.causal ? b.add(at, 1) : total;
    b.store(toI32(b, end), limits, r);
    if (spec.window)
      b.store(toI32(b, b.add(at, 1 - spec.window)), begins, r);
    b.store(b.f32(lowest), maxima, r);
  });
}

Value AttentionBlock::from() {
  if (!spec.window)
    return b.idx(0);
  Value lowestStart = b.max(b.add(b.add(past, b.div(first, group)), 1 - spec.window), b.idx(0));
  return b.mul(b.div(lowestStart, tile), tile);
}

Value AttentionBlock::to() {
  return spec.causal ? b.add(b.add(past, b.div(number(b.idx(rows - 1)), group)), 1) : total;
}

void AttentionBlock::attend(Value lo, Value hi) {
  b.loop(lo, hi, tile, [&](Value t) { attendTile(t, b.min(b.sub(hi, t), b.idx(tile))); });
}

void AttentionBlock::attendTile(Value lo, Value n) {
  if (panels)
    unpack(b.add(keys, b.mul(lo, slots)), b.mul(b.mul(b.ceilDiv(n, lanes), lanes), slots));
  b.loop(b.idx(0), usedRows, rowTile, [&](Value row) { scores(row, lo, n); });
  maskScores(lo);
  weights(lo);
  if (panels) {
    if (width == slots)
      unpack(b.add(values, b.mul(lo, slots)), b.mul(n, slots));
    else
      b.loop(b.idx(0), n, 1, [&](Value t) {
        Value from = b.add(values, b.mul(b.add(lo, t), slots)), to = b.mul(t, width);
        for (int64_t v = 0; v < slotVectors; ++v) {
          Value mask = (v + 1) * lanes > slots ? tail() : Value();
          for (auto [code, x] : llvm::enumerate(decode(b.loadVec(cache.memref, b.add(from, v * lanes), mask, lanes))))
            b.storeVec(x, panel, b.add(to, column(code, v)));
        }
      });
  }
  b.loop(b.idx(0), usedRows, rowTile, [&](Value row) { weigh(row, lo, n); });
}

/// Converts `elements` (a multiple of the lanes) of the cache's memory; codes that share a slot come one after the other.
void AttentionBlock::unpack(Value from, Value elements) {
  b.loop(b.idx(0), elements, lanes, [&](Value i) {
    for (auto [code, x] : llvm::enumerate(decode(b.loadVec(cache.memref, b.add(from, i), {}, lanes))))
      b.storeVec(x, panel, b.add(b.mul(i, codes), int64_t(code) * lanes));
  });
}

/// score[row + r][t] = query . key, without the key's scale, for the tokens of a tile.
void AttentionBlock::scores(Value row, Value lo, Value n) {
  int64_t rowVectors = std::min(this->rowVectors, tile / lanes), columns = rowVectors * lanes, perSlot = panels ? 1 : codes, size = headDim / perSlot, unroll = headDim % 4 ? 1 : 4 / perSlot;
  Value memref = panels ? panel : cache.memref, base = panels ? b.idx(0) : b.add(keys, b.mul(lo, slots));
  KernelBuilder::Values zeros(rowTile * rowVectors, b.zero(f32s));
  b.loop(b.idx(0), n, columns, [&](Value t) {
    Value block = b.add(base, b.mul(t, size));
    auto sums = b.loop(b.idx(0), b.idx(size), unroll, zeros, [&](Value d, ValueRange carried) {
      KernelBuilder::Values acc(carried);
      for (int64_t u = 0; u < unroll; ++u) {
        Value slot = b.add(d, u), at = b.add(block, b.mul(slot, lanes));
        SmallVector<KernelBuilder::Values> k;
        for (int64_t v = 0; v < rowVectors; ++v) {
          Value loaded = b.loadVec(memref, b.add(at, v * size * lanes), {}, lanes);
          k.push_back(panels ? KernelBuilder::Values{loaded} : decode(loaded));
        }
        for (int64_t code = 0; code < perSlot; ++code)
          for (int64_t r = 0; r < rowTile; ++r) {
            Value q = b.splat(b.load(queries, {b.add(row, r), b.add(b.mul(slot, perSlot), code)}), f32s);
            for (int64_t v = 0; v < rowVectors; ++v)
              acc[r * rowVectors + v] = b.fma(q, k[v][code], acc[r * rowVectors + v]);
          }
      }
      return acc;
    });
    for (int64_t r = 0; r < rowTile; ++r)
      for (int64_t v = 0; v < rowVectors; ++v)
        b.storeVec(sums[r * rowVectors + v], score, {b.add(row, r), b.add(t, v * lanes)});
  });
}

/// Scales of keys, softcap; hides what a row does not see, and finds every row's maximum. Scores past the last token may be anything before.
void AttentionBlock::maskScores(Value lo) {
  SmallVector<Value> token, scale;
  SmallVector<int32_t> iota(lanes);
  std::iota(iota.begin(), iota.end(), 0);
  Value lane = arith::ConstantOp::create(b, DenseElementsAttr::get(i32s, ArrayRef<int32_t>(iota))), hiddenVec = b.splat(b.f32(hidden), f32s);
  for (int64_t t = 0; t < tile; t += lanes) {
    Value at = b.add(lo, t);
    token.push_back(b.add(lane, b.splat(toI32(b, at), i32s)));
    if (cache.scales)
      scale.push_back(b.loadVec(cache.scales, b.add(keyScales, at), {}, lanes));
    if (!mask)
      continue;
    Value left = b.max(b.sub(total, at), b.idx(0)), inside = vector::CreateMaskOp::create(b, b.vec(lanes, b.getI1Type()), ValueRange{left});
    Value bits = b.loadVec(mask, {batchRow, at}, inside, lanes);
    Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, b.zero(bits.getType()));
    b.storeVec(b.select(seen, b.splat(b.f32(-hidden), f32s), hiddenVec), tokenMask, b.idx(t));
  }
  b.loop(b.idx(0), usedRows, 1, [&](Value r) {
    Value end = b.splat(b.load(limits, r), i32s), begin = spec.window ? b.splat(b.load(begins, r), i32s) : Value(), most;
    for (int64_t v = 0; v < tile / lanes; ++v) {
      SmallVector<Value> at = {r, b.idx(v * lanes)};
      Value s = b.loadVec(score, at, {}, lanes);
      if (cache.scales)
        s = b.mul(s, scale[v]);
      if (spec.softcap != 0) {                                      // cap * tanh(s / cap), tanh(x) = 1 - 2 / (exp(2x) + 1)
        Value one = b.splat(b.f32(1), f32s), e = b.exp(b.mul(s, b.splat(b.f32(2 / spec.softcap), f32s)));
        s = b.mul(b.splat(b.f32(spec.softcap), f32s), b.sub(one, b.div(b.splat(b.f32(2), f32s), b.add(e, one))));
      }
      Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, token[v], end);
      if (begin)
        sees = arith::AndIOp::create(b, sees, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, token[v], begin));
      s = b.select(sees, s, hiddenVec);
      if (mask)
        s = arith::MinNumFOp::create(b, s, b.loadVec(tokenMask, b.idx(v * lanes), {}, lanes), arith::FastMathFlags::nnan);
      b.storeVec(s, score, at);
      most = most ? max(most, s) : s;
    }
    b.store(maximum(most), tileMaxima, r);
  });
}

/// Scores become weights exp(score - maximum), times the value's scale; older sums will be multiplied by `rescale`.
void AttentionBlock::weights(Value lo) {
  b.loop(b.idx(0), usedRows, lanes, [&](Value r) {                  // a vector of rows
    Value before = b.loadVec(maxima, r, {}, lanes), now = max(before, b.loadVec(tileMaxima, r, {}, lanes));
    b.storeVec(b.exp(b.sub(before, now)), rescale, r);
    b.storeVec(now, maxima, r);
  });
  Value threshold = b.splat(b.f32(hidden / 2), f32s), zero = b.zero(f32s);
  b.loop(b.idx(0), usedRows, 1, [&](Value r) {
    Value top = b.splat(b.load(maxima, r), f32s);
    Value sum = b.mul(b.loadVec(sums, {r, b.idx(0)}, {}, lanes), b.splat(b.load(rescale, r), f32s));
    for (int64_t t = 0; t < tile; t += lanes) {
      Value s = b.loadVec(score, {r, b.idx(t)}, {}, lanes);
      Value seen = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, s, threshold);
      Value p = b.select(seen, b.exp(b.sub(s, top)), zero);         // exactly 0: what the cache holds there does not matter
      sum = b.add(sum, p);
      if (cache.scales) {
        Value scale = b.loadVec(cache.scales, b.add(b.add(cache.halfOfScales, keyScales), b.add(lo, t)), {}, lanes);
        p = b.select(seen, b.mul(p, scale), zero);
      }
      b.storeVec(p, score, {r, b.idx(t)});
    }
    b.storeVec(sum, sums, {r, b.idx(0)});
  });
}

/// sumsOfValues[row + r] = rescaled + weights . values, over the `n` tokens of a tile.
void AttentionBlock::weigh(Value row, Value lo, Value n) {
  Value memref = panels ? panel : cache.memref, base = panels ? b.idx(0) : b.add(values, b.mul(lo, slots));
  int64_t stride = panels ? width : slots, perSlot = panels ? 1 : codes;
  int64_t loads = width / lanes / perSlot, most = std::max<int64_t>(1, rowVectors / perSlot);
  SmallVector<Value> scale;
  for (int64_t r = 0; r < rowTile; ++r)
    scale.push_back(b.splat(b.load(rescale, b.add(row, r)), f32s));
  for (int64_t from = 0; from < loads; from += most) {
    SmallVector<int64_t> columns;                                   // of what is loaded, code by code
    for (int64_t v = from; v < std::min(loads, from + most); ++v)
      for (int64_t code = 0; code < perSlot; ++code)
        columns.push_back(panels ? v * lanes : column(code, v));
    int64_t count = columns.size();
    KernelBuilder::Values acc;
    for (int64_t r = 0; r < rowTile; ++r)
      for (int64_t at : columns)
        acc.push_back(b.mul(b.loadVec(sumsOfValues, {b.add(row, r), b.idx(at)}, {}, lanes), scale[r]));
    // One row reads a value for every score of the tile, and takes those past the last token as 0, so that no turn waits for another.
    acc = b.loop(b.idx(0), oneRow ? b.idx(tile) : n, 1, acc, [&](Value t, ValueRange carried) {
      KernelBuilder::Values acc(carried);
      Value at = b.add(base, b.mul(t, stride));
      KernelBuilder::Values x;
      for (int64_t v = from; v < from + count / perSlot; ++v) {
        bool partial = !panels && (v + 1) * lanes > slots;
        Value loaded = b.loadVec(memref, b.add(at, v * lanes), partial ? tail() : Value(), lanes);
        panels ? x.push_back(loaded) : x.append(decode(loaded));
      }
      for (Value &value : x)
        value = oneRow ? b.select(b.less(t, n), value, b.zero(f32s)) : value;
      for (int64_t r = 0; r < rowTile; ++r) {
        Value p = b.splat(b.load(score, {b.add(row, r), t}), f32s);
        for (int64_t v = 0; v < count; ++v)
          acc[r * count + v] = b.fma(p, x[v], acc[r * count + v]);
      }
      return acc;
    });
    for (int64_t r = 0; r < rowTile; ++r)
      for (int64_t v = 0; v < count; ++v)
        b.storeVec(acc[r * count + v], sumsOfValues, {b.add(row, r), b.idx(columns[v])});
  }
}

static Value addUp(KernelBuilder &b, Value v) { return vector::ReductionOp::create(b, vector::CombiningKind::ADD, v, arith::FastMathFlags::reassoc); }

void AttentionBlock::eachRow(function_ref<void(Value, Value, Value)> body) {
  b.loop(b.idx(0), b.min(b.sub(count, first), b.idx(rows)), 1, [&](Value r) {
    Value i = b.add(first, r);
    body(r, b.add(b.mul(batchRow, seq), b.div(i, group)), b.add(b.mul(kvHead, group), b.rem(i, group)));
  });
}

void AttentionBlock::finish(Value output) {
  eachRow([&](Value r, Value row, Value head) {
    Value sum = addUp(b, b.loadVec(sums, {r, b.idx(0)}, {}, lanes)), zero = b.f32(0);
    Value any = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, zero);
    Value factor = b.splat(b.select(any, b.div(b.f32(1), sum), zero), f32s), column = b.mul(head, headDim);
    eachColumn([&](Value c, Value channel, Value m) {
      b.storeVec(b.mul(b.loadVec(sumsOfValues, {r, c}, {}, lanes), factor), output, {row, b.add(column, channel)}, m);
    });
  });
}

void AttentionBlock::finishPartial(Value partials, function_ref<Value(Value, Value)> rowOf) {
  eachRow([&](Value r, Value row, Value head) {
    Value to = rowOf(row, head);
    eachColumn([&](Value c, Value channel, Value m) { b.storeVec(b.loadVec(sumsOfValues, {r, c}, {}, lanes), partials, {to, channel}, m); });
    b.store(b.load(maxima, r), partials, {to, b.idx(headDim)});
    b.store(addUp(b, b.loadVec(sums, {r, b.idx(0)}, {}, lanes)), partials, {to, b.idx(headDim + 1)});
  });
}
