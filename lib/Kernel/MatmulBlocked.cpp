// Many rows (from 16 on): a chunk of K of a few panels is unpacked once into scratch in L1, then all rows run
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
// latency of dot4 (4 or 5 cycles, 2 a cycle). Where products take lanes, a register of activations per row has to fit too, and 8 chains do, as such
// targets forward sums. Where rows lie together, one register has four of them, which leaves some for another panel.
static unsigned panelsTogether(const MatmulSpec &spec, const TargetVersion &version) { return spec.together && version.dot4 ? 3 : 2; }

MatmulEmitter::Tiling MatmulEmitter::tiling() const {
  bool many = version.numVectorRegisters >= 32;
  Tiling t;
  t.panels = panelsTogether(spec, version);
  if (spec.together)
    t.rows = rowsInRegister;
  else if (spec.intActivations)
    t.rows = (many ? (version.laneBroadcast ? 8 : 12) / t.panels : 3) / w.integerBytes();
  else
    t.rows = many ? 16 / t.panels : 4;
  if (sumsPairs())                                   // what waits of a pair takes the place of both rows
    t.rows = std::max(2u, t.rows / 2 * 2);
  t.rowBlock = spec.rowRange ? version.shareRows : 504;
  int64_t bytesPerK = t.panels * lanes * (spec.intActivations ? w.integerBytes() : 4);
  t.columns = std::min<unsigned>(lanes, version.vectorBits / 32);
  t.chunk = wholeRuns(std::max<int64_t>(32, version.l1Bytes / 2 / bytesPerK / 32 * 32));
  return t;
}

int64_t MatmulEmitter::wholeRuns(int64_t chunk) const {
  int64_t run = std::max<int64_t>(spec.run(), 32);
  return spec.intActivations && holdsRuns(chunk) ? chunk / run * run : chunk;
}

void MatmulEmitter::overChunks(int64_t chunk, Value end, function_ref<void(Value, Value, Value, Value)> body) {
  Value zero = index(0);
  auto chunks = [&](Value from, Value to, bool isRun) {
    loop(from, to, chunk, {}, [&](Value k0, ValueRange) { return body(k0, min(add(k0, chunk), to), isRun ? from : Value(), isRun ? to : Value()), Values(); });
  };
  if (holdsRuns(chunk))
    chunks(zero, end, false);
  else if (spec.run() < 0)
    chunks(zero, end, true);
  else
    loop(zero, end, spec.run(), {}, [&](Value from, ValueRange) { return chunks(from, min(add(from, spec.run()), end), true), Values(); });
}

int64_t kernel::panelStep(const MatmulSpec &spec, const TargetVersion &version) {
  if (hasTeamTiles(spec, version))
    return version.teamMma;
  if (spec.rowRange && spec.intActivations && version.laneMma)
    return 1;
  return spec.team > 1 ? 1 : spec.rows == RowClass::Short ? 4 : panelsTogether(spec, version);
}

void MatmulEmitter::forChunks(int64_t k, function_ref<void(const Chunk &)> unpack, function_ref<void(const Chunk &, Value, unsigned)> tile) {
  Tiling t = tiling();
  Value zero = index(0), end = args.k, bytes = panelBytes();
  if (w.isCodes())
    end = mul(superCount(), w.superK());
  // As many rows at a time as fit in half of L2: every chunk of every panel reads all of them.
  int64_t unit = t.rows, bytesPerK = spec.intActivations ? 1 : 4;
  Value fitting = b.createOrFold<arith::DivUIOp>(loc, index(version.l2Bytes / 2), mul(arith::MaxUIOp::create(b, loc, end, index(1)), bytesPerK));
  Value rowBlock = min(arith::MaxUIOp::create(b, loc, mul(div(fitting, unit), unit), index(std::min<int64_t>(t.rowBlock, 2 * unit))), index(t.rowBlock));
  Value partial = scratch(t.rowBlock * t.panels * lanes, b.getF32Type());
  forPanels(t.panels, [&](Value p, unsigned count) {
    Chunk c;
    c.panel = p;
    c.partial = partial;
    for (unsigned i = 0; i < count; ++i)
      c.panelAt.push_back(add(args.weightOffset, mul(add(p, i), bytes)));
    loop(args.rowBegin ? args.rowBegin : zero, args.m, rowBlock, {}, [&](Value row0, ValueRange) {
      c.row0 = row0;
      c.rowEnd = min(add(row0, rowBlock), args.m);
      overChunks(k, end, [&](Value k0, Value kEnd, Value runBegin, Value runEnd) {
        c.k0 = k0, c.kEnd = kEnd, c.runBegin = runBegin, c.runEnd = runEnd;
        c.isFirst = equal(k0, zero);
        c.isLast = equal(kEnd, end);
        unpack(c);
        Value from = c.row0;
        for (unsigned rows : {t.rows, 2u, 1u}) {
          Value to = add(from, mul(div(sub(c.rowEnd, from), rows), rows));
          loop(from, to, rows, {}, [&](Value m, ValueRange) {
            if (rows == t.rows)
              prefetchChunk(c, m, rows, bytes);
            Part part(*this, t.columns);
            unsigned parts = partsOf(c), each = llvm::divideCeil(parts, llvm::divideCeil(parts, t.panels));
            for (c.first = 0; c.first < parts; c.first += each) {
              c.count = std::min(each, parts - c.first);
              tile(c, m, rows);
            }
            return Values();
          });
          from = to;
        }
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

// Of `sums` registers, those of pairs twice as wide as a panel.
Value MatmulEmitter::partialAt(const Chunk &c, Value m, unsigned rows, unsigned i) {
  unsigned rowsOfSum = lanes / columns, before = llvm::alignTo(rows, rowsOfSum) * c.first;
  return mul(add(mul(sub(m, c.row0), partsOf(c)), before + i * rowsOfSum), columns);
}

Values MatmulEmitter::startTile(const Chunk &c, Value m, unsigned rows, unsigned sums) {
  return ifElse(c.isFirst, SmallVector<Type>(sums, floats), [&] { return Values(sums, splatFloat(0)); }, [&] {
    Values y;
    for (unsigned i = 0; i < sums; ++i)
      y.push_back(load(c.partial, partialAt(c, m, rows, i), floats));
    return y;
  });
}

void MatmulEmitter::finishTile(const Chunk &c, Value m, unsigned rows, ValueRange y) {
  ifElse(c.isLast, {}, [&] {
    Values single = lanes > columns ? apart(y, rows) : Values(y);
    Lanes narrow(*this, columns);
    for (unsigned i = 0; i < rows * c.count; ++i)
      storeRow(single[i], add(m, i / c.count), add(mul(c.panel, w.lanes / columns), c.first + i % c.count));
    return Values();
  }, [&] {
    for (unsigned i = 0; i < y.size(); ++i)
      store(y[i], c.partial, partialAt(c, m, rows, i));
    return Values();
  });
}

//===-- integer activations ---------------------------------------------------------------------------------------------------------===//

Value MatmulEmitter::byteConstant(int64_t v) { return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(bytes, b.getI8IntegerAttr(int8_t(v)))); }

// Two-level codes whose product with the sub-scale fits a signed byte are unpacked as that product: exact, and no multiplication is left in the
// inner loop.
Value MatmulEmitter::timesSubscale(Value codes, const StepParams &p) {
  // (code - zero) * s fits a signed byte, so code * s fits an unsigned one: both bytes of a word in one product, nothing carries over.
  auto words = VectorType::get(2 * lanes, b.getI16Type());
  Value both = arith::OrIOp::create(b, loc, p.subscale, arith::ShLIOp::create(b, loc, p.subscale, splatInt(16)));
  Value s = vector::BitCastOp::create(b, loc, words, both), zeros = vector::BitCastOp::create(b, loc, words, byteConstant(w.implicitZero()));
  auto times = [&](Value x) { return vector::BitCastOp::create(b, loc, bytes, arith::MulIOp::create(b, loc, x, s)); };
  Value product = times(vector::BitCastOp::create(b, loc, words, codes));
  if (!w.hasShift())
    return arith::SubIOp::create(b, loc, product, times(zeros));
  Value low = arith::AndIOp::create(b, loc, p.submin, splatInt(255)), minimum = arith::MulIOp::create(b, loc, low, splatInt(0x01010101));
  return arith::AddIOp::create(b, loc, product, vector::BitCastOp::create(b, loc, bytes, minimum));
}

MatmulEmitter::IntBlocks MatmulEmitter::intBlocks() {
  IntBlocks x;
  Tiling t = x.tiling = tiling();
  x.step = stepK(), x.run = spec.run(), x.span = std::max<int64_t>(x.run, 32), x.parts = w.integerBytes();
  x.inChunk = holdsRuns(t.chunk), x.folds = spec.foldsSubscales();
  x.hasZero = w.zero != qnt::ZeroKind::None && !(x.folds && w.hasShift()), x.hasSub = spec.hasSubscales() && !x.folds;
  // Once per several hundred rows: what is then left to do for every run is less.
  x.signedCodes = (version.dot8x2 || version.signedDot4) && !x.hasZero && x.parts == 1;
  x.implicitZero = x.signedCodes ? 0 : x.folds ? 128 : w.integerZero();   // products that fit a byte are stored offset by 128
  unsigned wide = x.lanes = sumsPairs() ? 2 * lanes : lanes;
  x.zeroType = VectorType::get(wide, w.zero == qnt::ZeroKind::Int ? sums.getElementType() : floats.getElementType());
  x.codes = scratch(t.chunk * t.panels * lanes * x.parts, b.getI8Type());
  auto each = [&](int64_t k, Type element, unsigned numbers) { return scratch(t.chunk / k * t.panels * numbers, element); };
  if (x.inChunk) {
    x.scales = each(x.run, b.getF32Type(), wide);
    x.zeros = x.hasZero ? each(x.run, x.zeroType.getElementType(), wide) : Value();
    if (offsetsSums() && x.implicitZero == 0 && !x.hasZero) {
      x.startNumbers = llvm::PowerOf2Ceil(t.rows * t.panels * t.columns);
      x.starts = scratch(2 * x.startNumbers, b.getI32Type());
      rolledLoop(index(2 * x.startNumbers / t.columns), 1, {}, [&](Value i, ValueRange) {
        Lanes narrow(*this, t.columns);
        return store(splatInt(sumOffsetBits()), x.starts, mul(i, lanes)), Values();
      });
    }
  } else {
    x.waiting = scratch(t.rowBlock * t.panels * lanes, b.getI32Type());
  }
  if (x.hasSub)
    x.subscales = each(x.step, b.getI32Type(), lanes);
  if (x.hasSub && w.hasMin())
    x.submins = each(x.step, b.getI32Type(), lanes);
  return x;
}

Value MatmulEmitter::placeOf(const Chunk &c, Value k, int64_t every, unsigned i) {
  return mul(add(mul(div(sub(k, c.k0), every), partsOf(c)), i), lanes);
}

MatmulEmitter::StepParams MatmulEmitter::paramsAt(Value panelAt, Value k) {
  return params(panelAt, add(panelAt, mul(div(k, w.superK()), w.superBytes())), rem(k, w.superK()));
}

Value MatmulEmitter::ofPart(const Chunk &c, unsigned i, function_ref<Value(Value)> numbers) {
  unsigned parts = w.lanes / columns, at = c.first + i;
  Value all;
  {
    Lanes whole(*this, w.lanes);
    all = numbers(c.panelAt[at / parts]);
  }
  if (parts == 1 || !all)
    return all;
  return vector::ExtractStridedSliceOp::create(b, loc, all, ArrayRef<int64_t>{at % parts * columns}, ArrayRef<int64_t>{columns}, ArrayRef<int64_t>{1});
}

void MatmulEmitter::unpackParams(const IntBlocks &x, const Chunk &c, Value k) {
  for (unsigned i = 0; i < c.panelAt.size(); ++i) {
    StepParams p = paramsAt(c.panelAt[i], k);
    Lanes wide(*this, x.lanes);
    store(ofColumns(p.scale), x.scales, placeOf(c, k, x.run, i));
    if (x.hasZero)
      store(ofColumns(p.zero), x.zeros, placeOf(c, k, x.run, i));
  }
}

void MatmulEmitter::unpackStep(const IntBlocks &x, const Chunk &c, Value k, unsigned i, int64_t from, BlockReader &reader) {
  int64_t unitBytes = 4 * lanes, all = c.panelAt.size() * x.parts;
  StepParams p = spec.hasSubscales() ? paramsAt(c.panelAt[i], add(k, from)) : StepParams();
  if (x.hasSub)
    store(p.subscale, x.subscales, placeOf(c, add(k, from), x.step, i));
  if (x.submins)
    store(p.submin, x.submins, placeOf(c, add(k, from), x.step, i));
  Values before(x.parts);
  for (int64_t u = from / 4; u < (from + x.step) / 4; ++u)
    for (int64_t part = 0; part < x.parts; ++part) {
      int64_t of = i * x.parts + part;
      Value code = integers(reader, u, part), at = add(mul(sub(k, c.k0), all * lanes), (u * all + of) * unitBytes);
      if (x.folds)
        code = timesSubscale(code, p);
      if (x.folds && !x.signedCodes)
        code = arith::XOrIOp::create(b, loc, code, byteConstant(-128));
      if (!x.folds && x.signedCodes)
        code = arith::SubIOp::create(b, loc, code, byteConstant(w.integerZero()));
      if (!version.dot8x2)
        store(code, x.codes, at);
      else if (u % 2)                                // [pair of units][panel][part]
        store(interleaveUnits(before[part], code), x.codes, add(mul(sub(k, c.k0), all * lanes), ((u - 1) * all + 2 * of) * unitBytes));
      before[part] = code;
    }
}

void MatmulEmitter::unpackBlock(const IntBlocks &x, const Chunk &c, Value k) {
  for (unsigned i = 0; i < c.panelAt.size(); ++i) {
    BlockReader reader = block(add(c.panelAt[i], mul(div(k, w.superK()), w.superBytes())), div(rem(k, w.superK()), 32));
    for (int64_t from = 0; from < 32; from += x.step)
      unpackStep(x, c, k, i, from, reader);
  }
}

void MatmulEmitter::unpackChunk(const IntBlocks &x, const Chunk &c) {
  auto blocks = [&](Value from, Value to) { loop(from, to, 32, {}, [&](Value k, ValueRange) { return unpackBlock(x, c, k), Values(); }); };
  if (!x.inChunk)
    return blocks(c.k0, c.kEnd);
  loop(c.k0, c.kEnd, x.span, {}, [&](Value k, ValueRange) {
    for (int64_t from = 0; from < x.span; from += x.run)
      unpackParams(x, c, add(k, from));
    if (x.span == 32)
      unpackBlock(x, c, k);
    else
      blocks(k, runEnd(k, x.span, c.kEnd));
    return Values();
  });
}

Value MatmulEmitter::ofUnit(const IntTile &t, unsigned unit, function_ref<Value(const Row &)> of) {
  Lanes narrow(*this, columns);
  Value first = of(t.rowOf[unit * t.rowsOfSum]);
  if (!first || t.rowsOfSum == 1)
    return first;
  unsigned other = unit * t.rowsOfSum + 1;
  return ofRows(first, other < t.rows ? of(t.rowOf[other]) : first);
}

Value MatmulEmitter::scaleOfUnit(const IntTile &t, unsigned unit, Value k) {
  const Row &row = t.rowOf[unit * t.rowsOfSum];
  if (!row.lane || t.rowsOfSum == 1)
    return ofUnit(t, unit, [&](const Row &row) { return activationScale(row, k); });
  Value scales = scalesTogether(row, k);             // at once, as LLVM does not find out
  SmallVector<int64_t> both;
  for (unsigned i = 0; i < lanes; ++i)
    both.push_back(*row.lane + i % t.rowsOfSum);
  return ofIntegers(vector::ShuffleOp::create(b, loc, scales, scales, both));
}

Value MatmulEmitter::ofPanel(function_ref<Value()> numbers) {
  Value v;
  {
    Lanes narrow(*this, columns);
    v = numbers();
  }
  return ofColumns(v);
}

Values MatmulEmitter::startSums(const IntBlocks &x, const IntTile &t, Value k, Value end, ArrayRef<StepParams> p, int64_t length) {
  Values acc;
  for (unsigned unit = 0; unit < t.units(); ++unit) {
    if (t.rowsOfSum == 1) {
      acc.append(startSums(t.rowOf[unit], k, end, length, p, x.implicitZero));
      continue;
    }
    Value sum = startsAtZero() ? Value() : ofUnit(t, unit, [&](const Row &row) { return activationSum(row, k, end, length); });
    for (unsigned i = 0; i < t.count; ++i)
      acc.push_back(startSum(sum, p[i], x.implicitZero));
  }
  return acc;
}

Value MatmulEmitter::startsAt(const IntBlocks &x, Value k) {
  return x.starts ? mul(rem(div(k, x.run), 2), x.startNumbers) : Value();
}

Values MatmulEmitter::startRun(const IntBlocks &x, const IntTile &t, Value k, Value end, ArrayRef<StepParams> p) {
  if (Value at = startsAt(x, k)) {
    Values acc;
    for (unsigned i = 0; i < t.sums(); ++i)
      acc.push_back(load(x.starts, add(at, i * lanes), sums));
    return acc;
  }
  return x.hasSub ? Values(t.sums(), splatInt(0)) : startSums(x, t, k, end, p, x.run);
}

// Stays a loop: unrolled, LLVM's scheduler gathers the broadcasts of many units, which spills the accumulators. Instructions that take lanes need none.
Values MatmulEmitter::productLoop(const IntBlocks &x, Value number, int64_t step, ValueRange carried, function_ref<Values(Value, ValueRange)> body) {
  std::optional<int64_t> count = getConstantIntValue(number);
  if (!version.laneBroadcast || !version.dot4 || !count || *count > 8)
    return rolledLoop(number, step, carried, body);
  Values values(carried);
  for (int64_t i = 0; i < *count; i += step)
    values = body(index(i), values);
  return values;
}

int64_t MatmulEmitter::codesPlace(const IntBlocks &x, const IntTile &t, unsigned i) {
  unsigned parts = w.lanes / columns, at = t.c.first + i / x.parts;
  return (at / parts * x.parts + i % x.parts) * parts + at % parts;
}

Values MatmulEmitter::partProducts(const IntBlocks &x, const IntTile &t, Value from, Value number, ValueRange acc) {
  int64_t unitBytes = 4 * int64_t(columns), allBytes = int64_t(partsOf(t.c)) * x.parts * unitBytes;
  unsigned all = t.count * x.parts;                  // [panel][part]
  Value unitAt = mul(sub(from, t.c.k0), allBytes / 4);
  if (version.dot8x2)
    return pairProducts(x, t, from, unitAt, div(number, 2), acc);
  unsigned together = version.laneBroadcast ? 4 : 1; // a register of activations
  return productLoop(x, number, together, acc, [&](Value u, ValueRange carried) {
    Values acc(carried);
    SmallVector<Values> activations(t.rows);         // registers of a row each
    for (unsigned next = 0; next < together; ++next) {
      Values units;
      for (unsigned i = 0; i < all; ++i)
        units.push_back(load(x.codes, add(add(unitAt, mul(add(u, next), allBytes)), codesPlace(x, t, i) * unitBytes), bytes));
      Values together;                               // the register of this unit
      for (auto [r, row] : llvm::enumerate(t.rowOf)) {
        Value a = row.lane ? bcast4(together, add(add(row.inputAt, mul(from, rowsInRegister)), mul(add(u, next), 4 * rowsInRegister)), *row.lane)
                           : bcast4(activations[r], add(add(row.inputAt, from), mul(u, 4)), next);
        for (unsigned i = 0; i < all; ++i)
          acc[r * all + i] = dot4(acc[r * all + i], units[i], a, x.folds || x.signedCodes ? 255 : maxInteger(i % x.parts), x.signedCodes);
      }
    }
    return acc;
  });
}

Values MatmulEmitter::unitProducts(const IntBlocks &x, const IntTile &t, Value from, Value number, ValueRange acc) {
  if (x.parts == 1)
    return partProducts(x, t, from, number, acc);
  Values apart, whole;
  for (Value low : acc)
    apart.append({low, splatInt(0)});
  apart = partProducts(x, t, from, number, apart);
  for (unsigned i = 0; i < acc.size(); ++i)
    whole.push_back(joinBytes(apart[2 * i], apart[2 * i + 1]));
  return whole;
}

Values MatmulEmitter::stepProducts(const IntBlocks &x, const IntTile &t, Value k, ValueRange carried) {
  SmallVector<StepParams> none(t.count);
  Values acc(carried), sum = unitProducts(x, t, k, index(x.step / 4), startSums(x, t, k, add(k, x.step), none, x.step));
  for (unsigned i = 0; i < t.sums(); ++i)
    acc[i] = addScaled(acc[i], sum[i], ofPanel([&] { return load(x.subscales, placeOf(t.c, k, x.step, t.c.first + i % t.count), sums); }));
  return acc;
}

Values MatmulEmitter::runProducts(const IntBlocks &x, const IntTile &t, Value from, Value to, Value number, ValueRange acc) {
  if (!x.hasSub)
    return unitProducts(x, t, from, number, acc);
  if (x.run == x.step)
    return stepProducts(x, t, from, acc);
  return loop(from, to, x.step, acc, [&](Value k, ValueRange carried) { return stepProducts(x, t, k, carried); });
}

Values MatmulEmitter::rescaleRun(const IntBlocks &x, const IntTile &t, Value k, Value end, ArrayRef<StepParams> p, ValueRange acc, Values y) {
  for (unsigned unit = 0; unit < t.units(); ++unit) {
    Value scale = scaleOfUnit(t, unit, k), sum;
    for (unsigned i = 0; i < t.count; ++i) {
      auto ofRow = [&](const Row &row) {
        return finishSum(row, k, end, [&](Value at) { return x.inChunk ? load(x.submins, placeOf(t.c, at, x.step, t.c.first + i), sums)
                           : ofPart(t.c, i, [&](Value panelAt) { return subMinAt(panelAt, at); });
        });
      };
      if (i == 0 || x.hasSub)
        sum = ofUnit(t, unit, ofRow);
      y[unit * t.count + i] = finishRun(acc[unit * t.count + i], sum, scale, p[i], y[unit * t.count + i]);
    }
  }
  return y;
}

void MatmulEmitter::tileOfRuns(const IntBlocks &x, const IntTile &t) {
  const Chunk &c = t.c;
  Values y = loop(c.k0, c.kEnd, x.span, startTile(c, t.m, t.rows, t.sums()), [&](Value k0, ValueRange carried) {
    Values y(carried);
    for (int64_t from = 0; from < x.span; from += x.run) {
      Value k = add(k0, from), end = runEnd(k, x.run, c.kEnd);
      SmallVector<StepParams> p(t.count);
      auto loadScales = [&] {
        for (unsigned i = 0; i < t.count; ++i)
          p[i].scale = load(x.scales, placeOf(c, k, x.run, c.first + i), floats);
      };
      if (!spec.together)
        loadScales();
      for (unsigned i = 0; i < t.count; ++i)
        p[i].zero = x.hasZero ? load(x.zeros, placeOf(c, k, x.run, c.first + i), VectorType::get(lanes, x.zeroType.getElementType())) : Value();
      Value number = w.perRow() && x.run > 32 ? div(sub(end, k), 4) : index(x.run / 4);
      Values acc = runProducts(x, t, k, end, number, startRun(x, t, k, end, p));
      if (spec.together)                             // no registers are left for them before
        loadScales();
      y = rescaleRun(x, t, k, end, p, acc, y);
    }
    return y;
  });
  finishTile(c, t.m, t.rows, y);
}

void MatmulEmitter::tileWithinRun(const IntBlocks &x, const IntTile &t) {
  const Chunk &c = t.c;
  SmallVector<StepParams> p;
  for (unsigned i = 0; i < t.count; ++i) {
    StepParams of;
    of.scale = ofPart(c, i, [&](Value panelAt) { return paramsAt(panelAt, c.runBegin).scale; });
    of.zero = ofPart(c, i, [&](Value panelAt) { return paramsAt(panelAt, c.runBegin).zero; });
    for (Value *number : {&of.scale, &of.zero})
      *number = *number ? ofPanel([&] { return *number; }) : Value();
    p.push_back(of);
  }
  auto waitingAt = [&](unsigned i) { return partialAt(c, t.m, t.rows, i); };
  Values acc = ifElse(equal(c.k0, c.runBegin), SmallVector<Type>(t.sums(), sums), [&] { return startRun(x, t, c.runBegin, c.runEnd, p); }, [&] {
    Values acc;
    for (unsigned i = 0; i < t.sums(); ++i)
      acc.push_back(load(x.waiting, waitingAt(i), sums));
    return acc;
  });
  acc = runProducts(x, t, c.k0, c.kEnd, div(sub(c.kEnd, c.k0), 4), acc);
  ifElse(equal(c.kEnd, c.runEnd), {}, [&] {
    Chunk whole = c;                                 // as if the run were the chunk
    whole.isFirst = equal(c.runBegin, index(0));
    finishTile(whole, t.m, t.rows, rescaleRun(x, t, c.runBegin, c.runEnd, p, acc, startTile(whole, t.m, t.rows, t.sums())));
    return Values();
  }, [&] {
    for (unsigned i = 0; i < t.sums(); ++i)
      store(acc[i], x.waiting, waitingAt(i));
    return Values();
  });
}

void MatmulEmitter::emitIntBlocked() {
  IntBlocks x = intBlocks();
  forChunks(x.tiling.chunk, [&](const Chunk &c) { unpackChunk(x, c); }, [&](const Chunk &c, Value m, unsigned rows) {
    IntTile t{c, m, rows, c.count, {}, x.lanes / w.lanes};
    for (unsigned r = 0; r < rows; ++r)
      t.rowOf.push_back(spec.together && rows == rowsInRegister ? rowAt(m, r) : rowAt(add(m, r)));
    Lanes wide(*this, t.rowsOfSum * columns);
    x.inChunk ? tileOfRuns(x, t) : tileWithinRun(x, t);
  });
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
          put(floatWeight(c.panelAt[i], k), k, i);
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
            put(weightOf(reader, kk / 4, kk % 4, scale, zero), add(mul(kBlock, 32), kk), i);
        }
      }
      return Values();
    });
  };
  auto tile = [&](const Chunk &c, Value m, unsigned rows) {
    unsigned count = c.count;
    Value kEnd = min(c.kEnd, args.k);                // not past K: there the input is someone else's
    Values y = loop(c.k0, kEnd, 1, startTile(c, m, rows, rows * count), [&](Value k, ValueRange carried) {
      Values y(carried), weights;
      for (unsigned i = 0; i < count; ++i)
        weights.push_back(load(panel, mul(add(mul(sub(k, c.k0), partsOf(c)), c.first + i), lanes), floats));
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
