// Few rows of float activations: what codes stand for as floats, in registers, and sums of their products. How panels are read is MatmulStreams.cpp's.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

// K is padded to whole superblocks in the weights only: the last part of the input is read from a padded copy.
void MatmulEmitter::copyInputTail() {
  int64_t superK = w.superK(), rows = spec.rows == RowClass::Decode ? 1 : 16;
  if (superK == 1)
    return;
  inputTail = memref::CastOp::create(b, loc, args.input.getType(), scratch(rows * superK, b.getF32Type()));
  Value whole = mul(div(args.k, superK), superK), left = sub(args.k, whole), zero = index(0);
  ifElse(less(zero, left), {}, [&] {
    loop(zero, args.m, 1, {}, [&](Value m, ValueRange) {
      Value from = add(mul(m, args.inputStride), whole), to = mul(m, superK);
      loop(zero, left, 1, {}, [&](Value k, ValueRange) {
        memref::StoreOp::create(b, loc, loadScalar(args.input, add(from, k)), inputTail, ValueRange{add(to, k)});
        return Values();
      });
      loop(left, index(superK), 1, {}, [&](Value k, ValueRange) {
        memref::StoreOp::create(b, loc, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)), inputTail, ValueRange{add(to, k)});
        return Values();
      });
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

Value MatmulEmitter::floatZero(const StepParams &p) {
  if (w.zero == qnt::ZeroKind::None)
    return splatFloat(float(w.implicitZero()));
  if (p.submin)
    return arith::MulFOp::create(b, loc, p.zero, arith::SIToFPOp::create(b, loc, floats, p.submin));
  return w.zero == qnt::ZeroKind::Int ? arith::SIToFPOp::create(b, loc, floats, p.zero).getResult() : p.zero;
}
Value MatmulEmitter::floatScale(const StepParams &p) {
  if (p.subscale)
    return arith::MulFOp::create(b, loc, p.scale, arith::SIToFPOp::create(b, loc, floats, p.subscale));
  float unit = w.table && w.bits == 8 ? float8Unit(*w.table) : 1;
  return unit == 1 ? p.scale : arith::MulFOp::create(b, loc, p.scale, splatFloat(unit)).getResult();
}

Value MatmulEmitter::decoded(BlockReader &reader, unsigned u, unsigned j, Value zero) {
  auto shifted = [&](Value v, unsigned by) { return by ? arith::ShRUIOp::create(b, loc, v, splatInt(by)).getResult() : v; };
  // A look-up replaces mask, conversion and subtraction where it is one instruction.
  if (w.bits == 4 && (w.table || (version.selects16Floats && (w.zero == qnt::ZeroKind::None || addsMinimum())))) {
    SmallVector<float, 16> values;
    for (int c = 0; c < 16; ++c)
      values.push_back(w.table ? w.table->values[c] : float(c - w.implicitZero()));
    Value words = vector::BitCastOp::create(b, loc, sums, planeRegister(reader, 0, u / 2));
    return lookUp(values, shifted(words, 8 * j + 4 * (u % 2)));
  }
  if (w.table && version.shuffles)
    return floatsOf(halvesOf(reader, u, j));
  Value code = shifted(vector::BitCastOp::create(b, loc, sums, unit(reader, u)), 8 * j);
  if (j < 3)
    code = arith::AndIOp::create(b, loc, code, splatInt(255));
  if (w.table)
    return scaledFloat8(*w.table, code);
  Value value = arith::SIToFPOp::create(b, loc, floats, code);
  return addsMinimum() ? value : arith::SubFOp::create(b, loc, value, zero).getResult();
}

Value MatmulEmitter::weightOf(BlockReader &reader, unsigned u, unsigned j, Value scale, Value zero) {
  Value value = decoded(reader, u, j, zero);
  if (addsMinimum())
    return math::FmaOp::create(b, loc, value, scale, zero);
  return arith::MulFOp::create(b, loc, value, scale);
}

// 8-bit floats (i32 in) by way of f16, whose conversion takes subnormals at full speed: E5M2 is its upper half; E4M3 has a narrower exponent,
// so the bits in place, below a sign that is extended, stand for 2^-8 of the value.
Value MatmulEmitter::float8(const qnt::CodeTable &table, Value code) {
  Value value = scaledFloat8(table, code);
  return float8Unit(table) == 1 ? value : arith::MulFOp::create(b, loc, value, splatFloat(float8Unit(table))).getResult();
}
Value MatmulEmitter::scaledFloat8(const qnt::CodeTable &table, Value code) {
  return floatsOf(halvesOf(table, upperBytes(arith::TruncIOp::create(b, loc, VectorType::get(lanes, b.getI16Type()), code))));
}
static Value wordLike(OpBuilder &b, Location loc, Value words, int64_t v) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(cast<VectorType>(words.getType()), b.getI16IntegerAttr(int16_t(v))));
}
Value MatmulEmitter::upperBytes(Value words) { return arith::ShLIOp::create(b, loc, words, wordLike(b, loc, words, 8)); }
Value MatmulEmitter::halvesOf(const qnt::CodeTable &table, Value words) {
  assert(PanelLayout::decodes(table) && table.mantissaBits && "other tables have no layout");
  if (table.mantissaBits == 2)
    return arith::AndIOp::create(b, loc, words, wordLike(b, loc, words, 0xff00));
  return arith::AndIOp::create(b, loc, arith::ShRSIOp::create(b, loc, words, wordLike(b, loc, words, 1)), wordLike(b, loc, words, 0xbf80));
}
// Bits are moved in words of two codes each, whole registers; then those of even and of odd words are taken together.
Value MatmulEmitter::halvesOf(BlockReader &reader, unsigned u, unsigned j) {
  if (!reader.halves[0] || reader.halvesUnit != u) {
    reader.halvesUnit = u;
    Value odd = vector::BitCastOp::create(b, loc, VectorType::get(2 * lanes, b.getI16Type()), unit(reader, u));
    for (unsigned byte : {0, 1}) {
      Value halves = halvesOf(*w.table, byte ? odd : upperBytes(odd));
      SmallVector<int64_t> order;
      for (unsigned i = 0; i < 2 * lanes; ++i)
        order.push_back(2 * (i % lanes) + i / lanes);
      Value apart = vector::ShuffleOp::create(b, loc, halves, halves, order);
      for (unsigned word : {0, 1})
        reader.halves[2 * word + byte] =
            vector::ExtractStridedSliceOp::create(b, loc, apart, ArrayRef<int64_t>{word * lanes}, ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1});
    }
  }
  return reader.halves[j];
}
Value MatmulEmitter::floatsOf(Value halves) {
  return arith::ExtFOp::create(b, loc, floats, vector::BitCastOp::create(b, loc, VectorType::get(lanes, b.getF16Type()), halves).getResult());
}

Value MatmulEmitter::lookUp(ArrayRef<float> values, Value codes) {
  Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(VectorType::get(16, b.getF32Type()), values));
  return qk::Lut16Op::create(b, loc, floats, table, codes);
}

// CodeTable::Slopes: the exponent of the distance from code 127, plus a half, selects the line: 2^-1 for line 0, 1 for line 1, .. 2^7 for line 8. Look-ups
// see the low four bits of the biased exponent, 14 for line 0.
Value MatmulEmitter::sloped(const qnt::CodeTable::Slopes &slopes, Value code) {
  Value distance = arith::SubIOp::create(b, loc, code, splatInt(127)), sign = arith::AndIOp::create(b, loc, distance, splatInt(INT32_MIN));
  Value p = arith::SIToFPOp::create(b, loc, floats, math::AbsIOp::create(b, loc, distance));
  Value half = vector::BitCastOp::create(b, loc, sums, arith::AddFOp::create(b, loc, p, splatFloat(0.5f)).getResult());
  Value exponent = arith::ShRUIOp::create(b, loc, half, splatInt(23));
  auto ofLine = [&](std::array<float, 16> values) {
    std::rotate(values.begin(), values.begin() + 2, values.end());
    return lookUp(values, exponent);
  };
  Value value = math::FmaOp::create(b, loc, ofLine(slopes.slope), p, ofLine(slopes.start));
  return vector::BitCastOp::create(b, loc, floats, arith::OrIOp::create(b, loc, vector::BitCastOp::create(b, loc, sums, value), sign));
}

Values MatmulEmitter::floatBlock(const Streams &streams, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange carried) {
  Values y(carried);
  unsigned count = superAt.size(), rows = streams.rows.size(), unitsPerStep = stepK() / 4;
  Value isWhole = less(super, div(args.k, w.superK())), kInSuper = mul(blockInSuper, 32);
  Value input = select(isWhole, args.input, inputTail), stride = select(isWhole, args.inputStride, index(w.superK()));
  Value kAt = add(select(isWhole, mul(super, w.superK()), index(0)), kInSuper);
  SmallVector<Value> rowAt;
  for (const Row &row : streams.rows)
    rowAt.push_back(add(mul(row.number, stride), kAt));
  SmallVector<BlockReader> readers;
  for (unsigned i = 0; i < count; ++i)
    readers.push_back(block(superAt[i], blockInSuper));
  for (int64_t s = 0; s < 32 / stepK(); ++s) {
    SmallVector<StepParams> p;
    Values acc(rows * count, splatFloat(0)), zeros, scales;
    for (unsigned i = 0; i < count; ++i) {
      p.push_back(params(streams.panelAt[i], superAt[i], add(kInSuper, s * stepK())));
      zeros.push_back(floatZero(p[i]));
      scales.push_back(floatScale(p[i]));
    }
    // With minima a weight is no multiple of the scale: it is decoded whole, and the sum is that of products.
    if (addsMinimum())
      acc = y;
    for (unsigned u = s * unitsPerStep; u < (s + 1) * unitsPerStep; ++u)
      for (unsigned j = 0; j < 4; ++j) {
        Values weights;
        for (unsigned i = 0; i < count; ++i)
          weights.push_back(addsMinimum() ? weightOf(readers[i], u, j, scales[i], zeros[i]) : decoded(readers[i], u, j, zeros[i]));
        for (unsigned r = 0; r < rows; ++r) {
          Value a = splat(loadScalar(input, add(rowAt[r], 4 * u + j)));
          for (unsigned i = 0; i < count; ++i)
            acc[r * count + i] = math::FmaOp::create(b, loc, weights[i], a, acc[r * count + i]);
        }
      }
    for (unsigned i = 0; i < rows * count; ++i)
      y[i] = addsMinimum() ? acc[i] : math::FmaOp::create(b, loc, acc[i], scales[i % count], y[i]).getResult();
  }
  return y;
}

// f32 and f16 weights: [panel][k][lanes], 8 k at a time; a superblock is one k.
Values MatmulEmitter::floatWeights(const Streams &s, ValueRange y) {
  constexpr int64_t unroll = 8;
  auto steps = [&](Value from, Value to, int64_t step, ValueRange y) {
    return loop(from, to, step, y, [&](Value k, ValueRange carried) {
      Values acc(carried);
      SmallVector<Value> at;
      for (Value panel : s.panelAt)
        at.push_back(add(panel, mul(k, w.superBytes())));
      if (step > 1)
        prefetchAhead(at, unroll * w.superBytes() / 64, s.prefetch);
      for (int64_t u = 0; u < step; ++u) {
        Values weights;
        for (Value panel : s.panelAt)
          weights.push_back(floatWeight(panel, add(k, u)));
        for (unsigned r = 0; r < s.rows.size(); ++r) {
          Value a = splat(loadScalar(args.input, add(s.rows[r].inputAt, add(k, u))));
          for (size_t i = 0; i < weights.size(); ++i)
            acc[r * weights.size() + i] = math::FmaOp::create(b, loc, weights[i], a, acc[r * weights.size() + i]);
        }
      }
      return acc;
    });
  };
  Value whole = add(s.superBegin, mul(div(sub(s.superEnd, s.superBegin), unroll), unroll));
  return steps(whole, s.superEnd, 1, steps(s.superBegin, whole, unroll, y));
}

Value MatmulEmitter::floatWeight(Value panelAt, Value k) {
  Value raw = load(args.weights, add(panelAt, mul(k, w.superBytes())), VectorType::get(w.superBytes(), b.getI8Type()));
  if (w.kind == PanelLayout::Kind::F32)
    return vector::BitCastOp::create(b, loc, floats, raw);
  Type narrow = w.kind == PanelLayout::Kind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
  return arith::ExtFOp::create(b, loc, floats, vector::BitCastOp::create(b, loc, VectorType::get(lanes, narrow), raw).getResult());
}
