// Few rows (M < 16): the time is that of reading the weights once, so codes go from memory through registers into products, without scratch.
// Each stream is a contiguous run of panels read strictly forwards, several of them side by side, since one sequential stream gets 0.6 of DRAM's
// rate on Intel. Whether to prefetch is the processor's business, so the distance is an argument: on Sapphire Rapids this kernel reads at 0.80 of
// the best probe without and at 1.0 with prefetches 2304 bytes ahead; on Zen 4 at 1.0 without and at 0.68 with them (they take the buffers of its
// own prefetchers). The blocks of a superblock stay a loop: unrolled, LLVM's scheduler gathers the prefetches and the rate drops.
//
// Rows share what was unpacked, four at a time. More rows take turns over a chunk of the panels that stays in L1; their sums wait in scratch.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

// Registers: two chains of sums a panel for one row, one for each of four rows; 16 registers are enough for half of that.
int64_t MatmulEmitter::streamCount() const { return version.teamThreads > 1 ? 1 : spec.rows == RowClass::Decode && version.numVectorRegisters >= 32 ? 4 : 2; }
static constexpr unsigned rowsTogether = 4;

void MatmulEmitter::forStreams(function_ref<void(ArrayRef<Value>)> body) {
  int64_t streams = streamCount();
  Value length = div(sub(args.panelEnd, args.panelBegin), streams), zero = index(0);
  loop(zero, length, 1, {}, [&](Value p, ValueRange) {
    SmallVector<Value> panels;
    for (int64_t s = 0; s < streams; ++s)
      panels.push_back(add(args.panelBegin, add(mul(length, s), p)));
    return body(panels), Values();
  });
  loop(add(args.panelBegin, mul(length, streams)), args.panelEnd, 1, {}, [&](Value p, ValueRange) { return body(p), Values(); });
}

// One row outruns a line's way from L2, so its lines go to L1. Several rows leave the time for that, and L1 to what they share.
void MatmulEmitter::prefetchAhead(ArrayRef<Value> starts, int64_t lines, Value distance) {
  unsigned locality = spec.rows == RowClass::Decode ? 3 : 2;
  Value wanted = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, distance, index(0));
  ifElse(wanted, {}, [&] {
    for (int64_t line = 0; line < lines; ++line)
      for (Value start : starts)
        prefetch(args.weights, add(add(start, distance), line * 64), locality);
    return Values();
  }, [] { return Values(); });
}

Values MatmulEmitter::overBlocks(const Streams &s, ValueRange y, BlockBody body) {
  int64_t lines = w.superBytes() / 64, blocks = blocksPerSuper(), perBlock = lines / blocks;
  return loop(s.superBegin, s.superEnd, 1, y, [&](Value super, ValueRange carried) {
    Value at = mul(super, w.superBytes());
    SmallVector<Value> superAt, rest;
    for (Value panel : s.panelAt) {
      superAt.push_back(add(panel, at));
      rest.push_back(add(superAt.back(), perBlock * blocks * 64));
    }
    if (lines > perBlock * blocks)
      prefetchAhead(rest, lines - perBlock * blocks, s.prefetch);
    return loop(index(0), index(blocks), 1, carried, [&](Value block, ValueRange inner) {
      SmallVector<Value> starts;
      for (Value panel : superAt)
        starts.push_back(add(panel, mul(block, perBlock * 64)));
      prefetchAhead(starts, perBlock, s.prefetch);
      return body(s, superAt, super, block, inner);
    });
  });
}

SmallVector<Value> MatmulEmitter::panelStarts(ArrayRef<Value> panels) {
  SmallVector<Value> starts;
  for (Value p : panels)
    starts.push_back(add(args.weightOffset, mul(p, panelBytes())));
  return starts;
}

// Teams: every thread sums a part of K of the same panels, so that few panels keep many threads busy.
std::pair<Value, Value> MatmulEmitter::partOf(Value begin, Value end) {
  if (version.teamThreads == 1)
    return {begin, end};
  Value rank = qk::TeamRankOp::create(b, loc, b.getIndexType()), count = sub(end, begin);
  auto at = [&](Value r) { return add(begin, div(mul(count, r), version.teamThreads)); };
  return {at(rank), at(add(rank, 1))};
}

void MatmulEmitter::joinParts(ValueRange y, function_ref<void(ValueRange)> store) {
  int64_t team = version.teamThreads, count = y.size();
  if (team == 1)
    return store(y);
  auto type = MemRefType::get({team * count * lanes}, b.getF32Type());
  Value parts = qk::BindOp::create(b, loc, type, qk::Storage::Team, 0, index(0), ValueRange()), rank = qk::TeamRankOp::create(b, loc, b.getIndexType());
  auto place = [&](Value part, int64_t i) { return mul(add(mul(part, count), i), lanes); };
  for (int64_t i = 0; i < count; ++i)
    this->store(y[i], parts, place(rank, i));
  qk::TeamBarrierOp::create(b, loc);
  ifElse(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rank, index(0)), {}, [&] {
    Values sums(y);                                  // of part 0
    for (int64_t part = 1; part < team; ++part)
      for (int64_t i = 0; i < count; ++i)
        sums[i] = arith::AddFOp::create(b, loc, sums[i], load(parts, place(index(part), i), floats));
    store(sums);
    return Values();
  }, [] { return Values(); });
  qk::TeamBarrierOp::create(b, loc);                 // before the next panels' parts
}

void MatmulEmitter::decodeCodes(BlockBody body) {
  panelBytes();                                      // before the loops, for all of them
  Value zero = index(0), supers = superCount();
  forStreams([&](ArrayRef<Value> panels) {
    auto [begin, end] = partOf(zero, supers);
    Streams s{panelStarts(panels), {zero}, {zero}, begin, end, args.prefetch};
    joinParts(overBlocks(s, Values(panels.size(), splatFloat(0)), body), [&](ValueRange y) {
      for (size_t i = 0; i < panels.size(); ++i)
        storeRow(y[i], zero, panels[i]);
    });
  });
}

void MatmulEmitter::emitIntDecode() {
  decodeCodes([&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) { return intBlock(s, superAt, super, block, y); });
}

void MatmulEmitter::emitTeamShort() {
  Value zero = index(0), supers = superCount();
  panelBytes();
  forStreams([&](ArrayRef<Value> panels) {
    Value from = zero;
    for (unsigned rows = rowsTogether; rows > 0; --rows) {
      Value to = add(from, mul(div(sub(args.m, from), rows), rows));
      loop(from, to, rows, {}, [&](Value m, ValueRange) {
        auto [begin, end] = partOf(zero, supers);
        Streams s{panelStarts(panels), {}, {}, begin, end, args.prefetch};
        for (unsigned r = 0; r < rows; ++r) {
          s.inputAt.push_back(mul(add(m, r), args.inputStride));
          s.scaleAt.push_back(mul(add(m, r), args.scaleStride));
        }
        Values y = overBlocks(s, Values(rows * panels.size(), splatFloat(0)), [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) {
          return intBlock(s, superAt, super, block, y);
        });
        joinParts(y, [&](ValueRange y) {
          for (unsigned i = 0; i < y.size(); ++i)
            storeRow(y[i], add(m, i / panels.size()), panels[i % panels.size()]);
        });
        return Values();
      });
      from = to;
    }
  });
}

void MatmulEmitter::emitIntShort() {
  if (version.teamThreads > 1)
    return emitTeamShort();
  // Half of L1 for the chunk of all streams.
  int64_t chunk = std::max<int64_t>(1, version.l1Bytes / 2 / streamCount() / w.superBytes());
  Value zero = index(0), supers = superCount();
  panelBytes();
  Value partial = scratch(16 * streamCount() * lanes, b.getF32Type());
  // From three rows on no processor looks far enough ahead itself: Zen 4 reads for four rows at 11.6 GB/s without prefetches and at 21 with them.
  constexpr int64_t far = 4608;
  Value distance = select(less(args.m, index(3)), args.prefetch, index(far));
  // Up to four rows need no turns: one chunk.
  Value few = less(args.m, index(rowsTogether + 1)), step = select(few, arith::MaxUIOp::create(b, loc, supers, index(1)), index(chunk));
  forStreams([&](ArrayRef<Value> panels) {
    loop(zero, supers, step, {}, [&](Value begin, ValueRange) {
      Value end = min(add(begin, step), supers), from = zero;
      for (unsigned rows = rowsTogether; rows > 0; --rows) {
        Value to = add(from, mul(div(sub(args.m, from), rows), rows));
        loop(from, to, rows, {}, [&](Value m, ValueRange) { return shortRows(panels, m, rows, begin, end, distance, partial), Values(); });
        from = to;
      }
      return Values();
    });
  });
}

// Rows m.. of superblocks begin..end of the panels.
void MatmulEmitter::shortRows(ArrayRef<Value> panels, Value m, unsigned rows, Value begin, Value end, Value distance, Value partial) {
  unsigned count = panels.size() * rows;
  auto is = [&](Value x, Value y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y).getResult(); };
  Streams s{panelStarts(panels), {}, {}, begin, end, select(is(m, index(0)), distance, index(0))};  // the first rows bring the chunk
  for (unsigned r = 0; r < rows; ++r) {
    s.inputAt.push_back(mul(add(m, r), args.inputStride));
    s.scaleAt.push_back(mul(add(m, r), args.scaleStride));
  }
  auto place = [&](unsigned i) { return mul(add(mul(m, panels.size()), i), lanes); };
  Values y = ifElse(is(begin, index(0)), SmallVector<Type>(count, floats), [&] { return Values(count, splatFloat(0)); }, [&] {
    Values y;
    for (unsigned i = 0; i < count; ++i)
      y.push_back(load(partial, place(i), floats));
    return y;
  });
  y = overBlocks(s, y, [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) { return intBlock(s, superAt, super, block, y); });
  ifElse(is(end, superCount()), {}, [&] {
    for (unsigned i = 0; i < count; ++i)
      storeRow(y[i], add(m, i / panels.size()), panels[i % panels.size()]);
    return Values();
  }, [&] {
    for (unsigned i = 0; i < count; ++i)
      store(y[i], partial, place(i));
    return Values();
  });
}

Values MatmulEmitter::intBlock(const Streams &streams, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange carried) {
  Values y(carried);
  unsigned count = superAt.size(), rows = streams.inputAt.size(), unitsPerStep = stepK() / 4;
  bool twoChains = rows * count < 8;                 // or the latency of dot4 would show
  Value kBlock = add(mul(super, blocksPerSuper()), blockInSuper), kAt = mul(kBlock, 32);
  SmallVector<BlockReader> readers;
  for (unsigned i = 0; i < count; ++i)
    readers.push_back(block(superAt[i], blockInSuper));
  for (int64_t s = 0; s < 32 / stepK(); ++s) {
    SmallVector<StepParams> p;
    for (unsigned i = 0; i < count; ++i)
      p.push_back(params(streams.panelAt[i], superAt[i], add(mul(blockInSuper, 32), s * stepK())));
    Values stepSums, even, odd;
    for (unsigned r = 0; r < rows; ++r) {
      stepSums.push_back(stepK() == 32 ? splat(loadScalar(args.sums, add(streams.scaleAt[r], kBlock))) : partialSum(add(streams.inputAt[r], kAt), s));
      for (unsigned i = 0; i < count; ++i)
        even.push_back(startSum(stepSums[r], p[i], w.implicitZero()));
    }
    odd.assign(rows * count, splatInt(0));
    for (unsigned u = s * unitsPerStep; u < (s + 1) * unitsPerStep; ++u)
      for (unsigned r = 0; r < rows; ++r) {
        Value a = bcast4(args.input, add(add(streams.inputAt[r], kAt), 4 * u));
        for (unsigned i = 0; i < count; ++i) {
          Value &chain = twoChains && u % 2 ? odd[r * count + i] : even[r * count + i];
          chain = dot4(chain, unit(readers[i], u), a, maxCode());
        }
      }
    for (unsigned r = 0; r < rows; ++r) {
      Value scale = splat(loadScalar(args.scales, add(streams.scaleAt[r], kBlock)));
      for (unsigned i = 0; i < count; ++i) {
        Value sum = even[r * count + i];
        if (twoChains)
          sum = arith::AddIOp::create(b, loc, sum, odd[r * count + i]);
        y[r * count + i] = finishStep(sum, stepSums[r], scale, p[i], y[r * count + i]);
      }
    }
  }
  return y;
}

// Activations come with a sum per 32; groups of 16 need halves of it.
Value MatmulEmitter::partialSum(Value kAt, int64_t step) {
  Value ones = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(bytes, int8_t(1))), sum = splatInt(0);
  for (int64_t u = 0; u < stepK() / 4; ++u)
    sum = dot4(sum, ones, bcast4(args.input, add(kAt, step * stepK() + 4 * u)), 1);
  return sum;
}

//===-- float activations -----------------------------------------------------------------------------------------------------------===//

void MatmulEmitter::emitFloatDecode() {
  if (!w.isCodes())
    return decodeFloatWeights();
  args.input = paddedInput();
  decodeCodes([&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) { return floatBlock(s, superAt, super, block, y); });
}

Value MatmulEmitter::paddedInput() {
  Value padded = mul(superCount(), w.superK());
  Value needed = less(args.k, padded), size = select(needed, padded, index(0));
  auto type = cast<MemRefType>(args.input.getType());
  Value copy = memref::AllocaOp::create(b, loc, type, ValueRange{size}, b.getI64IntegerAttr(64));
  ifElse(needed, {}, [&] {
    loop(index(0), args.k, 1, {}, [&](Value i, ValueRange) {
      memref::StoreOp::create(b, loc, loadScalar(args.input, i), copy, ValueRange{i});
      return Values();
    });
    loop(args.k, padded, 1, {}, [&](Value i, ValueRange) {
      memref::StoreOp::create(b, loc, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)), copy, ValueRange{i});
      return Values();
    });
    return Values();
  }, [] { return Values(); });
  return select(needed, copy, args.input);
}

Value MatmulEmitter::floatZero(const StepParams &p) {
  if (w.zero == qnt::ZeroKind::None)
    return splatFloat(float(w.implicitZero()));
  return w.zero == qnt::ZeroKind::Int ? arith::SIToFPOp::create(b, loc, floats, p.zero).getResult() : p.zero;
}
Value MatmulEmitter::floatScale(const StepParams &p) {
  return p.subscale ? arith::MulFOp::create(b, loc, p.scale, arith::SIToFPOp::create(b, loc, floats, p.subscale)).getResult() : p.scale;
}

Value MatmulEmitter::decoded(BlockReader &reader, unsigned u, unsigned j, Value zero) {
  auto shifted = [&](Value v, unsigned by) { return by ? arith::ShRUIOp::create(b, loc, v, splatInt(by)).getResult() : v; };
  // A look-up replaces mask, conversion and subtraction where one register holds the table of 4-bit codes.
  if (w.bits == 4 && w.zero == qnt::ZeroKind::None && lanes == 16) {
    SmallVector<float, 16> values;
    for (int c = 0; c < 16; ++c)
      values.push_back(float(c - 8));
    Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(floats, ArrayRef<float>(values)));
    Value words = vector::BitCastOp::create(b, loc, sums, planeRegister(reader, 0, u / 2));
    return qk::Lut16Op::create(b, loc, floats, table, shifted(words, 8 * j + 4 * (u % 2)));
  }
  Value code = shifted(vector::BitCastOp::create(b, loc, sums, unit(reader, u)), 8 * j);
  if (j < 3)
    code = arith::AndIOp::create(b, loc, code, splatInt(255));
  return arith::SubFOp::create(b, loc, arith::SIToFPOp::create(b, loc, floats, code), zero);
}

Values MatmulEmitter::floatBlock(const Streams &streams, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange carried) {
  Values y(carried);
  unsigned count = superAt.size(), unitsPerStep = stepK() / 4;
  Value kAt = mul(add(mul(super, blocksPerSuper()), blockInSuper), 32);
  SmallVector<BlockReader> readers;
  for (unsigned i = 0; i < count; ++i)
    readers.push_back(block(superAt[i], blockInSuper));
  for (int64_t s = 0; s < 32 / stepK(); ++s) {
    SmallVector<StepParams> p;
    Values acc(count, splatFloat(0)), zeros;
    for (unsigned i = 0; i < count; ++i) {
      p.push_back(params(streams.panelAt[i], superAt[i], add(mul(blockInSuper, 32), s * stepK())));
      zeros.push_back(floatZero(p[i]));
    }
    for (unsigned u = s * unitsPerStep; u < (s + 1) * unitsPerStep; ++u)
      for (unsigned j = 0; j < 4; ++j) {
        Value a = splat(loadScalar(args.input, add(kAt, 4 * u + j)));
        for (unsigned i = 0; i < count; ++i)
          acc[i] = math::FmaOp::create(b, loc, decoded(readers[i], u, j, zeros[i]), a, acc[i]);
      }
    for (unsigned i = 0; i < count; ++i)
      y[i] = math::FmaOp::create(b, loc, acc[i], floatScale(p[i]), y[i]);
  }
  return y;
}

// f32 and f16 weights: [panel][k][lanes], 8 k at a time.
void MatmulEmitter::decodeFloatWeights() {
  constexpr int64_t unroll = 8;
  panelBytes();
  Value zero = index(0), whole = mul(div(args.k, unroll), unroll);
  forStreams([&](ArrayRef<Value> panels) {
    SmallVector<Value> starts = panelStarts(panels);
    auto steps = [&](Value from, Value to, int64_t step, ValueRange y) {
      return loop(from, to, step, y, [&](Value k, ValueRange carried) {
        Values acc(carried);
        SmallVector<Value> at;
        for (Value start : starts)
          at.push_back(add(start, mul(k, w.superBytes())));
        if (step > 1)
          prefetchAhead(at, unroll * w.superBytes() / 64, args.prefetch);
        for (int64_t u = 0; u < step; ++u) {
          Value ku = add(k, u), a = splat(loadScalar(args.input, ku));
          for (size_t i = 0; i < panels.size(); ++i)
            acc[i] = math::FmaOp::create(b, loc, floatWeight(panels[i], ku), a, acc[i]);
        }
        return acc;
      });
    };
    auto [begin, end] = partOf(zero, div(whole, unroll));
    Values y = steps(mul(begin, unroll), mul(end, unroll), unroll, Values(panels.size(), splatFloat(0)));
    Value rest = whole;
    if (version.teamThreads > 1) {                   // belongs to the last part
      Value rank = qk::TeamRankOp::create(b, loc, b.getIndexType());
      rest = select(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rank, index(version.teamThreads - 1)), whole, args.k);
    }
    y = steps(rest, args.k, 1, y);
    joinParts(y, [&](ValueRange y) {
      for (size_t i = 0; i < panels.size(); ++i)
        storeRow(y[i], zero, panels[i]);
    });
  });
}

Value MatmulEmitter::floatWeight(Value panel, Value k) {
  Value at = add(add(args.weightOffset, mul(panel, panelBytes())), mul(k, w.superBytes()));
  Value raw = load(args.weights, at, VectorType::get(w.superBytes(), b.getI8Type()));
  if (w.kind == PanelLayout::Kind::F32)
    return vector::BitCastOp::create(b, loc, floats, raw);
  Type narrow = w.kind == PanelLayout::Kind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
  return arith::ExtFOp::create(b, loc, floats, vector::BitCastOp::create(b, loc, VectorType::get(lanes, narrow), raw).getResult());
}
