// Hooks as AArch64 instructions; what is not here the generic lowering does well. NEON registers: 16 bytes, 4 sums.
//
// dot4    SDOT where the codes are signed, or below 128 and so the same number as signed bytes; above that USDOT (i8mm), or SDOT of
//         u - 128 (the upper bit flipped), with 128 times the sum of s added: that sum is shared by all that s is multiplied with. Without either
//         instruction SMULL gives products of 16 bits, ADDP adds pairs of them (2 * 128 * 127 fits) and SADALP pairs of pairs into i32.
// dot8x2  SMMLA, USMMLA: two columns times two rows, eight k each.
// unpack  NEON shifts bytes: the upper field needs no mask.
// bcast4  a lane of a register: SDOT takes it as it is.
// lut16   TBL takes 16 bytes as they are.
#include "dialects/Kernel/Kernel.h"
#include "lib/Target/ARM/ARM.h"
#include "qcc/Runtime/Features.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;

static Value call(OpBuilder &b, Location loc, StringRef intrinsic, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(intrinsic), operands).getResult(0);
}
static Value constant(OpBuilder &b, Location loc, Type type, int64_t value) {
  auto vector = cast<VectorType>(type);
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, b.getIntegerAttr(vector.getElementType(), value)));
}
static int64_t bitsOf(Type type) { return cast<VectorType>(type).getNumElements() * cast<VectorType>(type).getElementTypeBitWidth(); }
static bool isRegister(Type type) { return bitsOf(type) == 128; }
static Value slice(OpBuilder &b, Location loc, Value v, int64_t at, int64_t size) {
  return vector::ExtractStridedSliceOp::create(b, loc, v, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1});
}

// What is wider than a register, a register at a time: operands are cut into as many equal parts.
static Value perRegister(OpBuilder &b, Location loc, int64_t bits, VectorType result, ValueRange operands, function_ref<Value(VectorType, ValueRange)> of) {
  int64_t parts = bitsOf(result) / bits, each = result.getNumElements() / parts;
  auto part = VectorType::get(each, result.getElementType());
  if (parts == 1)
    return of(part, operands);
  Value all = arith::ConstantOp::create(b, loc, b.getZeroAttr(result));
  for (int64_t i = 0; i < parts; ++i) {
    SmallVector<Value> cut;
    for (Value v : operands) {
      int64_t size = cast<VectorType>(v.getType()).getNumElements() / parts;
      cut.push_back(slice(b, loc, v, i * size, size));
    }
    all = vector::InsertStridedSliceOp::create(b, loc, of(part, cut), all, ArrayRef<int64_t>{i * each}, ArrayRef<int64_t>{1});
  }
  return all;
}

// Registers of SVE, whose type does not say how long they are: fixed vectors are their first elements. Where a register is known to be as long, that
// takes no instruction.
static VectorType scalable(Type type) {
  Type element = cast<VectorType>(type).getElementType();
  return VectorType::get(128 / element.getIntOrFloatBitWidth(), element, /*scalableDims=*/true);
}
static Value toScalable(OpBuilder &b, Location loc, Value v) {
  Value any = LLVM::PoisonOp::create(b, loc, scalable(v.getType()));
  return vector::ScalableInsertOp::create(b, loc, v, any, 0);
}
static Value toFixed(OpBuilder &b, Location loc, Type type, Value v) { return vector::ScalableExtractOp::create(b, loc, type, v, 0); }
// The 128 bits of `v` in every segment.
static Value inSegments(OpBuilder &b, Location loc, Value v) {
  Value first = toScalable(b, loc, v), zero = arith::ConstantIntOp::create(b, loc, b.getI64Type(), 0);
  return call(b, loc, "llvm.aarch64.sve.dupq.lane.nxv16i8", first.getType(), {first, zero});
}

namespace {
// Products of bytes in registers of `bits`; wider vectors take several.
struct Products {
  unsigned bits;
  // acc + u * s; `mixed`: USDOT.
  Value dot(OpBuilder &b, Location loc, Value acc, Value u, Value s, bool mixed) const {
    auto sums = cast<VectorType>(acc.getType());
    if (bits == 128)
      return perRegister(b, loc, bits, sums, {acc, u, s}, [&](VectorType part, ValueRange v) {
        return call(b, loc, mixed ? "llvm.aarch64.neon.usdot.v4i32.v16i8" : "llvm.aarch64.neon.sdot.v4i32.v16i8", part, v);
      });
    return perRegister(b, loc, bits, sums, {acc, u, s}, [&](VectorType part, ValueRange v) {
      Value whole = toScalable(b, loc, v[0]);
      StringRef name = mixed ? "llvm.aarch64.sve.usdot.nxv4i32" : "llvm.aarch64.sve.sdot.nxv4i32";
      return toFixed(b, loc, part, call(b, loc, name, whole.getType(), {whole, toScalable(b, loc, v[1]), toScalable(b, loc, v[2])}));
    });
  }
  bool fit(Type type) const { return bitsOf(type) % bits == 0; }
};

// What a target has for u8 x s8 where both are signed bytes, and 128 * the sum of four s.
struct Dot4Base : OpRewritePattern<qk::Dot4Op> {
  Dot4Base(MLIRContext *context, unsigned bits, PatternBenefit benefit) : OpRewritePattern(context, benefit), products{bits} {}
  Products products;
  virtual Value signedProducts(OpBuilder &b, Location loc, Value acc, Value u, Value s) const = 0;
  virtual Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const = 0;

  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType());
    if (!products.fit(sums))
      return rewriter.notifyMatchFailure(op, "not whole registers");
    if (op.getSignedU() || op.getMax() < 128) {
      rewriter.replaceOp(op, signedProducts(rewriter, loc, op.getAcc(), op.getU(), op.getS()));
      return success();
    }
    Value minus128 = arith::XOrIOp::create(rewriter, loc, op.getU(), constant(rewriter, loc, op.getU().getType(), -128));
    Value sum = signedProducts(rewriter, loc, op.getAcc(), minus128, op.getS());
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, sum, sums128(rewriter, loc, sums, op.getS()));
    return success();
  }
};

struct Dot4Sdot : Dot4Base {
  using Dot4Base::Dot4Base;
  Value signedProducts(OpBuilder &b, Location loc, Value acc, Value u, Value s) const override { return products.dot(b, loc, acc, u, s, /*mixed=*/false); }
  Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const override {
    Value once = signedProducts(b, loc, constant(b, loc, sums, 0), constant(b, loc, s.getType(), 64), s);
    return arith::AddIOp::create(b, loc, once, once);
  }
};

struct Dot4Usdot : OpRewritePattern<qk::Dot4Op> {
  Dot4Usdot(MLIRContext *context, unsigned bits, PatternBenefit benefit) : OpRewritePattern(context, benefit), products{bits} {}
  Products products;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    if (!products.fit(op.getAcc().getType()) || op.getSignedU() || op.getMax() < 128)
      return rewriter.notifyMatchFailure(op, "not whole registers of codes that are no signed bytes");
    rewriter.replaceOp(op, products.dot(rewriter, op.getLoc(), op.getAcc(), op.getU(), op.getS(), /*mixed=*/true));
    return success();
  }
};

// In every segment of 128 bits two columns, each times the two rows; USMMLA wants the unsigned factor first and so puts columns before rows, as the hook
// does.
struct Dot8x2 : OpRewritePattern<qk::Dot8x2Op> {
  Dot8x2(MLIRContext *context, unsigned bits, PatternBenefit benefit) : OpRewritePattern(context, benefit), bits(bits) {}
  unsigned bits;
  LogicalResult matchAndRewrite(qk::Dot8x2Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    VectorType sums = op.getAcc().getType();
    if (bitsOf(sums) % bits)
      return rewriter.notifyMatchFailure(op, "not whole registers");
    bool mixed = !op.getSignedU();
    Value rows = bits == 128 ? Value(op.getS()) : inSegments(rewriter, loc, op.getS());
    rewriter.replaceOp(op, perRegister(rewriter, loc, bits, sums, {op.getAcc(), op.getU()}, [&](VectorType part, ValueRange v) {
      if (bits == 128)
        return call(rewriter, loc, mixed ? "llvm.aarch64.neon.usmmla.v4i32.v16i8" : "llvm.aarch64.neon.smmla.v4i32.v16i8", part, {v[0], v[1], rows});
      Value whole = toScalable(rewriter, loc, v[0]);
      StringRef name = mixed ? "llvm.aarch64.sve.usmmla.nxv4i32" : "llvm.aarch64.sve.smmla.nxv4i32";
      return toFixed(rewriter, loc, part, call(rewriter, loc, name, whole.getType(), {whole, toScalable(rewriter, loc, v[1]), rows}));
    }));
    return success();
  }
};

struct Dot4Smull : Dot4Base {
  using Dot4Base::Dot4Base;
  static Value pairs(OpBuilder &b, Location loc, Type result, Value v) {
    bool words = cast<VectorType>(result).getElementType().isInteger(32);
    return call(b, loc, words ? "llvm.aarch64.neon.saddlp.v4i32.v8i16" : "llvm.aarch64.neon.saddlp.v8i16.v16i8", result, v);
  }
  Value signedProducts(OpBuilder &b, Location loc, Value acc, Value u, Value s) const override {
    return perRegister(b, loc, 128, cast<VectorType>(acc.getType()), {acc, u, s}, [&](VectorType, ValueRange v) { return ofRegister(b, loc, v[0], v[1], v[2]); });
  }
  static Value ofRegister(OpBuilder &b, Location loc, Value acc, Value u, Value s) {
    auto words = VectorType::get(8, b.getI16Type());
    auto half = [&](int64_t from) {
      auto part = [&](Value v) { return vector::ExtractStridedSliceOp::create(b, loc, v, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{8}, ArrayRef<int64_t>{1}); };
      return call(b, loc, "llvm.aarch64.neon.smull.v8i16", words, {part(u), part(s)});
    };
    Value two = call(b, loc, "llvm.aarch64.neon.addp.v8i16", words, {half(0), half(8)});
    return arith::AddIOp::create(b, loc, acc, pairs(b, loc, acc.getType(), two));
  }
  Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const override {
    return perRegister(b, loc, 128, sums, s, [&](VectorType part, ValueRange v) -> Value {
      Value four = pairs(b, loc, part, pairs(b, loc, VectorType::get(8, b.getI16Type()), v[0]));
      return arith::ShLIOp::create(b, loc, four, constant(b, loc, part, 7));
    });
  }
};

struct Unpack : OpRewritePattern<qk::UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::UnpackOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type bytes = op.getPlane().getType();
    int64_t bits = op.getBits(), from = int64_t(op.getIndex()) * bits, to = op.getTo();
    if (from + bits != 8 || to > from)
      return rewriter.notifyMatchFailure(op, "not the upper field");
    Value v = from > 0 ? arith::ShRUIOp::create(rewriter, loc, op.getPlane(), constant(rewriter, loc, bytes, from)).getResult() : op.getPlane();
    rewriter.replaceOp(op, to > 0 ? arith::ShLIOp::create(rewriter, loc, v, constant(rewriter, loc, bytes, to)).getResult() : v);
    return success();
  }
};

// Products take a lane of a register; LLVM sees that of a splat.
struct Bcast4 : OpRewritePattern<qk::Bcast4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Bcast4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto slice = op.getFour().getDefiningOp<vector::ExtractStridedSliceOp>();
    if (!slice || !isRegister(slice.getSourceVectorType()) || bitsOf(op.getBytes().getType()) % 128)
      return rewriter.notifyMatchFailure(op, "not four bytes of a register");
    int64_t at = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    if (at % 4)
      return rewriter.notifyMatchFailure(op, "not a lane of 32 bits");
    Value words = vector::BitCastOp::create(rewriter, loc, VectorType::get(4, rewriter.getI32Type()), slice.getSource());
    Value lane = vector::ShuffleOp::create(rewriter, loc, words, words, SmallVector<int64_t>(bitsOf(op.getBytes().getType()) / 32, at / 4));
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, op.getBytes().getType(), lane);
    return success();
  }
};

struct Lut16 : OpRewritePattern<qk::Lut16Op> {
  Lut16(MLIRContext *context, unsigned bits, PatternBenefit benefit) : OpRewritePattern(context, benefit), bits(bits) {}
  unsigned bits;
  LogicalResult matchAndRewrite(qk::Lut16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto result = cast<VectorType>(op.getResult().getType());
    if (bitsOf(result) % bits || !result.getElementType().isInteger(8))
      return rewriter.notifyMatchFailure(op, "not registers of bytes");
    Value index = arith::AndIOp::create(rewriter, loc, op.getIndex(), constant(rewriter, loc, result, 15));
    Value table = bits == 128 ? Value(op.getTable()) : toScalable(rewriter, loc, op.getTable());
    rewriter.replaceOp(op, perRegister(rewriter, loc, bits, result, index, [&](VectorType part, ValueRange v) {
      if (bits == 128)
        return call(rewriter, loc, "llvm.aarch64.neon.tbl1.v16i8", part, {table, v[0]});
      return toFixed(rewriter, loc, part, call(rewriter, loc, "llvm.aarch64.sve.tbl.nxv16i8", table.getType(), {table, toScalable(rewriter, loc, v[0])}));
    }));
    return success();
  }
};
} // namespace

void arm::populateHookPatterns(RewritePatternSet &patterns, const TargetVersion &version) {
  MLIRContext *context = patterns.getContext();
  unsigned bits = version.vectorBits;
  if (version.runtimeFeatures & QCC_CPU_I8MM)
    patterns.add<Dot4Usdot, Dot8x2>(context, bits, 4);
  if (version.dot4)
    patterns.add<Dot4Sdot>(context, bits, 3);
  patterns.add<Dot4Smull>(context, 128, 2);
  patterns.add<Lut16>(context, bits, 2);
  patterns.add<Bcast4, Unpack>(context, 2);
}
