// Long inputs on a matrix unit in bf16: factors rounded to bfloat16, products summed in f32, no rescaling in the loop.
//
// A chunk of K of two panels is decoded into a panel of pairs in L1 (scales folded in), then 32 rows at a time run over it in 2 x 2 tiles that
// stay in registers. A chunk's panel is half of L1 (256 k in 32 KB), as a larger one does not stay there beside the rows. 16 panels share the
// rows' chunk (256 rows x 256 k: 128 KB in L2), so rows are read from beyond L2 once per 256 columns; their sums wait in tile order (256 x 256
// f32: 256 KB in L2). Two things hide memory behind work, as a core has few lines in flight:
//   - the codes that come next are fetched block by block while the present ones are decoded: all at once they cost 8% of the time at 32 rows;
//   - finished sums leave L1 as rows after each 32 x 32 of them, while the next tiles are computed: one pass over a group's sums cost 7%.
// Rows past a multiple of 16 are computed as 16 (the input has them, zero): a row's result depends neither on M nor on its place.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

namespace {
constexpr int64_t tileRow = 16, tileK = 32;
constexpr int64_t groupPanels = 16, rowBlock = 256;
constexpr int64_t panelSums = (rowBlock + tileRow) * 16;  // f32 of one panel; the 16 rows more keep panels out of each other's cache sets
} // namespace

Value MatmulEmitter::tile(Value memref, Value at) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t columns = element.isBF16() ? tileK : int64_t(lanes);
  return qk::TileLoadOp::create(b, loc, qk::TileType::get(b.getContext(), tileRow, columns, element), memref, at, index(columns));
}

// Decoded weights k0..kEnd of `count` panels: [panel][k / 32][k % 32 / 2][lane][k % 2].
void MatmulEmitter::decodeBf16(const Bf16Chunk &c, unsigned count) {
  auto pairs = VectorType::get(2 * lanes, b.getBF16Type());
  auto put = [&](Value even, Value odd, unsigned i, Value k) {
    Value at = add(mul(sub(k, c.k0), lanes), i * c.chunk * lanes);
    store(qk::Bf16PairOp::create(b, loc, pairs, even, odd), c.weights, at);
  };
  if (!w.isCodes()) {
    // Past K lies the next panel: zeros instead. A NaN stays one, whatever its payload.
    Value quiet = splatFloat(std::numeric_limits<float>::quiet_NaN());
    auto weight = [&](unsigned i, Value k) {
      Value v = floatWeight(add(args.weightOffset, mul(add(c.panel, i), panelBytes())), k);
      return select(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, v, v), quiet, v);
    };
    Value whole = min(c.kEnd, mul(div(args.k, 2), 2));
    for (unsigned i = 0; i < count; ++i) {
      loop(c.k0, whole, 2, {}, [&](Value k, ValueRange) { return put(weight(i, k), weight(i, add(k, 1)), i, k), Values(); });
      loop(whole, c.kEnd, 2, {}, [&](Value k, ValueRange) {
        Values last = ifElse(less(k, args.k), floats, [&] { return Values{weight(i, k)}; }, [&] { return Values{splatFloat(0)}; });
        put(last[0], splatFloat(0), i, k);
        return Values();
      });
    }
    prefetchBf16(nextBf16(c, count), index(c.chunk * w.superBytes() / w.superK()), count);
    return;
  }
  Value firstBlock = div(c.k0, 32), next = nextBf16(c, count);
  loop(firstBlock, div(c.kEnd, 32), 1, {}, [&](Value kBlock, ValueRange) {
    prefetchBf16(add(next, div(mul(sub(kBlock, firstBlock), w.superBytes()), blocksPerSuper())), index(w.superBytes() / blocksPerSuper()), count);
    Value inSuper = rem(kBlock, blocksPerSuper()), superBytes = mul(div(kBlock, blocksPerSuper()), w.superBytes());
    for (unsigned i = 0; i < count; ++i) {
      Value panelAt = add(args.weightOffset, mul(add(c.panel, i), panelBytes())), superAt = add(panelAt, superBytes);
      BlockReader reader = block(superAt, inSuper);
      for (int64_t k = 0; k < 32; k += stepK()) {
        StepParams p = params(panelAt, superAt, add(mul(inSuper, 32), k));
        Value scale = floatScale(p), zero = floatZero(p);
        auto weight = [&](int64_t kk) { return arith::MulFOp::create(b, loc, decoded(reader, kk / 4, kk % 4, zero), scale); };
        for (int64_t kk = k; kk < k + stepK(); kk += 2)
          put(weight(kk), weight(kk + 1), i, add(mul(kBlock, 32), kk));
      }
    }
    return Values();
  });
}

// The byte address of what is decoded next: the group's next panels, or its first ones of the next chunk, or the next group's.
Value MatmulEmitter::nextBf16(const Bf16Chunk &c, unsigned count) {
  Value following = add(c.panel, count), inGroup = less(following, c.groupEnd);
  Value first = select(c.isLast, c.groupEnd, c.group), firstK = select(c.isLast, index(0), c.kEnd);
  Value panel = select(inGroup, following, first), k = select(inGroup, c.k0, firstK);
  return add(add(args.weightOffset, mul(panel, panelBytes())), mul(div(k, w.superK()), w.superBytes()));
}

// `bytes` of each of `count` panels, into L2.
void MatmulEmitter::prefetchBf16(Value at, Value bytes, unsigned count) {
  loop(index(0), bytes, 64, {}, [&](Value line, ValueRange) {
    for (unsigned i = 0; i < count; ++i)
      prefetch(args.weights, add(add(at, line), mul(panelBytes(), i)), 2);
    return Values();
  });
}

// Rows m.. (16 a half) of `count` panels, over one chunk; after the last one their sums go out.
void MatmulEmitter::multiplyBf16(const Bf16Chunk &c, Value m, unsigned halves, unsigned count) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getF32Type());
  auto sumAt = [&](unsigned half, unsigned i) {
    return add(mul(add(sub(c.panel, c.group), i), panelSums), mul(add(sub(m, c.row0), half * tileRow), lanes));
  };
  SmallVector<Type> types(halves * count, sumTile);
  Values sums = ifElse(c.isFirst, types, [&] {
    Values zeros;
    for (unsigned i = 0; i < halves * count; ++i)
      zeros.push_back(qk::TileZeroOp::create(b, loc, sumTile));
    return zeros;
  }, [&] {
    Values partial;
    for (unsigned i = 0; i < halves * count; ++i)
      partial.push_back(tile(c.sums, sumAt(i / count, i % count)));
    return partial;
  });
  auto step = [&](Value k, ValueRange carried) {
    Values next(carried), weights;
    for (unsigned half = 0; half < halves; ++half) {
      Value rows = tile(args.input, add(mul(add(m, half * tileRow), args.inputStride), mul(add(c.k0, k), tileRow)));
      for (unsigned i = 0; i < count; ++i) {
        if (half == 0)
          weights.push_back(tile(c.weights, add(mul(k, lanes), i * c.chunk * lanes)));
        Value &sum = next[half * count + i];
        sum = qk::TileMmaOp::create(b, loc, sumTile, sum, rows, weights[i], /*unsigned_rhs=*/false);
      }
    }
    return next;
  };
  Value length = sub(c.kEnd, c.k0);
  sums = ifElse(less(length, index(c.chunk)), types, [&] { return loop(index(0), length, tileK, sums, step); }, [&] {
    return loop(index(0), index(c.chunk), tileK, sums, step);         // whole chunks: a constant count, which LLVM unrolls
  });
  for (unsigned i = 0; i < halves * count; ++i)
    qk::TileStoreOp::create(b, loc, sums[i], c.sums, sumAt(i / count, i % count), index(lanes));
  ifElse(c.isLast, {}, [&] {
    loop(m, min(add(m, halves * tileRow), c.rowEnd), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        storeRow(load(c.sums, add(sumAt(0, i), mul(sub(row, m), lanes)), floats), row, add(c.panel, i));
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

void MatmulEmitter::emitBf16Tiles() {
  assert(lanes == 16 && "tiles have 16 columns");
  Bf16Chunk c;
  c.chunk = std::max<int64_t>(tileK, version.l1Bytes / 2 / (2 * lanes * 2) / tileK * tileK);
  c.weights = scratch(2 * lanes * c.chunk, b.getBF16Type());
  c.sums = scratch(groupPanels * panelSums, b.getF32Type());
  Value zero = index(0), end = w.isCodes() ? mul(superCount(), w.superK()) : mul(div(add(args.k, tileK - 1), tileK), tileK);
  panelBytes();                                      // here, before any loop
  loop(args.panelBegin, args.panelEnd, groupPanels, {}, [&](Value group, ValueRange) {
    c.group = group;
    c.groupEnd = min(add(group, groupPanels), args.panelEnd);
    loop(zero, args.m, rowBlock, {}, [&](Value row0, ValueRange) {
      c.row0 = row0;
      c.rowEnd = min(add(row0, rowBlock), args.m);
      loop(zero, end, c.chunk, {}, [&](Value k0, ValueRange) {
        c.k0 = k0;
        c.kEnd = min(add(k0, c.chunk), end);
        c.isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k0, zero);
        c.isLast = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, c.kEnd, end);
        forPanels(c.group, c.groupEnd, 2, [&](Value panel, unsigned count) {
          c.panel = panel;
          decodeBf16(c, count);
          Value rows = sub(c.rowEnd, row0), tiled = add(row0, mul(div(add(rows, tileRow - 1), tileRow), tileRow));
          Value pairs = add(row0, mul(div(sub(tiled, row0), 2 * tileRow), 2 * tileRow));
          loop(row0, pairs, 2 * tileRow, {}, [&](Value m, ValueRange) { return multiplyBf16(c, m, 2, count), Values(); });
          loop(pairs, tiled, tileRow, {}, [&](Value m, ValueRange) { return multiplyBf16(c, m, 1, count), Values(); });
        });
        return Values();
      });
      return Values();
    });
    return Values();
  });
}
