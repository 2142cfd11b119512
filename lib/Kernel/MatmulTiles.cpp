// Long inputs on a matrix unit in int8: exact i32 sums of a run in the unit's tiles, then one rescaling to f32, with the same operations in the same
// order as in every other integer kernel: the results are bit-equal.
//
// A chunk of K of two panels is decoded to signed bytes (zero points and sub-scales folded in where that fits a byte), then 32 rows at a time run
// over it in 2 x 2 tiles that stay in registers for a run. A run's sums go to memory as i32 and are rescaled from there, to results that wait as
// [row][panel][lane] for the next run.
//
// The rescaling takes about as long as the products of a run of 256 k, and a core looks ahead by fewer instructions than either has. So a tile's
// products are followed by a share of the rows of the run before, `behind`, across blocks of rows and panels: 1.2 times the rate. One set of sums is
// enough for that, as they are read before they are overwritten; two sets cost 2 to 8%, since L1 is what is short. It holds a chunk's panels (half of
// 32 KB: 512 k) and the sums; activations are streamed past them (TILELOADDT1 on x86: 1.05 to 1.35 times the rate).
//
// Between L1 and L2, a product of two tiles moves 768 bytes: per 32 rows x 32 columns x 512 k (32 products) 16 KB of activations, 4 KB of results in
// and out. Chunks of 256 k moved 1024.
//
// Codes are gathered into tiles once, before the panels: as rows they would be read again for every two panels, each line of a tile from another
// page. If at least 128 rows (or all there are) of all of K fit in half of L2, so many rows are gathered and a pair of panels runs through K at
// once, its results no further than L2. Else it is done in segments of K, 128 rows each, and 32 panels share them, whose results wait (128 x 512 f32:
// 256 KB). Where a run is longer than a chunk, or K is one run, its i32 sums wait instead.
//
// A tile is 64 k: every run begins a new one in scratch, and the codes that are missing in its last one are zeros on the side of the
// activations (the other side may be anything). Rows past M are zeros too, so no row takes another path.
//
// When it pays. Per 32 rows x 32 columns the unit is busy for 64 cycles per 64 k; the rescaling of a run takes some 100 whatever its length.
// TargetVersion::tileInt8MinK says from which run on; build/bin/tile-bench measures.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

namespace {
constexpr int64_t tileRow = 16, tileK = 64, blockRows = 2 * tileRow;
constexpr int64_t groupPanels = 32, rowBlock = 128;  // where segments of K are summed one after the other
constexpr int64_t pairSums = 2 * (rowBlock + 8) * 16;  // numbers of a pair of panels; the 8 rows more keep pairs out of each other's cache sets
constexpr int64_t maxRowBlock = 384, maxUnroll = 8;
static_assert(maxRowBlock * 2 * 16 <= groupPanels / 2 * pairSums);
} // namespace

bool MatmulEmitter::usesTiles() const {
  bool fits = version.tileInt8 && spec.rows == RowClass::Long && spec.intActivations && lanes == 16 && stepK() == 32 && w.integerBytes() == 1 && (!spec.hasSubscales() || spec.foldsSubscales());
  return fits && (spec.run() < 0 || spec.run() >= version.tileInt8MinK);
}

Value MatmulEmitter::tilePlace(bool ofRuns, Value from, Value k) {
  Value at = sub(k, from);
  int64_t run = spec.run();
  if (!ofRuns || run % tileK == 0)
    return at;
  return add(mul(div(at, run), llvm::alignTo(run, tileK)), rem(at, run));
}
Value MatmulEmitter::inputPlace(const TileChunk &c, Value k) { return tilePlace(holdsRuns(c.segment), c.from, k); }
Value MatmulEmitter::weightPlace(const TileChunk &c, Value k) { return tilePlace(holdsRuns(c.chunk), c.k0, k); }

// Codes of the segment as [row / 16][tile][16][64], the scale of each of its runs as [run][row].
void MatmulEmitter::gatherTiles(const TileChunk &c) {
  // A tile after the other, so that stores walk through memory: those of a row would each touch another page.
  auto gather = [&](Value first, Value at, Value k, int64_t width) {
    auto type = VectorType::get(width, b.getI8Type());
    loop(index(0), index(tileRow), 1, {}, [&](Value r, ValueRange) {
      Value row = add(first, r), to = add(at, mul(r, tileK));
      Value codes = ifElse(less(row, c.rowEnd), type, [&] { return Values{load(args.input, add(mul(row, args.inputStride), k), type)}; }, [&] {
        return Values{arith::ConstantOp::create(b, loc, b.getZeroAttr(type))};
      })[0];
      store(codes, c.input, to);
      return Values();
    });
  };
  auto zeroHalf = [&](Value at) {
    auto type = VectorType::get(tileK / 2, b.getI8Type());
    loop(index(0), index(tileRow), 1, {}, [&](Value r, ValueRange) {
      return store(arith::ConstantOp::create(b, loc, b.getZeroAttr(type)), c.input, add(at, add(mul(r, tileK), tileK / 2))), Values();
    });
  };
  auto pieces = [&](function_ref<void(Value, Value)> body) {
    if (spec.run() % tileK == 0 || !holdsRuns(c.segment))
      return body(c.from, c.to);
    loop(c.from, c.to, spec.run(), {}, [&](Value k, ValueRange) { return body(k, runEnd(k, spec.run(), c.to)), Values(); });
  };
  loop(c.row0, add(c.row0, c.rows), tileRow, {}, [&](Value first, ValueRange) {
    Value inBlock = sub(first, c.row0), rowsAt = mul(inBlock, c.inputWide);
    pieces([&](Value from, Value end) {
      Value whole = add(from, mul(div(sub(end, from), tileK), tileK));
      auto at = [&](Value k) { return add(rowsAt, mul(inputPlace(c, k), tileRow)); };
      loop(from, whole, tileK, {}, [&](Value k, ValueRange) { return gather(first, at(k), k, tileK), Values(); });
      loop(whole, end, tileK / 2, {}, [&](Value k, ValueRange) {     // a half at most
        gather(first, at(k), k, tileK / 2);
        return zeroHalf(at(k)), Values();
      });
    });
    if (!c.scales)
      return Values();
    loop(c.from, spec.activationGroup < 0 ? add(c.from, 1) : c.to, spec.run(), {}, [&](Value k, ValueRange) {
      loop(index(0), index(tileRow), 1, {}, [&](Value r, ValueRange) {
        Value row = add(first, r);
        Value scale = ifElse(less(row, c.rowEnd), b.getF32Type(), [&] { return Values{loadScalar(args.scales, scaleIndex(rowAt(row), k))}; }, [&] {
          return Values{arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0))};
        })[0];
        memref::StoreOp::create(b, loc, scale, c.scales, ValueRange{add(add(scalesOf(c, k), inBlock), r)});
        return Values();
      });
      return Values();
    });
    return Values();
  });
}

// Where the scales of the run that begins at k start in c.scales: one per row.
Value MatmulEmitter::scalesOf(const TileChunk &c, Value k) {
  return spec.activationGroup < 0 ? index(0) : mul(div(sub(k, c.from), spec.run()), c.rowBlock);
}

// Decoded weights of the chunk as [panel][k / 4][lane][k % 4].
void MatmulEmitter::decodeTiles(const TileChunk &c, unsigned count) {
  Value next = nextTiles(c, count);
  loop(c.k0, c.kEnd, 32, {}, [&](Value k, ValueRange) {
    Value ahead = add(next, div(mul(sub(k, c.k0), w.superBytes()), w.superK()));
    loop(index(0), index(w.superBytes() / blocksPerSuper()), 64, {}, [&](Value line, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        prefetch(args.weights, add(add(ahead, line), mul(panelBytes(), i)), 2);
      return Values();
    });
    Value inSuper = rem(k, w.superK()), superBytes = mul(div(k, w.superK()), w.superBytes()), to = mul(weightPlace(c, k), lanes);
    for (unsigned i = 0; i < count; ++i) {
      Value panelAt = add(args.weightOffset, mul(add(c.panel, i), panelBytes())), superAt = add(panelAt, superBytes);
      BlockReader reader = block(superAt, div(inSuper, 32));
      StepParams p = params(panelAt, superAt, inSuper);
      Value zero = w.zero == qnt::ZeroKind::None ? byteConstant(w.integerZero()) : Value();
      if (w.zero == qnt::ZeroKind::Int && decodesSigned())
        zero = vector::BitCastOp::create(b, loc, bytes, arith::MulIOp::create(b, loc, p.zero, splatInt(0x01010101)));
      for (unsigned u = 0; u < 8; ++u) {
        Value codes = integers(reader, u, 0);
        if (spec.foldsSubscales())
          codes = timesSubscale(codes, p);
        else if (zero)
          codes = arith::SubIOp::create(b, loc, codes, zero);
        store(codes, c.weights, add(to, i * c.wide * lanes + u * 4 * lanes));
      }
    }
    return Values();
  });
}

// The byte address of what is decoded next: the panels' next chunk, the group's next panels, its first ones of the next segment, or the next group's.
Value MatmulEmitter::nextTiles(const TileChunk &c, unsigned count) {
  Value following = add(c.panel, count), sameSegment = less(c.kEnd, c.to), sameGroup = less(following, c.groupEnd);
  Value panel = select(sameSegment, c.panel, select(sameGroup, following, select(c.isLast, c.groupEnd, c.group)));
  Value k = select(sameSegment, c.kEnd, select(sameGroup, c.from, select(c.isLast, index(0), c.kEnd)));
  return add(add(args.weightOffset, mul(panel, panelBytes())), mul(div(k, w.superK()), w.superBytes()));
}

// Products of k from..to, added to sums[half][panel]; `between(i)` comes after those of tile i.
Values MatmulEmitter::multiplyRun(const TileChunk &c, Value m, unsigned halves, unsigned count, Value from, Value to, ValueRange sums,
                                  function_ref<void(Value)> between) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getI32Type());
  auto codeTile = qk::TileType::get(b.getContext(), tileRow, tileK, b.getI8Type());
  Value rowsAt = add(mul(sub(m, c.row0), c.inputWide), mul(inputPlace(c, from), tileRow)), weightsAt = mul(weightPlace(c, from), lanes);
  auto step = [&](Value k, ValueRange carried) {
    Values next(carried), weights;
    for (unsigned half = 0; half < halves; ++half) {
      Value rows = qk::TileLoadOp::create(b, loc, codeTile, c.input, add(add(rowsAt, mul(c.inputWide, half * tileRow)), mul(k, tileRow)), index(tileK), /*streaming=*/true);
      for (unsigned i = 0; i < count; ++i) {
        if (half == 0)
          weights.push_back(qk::TileLoadOp::create(b, loc, codeTile, c.weights, add(add(weightsAt, i * c.wide * lanes), mul(k, lanes)), index(4 * lanes)));
        Value &sum = next[half * count + i];
        sum = qk::TileMmaOp::create(b, loc, sumTile, sum, rows, weights[i], /*unsigned_rhs=*/!decodesSigned());
      }
    }
    between(div(k, tileK));
    return next;
  };
  return rolledLoop(sub(to, from), tileK, sums, step);
}

// Rows from..to (whole times `unroll`) of a block, from i32 sums to results, which wait or, after the last run, go out.
void MatmulEmitter::rescaleRows(const TileChunk &c, const TileRun &run, unsigned count, Value from, Value to, int64_t unroll, const TileSums &sumsAt) {
  SmallVector<StepParams> p;
  for (unsigned i = 0; i < count; ++i) {
    Value panelAt = add(args.weightOffset, mul(add(run.panel, i), panelBytes()));
    p.push_back(params(panelAt, add(panelAt, mul(div(run.k, w.superK()), w.superBytes())), rem(run.k, w.superK())));
    if (decodesSigned())
      p.back().zero = Value();
  }
  Value scalesAt = c.scales ? add(scalesOf(c, run.k), sub(run.m, c.row0)) : Value(), partialAt = waitingAt(c, run.m, run.panel);
  auto rescale = [&](Value r, bool isFirst, bool goesOut) {
    Value m = add(run.m, r);
    // Rows past the last get what is nobody's, but read nothing past the arguments.
    Row row = rowAt(scalesAt && decodesSigned() ? m : min(m, sub(c.rowEnd, index(1))));
    Value scale = scalesAt ? ofIntegers(splat(loadScalar(c.scales, add(scalesAt, r)))) : activationScale(row, run.k);
    Value rowSum = decodesSigned() ? Value() : activationSum(row, run.k, run.end, spec.run());
    for (unsigned i = 0; i < count; ++i) {
      Value sum = load(c.sums, add(sumsAt.at[i], mul(r, sumsAt.stride)), sums), at;
      if (!decodesSigned())
        sum = arith::AddIOp::create(b, loc, sum, startSum(rowSum, p[i], 0));
      if (c.partial)
        at = add(add(partialAt, i * lanes), mul(r, 2 * lanes));
      Value y = finishRun(sum, rowSum, scale, p[i], isFirst ? splatFloat(0) : load(c.partial, at, floats));
      if (goesOut)
        storeRow(y, m, add(run.panel, i));
      else
        store(y, c.partial, at);
    }
  };
  auto rows = [&](bool isFirst, bool goesOut) {
    Value end = goesOut ? min(to, sub(c.rowEnd, run.m)) : to;
    int64_t together = goesOut ? 1 : unroll;
    return ifElse(less(from, end), {}, [&] {
      return rolledLoop(sub(end, from), together, {}, [&](Value i, ValueRange) {
        for (int64_t r = 0; r < together; ++r)
          rescale(add(add(from, i), r), isFirst, goesOut);
        return Values();
      });
    }, [] { return Values(); });
  };
  if (!c.partial)
    return void(rows(true, true));
  auto toEither = [&](bool isFirst) { return ifElse(equal(run.end, c.end), {}, [&] { return rows(isFirst, true); }, [&] { return rows(isFirst, false); }); };
  ifElse(equal(run.k, index(0)), {}, [&] { return toEither(true); }, [&] { return toEither(false); });
}

// Rows from..to of the output, if the run that ends at `end` is the last one: they are written a run later, and a store would wait for a line that no
// cache has. A few between products at a time, as those of 32 rows at once hold up loads (4% and more).
void MatmulEmitter::prefetchOutput(const TileChunk &c, Value end, Value from, Value to, unsigned count) {
  ifElse(equal(end, c.end), {}, [&] {
    loop(from, min(to, c.rowEnd), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        prefetch(args.output, add(mul(row, args.outputStride), mul(add(c.panel, i), lanes)), 2);
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

// Where what waits of rows m.. of a pair of panels starts: [row][panel][lane].
Value MatmulEmitter::waitingAt(const TileChunk &c, Value m, Value panel) {
  Value pair = select(c.isWhole, index(0), div(sub(panel, c.group), 2));
  return add(mul(pair, pairSums), mul(sub(m, c.row0), 2 * lanes));
}

// The run whose sums are still to be rescaled; 0 rows: none.
MatmulEmitter::TileRun MatmulEmitter::behind(const TileChunk &c) {
  Values v;
  for (int64_t i = 0; i < 5; ++i)
    v.push_back(loadScalar(c.behind, index(i)));
  return {v[0], v[1], v[2], v[3], v[4]};
}
void MatmulEmitter::setBehind(const TileChunk &c, const TileRun &run) {
  int64_t i = 0;
  for (Value v : {run.rows, run.m, run.panel, run.k, run.end})
    memref::StoreOp::create(b, loc, v, c.behind, ValueRange{index(i++)});
}

// Rows m.. (16 a half) of `count` panels, over one chunk; the last run is left behind.
void MatmulEmitter::multiplyTiles(const TileChunk &c, Value m, unsigned halves, unsigned count) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getI32Type());
  SmallVector<Type> types(halves * count, sumTile);
  auto startZero = [&] {
    Values zeros;
    for (unsigned i = 0; i < halves * count; ++i)
      zeros.push_back(qk::TileZeroOp::create(b, loc, sumTile));
    return zeros;
  };
  TileSums sumsAt = tileSums(c, m, c.panel, count);
  auto tileAt = [&](unsigned i) { return add(sumsAt.at[i % count], i / count * tileRow * sumsAt.stride); };
  auto put = [&](ValueRange tiles) {
    for (unsigned i = 0; i < halves * count; ++i)
      qk::TileStoreOp::create(b, loc, tiles[i], c.sums, tileAt(i), index(sumsAt.stride));
  };
  if (!holdsRuns(c.chunk)) {
    Values tiles = ifElse(equal(c.k0, c.runBegin), types, startZero, [&] {
      Values waiting;
      for (unsigned i = 0; i < halves * count; ++i)
        waiting.push_back(qk::TileLoadOp::create(b, loc, sumTile, c.sums, tileAt(i), index(sumsAt.stride)));
      return waiting;
    });
    put(multiplyRun(c, m, halves, count, c.k0, c.kEnd, tiles, [](Value) {}));
    ifElse(equal(c.kEnd, c.runEnd), {}, [&] {
      return rescaleRows(c, {index(halves * tileRow), m, c.panel, c.runBegin, c.runEnd}, count, index(0), index(halves * tileRow), maxUnroll, sumsAt), Values();
    }, [] { return Values(); });
    return;
  }
  int64_t run = spec.run(), steps = llvm::divideCeil(run, tileK), perStep = llvm::alignTo(llvm::divideCeil(blockRows, steps), 4);
  int64_t unroll = std::gcd(perStep, maxUnroll);
  loop(c.k0, c.kEnd, run, {}, [&](Value k, ValueRange) {
    TileRun before = behind(c);
    Value end = runEnd(k, run, c.kEnd);
    auto rescale = [&](Value step) {
      Value first = add(m, mul(step, perStep));
      prefetchOutput(c, end, first, min(add(first, perStep), add(m, halves * tileRow)), count);
      Value from = min(mul(step, perStep), before.rows);
      rescaleRows(c, before, count, from, min(add(from, perStep), before.rows), unroll, sumsAt);
    };
    Values tiles = multiplyRun(c, m, halves, count, k, end, startZero(), rescale);
    if (w.perRow()) {                                // the last run may be too short for all of them
      Value done = min(mul(div(add(sub(end, k), tileK - 1), tileK), perStep), before.rows);
      rescaleRows(c, before, count, done, before.rows, unroll, sumsAt);
    }
    put(tiles);
    setBehind(c, {index(halves * tileRow), m, c.panel, k, end});
    return Values();
  });
}

// Where the i32 sums of a block of rows are: of one run, which is rescaled before the next one's, or waiting like results.
MatmulEmitter::TileSums MatmulEmitter::tileSums(const TileChunk &c, Value m, Value panel, unsigned count) {
  TileSums sumsAt;
  bool oneRun = holdsRuns(c.chunk);
  sumsAt.stride = oneRun ? lanes : 2 * lanes;
  for (unsigned i = 0; i < count; ++i)
    sumsAt.at.push_back(oneRun ? index(i * blockRows * lanes) : add(waitingAt(c, m, panel), i * lanes));
  return sumsAt;
}

// All rows of `count` panels, over the segment.
void MatmulEmitter::multiplyPanels(TileChunk &c, unsigned count) {
  auto chunk = [&](Value k0, Value kEnd, Value runBegin, Value runEnd) {
    c.k0 = k0, c.kEnd = kEnd, c.runBegin = runBegin, c.runEnd = runEnd;
    c.isLast = equal(kEnd, c.end);
    decodeTiles(c, count);
    Value pairs = add(c.row0, mul(div(c.rows, blockRows), blockRows));
    loop(c.row0, pairs, blockRows, {}, [&](Value m, ValueRange) { return multiplyTiles(c, m, 2, count), Values(); });
    loop(pairs, add(c.row0, c.rows), tileRow, {}, [&](Value m, ValueRange) { return multiplyTiles(c, m, 1, count), Values(); });
  };
  auto chunks = [&](Value from, Value to, Value runBegin, Value runEnd) {
    loop(from, to, c.chunk, {}, [&](Value k0, ValueRange) { return chunk(k0, min(add(k0, c.chunk), to), runBegin, runEnd), Values(); });
  };
  if (holdsRuns(c.chunk) || !holdsRuns(c.segment))
    return chunks(c.from, c.to, c.segmentRunBegin, c.segmentRunEnd);
  loop(c.from, c.to, spec.run(), {}, [&](Value from, ValueRange) {
    Value to = min(add(from, spec.run()), c.to);
    return chunks(from, to, from, to), Values();
  });
}

// Panels from..to, `count` at a time; nothing is left behind.
void MatmulEmitter::overPanels(TileChunk &c, Value from, Value to, unsigned count) {
  loop(from, to, count, {}, [&](Value panel, ValueRange) {
    c.panel = panel;
    return multiplyPanels(c, count), Values();
  });
  if (!holdsRuns(c.chunk))
    return;
  TileRun last = behind(c);
  rescaleRows(c, last, count, index(0), last.rows, maxUnroll, tileSums(c, last.m, last.panel, count));
  last.rows = index(0);
  setBehind(c, last);
}

void MatmulEmitter::emitInt8Tiles() {
  TileChunk c;
  int64_t run = spec.run(), inputBytes = version.l2Bytes / 2, widest = inputBytes / rowBlock / tileK * tileK;
  auto padded = [&](int64_t k) { return int64_t(llvm::alignTo(k, tileK)); };
  bool pads = run > 0 && run <= widest && run % tileK != 0;
  c.chunk = wholeRuns(std::max<int64_t>(tileK, version.l1Bytes / 2 / (2 * lanes) / tileK * tileK));
  c.wide = holdsRuns(c.chunk) ? c.chunk / run * padded(run) : c.chunk;
  c.segment = run > 0 && padded(run) <= widest ? widest / padded(run) * run : widest;
  c.input = scratch(inputBytes, b.getI8Type());
  c.weights = scratch(2 * lanes * c.wide, b.getI8Type());
  c.sums = scratch(holdsRuns(c.chunk) ? 2 * blockRows * lanes : groupPanels / 2 * pairSums, b.getI32Type());
  // A row's last run may be a part of one.
  c.scales = holdsRuns(c.chunk) ? scratch((spec.activationGroup < 0 ? 0 : inputBytes / padded(run)) + maxRowBlock, b.getF32Type()) : Value();
  c.partial = run > 0 ? scratch(groupPanels / 2 * pairSums, b.getF32Type()) : Value();
  c.behind = scratch(5, b.getIndexType());
  c.end = mul(superCount(), w.superK());
  panelBytes();                                      // here, before any loop
  Value zero = index(0), one = index(1);
  // All of K at once if so many rows of it fit; else a segment of K after the other, and a group's results wait meanwhile.
  Value wide = pads ? mul(div(add(c.end, run - 1), run), padded(run)) : mul(div(add(c.end, tileK - 1), tileK), tileK);
  wide = b.createOrFold<arith::MaxUIOp>(loc, wide, index(tileK));
  Value rows = mul(div(b.createOrFold<arith::DivUIOp>(loc, index(inputBytes), wide), blockRows), blockRows);
  Value wanted = min(mul(div(add(args.m, blockRows - 1), blockRows), blockRows), index(rowBlock));
  bool splitsRuns = run > c.segment;
  c.isWhole = splitsRuns ? less(one, zero) : less(wanted, add(rows, 1));
  c.inputWide = select(c.isWhole, wide, index(widest));
  // Blocks of about the same size, as each decodes all weights: 512 rows are 256 and 256, not 384 and 128.
  auto ceilDiv = [&](Value a, Value d) { return b.createOrFold<arith::CeilDivUIOp>(loc, a, d); };
  Value most = min(rows, index(maxRowBlock)), blocks = ceilDiv(args.m, b.createOrFold<arith::MaxUIOp>(loc, most, index(blockRows)));
  Value even = mul(ceilDiv(ceilDiv(args.m, b.createOrFold<arith::MaxUIOp>(loc, blocks, one)), index(blockRows)), blockRows);
  c.rowBlock = select(c.isWhole, b.createOrFold<arith::MaxUIOp>(loc, even, index(blockRows)), index(rowBlock));
  Value panels = b.createOrFold<arith::MaxUIOp>(loc, sub(args.panelEnd, args.panelBegin), one);
  Value groupStep = select(c.isWhole, panels, index(groupPanels));
  Value segmentStep = select(c.isWhole, b.createOrFold<arith::MaxUIOp>(loc, c.end, one), index(c.segment));
  loop(args.panelBegin, args.panelEnd, groupStep, {}, [&](Value group, ValueRange) {
    c.group = group;
    c.groupEnd = min(add(group, groupStep), args.panelEnd);
    loop(zero, args.m, c.rowBlock, {}, [&](Value row0, ValueRange) {
      c.row0 = row0;
      c.rowEnd = min(add(row0, c.rowBlock), args.m);
      c.rows = mul(div(add(sub(c.rowEnd, row0), tileRow - 1), tileRow), tileRow);
      auto segment = [&](Value from, Value to, Value runBegin, Value runEnd) {
        c.from = from, c.to = to, c.segmentRunBegin = runBegin, c.segmentRunEnd = runEnd;
        gatherTiles(c);
        setBehind(c, {zero, row0, c.group, from, from});
        Value pairs = add(c.group, mul(div(sub(c.groupEnd, c.group), 2), 2));
        overPanels(c, c.group, pairs, 2);
        overPanels(c, pairs, c.groupEnd, 1);
      };
      if (splitsRuns)
        overChunks(c.segment, c.end, segment);
      else
        loop(zero, c.end, segmentStep, {}, [&](Value from, ValueRange) {
          return segment(from, min(add(from, segmentStep), c.end), run < 0 ? zero : Value(), run < 0 ? c.end : Value()), Values();
        });
      return Values();
    });
    return Values();
  });
}
