// Attention by a matrix unit over lanes (AttentionFragments.h).
//
// Sums over channels and over tokens may take these in any order, so that every lane multiplies what it can load together. Scores: the unit's k 2 c, 2 c + 1,
// 8 + 2 c, 9 + 2 c of 16 channels from `from` on are channels from + 4 c .. from + 4 c + 3, and its column n in tile j is token 4 n + j of 32; a lane loads four
// tokens of a channel at once. Weighted values: k 2 c, 2 c + 1 are tokens 8 c + j and 8 c + 4 + j, as scores have left them, and column n of tile m is
// channel 8 n + m; a lane loads eight channels of a token.
#include "AttentionFragments.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t tileTokens = 32, tiles = 4;                // tiles of scores: of 8 tokens
static constexpr double hidden = -1e30, lowest = -1e20;             // as AttentionBlock's

bool AttentionFragments::applies(const TargetFacts &facts, const AttentionSpec &spec) {
  const CacheLayout &cache = spec.cache;
  return facts.version.laneMma && cache.element.isF16() && (cache.headDim == 64 || cache.headDim == 128) && cache.lanes == tileTokens && !spec.rotary;
}

AttentionFragments::AttentionFragments(KernelBuilder &b, const AttentionSpec &spec, ValueRange inputs)
    : b(b), spec(spec), headDim(spec.cache.headDim), group(spec.heads / spec.cache.kvHeads), steps(headDim / 16), query(inputs[0]),
      mask(spec.mask ? inputs[2] : Value()), starts(spec.rows ? inputs.back() : Value()), past(b.dim("past")), seq(b.dim("seq")), total(b.add(past, seq)),
      cache(b, spec.cache, inputs[1], b.dim("batch")), four(b.vec(4, b.getF32Type())), fourWords(b.vec(4, b.getI32Type())) {
  queryWords = b.scratch({steps * 2 * tileTokens * 4}, b.getI32Type());
  lane = qk::LaneIdOp::create(b, b.getIndexType());
  quarter = b.rem(lane, 4);
  eighth = b.div(lane, 4);
}

Value AttentionFragments::ofRows(Value first, Value second) { return vector::FromElementsOp::create(b, b.vec(4, first.getType()), ValueRange{first, first, second, second}); }

Value AttentionFragments::overQuad(Value v, vector::CombiningKind kind) {
  for (int64_t distance : {1, 2})
    v = vector::makeArithReduction(b, b.getLoc(), kind, v, qk::SwapLanesOp::create(b, v.getType(), v, distance), arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::nnan));
  return v;
}

Value AttentionFragments::exp(Value scalar) {
  return vector::ExtractOp::create(b, b.exp(b.splat(scalar, b.vec(1, b.getF32Type()))), ArrayRef<int64_t>{0});
}

Value AttentionFragments::pair(Value low, Value high) {
  Value both = vector::FromElementsOp::create(b, b.vec(2, b.getF16Type()), ValueRange{low, high});
  return vector::ExtractOp::create(b, vector::BitCastOp::create(b, b.vec(1, b.getI32Type()), both), ArrayRef<int64_t>{0});
}

std::array<KernelBuilder::Values, 2> AttentionFragments::halves(Value x) {
  auto half = b.vec(4, b.getF16Type());
  Value rounded = arith::TruncFOp::create(b, half, x), rest = arith::TruncFOp::create(b, half, b.sub(x, arith::ExtFOp::create(b, four, rounded)));
  auto words = [&](Value of) -> Values {
    Value both = vector::BitCastOp::create(b, b.vec(2, b.getI32Type()), of);
    return {vector::ExtractOp::create(b, both, ArrayRef<int64_t>{0}), vector::ExtractOp::create(b, both, ArrayRef<int64_t>{1})};
  };
  return {words(rounded), words(rest)};
}

Value AttentionFragments::mma(Value acc, Value lhs, Value low, Value high) {
  Value rhs = vector::FromElementsOp::create(b, b.vec(2, b.getI32Type()), ValueRange{low, high});
  return qk::LaneMmaHalfOp::create(b, four, acc, lhs, rhs);
}

AttentionFragments::RowState AttentionFragments::rowAt(Value local) {
  RowState state;
  state.number = b.add(first, local);
  Value i = b.min(state.number, b.add(count, -1)), position = b.div(i, group), at = b.add(past, position);
  auto toI32 = [&](Value v) { return arith::IndexCastOp::create(b, b.getI32Type(), v); };
  state.head = b.add(b.mul(kvHead, group), b.rem(i, group));
  state.row = b.add(b.mul(batchRow, seq), position);
  state.end = toI32(spec.causal ? b.add(at, 1) : total);
  if (spec.window)
    state.begin = toI32(b.add(at, 1 - spec.window));
  return state;
}

void AttentionFragments::storeQuery() {
  Value scale = b.splat(b.f32(spec.scale), four), most = b.splat(b.f32(65504), four), least = b.splat(b.f32(-65504), four);
  for (int64_t step = 0; step < steps; ++step) {
    std::array<Values, 2> ofRow[2];
    for (auto [words, row] : llvm::zip(ofRow, state)) {
      Value column = b.add(b.mul(row.head, headDim), b.add(b.mul(quarter, 4), step * 16));
      Value q = b.mul(b.loadVec(query, {row.row, column}, {}, 4), scale);
      words = halves(b.max(b.min(q, most), least));
    }
    for (int64_t part : {0, 1}) {
      Value words = vector::FromElementsOp::create(b, fourWords, ValueRange{ofRow[0][part][0], ofRow[1][part][0], ofRow[0][part][1], ofRow[1][part][1]});
      b.storeVec(words, queryWords, b.add(b.mul(lane, 4), (step * 2 + part) * tileTokens * 4));
    }
  }
}

KernelBuilder::Values AttentionFragments::scores(Value lo) {
  Values acc(tiles, b.zero(four));
  Value base = b.add(b.add(keys, b.mul(lo, headDim)), b.add(b.mul(quarter, 4 * tileTokens), b.mul(eighth, 4)));
  for (int64_t step = 0; step < steps; ++step) {
    SmallVector<Values> channel;                                    // four tokens of each
    for (int64_t i = 0; i < 4; ++i) {
      auto load = vector::LoadOp::create(b, b.vec(4, b.getF16Type()), cache.memref, ValueRange{b.add(base, (step * 16 + i) * tileTokens)});
      load.setAlignment(8);
      Values &tokens = channel.emplace_back();
      for (int64_t j = 0; j < tiles; ++j)
        tokens.push_back(vector::ExtractOp::create(b, load, ArrayRef<int64_t>{j}));
    }
    for (int64_t part : {0, 1}) {
      Value words = b.loadVec(queryWords, b.add(b.mul(lane, 4), (step * 2 + part) * tileTokens * 4), {}, 4);
      for (int64_t j = 0; j < tiles; ++j)
        acc[j] = mma(acc[j], words, pair(channel[0][j], channel[1][j]), pair(channel[2][j], channel[3][j]));
    }
  }
  return acc;
}

Value AttentionFragments::token(Value lo, int64_t j) {
  Value even = arith::IndexCastOp::create(b, b.getI32Type(), b.add(lo, b.add(b.mul(quarter, 8), j))), odd = b.add(even, b.i32(4));
  return vector::FromElementsOp::create(b, fourWords, ValueRange{even, odd, even, odd});
}

KernelBuilder::Values AttentionFragments::masked(Value lo, ArrayRef<Value> scores) {
  Value end = ofRows(state[0].end, state[1].end), begin = spec.window ? ofRows(state[0].begin, state[1].begin) : Value(), none = b.splat(b.f32(hidden), four);
  Values result;
  for (auto [j, score] : llvm::enumerate(scores)) {
    Value s = score, at = token(lo, j);
    if (spec.softcap != 0) {                                        // cap * tanh(s / cap), tanh(x) = 1 - 2 / (exp(2x) + 1)
      Value one = b.splat(b.f32(1), four), e = b.exp(b.mul(s, b.splat(b.f32(2 / spec.softcap), four)));
      s = b.mul(b.splat(b.f32(spec.softcap), four), b.sub(one, b.div(b.splat(b.f32(2), four), b.add(e, one))));
    }
    Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, end);
    if (begin)
      sees = arith::AndIOp::create(b, sees, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, at, begin));
    if (mask) {
      SmallVector<Value> bits;
      for (int64_t i : {0, 1}) {
        Value t = b.add(b.add(lo, b.mul(quarter, 8)), int64_t(j) + 4 * i), inside = b.less(t, total);
        Value bit = b.load(mask, {batchRow, b.select(inside, t, b.idx(0))});
        bits.push_back(arith::AndIOp::create(b, inside, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, b.zero(bit.getType()))));
      }
      sees = arith::AndIOp::create(b, sees, vector::FromElementsOp::create(b, b.vec(4, b.getI1Type()), ValueRange{bits[0], bits[1], bits[0], bits[1]}));
    }
    result.push_back(b.select(sees, s, none));
  }
  return result;
}

KernelBuilder::Values AttentionFragments::weighted(Value lo, ArrayRef<Value> weights, ArrayRef<Value> sums) {
  constexpr int64_t together = 8;                                   // channels that a lane loads
  SmallVector<std::array<Values, 2>> p;
  for (Value weight : weights)
    p.push_back(halves(weight));
  Values acc(sums);
  for (int64_t h = 0; h < headDim / 64; ++h) {
    SmallVector<Values> value;                                      // eight channels of each token 8 c + 4 i + j, at 2 j + i
    for (int64_t j = 0; j < tiles; ++j)
      for (int64_t i : {0, 1}) {
        Value t = b.add(b.add(lo, b.mul(quarter, 8)), j + 4 * i), at = b.add(b.add(values, b.mul(t, headDim)), b.add(b.mul(eighth, together), h * 64));
        auto type = b.vec(together, b.getF16Type());
        auto load = vector::LoadOp::create(b, type, cache.memref, ValueRange{at});
        load.setAlignment(16);
        Value x = b.select(b.less(t, total), load, b.zero(type));   // behind the last token there may be anything
        Values &channels = value.emplace_back();
        for (int64_t m = 0; m < together; ++m)
          channels.push_back(vector::ExtractOp::create(b, x, ArrayRef<int64_t>{m}));
      }
    for (int64_t j = 0; j < tiles; j += 2)
      for (int64_t part : {0, 1}) {
        Value lhs = vector::FromElementsOp::create(b, fourWords, ValueRange{p[j][part][0], p[j][part][1], p[j + 1][part][0], p[j + 1][part][1]});
        for (int64_t m = 0; m < together; ++m) {
          Value &sum = acc[h * together + m];
          sum = mma(sum, lhs, pair(value[2 * j][m], value[2 * j + 1][m]), pair(value[2 * j + 2][m], value[2 * j + 3][m]));
        }
      }
  }
  return acc;
}

void AttentionFragments::run(Value batchRow, Value kvHead, Value first, Value count, Value output) {
  this->batchRow = batchRow;
  this->kvHead = kvHead;
  this->first = first;
  this->count = count;
  if (starts) {
    past = arith::IndexCastOp::create(b, b.getIndexType(), b.load(starts, batchRow));
    total = b.add(past, seq);
  }
  keys = cache.head(b, batchRow, kvHead);
  values = b.add(cache.half, keys);
  for (int64_t i : {0, 1})
    state[i] = rowAt(b.add(eighth, 8 * i));
  storeQuery();
  auto positionOf = [&](Value row) { return b.div(b.min(row, b.add(count, -1)), group); };
  Value from = b.idx(0), to = spec.causal ? b.add(b.add(past, positionOf(b.add(first, rows - 1))), 1) : total;
  if (spec.window) {
    Value least = b.max(b.add(b.add(past, positionOf(first)), 1 - spec.window), b.idx(0));
    from = b.mul(b.div(least, tileTokens), tileTokens);
  }
  // Maxima and sums of weights of the two rows, the sums each lane's own; weighted values by tile.
  Values carried = {b.f32(lowest), b.f32(lowest), b.f32(0), b.f32(0)};
  carried.append(headDim / 8, b.zero(four));
  auto loop = scf::ForOp::create(b, from, to, b.idx(tileTokens), carried);
  loop->setAttr("qk.rolled", b.getUnitAttr());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value lo = loop.getInductionVar();
    Values before(loop.getRegionIterArgs()), s = masked(lo, scores(lo)), after;
    Value most = s[0];
    for (Value other : ArrayRef(s).drop_front())
      most = arith::MaxNumFOp::create(b, most, other, arith::FastMathFlags::nnan);
    SmallVector<Value> top, rescale;
    for (int64_t i : {0, 1}) {
      auto of = [&](int64_t column) { return Value(vector::ExtractOp::create(b, most, ArrayRef<int64_t>{2 * i + column})); };
      top.push_back(b.max(before[i], overQuad(b.max(of(0), of(1)), vector::CombiningKind::MAXNUMF)));
      rescale.push_back(exp(b.sub(before[i], top[i])));
    }
    Value tops = ofRows(top[0], top[1]), factor = ofRows(rescale[0], rescale[1]), threshold = b.splat(b.f32(hidden / 2), four), sum;
    Values weights;
    for (Value score : s) {
      Value seen = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, score, threshold);
      weights.push_back(b.select(seen, b.exp(b.sub(score, tops)), b.zero(four)));
      sum = sum ? b.add(sum, weights.back()) : weights.back();
    }
    after.append(top);
    for (int64_t i : {0, 1}) {
      auto of = [&](int64_t column) { return Value(vector::ExtractOp::create(b, sum, ArrayRef<int64_t>{2 * i + column})); };
      after.push_back(b.fma(before[2 + i], rescale[i], b.add(of(0), of(1))));
    }
    Values sums;
    for (Value of : ArrayRef(before).drop_front(4))
      sums.push_back(b.mul(of, factor));
    after.append(weighted(lo, weights, sums));
    scf::YieldOp::create(b, after);
  }
  Values last(loop.getResults());
  for (int64_t i : {0, 1}) {
    Value sum = overQuad(last[2 + i], vector::CombiningKind::ADD), zero = b.f32(0);
    Value any = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, zero);
    Value factor = b.splat(b.select(any, b.div(b.f32(1), sum), zero), b.vec(8, b.getF32Type()));
    b.when(b.less(state[i].number, count), [&] {
      for (int64_t h = 0; h < headDim / 64; ++h)
        for (int64_t column : {0, 1}) {
          Values channels;
          for (int64_t m = 0; m < 8; ++m)
            channels.push_back(vector::ExtractOp::create(b, last[4 + h * 8 + m], ArrayRef<int64_t>{2 * i + column}));
          Value at = b.add(b.mul(state[i].head, headDim), b.add(b.mul(quarter, 16), h * 64 + 8 * column));
          b.storeVec(b.mul(vector::FromElementsOp::create(b, b.vec(8, b.getF32Type()), channels), factor), output, {state[i].row, at});
        }
    });
  }
}
