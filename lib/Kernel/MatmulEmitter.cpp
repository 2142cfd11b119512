// Helpers of the matmul generators; MatmulEmitter.h says what each does.
#include "lib/Kernel/MatmulEmitter.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

MatmulEmitter::MatmulEmitter(OpBuilder &b, Location loc, const MatmulSpec &spec, const TargetVersion &version)
    : b(b), loc(loc), spec(spec), w(spec.weight), version(version), lanes(spec.weight.lanes), columns(lanes), sums(VectorType::get(lanes, b.getI32Type())),
      floats(VectorType::get(lanes, b.getF32Type())), bytes(VectorType::get(4 * lanes, b.getI8Type())) {}

//===-- values ----------------------------------------------------------------------------------------------------------------------===//

Value MatmulEmitter::index(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
Value MatmulEmitter::add(Value x, Value y) { return b.createOrFold<arith::AddIOp>(loc, x, y); }
Value MatmulEmitter::sub(Value x, Value y) { return b.createOrFold<arith::SubIOp>(loc, x, y); }
Value MatmulEmitter::mul(Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc, x, y); }
Value MatmulEmitter::div(Value x, int64_t v) { return b.createOrFold<arith::DivUIOp>(loc, x, index(v)); }
Value MatmulEmitter::rem(Value x, int64_t v) { return b.createOrFold<arith::RemUIOp>(loc, x, index(v)); }
Value MatmulEmitter::min(Value x, Value y) { return b.createOrFold<arith::MinUIOp>(loc, x, y); }
Value MatmulEmitter::less(Value x, Value y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y); }
Value MatmulEmitter::equal(Value x, Value y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y); }
Value MatmulEmitter::select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
Value MatmulEmitter::splatInt(int32_t v) { return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(sums, v)); }
Value MatmulEmitter::splatFloat(float v) { return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(floats, v)); }
Value MatmulEmitter::splat(Value scalar) { return vector::BroadcastOp::create(b, loc, VectorType::get(lanes, scalar.getType()), scalar); }
// Bytes of weights and activations are words, or a lane's part of numbers: said, so that a lane whose part is a word loads it as one.
Value MatmulEmitter::load(Value memref, Value at, VectorType type) {
  auto load = vector::LoadOp::create(b, loc, type, memref, ValueRange{at});
  if (int64_t bytes = type.getNumElements(); type.getElementType().isInteger(8))
    load.setAlignment(std::gcd(4, bytes % lanes ? bytes : bytes / lanes));
  return load;
}
Value MatmulEmitter::loadScalar(Value memref, Value at) { return memref::LoadOp::create(b, loc, memref, ValueRange{at}); }
void MatmulEmitter::store(Value vector, Value memref, Value at) { vector::StoreOp::create(b, loc, vector, memref, ValueRange{at}); }
void MatmulEmitter::prefetch(Value memref, Value at, unsigned locality) {
  memref::PrefetchOp::create(b, loc, memref, ValueRange{at}, /*isWrite=*/false, locality, /*isDataCache=*/true);
}
Value MatmulEmitter::scratch(int64_t elements, Type element) {
  return memref::AllocaOp::create(b, loc, MemRefType::get({elements}, element), b.getI64IntegerAttr(64));
}

static scf::ForOp makeLoop(OpBuilder &b, Location loc, Value from, Value to, Value step, ValueRange carried, function_ref<Values(Value, ValueRange)> body) {
  return scf::ForOp::create(b, loc, from, to, step, carried, [&](OpBuilder &, Location, Value i, ValueRange values) {
    scf::YieldOp::create(b, loc, body(i, values));
  });
}
Values MatmulEmitter::loop(Value from, Value to, Value step, ValueRange carried, function_ref<Values(Value, ValueRange)> body) {
  return Values(makeLoop(b, loc, from, to, step, carried, body).getResults());
}
Values MatmulEmitter::rolledLoop(Value count, int64_t step, ValueRange carried, function_ref<Values(Value, ValueRange)> body) {
  scf::ForOp loop = makeLoop(b, loc, index(0), count, index(step), carried, body);
  loop->setAttr("qk.rolled", b.getUnitAttr());
  return Values(loop.getResults());
}

Values MatmulEmitter::ifElse(Value condition, TypeRange types, function_ref<Values()> then, function_ref<Values()> otherwise) {
  auto branch = scf::IfOp::create(b, loc, types, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, loc, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, otherwise());
  return Values(branch.getResults());
}

//===-- packed weights --------------------------------------------------------------------------------------------------------------===//

Value MatmulEmitter::superCount() {
  if (!superCountValue)
    superCountValue = div(add(args.k, w.superK() - 1), w.superK());
  return superCountValue;
}

Value MatmulEmitter::panelBytes() {
  if (panelBytesValue)
    return panelBytesValue;
  Value body = mul(superCount(), w.superBytes());
  return panelBytesValue = mul(div(add(body, w.tailBytes() + 63), 64), 64);
}

MatmulEmitter::BlockReader MatmulEmitter::block(Value superAt, Value blockInSuper) {
  BlockReader reader;
  reader.at = add(add(superAt, w.codesOffset()), mul(blockInSuper, w.blockBytes()));
  auto widths = w.planes();
  for (unsigned p = 0; p < widths.size(); ++p)
    reader.planes[p].resize(widths[p]);
  return reader;
}

Value MatmulEmitter::planeRegister(BlockReader &reader, unsigned plane, unsigned reg) {
  Value &cached = reader.planes[plane][reg];
  if (cached)
    return cached;
  return cached = load(args.weights, add(reader.at, (w.planeRegister(plane) + reg) * lanes * 4), bytes);
}

Value MatmulEmitter::unit(BlockReader &reader, unsigned u) {
  Value code;
  unsigned to = 0, plane = 0;
  for (unsigned width : w.planes()) {
    unsigned fields = 8 / width;
    Value part = planeRegister(reader, plane++, u / fields);
    if (width < 8)
      part = qk::UnpackOp::create(b, loc, bytes, part, width, u % fields, to);
    code = code ? arith::OrIOp::create(b, loc, code, part).getResult() : part;
    to += width;
  }
  return code;
}

std::array<uint8_t, 16> MatmulEmitter::integerTable(unsigned part) {
  std::array<uint8_t, 16> values;
  for (auto [value, integer] : llvm::zip(values, w.table->integers->values))
    value = uint8_t((integer + w.integerZero()) >> (8 * part));
  return values;
}

Value MatmulEmitter::integers(BlockReader &reader, unsigned u, unsigned part) {
  if (!w.table)
    return unit(reader, u);
  Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(VectorType::get(16, b.getI8Type()), ArrayRef(integerTable(part))));
  return qk::Lut16Op::create(b, loc, bytes, table, unit(reader, u));
}

unsigned MatmulEmitter::maxInteger(unsigned part) { return w.table ? *llvm::max_element(integerTable(part)) : maxCode(); }

Value MatmulEmitter::joinBytes(Value low, Value high) { return arith::AddIOp::create(b, loc, low, arith::ShLIOp::create(b, loc, high, splatInt(8))); }

Value MatmulEmitter::number(Value at) { return numberOf(load(args.weights, at, VectorType::get(lanes * w.scaleBytes(), b.getI8Type()))); }

Value MatmulEmitter::numberOf(Value raw) {
  if (Type stored = qnt::scaleType(b.getContext(), w.scale))
    return qnt::loadedScale(b, loc, w.scale, vector::BitCastOp::create(b, loc, VectorType::get(lanes, stored), raw));
  Value codes = arith::ExtUIOp::create(b, loc, sums, raw);
  return qnt::scaleStorage(w.scale).table ? codedNumber(codes) : qnt::loadedScale(b, loc, w.scale, codes);
}

void MatmulEmitter::readWeightNumbers() {
  if (!w.numbers())
    return;
  Value behind = add(args.weightOffset, mul(div(add(args.n, lanes - 1), lanes), panelBytes()));
  Value view = memref::ViewOp::create(b, loc, MemRefType::get({int64_t(w.numbers())}, b.getF32Type()), args.weights, behind, ValueRange());
  for (unsigned i = 0; i < w.numbers(); ++i)
    weightNumbers.push_back(loadScalar(view, index(i)));
}

Value MatmulEmitter::codedNumber(Value codes) {
  const qnt::CodeTable &table = *qnt::scaleStorage(w.scale).table;
  if (w.numbers() == 2)
    return math::FmaOp::create(b, loc, table.slopes ? sloped(*table.slopes, codes) : float8(table, codes), weightNumber(0), weightNumber(1));
  return ofWeight(scaledFloat8(table, codes));
}

// Powers of two multiply the weight's number, once: the same product.
Value MatmulEmitter::ofWeight(Value number) {
  float unit = float8Unit(*qnt::scaleStorage(w.scale).table);
  return arith::MulFOp::create(b, loc, number, arith::MulFOp::create(b, loc, weightNumber(0), splatFloat(unit)));
}

MatmulEmitter::StepParams MatmulEmitter::params(Value panelAt, Value superAt, Value kInSuper) {
  StepParams p;
  int64_t zeroLane = w.zeroBytes(), scaleLane = w.scaleBytes();
  Value scaleAt, zeroAt;
  if (w.perRow()) {
    scaleAt = add(panelAt, mul(superCount(), w.superBytes()));
    zeroAt = add(scaleAt, lanes * scaleLane);
  } else {
    scaleAt = add(add(superAt, w.scaleOffset()), mul(div(kInSuper, w.scaleK()), lanes * scaleLane));
    zeroAt = add(add(superAt, w.zeroOffset()), mul(div(kInSuper, w.zeroK()), lanes * zeroLane));
  }
  p.scale = number(scaleAt);
  if (w.zero == qnt::ZeroKind::Int)
    p.zero = arith::ExtUIOp::create(b, loc, sums, load(args.weights, zeroAt, VectorType::get(lanes, b.getI8Type())));
  else if (w.zeroBytes())
    p.zero = number(zeroAt);
  if (!w.super)
    return p;
  p.subscale = subField(superAt, kInSuper, /*ofMin=*/false);
  if (addsMinimum())
    p.submin = subMinimum(superAt, kInSuper, p.subscale);
  if (w.hasShift())
    p.zero = p.scale;
  if (spec.intActivations && !spec.hasSubscales()) {
    Value zero = floatZero(p);
    p.scale = floatScale(p);
    if (addsMinimum())
      p.zero = zero;
    p.subscale = p.submin = Value();
  }
  return p;
}

Value MatmulEmitter::subField(Value superAt, Value kInSuper, bool ofMin) {
  int64_t perLevel = w.super / w.group, first = 0;
  Value field = rem(div(kInSuper, w.group), perLevel), base = mul(div(kInSuper, w.super), w.subscaleDwords()), value;
  if (ofMin)
    field = add(field, perLevel);
  unsigned to = 0;
  for (unsigned width : w.subPlanes()) {
    Value dword = add(add(base, first), div(field, 32 / width));
    Value words = vector::BitCastOp::create(b, loc, sums, load(args.weights, add(add(superAt, w.subscaleOffset()), mul(dword, lanes * 4)), bytes));
    Value shift = splat(arith::IndexCastOp::create(b, loc, b.getI32Type(), mul(rem(field, 32 / width), width)));
    Value part = arith::AndIOp::create(b, loc, arith::ShRUIOp::create(b, loc, words, shift), splatInt((1 << width) - 1));
    value = value ? arith::OrIOp::create(b, loc, value, arith::ShLIOp::create(b, loc, part, splatInt(to))).getResult() : part;
    first += (w.subFields() * width + 31) / 32;
    to += width;
  }
  return w.signedSub && !ofMin ? arith::SubIOp::create(b, loc, value, splatInt(1 << (w.subBits - 1))).getResult() : value;
}

Value MatmulEmitter::subMinimum(Value superAt, Value kInSuper, Value subscale) {
  Value field = subField(superAt, kInSuper, /*ofMin=*/true);
  return w.hasShift() ? qnt::shiftedMinimum(b, loc, w.bits, w.subBits, subscale, field) : field;
}

//===-- runs of an integer product --------------------------------------------------------------------------------------------------===//

Value MatmulEmitter::bcast4(Value codes, Value at) {
  return qk::Bcast4Op::create(b, loc, bytes, load(codes, at, VectorType::get(4, b.getI8Type())));
}
Value MatmulEmitter::bcast4(Values &registers, Value at, unsigned u) {
  if (!version.laneBroadcast)
    return bcast4(args.input, add(at, 4 * u));
  constexpr unsigned units = 4;                      // of 4 bytes in a register
  for (unsigned i = registers.size(); i <= u / units; ++i)
    registers.push_back(load(args.input, add(at, 4 * units * i), VectorType::get(4 * units, b.getI8Type())));
  auto four = vector::ExtractStridedSliceOp::create(b, loc, registers[u / units], ArrayRef<int64_t>{4 * (u % units)}, ArrayRef<int64_t>{4}, ArrayRef<int64_t>{1});
  return qk::Bcast4Op::create(b, loc, bytes, four);
}
Value MatmulEmitter::dot4(Value acc, Value u, Value s, unsigned max, bool signedU) { return qk::Dot4Op::create(b, loc, sums, acc, u, s, max, signedU); }

Value MatmulEmitter::startSum(Value activationSum, const StepParams &p, int64_t implicitZero) {
  if (startsAtZero())
    return splatInt(0);
  bool fits16 = spec.run() > 0 && 127 * spec.run() <= 32767;
  Value offset = splatInt(sumOffsetBits());
  if (w.zero == qnt::ZeroKind::Int && fits16)
    return qk::Mac16Op::create(b, loc, sums, offset, arith::SubIOp::create(b, loc, splatInt(0), activationSum), p.zero);
  Value zero = w.zero == qnt::ZeroKind::Int ? p.zero : splatInt(implicitZero);
  return arith::SubIOp::create(b, loc, offset, arith::MulIOp::create(b, loc, activationSum, zero));
}

Values MatmulEmitter::startSums(const Row &row, Value k, Value end, int64_t length, ArrayRef<StepParams> p, int64_t implicitZero) {
  if (startsAtZero())
    return Values(p.size(), splatInt(0));
  auto scalar = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); };
  if (w.zero != qnt::ZeroKind::Int && hasStoredSums(length)) {   // the same in all lanes: computed where no products are
    Value taken = arith::MulIOp::create(b, loc, scalarSum(row, k, end, length), scalar(implicitZero));
    return Values(p.size(), splat(arith::SubIOp::create(b, loc, scalar(sumOffsetBits()), taken)));
  }
  Value sum = activationSum(row, k, end, length);
  Values starts;
  for (const StepParams &of : p)
    starts.push_back(startSum(sum, of, implicitZero));
  return starts;
}

Value MatmulEmitter::addScaled(Value acc, Value sum, Value subscale) {
  int64_t largest = (addsMinimum() ? maxCode() : int64_t(1) << (w.bits - 1)) * 127 * stepK();
  if (largest <= 32767 && !w.signedSub)              // of two negative numbers mac16 would multiply the upper halves too
    return qk::Mac16Op::create(b, loc, sums, acc, sum, subscale);
  return arith::AddIOp::create(b, loc, acc, arith::MulIOp::create(b, loc, sum, subscale));
}

MatmulEmitter::Row MatmulEmitter::rowAt(Value m) {
  return {m, mul(m, args.inputStride), args.scaleStride ? mul(m, args.scaleStride) : Value(), args.sumStride ? mul(m, args.sumStride) : Value(), {}};
}

MatmulEmitter::Row MatmulEmitter::rowAt(Value m, unsigned lane) {
  Row first = rowAt(m), row = rowAt(add(m, lane));
  row.inputAt = first.inputAt, row.scaleAt = first.scaleAt;
  row.lane = lane;
  return row;
}

Value MatmulEmitter::codesAt(const Row &row, Value k, int64_t offset) {
  if (!row.lane)
    return add(add(row.inputAt, k), offset);
  int64_t length = spec.together;
  return add(add(row.inputAt, mul(k, rowsInRegister)), offset / length * length * rowsInRegister + *row.lane * length + offset % length);
}

Value MatmulEmitter::scalesTogether(const Row &row, Value k) {
  Value at = spec.activationGroup < 0 ? row.scaleAt : add(row.scaleAt, mul(div(k, spec.activationGroup), rowsInRegister));
  return load(args.scales, at, VectorType::get(rowsInRegister, b.getF32Type()));
}

Value MatmulEmitter::activationScale(const Row &row, Value k) {
  Value scale = row.lane ? vector::ExtractOp::create(b, loc, scalesTogether(row, k), *row.lane).getResult() : loadScalar(args.scales, scaleIndex(row, k));
  return ofIntegers(splat(scale));
}

Value MatmulEmitter::ofIntegers(Value activationScale) {
  return w.table ? arith::MulFOp::create(b, loc, activationScale, splatFloat(w.table->integers->unit)).getResult() : activationScale;
}

Value MatmulEmitter::activationSum(const Row &row, Value k, Value end, int64_t length) {
  return hasStoredSums(length) ? splat(scalarSum(row, k, end, length)) : sumOf16(row, k);
}

Value MatmulEmitter::scalarSum(const Row &row, Value k, Value end, int64_t length) {
  if (spec.sumGroup < 0)
    return loadScalar(args.sums, row.sumAt);
  Value first = add(row.sumAt, div(k, spec.sumGroup)), sum = loadScalar(args.sums, first);
  if (length == spec.sumGroup)
    return sum;
  if (length == 2 * spec.sumGroup && length <= 32)   // a row has both
    return arith::AddIOp::create(b, loc, sum, loadScalar(args.sums, add(first, 1)));
  Value past = add(row.sumAt, div(add(end, spec.sumGroup - 1), spec.sumGroup));
  return loop(add(first, 1), past, 1, sum, [&](Value i, ValueRange sum) {
    return Values{arith::AddIOp::create(b, loc, sum[0], loadScalar(args.sums, i))};
  })[0];
}

Value MatmulEmitter::subMinAt(Value panelAt, Value k) {
  Value superAt = add(panelAt, mul(div(k, w.superK()), w.superBytes())), kInSuper = rem(k, w.superK());
  return subMinimum(superAt, kInSuper, w.hasShift() ? subField(superAt, kInSuper, /*ofMin=*/false) : Value());
}

Value MatmulEmitter::finishSum(const Row &row, Value k, Value end, function_ref<Value(Value)> subMinAt) {
  if (!startsAtZero())
    return Value();
  if (!spec.hasSubscales())
    return activationSum(row, k, end, spec.run());
  int64_t piece = std::min(spec.run(), w.group);     // two-level runs end with superblocks
  auto product = [&](Value at) -> Value {
    return arith::MulIOp::create(b, loc, activationSum(row, at, add(at, piece), piece), subMinAt(at));
  };
  if (piece == spec.run())
    return product(k);
  return loop(k, add(k, spec.run()), piece, splatInt(0), [&](Value at, ValueRange sum) {
    return Values{arith::AddIOp::create(b, loc, sum[0], product(at))};
  })[0];
}

Value MatmulEmitter::sumOf16(const Row &row, Value first) {
  Value ones = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(bytes, int8_t(1))), sum = splatInt(0);
  for (int64_t k = 0; k < 16; k += 4)
    sum = dot4(sum, ones, bcast4(args.input, codesAt(row, first, k)), 1);
  return sum;
}

Value MatmulEmitter::finishRun(Value sum, Value activationSum, Value activationScale, const StepParams &p, Value y) {
  Value scale = arith::MulFOp::create(b, loc, p.scale, activationScale);
  if (sumsHaveMinimum())
    return qk::RescaleOp::create(b, loc, floats, activationSum ? arith::AddIOp::create(b, loc, sum, activationSum).getResult() : sum, scale, y);
  if (offsetsSums())
    y = math::FmaOp::create(b, loc, arith::SubFOp::create(b, loc, vector::BitCastOp::create(b, loc, floats, sum), splatFloat(sumOffset)), scale, y);
  else if (w.zero != qnt::ZeroKind::Float)
    y = qk::RescaleOp::create(b, loc, floats, sum, scale, y);
  if (addsMinimum())
    return math::FmaOp::create(b, loc, arith::MulFOp::create(b, loc, arith::SIToFPOp::create(b, loc, floats, activationSum), activationScale), p.zero, y);
  if (w.zero != qnt::ZeroKind::Float)
    return y;
  Value minusZero = arith::NegFOp::create(b, loc, p.zero), exact = arith::SIToFPOp::create(b, loc, floats, activationSum);
  Value dot = arith::SIToFPOp::create(b, loc, floats, sum);
  return math::FmaOp::create(b, loc, math::FmaOp::create(b, loc, minusZero, exact, dot), scale, y);
}

//===-- output ----------------------------------------------------------------------------------------------------------------------===//

void MatmulEmitter::storeRow(Value y, Value m, Value panel) {
  Value column = mul(panel, lanes), at = add(mul(m, args.outputStride), column);
  Value left = columns < w.lanes ? sub(b.createOrFold<arith::MaxUIOp>(loc, args.n, column), column) : sub(args.n, column);
  auto emit = [&](Value mask) {
    Value sum = y;
    auto get = [&](Value memref, Value from) -> Value {
      return mask ? vector::MaskedLoadOp::create(b, loc, floats, memref, ValueRange{from}, mask, splatFloat(0)).getResult() : load(memref, from, floats);
    };
    if (spec.bias)
      sum = arith::AddFOp::create(b, loc, sum, get(args.bias, column));
    if (spec.addend)
      sum = arith::AddFOp::create(b, loc, sum, get(args.addend, add(mul(m, args.addendStride), column)));
    if (mask)
      vector::MaskedStoreOp::create(b, loc, args.output, ValueRange{at}, mask, sum);
    else
      store(sum, args.output, at);
    return Values();
  };
  ifElse(less(left, index(lanes)), {}, [&] {
    return emit(vector::CreateMaskOp::create(b, loc, VectorType::get(lanes, b.getI1Type()), left));
  }, [&] { return emit(nullptr); });
}

void MatmulEmitter::forPanels(Value from, Value to, int64_t step, function_ref<void(Value, unsigned)> body) {
  Value full = add(from, mul(div(sub(to, from), step), step));
  loop(from, full, step, {}, [&](Value p, ValueRange) { return body(p, step), Values(); });
  if (step > 1)
    loop(full, to, 1, {}, [&](Value p, ValueRange) { return body(p, 1), Values(); });
}
