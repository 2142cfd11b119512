// Several rows (from 16 on; with float activations from 2 on): a chunk of K of a few panels is unpacked once into scratch in L1, then all rows run
// over it in register tiles of rows x panels, so weights are read from memory once and unpacked once per 512 rows. The inner loop sees plain bytes
// (or f32) whatever the format: one unit of every panel is loaded, each row's four activations are broadcast, one dot4 per row and panel. Sums of
// unfinished rows wait in scratch between chunks. The next chunk is prefetched while this one is used.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

// Register tiles: accumulators (i32 and f32), a unit per panel and a broadcast fit the registers; 12 or more independent chains hide the
// latency of dot4 (4 or 5 cycles, 2 a cycle).
MatmulEmitter::Tiling MatmulEmitter::tiling() const {
  bool many = version.numVectorRegisters >= 32;
  Tiling t;
  t.panels = spec.rows == RowClass::Short && many ? 4 : 2;
  if (spec.intActivations)
    t.rows = many ? 12 / t.panels : 3;
  else
    t.rows = many ? 16 / t.panels : 4;
  t.rowBlock = spec.rows == RowClass::Short ? 16 : 504;
  int64_t bytesPerK = t.panels * lanes * (spec.intActivations ? 1 : 4);
  t.chunk = std::max<int64_t>(32, version.l1Bytes / 2 / bytesPerK / 32 * 32);
  return t;
}

int64_t kernel::panelStep(const MatmulSpec &spec, const TargetVersion &version) {
  return version.teamThreads > 1 && spec.streams() ? 1 : spec.rows == RowClass::Short ? 4 : 2;
}

void MatmulEmitter::forChunks(int64_t k, function_ref<void(const Chunk &)> unpack, function_ref<void(const Chunk &, Value, unsigned)> tile) {
  Tiling t = tiling();
  Value zero = index(0), end = args.k, bytes = panelBytes();
  if (w.isCodes())
    end = mul(superCount(), w.superK());
  // As many rows at a time as fit in half of L2: every chunk of every panel reads all of them.
  int64_t unit = usesTiles() ? tileRows : t.rows, bytesPerK = spec.intActivations ? 1 : 4;
  Value fitting = b.createOrFold<arith::DivUIOp>(loc, index(version.l2Bytes / 2), mul(arith::MaxUIOp::create(b, loc, end, index(1)), bytesPerK));
  Value rowBlock = min(arith::MaxUIOp::create(b, loc, mul(div(fitting, unit), unit), index(std::min<int64_t>(t.rowBlock, 2 * unit))), index(t.rowBlock));
  Value partial = scratch(t.rowBlock * t.panels * lanes, b.getF32Type());
  SmallVector<unsigned> tiles = {t.rows, 2, 1};
  if (usesTiles())
    tiles.insert(tiles.begin(), tileRows);
  forPanels(t.panels, [&](Value p, unsigned count) {
    Chunk c;
    c.panel = p;
    c.partial = partial;
    for (unsigned i = 0; i < count; ++i)
      c.panelAt.push_back(add(args.weightOffset, mul(add(p, i), bytes)));
    loop(zero, args.m, rowBlock, {}, [&](Value row0, ValueRange) {
      c.row0 = row0;
      c.rowEnd = min(add(row0, rowBlock), args.m);
      loop(zero, end, k, {}, [&](Value k0, ValueRange) {
        c.k0 = k0;
        c.kEnd = min(add(k0, k), end);
        c.isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k0, zero);
        c.isLast = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, c.kEnd, end);
        unpack(c);
        Value from = c.row0;
        for (unsigned rows : tiles) {
          Value to = add(from, mul(div(sub(c.rowEnd, from), rows), rows));
          loop(from, to, rows, {}, [&](Value m, ValueRange) {
            if (rows > 2)
              prefetchChunk(c, m, rows, bytes);
            return tile(c, m, rows), Values();
          });
          from = to;
        }
        return Values();
      });
      return Values();
    });
  });
}

// A share of the next chunk's lines for every tile of rows, into L2. After the last chunk of these panels come the next panels' first.
void MatmulEmitter::prefetchChunk(const Chunk &c, Value m, unsigned rows, Value panelBytes) {
  Tiling t = tiling();
  int64_t bytes = llvm::alignTo(t.chunk * w.superBytes() / w.superK(), 64), lines = bytes / 64;
  Value tiles = arith::MaxUIOp::create(b, loc, div(sub(c.rowEnd, c.row0), rows), index(1));
  Value each = arith::CeilDivUIOp::create(b, loc, index(lines), tiles);
  Value from = mul(mul(div(sub(m, c.row0), rows), each), index(64)), to = min(add(from, mul(each, 64)), index(bytes));
  Value next = select(c.isLast, mul(panelBytes, c.panelAt.size()), div(mul(c.kEnd, w.superBytes()), w.superK()));
  loop(from, to, 64, {}, [&](Value line, ValueRange) {
    for (Value panel : c.panelAt)
      prefetch(args.weights, add(add(panel, next), line), 2);
    return Values();
  });
}

Values MatmulEmitter::startTile(const Chunk &c, Value m, unsigned rows) {
  unsigned count = c.panelAt.size();
  return ifElse(c.isFirst, SmallVector<Type>(rows * count, floats), [&] { return Values(rows * count, splatFloat(0)); }, [&] {
    Values y;
    for (unsigned i = 0; i < rows * count; ++i)
      y.push_back(load(c.partial, mul(add(mul(sub(m, c.row0), count), i), lanes), floats));
    return y;
  });
}

void MatmulEmitter::finishTile(const Chunk &c, Value m, unsigned rows, ValueRange y) {
  unsigned count = c.panelAt.size();
  ifElse(c.isLast, {}, [&] {
    for (unsigned i = 0; i < rows * count; ++i)
      storeRow(y[i], add(m, i / count), add(c.panel, i % count));
    return Values();
  }, [&] {
    for (unsigned i = 0; i < rows * count; ++i)
      store(y[i], c.partial, mul(add(mul(sub(m, c.row0), count), i), lanes));
    return Values();
  });
}

//===-- integer activations ---------------------------------------------------------------------------------------------------------===//

// Two-level codes whose product with the sub-scale fits a signed byte are unpacked as that product (offset by 128): exact, and no
// multiplication is left in the inner loop.
bool MatmulEmitter::foldsSubscale() const { return w.super && (int64_t(1) << (w.bits - 1)) * ((1 << w.subBits) - 1) <= 127; }

Value MatmulEmitter::timesSubscale(Value codes, Value subscale) {
  auto words = VectorType::get(2 * lanes, b.getI16Type());
  auto constant = [&](VectorType type, int64_t v) { return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getIntegerAttr(type.getElementType(), v))); };
  Value both = arith::OrIOp::create(b, loc, subscale, arith::ShLIOp::create(b, loc, subscale, splatInt(16)));
  Value s = vector::BitCastOp::create(b, loc, words, both), eight = constant(words, 8);
  Value x = vector::BitCastOp::create(b, loc, words, arith::SubIOp::create(b, loc, codes, constant(bytes, int64_t(1) << (w.bits - 1))));
  // Low byte of x * s: the even byte's product; the odd byte by shifting it down and its product up.
  Value even = arith::AndIOp::create(b, loc, arith::MulIOp::create(b, loc, x, s), constant(words, 255));
  Value odd = arith::ShLIOp::create(b, loc, arith::MulIOp::create(b, loc, arith::ShRSIOp::create(b, loc, x, eight), s), eight);
  Value product = vector::BitCastOp::create(b, loc, bytes, arith::OrIOp::create(b, loc, even, odd));
  return arith::XOrIOp::create(b, loc, product, constant(bytes, -128));
}

void MatmulEmitter::emitIntBlocked() {
  Tiling t = tiling();
  int64_t blocks = t.chunk / 32, steps = 32 / stepK(), unitBytes = 4 * lanes;
  bool folds = foldsSubscale(), hasZero = w.zero != qnt::ZeroKind::None, hasSub = w.super && !folds;
  int64_t implicitZero = folds ? 128 : w.implicitZero();
  Value codes = scratch(blocks * 8 * t.panels * unitBytes, b.getI8Type());
  auto perStep = [&](Type element) { return scratch(blocks * steps * t.panels * lanes, element); };
  Value scales = perStep(b.getF32Type()), zeros, subscales;
  if (hasZero)
    zeros = perStep(w.zero == qnt::ZeroKind::Int ? Type(b.getI32Type()) : b.getF32Type());
  if (hasSub)
    subscales = perStep(b.getI32Type());

  auto unpack = [&](const Chunk &c) {
    unsigned count = c.panelAt.size();
    loop(div(c.k0, 32), div(c.kEnd, 32), 1, {}, [&](Value kBlock, ValueRange) {
      Value slot = sub(kBlock, div(c.k0, 32)), inSuper = rem(kBlock, blocksPerSuper());
      Value superBytes = mul(div(kBlock, blocksPerSuper()), w.superBytes());
      for (unsigned i = 0; i < count; ++i) {
        Value superAt = add(c.panelAt[i], superBytes);
        BlockReader reader = block(superAt, inSuper);
        for (int64_t s = 0; s < steps; ++s) {
          StepParams p = params(c.panelAt[i], superAt, add(mul(inSuper, 32), s * stepK()));
          Value at = mul(add(mul(add(mul(slot, steps), s), count), i), lanes);
          store(p.scale, scales, at);
          if (hasZero)
            store(p.zero, zeros, at);
          if (hasSub)
            store(p.subscale, subscales, at);
          for (int64_t u = s * stepK() / 4; u < (s + 1) * stepK() / 4; ++u) {
            Value code = unit(reader, u);
            store(folds ? timesSubscale(code, p.subscale) : code, codes, mul(add(mul(add(mul(slot, 8), u), count), i), unitBytes));
          }
        }
      }
      return Values();
    });
  };

  auto blockParams = [&](Value slot, int64_t s, unsigned count) {
    SmallVector<StepParams> p(count);
    for (unsigned i = 0; i < count; ++i) {
      Value at = mul(add(mul(add(mul(slot, steps), s), count), i), lanes);
      p[i].scale = load(scales, at, floats);
      if (hasZero)
        p[i].zero = load(zeros, at, w.zero == qnt::ZeroKind::Int ? sums : floats);
      if (hasSub)
        p[i].subscale = load(subscales, at, sums);
    }
    return p;
  };

  Value tileSums = usesTiles() ? scratch(2 * t.panels * tileRows * lanes, b.getI32Type()) : Value();
  auto tile = [&](const Chunk &c, Value m, unsigned rows) {
    if (rows == tileRows)
      return matrixTile(c, m, codes, tileSums, implicitZero, [&](Value slot) { return blockParams(slot, 0, c.panelAt.size()); });
    unsigned count = c.panelAt.size();
    SmallVector<Value> inputAt, scaleAt;
    for (unsigned r = 0; r < rows; ++r) {
      inputAt.push_back(mul(add(m, r), args.inputStride));
      scaleAt.push_back(mul(add(m, r), args.scaleStride));
    }
    Value firstBlock = div(c.k0, 32);
    Values y = loop(firstBlock, div(c.kEnd, 32), 1, startTile(c, m, rows), [&](Value kBlock, ValueRange carried) {
      Values y(carried);
      Value slot = sub(kBlock, firstBlock), kAt = mul(kBlock, 32);
      for (int64_t s = 0; s < steps; ++s) {
        SmallVector<StepParams> p = blockParams(slot, s, count);
        Values acc, rowSums;
        for (unsigned r = 0; r < rows; ++r) {
          rowSums.push_back(steps == 1 ? splat(loadScalar(args.sums, add(scaleAt[r], kBlock))) : partialSum(add(inputAt[r], kAt), s));
          for (unsigned i = 0; i < count; ++i)
            acc.push_back(startSum(rowSums[r], p[i], implicitZero));
        }
        // Stays a loop: unrolled, LLVM's scheduler gathers the broadcasts of many units, which spills the accumulators.
        Value unitAt = mul(add(mul(slot, 8), s * stepK() / 4), count * unitBytes), fourAt = add(kAt, s * stepK());
        acc = rolledLoop(stepK() / 4, 1, acc, [&](Value u, ValueRange carried) {
          Values acc(carried), units;
          for (unsigned i = 0; i < count; ++i)
            units.push_back(load(codes, add(add(unitAt, mul(u, count * unitBytes)), i * unitBytes), bytes));
          for (unsigned r = 0; r < rows; ++r) {
            Value a = bcast4(args.input, add(add(inputAt[r], fourAt), mul(u, 4)));
            for (unsigned i = 0; i < count; ++i)
              acc[r * count + i] = dot4(acc[r * count + i], units[i], a, folds ? 255 : maxCode());
          }
          return acc;
        });
        for (unsigned r = 0; r < rows; ++r) {
          Value scale = splat(loadScalar(args.scales, add(scaleAt[r], kBlock)));
          for (unsigned i = 0; i < count; ++i)
            y[r * count + i] = finishStep(acc[r * count + i], rowSums[r], scale, p[i], y[r * count + i]);
        }
      }
      return y;
    });
    finishTile(c, m, rows, y);
  };
  forChunks(t.chunk, unpack, tile);
}

//===-- float activations -----------------------------------------------------------------------------------------------------------===//

void MatmulEmitter::emitFloatBlocked() {
  Tiling t = tiling();
  Value panel = scratch(t.chunk * t.panels * lanes, b.getF32Type());
  auto unpack = [&](const Chunk &c) {
    unsigned count = c.panelAt.size();
    auto put = [&](Value value, Value k, unsigned i) { store(value, panel, mul(add(mul(sub(k, c.k0), count), i), lanes)); };
    if (!w.isCodes()) {
      loop(c.k0, c.kEnd, 1, {}, [&](Value k, ValueRange) {
        for (unsigned i = 0; i < count; ++i)
          put(floatWeight(add(c.panel, i), k), k, i);
        return Values();
      });
      return;
    }
    loop(div(c.k0, 32), div(c.kEnd, 32), 1, {}, [&](Value kBlock, ValueRange) {
      Value inSuper = rem(kBlock, blocksPerSuper()), superBytes = mul(div(kBlock, blocksPerSuper()), w.superBytes());
      for (unsigned i = 0; i < count; ++i) {
        Value superAt = add(c.panelAt[i], superBytes);
        BlockReader reader = block(superAt, inSuper);
        for (int64_t k = 0; k < 32; k += stepK()) {
          StepParams p = params(c.panelAt[i], superAt, add(mul(inSuper, 32), k));
          Value scale = floatScale(p), zero = floatZero(p);
          for (int64_t kk = k; kk < k + stepK(); ++kk)
            put(arith::MulFOp::create(b, loc, decoded(reader, kk / 4, kk % 4, zero), scale), add(mul(kBlock, 32), kk), i);
        }
      }
      return Values();
    });
  };
  auto tile = [&](const Chunk &c, Value m, unsigned rows) {
    unsigned count = c.panelAt.size();
    Value kEnd = min(c.kEnd, args.k);                // not past K: there the input is someone else's
    Values y = loop(c.k0, kEnd, 1, startTile(c, m, rows), [&](Value k, ValueRange carried) {
      Values y(carried), weights;
      for (unsigned i = 0; i < count; ++i)
        weights.push_back(load(panel, mul(add(mul(sub(k, c.k0), count), i), lanes), floats));
      for (unsigned r = 0; r < rows; ++r) {
        Value a = splat(loadScalar(args.input, add(mul(add(m, r), args.inputStride), k)));
        for (unsigned i = 0; i < count; ++i)
          y[r * count + i] = math::FmaOp::create(b, loc, weights[i], a, y[r * count + i]);
      }
      return y;
    });
    finishTile(c, m, rows, y);
  };
  forChunks(t.chunk, unpack, tile);
}
