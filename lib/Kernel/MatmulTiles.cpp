// Long inputs on a matrix unit in int8: exact i32 sums of a run in the unit's tiles, then one rescaling to f32, with the same operations in the same
// order as in every other integer kernel: the results are bit-equal.
//
// A chunk of K of two panels is decoded to signed bytes (zero points and sub-scales folded in where that fits a byte), then 32 rows at a time run
// over it in 2 x 2 tiles that stay in registers for a run. A run's sums go to memory as i32 and are rescaled from there; a second set of them lets
// that overlap the products of the next run. A chunk's panels are a quarter of L1 (256 k in 32 KB): as many bytes of rows stream past them for
// every 32 rows, with sums and results, and 512 k cost 15 to 25% of the rate.
//
// 32 panels share the rows' chunk (256 rows), whose codes are gathered into tiles once for them: as rows they would be read again for every two
// panels, each line of a tile from another page. Unfinished results wait in L2, as [pair of panels][row][panel][lane] (256 x 512 f32: 512 KB).
// Where a run is longer than a chunk, or K is one run, its i32 sums wait instead.
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
constexpr int64_t tileRow = 16, tileK = 64, tileElements = 16 * 16;
constexpr int64_t groupPanels = 32, rowBlock = 256;
constexpr int64_t panelSums = (rowBlock + 8) * 16;   // numbers of one panel; the 8 rows more keep pairs of panels out of each other's cache sets
} // namespace

bool MatmulEmitter::usesTiles() const {
  bool fits = version.tileInt8 && spec.rows == RowClass::Long && spec.intActivations && lanes == 16 && stepK() == 32 && (!w.super || w.foldsSubscale());
  return fits && (spec.run() < 0 || spec.run() >= version.tileInt8MinK);
}

Value MatmulEmitter::tilePlace(const TileChunk &c, Value k) {
  Value at = sub(k, c.k0);
  int64_t run = spec.run();
  if (!holdsRuns(c.chunk) || run % tileK == 0)
    return at;
  return add(mul(div(at, run), llvm::alignTo(run, tileK)), rem(at, run));
}

// Codes of the chunk as [row / 16][tile][16][64], the scale of each of its runs as [run][row].
void MatmulEmitter::gatherTiles(const TileChunk &c) {
  auto line = VectorType::get(tileK, b.getI8Type()), half = VectorType::get(tileK / 2, b.getI8Type());
  auto zeros = [&](VectorType type) { return arith::ConstantOp::create(b, loc, b.getZeroAttr(type)); };
  auto lines = [&](Value k, Value end, Value to, function_ref<Value(Value)> codes) {
    loop(k, end, tileK, {}, [&](Value k, ValueRange) { return store(codes(k), c.input, add(to, mul(tilePlace(c, k), tileRow))), Values(); });
  };
  auto overRow = [&](function_ref<void(Value, Value)> body) {
    if (spec.run() % tileK == 0 || !holdsRuns(c.chunk))
      return body(c.k0, c.kEnd);
    loop(c.k0, c.kEnd, spec.run(), {}, [&](Value k, ValueRange) { return body(k, runEnd(k, spec.run(), c.kEnd)), Values(); });
  };
  loop(c.row0, mul(div(add(c.rowEnd, tileRow - 1), tileRow), tileRow), 1, {}, [&](Value row, ValueRange) {
    Value inBlock = sub(row, c.row0), r = rem(inBlock, tileRow), to = add(mul(sub(inBlock, r), c.wide), mul(r, tileK));
    ifElse(less(row, c.rowEnd), {}, [&] {
      Value from = mul(row, args.inputStride);
      overRow([&](Value k, Value end) {
        Value whole = add(k, mul(div(sub(end, k), tileK), tileK));
        lines(k, whole, to, [&](Value k) { return load(args.input, add(from, k), line); });
        loop(whole, end, tileK / 2, {}, [&](Value k, ValueRange) {     // a half at most
          Value at = add(to, mul(tilePlace(c, k), tileRow));
          store(load(args.input, add(from, k), half), c.input, at);
          store(zeros(half), c.input, add(at, tileK / 2));
          return Values();
        });
      });
      if (holdsRuns(c.chunk))
        loop(c.k0, c.kEnd, spec.run(), {}, [&](Value k, ValueRange) {
          Value scale = loadScalar(args.scales, scaleIndex(rowAt(row), k));
          memref::StoreOp::create(b, loc, scale, c.scales, ValueRange{add(mul(div(sub(k, c.k0), spec.run()), rowBlock), inBlock)});
          return Values();
        });
      return Values();
    }, [&] {
      overRow([&](Value k, Value end) { lines(k, end, to, [&](Value) { return zeros(line); }); });
      return Values();
    });
    return Values();
  });
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
    Value inSuper = rem(k, w.superK()), superBytes = mul(div(k, w.superK()), w.superBytes()), to = mul(tilePlace(c, k), lanes);
    for (unsigned i = 0; i < count; ++i) {
      Value panelAt = add(args.weightOffset, mul(add(c.panel, i), panelBytes())), superAt = add(panelAt, superBytes);
      BlockReader reader = block(superAt, div(inSuper, 32));
      StepParams p = params(panelAt, superAt, inSuper);
      Value zero = w.zero == qnt::ZeroKind::None ? byteConstant(w.implicitZero()) : Value();
      if (w.zero == qnt::ZeroKind::Int && decodesSigned())
        zero = vector::BitCastOp::create(b, loc, bytes, arith::MulIOp::create(b, loc, p.zero, splatInt(0x01010101)));
      for (unsigned u = 0; u < 8; ++u) {
        Value codes = unit(reader, u);
        if (w.super)
          codes = timesSubscale(codes, p.subscale);
        else if (zero)
          codes = arith::SubIOp::create(b, loc, codes, zero);
        store(codes, c.weights, add(to, i * c.wide * lanes + u * 4 * lanes));
      }
    }
    return Values();
  });
}

// The byte address of what is decoded next: the group's next panels, or its first ones of the next chunk, or the next group's.
Value MatmulEmitter::nextTiles(const TileChunk &c, unsigned count) {
  Value following = add(c.panel, count), inGroup = less(following, c.groupEnd);
  Value first = select(c.isLast, c.groupEnd, c.group), firstK = select(c.isLast, index(0), c.kEnd);
  Value panel = select(inGroup, following, first), k = select(inGroup, c.k0, firstK);
  return add(add(args.weightOffset, mul(panel, panelBytes())), mul(div(k, w.superK()), w.superBytes()));
}

// Products of k from..to, added to sums[half][panel].
Values MatmulEmitter::multiplyRun(const TileChunk &c, Value m, unsigned halves, unsigned count, Value from, Value to, ValueRange sums) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getI32Type());
  auto codeTile = qk::TileType::get(b.getContext(), tileRow, tileK, b.getI8Type());
  Value place = tilePlace(c, from), rowsAt = add(mul(sub(m, c.row0), c.wide), mul(place, tileRow)), weightsAt = mul(place, lanes);
  auto step = [&](Value k, ValueRange carried) {
    Values next(carried), weights;
    for (unsigned half = 0; half < halves; ++half) {
      Value rows = qk::TileLoadOp::create(b, loc, codeTile, c.input, add(add(rowsAt, half * tileRow * c.wide), mul(k, tileRow)), index(tileK));
      for (unsigned i = 0; i < count; ++i) {
        if (half == 0)
          weights.push_back(qk::TileLoadOp::create(b, loc, codeTile, c.weights, add(add(weightsAt, i * c.wide * lanes), mul(k, lanes)), index(4 * lanes)));
        Value &sum = next[half * count + i];
        sum = qk::TileMmaOp::create(b, loc, sumTile, sum, rows, weights[i], /*unsigned_rhs=*/!decodesSigned());
      }
    }
    return next;
  };
  return loop(index(0), sub(to, from), tileK, sums, step);
}

// Rows m.. of the run k..end: from i32 sums to results, which wait or, after the last run, go out.
void MatmulEmitter::rescaleRun(const TileChunk &c, Value m, unsigned halves, unsigned count, bool whole, Value k, Value end, Value isLast,
                               function_ref<Value(unsigned half, unsigned i)> sumAt) {
  SmallVector<StepParams> p;
  for (unsigned i = 0; i < count; ++i) {
    Value panelAt = add(args.weightOffset, mul(add(c.panel, i), panelBytes()));
    p.push_back(params(panelAt, add(panelAt, mul(div(k, w.superK()), w.superBytes())), rem(k, w.superK())));
    if (decodesSigned())
      p.back().zero = Value();
  }
  Value inBlock = sub(m, c.row0), scalesAt = holdsRuns(c.chunk) ? add(mul(div(sub(k, c.k0), spec.run()), rowBlock), inBlock) : Value();
  SmallVector<Value> partialAt;
  for (unsigned i = 0; i < count; ++i)
    partialAt.push_back(add(add(mul(sub(c.panel, c.group), panelSums), i * lanes), mul(inBlock, 2 * lanes)));
  auto rows = [&](bool isFirst, bool goesOut) {
    for (unsigned half = 0; half < halves; ++half) {
      Value first = add(m, half * tileRow);
      auto rescale = [&](Value r) {
        Row row = rowAt(add(first, r));
        Value scale = scalesAt ? splat(loadScalar(c.scales, add(add(scalesAt, half * tileRow), r))) : activationScale(row, k);
        Value rowSum = decodesSigned() ? Value() : activationSum(row, k, end, spec.run());
        for (unsigned i = 0; i < count; ++i) {
          Value sum = load(c.sums, add(sumAt(half, i), mul(r, lanes)), sums), at;
          if (!decodesSigned())
            sum = arith::AddIOp::create(b, loc, sum, startSum(rowSum, p[i], 0));
          if (c.partial)
            at = add(add(partialAt[i], half * tileRow * 2 * lanes), mul(r, 2 * lanes));
          Value y = finishRun(sum, rowSum, scale, p[i], isFirst ? splatFloat(0) : load(c.partial, at, floats));
          if (goesOut)
            storeRow(y, add(first, r), add(c.panel, i));
          else
            store(y, c.partial, at);
        }
      };
      if (whole) {
        constexpr int64_t unroll = 4;
        rolledLoop(tileRow, unroll, {}, [&](Value r0, ValueRange) {
          for (int64_t r = 0; r < unroll; ++r)
            rescale(add(r0, r));
          return Values();
        });
      } else {
        rolledLoop(min(index(tileRow), sub(c.rowEnd, first)), 1, {}, [&](Value r, ValueRange) { return rescale(r), Values(); });
      }
    }
    return Values();
  };
  if (!c.partial)
    return void(rows(true, true));
  auto toEither = [&](bool isFirst) {
    if (!isLast)
      return rows(isFirst, false);
    return ifElse(isLast, {}, [&] { return rows(isFirst, true); }, [&] { return rows(isFirst, false); });
  };
  ifElse(equal(k, index(0)), {}, [&] { return toEither(true); }, [&] { return toEither(false); });
}

// Before the last products: a row's piece is in no cache then, and a store would wait for it.
void MatmulEmitter::prefetchOutput(const TileChunk &c, Value m, unsigned halves, unsigned count) {
  ifElse(c.isLast, {}, [&] {
    loop(m, min(add(m, halves * tileRow), c.rowEnd), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        prefetch(args.output, add(mul(row, args.outputStride), mul(add(c.panel, i), lanes)), 2);
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

// Rows m.. (16 a half, `whole` if all exist) of `count` panels, over one chunk.
void MatmulEmitter::multiplyTiles(const TileChunk &c, Value m, unsigned halves, unsigned count, bool whole) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getI32Type());
  SmallVector<Type> types(halves * count, sumTile);
  auto startZero = [&] {
    Values zeros;
    for (unsigned i = 0; i < halves * count; ++i)
      zeros.push_back(qk::TileZeroOp::create(b, loc, sumTile));
    return zeros;
  };
  using SumAt = function_ref<Value(unsigned, unsigned)>;
  auto put = [&](ValueRange tiles, SumAt sumAt) {
    for (unsigned i = 0; i < halves * count; ++i)
      qk::TileStoreOp::create(b, loc, tiles[i], c.sums, sumAt(i / count, i % count), index(lanes));
  };
  if (!holdsRuns(c.chunk)) {
    auto sumAt = [&](unsigned half, unsigned i) {
      return add(mul(add(sub(c.panel, c.group), i), panelSums), mul(add(sub(m, c.row0), half * tileRow), lanes));
    };
    Values tiles = ifElse(equal(c.k0, c.runBegin), types, startZero, [&] {
      Values waiting;
      for (unsigned i = 0; i < halves * count; ++i)
        waiting.push_back(qk::TileLoadOp::create(b, loc, sumTile, c.sums, sumAt(i / count, i % count), index(lanes)));
      return waiting;
    });
    prefetchOutput(c, m, halves, count);
    put(multiplyRun(c, m, halves, count, c.k0, c.kEnd, tiles), sumAt);
    ifElse(equal(c.kEnd, c.runEnd), {}, [&] {
      return rescaleRun(c, m, halves, count, whole, c.runBegin, c.runEnd, c.isLast, sumAt), Values();
    }, [] { return Values(); });
    return;
  }
  prefetchOutput(c, m, halves, count);
  int64_t run = spec.run();
  auto inSet = [&](Value k) {
    Value set = mul(rem(div(sub(k, c.k0), run), 2), 4 * tileElements);
    return [this, set, count](unsigned half, unsigned i) { return add(set, (half * count + i) * tileElements); };
  };
  auto multiply = [&](Value k) { put(multiplyRun(c, m, halves, count, k, runEnd(k, run, c.kEnd), startZero()), inSet(k)); };
  multiply(c.k0);
  loop(add(c.k0, run), c.kEnd, run, {}, [&](Value k, ValueRange) {
    Value before = sub(k, index(run));
    multiply(k);
    return rescaleRun(c, m, halves, count, whole, before, k, Value(), inSet(before)), Values();
  });
  Value last = add(c.k0, mul(div(sub(sub(c.kEnd, c.k0), index(1)), run), run));
  rescaleRun(c, m, halves, count, whole, last, c.kEnd, c.isLast, inSet(last));
}

void MatmulEmitter::emitInt8Tiles() {
  TileChunk c;
  c.chunk = wholeRuns(std::max<int64_t>(tileK, version.l1Bytes / 4 / (2 * lanes) / tileK * tileK));
  c.wide = holdsRuns(c.chunk) ? c.chunk / spec.run() * llvm::alignTo(spec.run(), tileK) : c.chunk;
  c.input = scratch(rowBlock * c.wide, b.getI8Type());
  c.weights = scratch(2 * lanes * c.wide, b.getI8Type());
  c.sums = scratch(holdsRuns(c.chunk) ? 8 * tileElements : groupPanels * panelSums, b.getI32Type());
  c.scales = holdsRuns(c.chunk) ? scratch(c.chunk / spec.run() * rowBlock, b.getF32Type()) : Value();
  c.partial = spec.run() > 0 ? scratch(groupPanels * panelSums, b.getF32Type()) : Value();
  Value zero = index(0), end = mul(superCount(), w.superK());
  panelBytes();                                      // here, before any loop
  loop(args.panelBegin, args.panelEnd, groupPanels, {}, [&](Value group, ValueRange) {
    c.group = group;
    c.groupEnd = min(add(group, groupPanels), args.panelEnd);
    loop(zero, args.m, rowBlock, {}, [&](Value row0, ValueRange) {
      c.row0 = row0;
      c.rowEnd = min(add(row0, rowBlock), args.m);
      overChunks(c.chunk, end, [&](Value k0, Value kEnd, Value runBegin, Value runEnd) {
        c.k0 = k0, c.kEnd = kEnd, c.runBegin = runBegin, c.runEnd = runEnd;
        c.isLast = equal(kEnd, end);
        gatherTiles(c);
        forPanels(c.group, c.groupEnd, 2, [&](Value panel, unsigned count) {
          c.panel = panel;
          decodeTiles(c, count);
          Value pairs = add(row0, mul(div(sub(c.rowEnd, row0), 2 * tileRow), 2 * tileRow));
          loop(row0, pairs, 2 * tileRow, {}, [&](Value m, ValueRange) { return multiplyTiles(c, m, 2, count, true), Values(); });
          loop(pairs, c.rowEnd, tileRow, {}, [&](Value m, ValueRange) { return multiplyTiles(c, m, 1, count, false), Values(); });
        });
      });
      return Values();
    });
    return Values();
  });
}
