// Decode, M = 1: the time is that of reading the weights once. Each stream is a contiguous run of panels read strictly forwards, several
// of them side by side, since one sequential stream gets 0.6 of DRAM's rate on Intel (performance: docs/Benchmarks.md). Whether to prefetch is
// the processor's business, so the distance is an argument: on Sapphire Rapids this kernel reads at 0.80 of the best probe without and at 1.0
// with prefetches 2304 bytes ahead; on Zen 4 at 1.0 without and at 0.68 with them (they take the buffers of its own prefetchers). The blocks
// of a superblock stay a loop: unrolled, LLVM's scheduler gathers the prefetches and the rate drops.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;


// Four streams, if their sums find registers.
void MatmulEmitter::forStreams(function_ref<void(ArrayRef<Value>)> body) {
  int64_t streams = version.numVectorRegisters >= 32 ? 4 : 2;
  Value length = div(sub(args.panelEnd, args.panelBegin), streams), zero = index(0);
  loop(zero, length, 1, {}, [&](Value p, ValueRange) {
    SmallVector<Value> panels;
    for (int64_t s = 0; s < streams; ++s)
      panels.push_back(add(args.panelBegin, add(mul(length, s), p)));
    return body(panels), Values();
  });
  loop(add(args.panelBegin, mul(length, streams)), args.panelEnd, 1, {}, [&](Value p, ValueRange) { return body(p), Values(); });
}

// Two copies of the loops: a prefetch that does nothing would still cost.
void MatmulEmitter::withPrefetch(function_ref<void(function_ref<void(Value)>)> body) {
  superCount(), panelBytes();                        // before the branches, for both
  Value none = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, args.prefetch, index(0));
  ifElse(none, {}, [&] {
    body([](Value) {});
    return Values();
  }, [&] {
    body([&](Value at) { prefetch(args.weights, add(at, args.prefetch), 3); });
    return Values();
  });
}

void MatmulEmitter::decodeCodes(BlockBody body) {
  int64_t lines = w.superBytes() / 64, blocks = blocksPerSuper(), perBlock = lines / blocks;
  withPrefetch([&](function_ref<void(Value)> prefetch) {
    Value zero = index(0), bytes = panelBytes(), supers = superCount();
    forStreams([&](ArrayRef<Value> panels) {
      SmallVector<Value> panelAt;
      for (Value p : panels)
        panelAt.push_back(add(args.weightOffset, mul(p, bytes)));
      Values y = loop(zero, supers, 1, Values(panels.size(), splatFloat(0)), [&](Value super, ValueRange carried) {
        Value at = mul(super, w.superBytes());
        SmallVector<Value> superAt;
        for (Value panel : panelAt) {
          superAt.push_back(add(panel, at));
          for (int64_t line = perBlock * blocks; line < lines; ++line)
            prefetch(add(superAt.back(), line * 64));
        }
        return loop(zero, index(blocks), 1, carried, [&](Value block, ValueRange inner) {
          for (int64_t line = 0; line < perBlock; ++line)
            for (Value panel : superAt)
              prefetch(add(add(panel, mul(block, perBlock * 64)), line * 64));
          return body(panelAt, superAt, super, block, inner);
        });
      });
      for (size_t i = 0; i < panels.size(); ++i)
        storeRow(y[i], zero, panels[i]);
    });
  });
}

void MatmulEmitter::emitIntDecode() {
  decodeCodes([&](ArrayRef<Value> panelAt, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) { return intBlock(panelAt, superAt, super, block, y); });
}

Values MatmulEmitter::intBlock(ArrayRef<Value> panelAt, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange carried) {
  Values y(carried);
  unsigned count = superAt.size(), unitsPerStep = stepK() / 4;
  Value kBlock = add(mul(super, blocksPerSuper()), blockInSuper), kAt = mul(kBlock, 32);
  Value sum = splat(loadScalar(args.sums, kBlock)), scale = splat(loadScalar(args.scales, kBlock));
  SmallVector<BlockReader> readers;
  for (unsigned i = 0; i < count; ++i)
    readers.push_back(block(superAt[i], blockInSuper));
  for (int64_t s = 0; s < 32 / stepK(); ++s) {
    Value stepSum = stepK() == 32 ? sum : partialSum(kAt, s);
    SmallVector<StepParams> p;
    Values even, odd;
    for (unsigned i = 0; i < count; ++i) {
      p.push_back(params(panelAt[i], superAt[i], add(mul(blockInSuper, 32), s * stepK())));
      even.push_back(startSum(stepSum, p[i], w.implicitZero()));
      odd.push_back(splatInt(0));                    // two chains, or the latency of dot4 would show
    }
    for (unsigned u = s * unitsPerStep; u < (s + 1) * unitsPerStep; ++u) {
      Value a = bcast4(args.input, add(kAt, 4 * u));
      for (unsigned i = 0; i < count; ++i) {
        Value &chain = u % 2 ? odd[i] : even[i];
        chain = dot4(chain, unit(readers[i], u), a, maxCode());
      }
    }
    for (unsigned i = 0; i < count; ++i)
      y[i] = finishStep(arith::AddIOp::create(b, loc, even[i], odd[i]), stepSum, scale, p[i], y[i]);
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
  decodeCodes([&](ArrayRef<Value> panelAt, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) { return floatBlock(panelAt, superAt, super, block, y); });
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

Values MatmulEmitter::floatBlock(ArrayRef<Value> panelAt, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange carried) {
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
      p.push_back(params(panelAt[i], superAt[i], add(mul(blockInSuper, 32), s * stepK())));
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
  withPrefetch([&](function_ref<void(Value)> prefetch) {
    Value zero = index(0), panel = panelBytes(), whole = mul(div(args.k, unroll), unroll);
    forStreams([&](ArrayRef<Value> panels) {
      auto steps = [&](Value from, Value to, int64_t step, ValueRange y) {
        return loop(from, to, step, y, [&](Value k, ValueRange carried) {
          Values acc(carried);
          for (Value p : panels)
            for (int64_t line = 0; line < unroll * w.superBytes() && step > 1; line += 64)
              prefetch(add(add(add(args.weightOffset, mul(p, panel)), mul(k, w.superBytes())), line));
          for (int64_t u = 0; u < step; ++u) {
            Value ku = add(k, u), a = splat(loadScalar(args.input, ku));
            for (size_t i = 0; i < panels.size(); ++i)
              acc[i] = math::FmaOp::create(b, loc, floatWeight(panels[i], ku), a, acc[i]);
          }
          return acc;
        });
      };
      Values y = steps(zero, whole, unroll, Values(panels.size(), splatFloat(0)));
      y = steps(whole, args.k, 1, y);
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
