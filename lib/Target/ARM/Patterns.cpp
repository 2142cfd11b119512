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
static bool isRegister(Type type) {
  auto vector = cast<VectorType>(type);
  return vector.getNumElements() * vector.getElementTypeBitWidth() == 128;
}

namespace {
// What a target has for u8 x s8 where both are signed bytes, and 128 * the sum of four s.
struct Dot4Base : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  virtual Value signedProducts(OpBuilder &b, Location loc, Value acc, Value u, Value s) const = 0;
  virtual Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const = 0;

  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType());
    if (!isRegister(sums))
      return rewriter.notifyMatchFailure(op, "not a whole register");
    if (op.getSignedU() || op.getMax() < 128) {
      rewriter.replaceOp(op, signedProducts(rewriter, loc, op.getAcc(), op.getU(), op.getS()));
      return success();
    }
    Value minus128 = arith::XOrIOp::create(rewriter, loc, op.getU(), constant(rewriter, loc, op.getU().getType(), -128));
    Value products = signedProducts(rewriter, loc, op.getAcc(), minus128, op.getS());
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, products, sums128(rewriter, loc, sums, op.getS()));
    return success();
  }
};

struct Dot4Sdot : Dot4Base {
  using Dot4Base::Dot4Base;
  Value signedProducts(OpBuilder &b, Location loc, Value acc, Value u, Value s) const override {
    return call(b, loc, "llvm.aarch64.neon.sdot.v4i32.v16i8", acc.getType(), {acc, u, s});
  }
  Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const override {
    Value once = signedProducts(b, loc, constant(b, loc, sums, 0), constant(b, loc, s.getType(), 64), s);
    return arith::AddIOp::create(b, loc, once, once);
  }
};

struct Dot4Usdot : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Type sums = op.getAcc().getType();
    if (!isRegister(sums) || op.getSignedU() || op.getMax() < 128)
      return rewriter.notifyMatchFailure(op, "not a whole register of codes that are no signed bytes");
    rewriter.replaceOp(op, call(rewriter, op.getLoc(), "llvm.aarch64.neon.usdot.v4i32.v16i8", sums, {op.getAcc(), op.getU(), op.getS()}));
    return success();
  }
};

// Two registers of columns, each times the two rows; USMMLA wants the unsigned factor first and so puts columns before rows, as the hook does.
struct Dot8x2 : OpRewritePattern<qk::Dot8x2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot8x2Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto four = VectorType::get(4, rewriter.getI32Type());
    int64_t count = op.getAcc().getType().getNumElements();
    if (count % 4)
      return rewriter.notifyMatchFailure(op, "not whole registers");
    auto slice = [&](Value v, int64_t at, int64_t size) {
      return vector::ExtractStridedSliceOp::create(rewriter, loc, v, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1});
    };
    StringRef product = op.getSignedU() ? "llvm.aarch64.neon.smmla.v4i32.v16i8" : "llvm.aarch64.neon.usmmla.v4i32.v16i8";
    Value result = op.getAcc();
    for (int64_t at = 0; at < count; at += 4) {
      Value sum = call(rewriter, loc, product, four, {slice(op.getAcc(), at, 4), slice(op.getU(), 4 * at, 16), op.getS()});
      result = vector::InsertStridedSliceOp::create(rewriter, loc, sum, result, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{1});
    }
    rewriter.replaceOp(op, result);
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
    auto words = VectorType::get(8, b.getI16Type());
    auto half = [&](int64_t from) {
      auto part = [&](Value v) { return vector::ExtractStridedSliceOp::create(b, loc, v, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{8}, ArrayRef<int64_t>{1}); };
      return call(b, loc, "llvm.aarch64.neon.smull.v8i16", words, {part(u), part(s)});
    };
    Value two = call(b, loc, "llvm.aarch64.neon.addp.v8i16", words, {half(0), half(8)});
    return arith::AddIOp::create(b, loc, acc, pairs(b, loc, acc.getType(), two));
  }
  Value sums128(OpBuilder &b, Location loc, VectorType sums, Value s) const override {
    Value four = pairs(b, loc, sums, pairs(b, loc, VectorType::get(8, b.getI16Type()), s));
    return arith::ShLIOp::create(b, loc, four, constant(b, loc, sums, 7));
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
    if (!slice || !isRegister(slice.getSourceVectorType()) || !isRegister(op.getBytes().getType()))
      return rewriter.notifyMatchFailure(op, "not four bytes of a register");
    int64_t at = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    if (at % 4)
      return rewriter.notifyMatchFailure(op, "not a lane of 32 bits");
    Value words = vector::BitCastOp::create(rewriter, loc, VectorType::get(4, rewriter.getI32Type()), slice.getSource());
    Value lane = vector::ShuffleOp::create(rewriter, loc, words, words, SmallVector<int64_t>(4, at / 4));
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, op.getBytes().getType(), lane);
    return success();
  }
};

struct Lut16 : OpRewritePattern<qk::Lut16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Lut16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type result = op.getResult().getType();
    if (!isRegister(result) || !cast<VectorType>(result).getElementType().isInteger(8))
      return rewriter.notifyMatchFailure(op, "not a register of bytes");
    Value index = arith::AndIOp::create(rewriter, loc, op.getIndex(), constant(rewriter, loc, op.getIndex().getType(), 15));
    rewriter.replaceOp(op, call(rewriter, loc, "llvm.aarch64.neon.tbl1.v16i8", result, {op.getTable(), index}));
    return success();
  }
};
} // namespace

void arm::populateHookPatterns(RewritePatternSet &patterns, const TargetVersion &version) {
  MLIRContext *context = patterns.getContext();
  if (version.runtimeFeatures & QCC_CPU_I8MM)
    patterns.add<Dot4Usdot, Dot8x2>(context, 4);
  if (version.dot4)
    patterns.add<Dot4Sdot>(context, 3);
  patterns.add<Dot4Smull, Bcast4, Unpack, Lut16>(context, 2);
}
