// Hooks as x86 instructions; what is not here the generic lowering does well.
//
// dot4    VNNI has it (VPDPBUSD). Without: VPMADDUBSW adds two u8*s8 products into a saturating s16, VPMADDWD with ones adds pairs of those
//         into i32. 2 * 128 * 127 = 32512 fits, so codes up to 128 are exact; above, both bytes are widened to 16 bits first.
// mac16   VPMADDWD on i32 lanes: the high halves are sign bits of a times zero (b >= 0), so a lane is a * b.
// tiles   AMX through the amx dialect: TDPBSUD multiplies signed activations by unsigned codes as they are stored.
// bf16_pair  joins the halves by VPTERNLOG: from shift, and, or LLVM makes a shuffle of two registers, three times the cost.
// lut16   VPERMPS on 16 floats (two and a blend in AVX2), VPSHUFB on bytes. VPERMB (AVX512-VBMI) looks at six bits: of a table that is there four times
//         it finds the same byte whatever two of them are, so that codes need no mask.
#include "dialects/Kernel/Kernel.h"
#include "lib/Target/X86/X86.h"
#include "qcc/Runtime/Features.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
using namespace mlir;
using namespace qcc;

static Value call(OpBuilder &b, Location loc, StringRef intrinsic, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(intrinsic), operands).getResult(0);
}
static Value constant(OpBuilder &b, Location loc, VectorType type, int64_t value) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getIntegerAttr(type.getElementType(), value)));
}
static bool is512(Type type) { return cast<VectorType>(type).getNumElements() * cast<VectorType>(type).getElementTypeBitWidth() == 512; }
static bool isRegister(Type type) {
  int64_t bits = cast<VectorType>(type).getNumElements() * cast<VectorType>(type).getElementTypeBitWidth();
  return bits == 512 || bits == 256;
}
static VectorType wordsOf(VectorType bytes, Builder &b) { return VectorType::get(bytes.getNumElements() / 2, b.getI16Type()); }

// Pairs of 16-bit products, added, as i32.
static Value pairs(OpBuilder &b, Location loc, VectorType sums, Value x, Value y) {
  return call(b, loc, is512(sums) ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd", sums, {x, y});
}

namespace {
struct Dot4Vnni : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Type sums = op.getAcc().getType();
    if (!isRegister(sums) || op.getSignedU())
      return rewriter.notifyMatchFailure(op, "not a whole register of unsigned bytes");
    rewriter.replaceOp(op, call(rewriter, op.getLoc(), is512(sums) ? "llvm.x86.avx512.vpdpbusd.512" : "llvm.x86.avx512.vpdpbusd.256", sums,
                                {op.getAcc(), op.getU(), op.getS()}));
    return success();
  }
};

struct Dot4Pairs : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType()), words = wordsOf(cast<VectorType>(op.getU().getType()), rewriter);
    if (!isRegister(sums) || op.getSignedU())
      return rewriter.notifyMatchFailure(op, "not a whole register of unsigned bytes");
    if (op.getMax() > 128)
      return rewriter.notifyMatchFailure(op, "products of larger codes saturate");
    Value two = call(rewriter, loc, is512(sums) ? "llvm.x86.avx512.pmaddubs.w.512" : "llvm.x86.avx2.pmadd.ub.sw", words, {op.getU(), op.getS()});
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), pairs(rewriter, loc, sums, two, constant(rewriter, loc, words, 1)));
    return success();
  }
};

struct Dot4Wide : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType()), words = wordsOf(cast<VectorType>(op.getU().getType()), rewriter);
    if (!isRegister(sums) || op.getSignedU())
      return rewriter.notifyMatchFailure(op, "not a whole register of unsigned bytes");
    Value u = vector::BitCastOp::create(rewriter, loc, words, op.getU()), s = vector::BitCastOp::create(rewriter, loc, words, op.getS());
    Value eight = constant(rewriter, loc, words, 8);
    Value uEven = arith::AndIOp::create(rewriter, loc, u, constant(rewriter, loc, words, 255)), uOdd = arith::ShRUIOp::create(rewriter, loc, u, eight);
    Value sEven = arith::ShRSIOp::create(rewriter, loc, arith::ShLIOp::create(rewriter, loc, s, eight), eight);
    Value sOdd = arith::ShRSIOp::create(rewriter, loc, s, eight);
    Value acc = arith::AddIOp::create(rewriter, loc, op.getAcc(), pairs(rewriter, loc, sums, uEven, sEven));
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, acc, pairs(rewriter, loc, sums, uOdd, sOdd));
    return success();
  }
};

struct Mac16 : OpRewritePattern<qk::Mac16Op> {
  Mac16(MLIRContext *context, bool vnni) : OpRewritePattern(context, 2), vnni(vnni) {}
  LogicalResult matchAndRewrite(qk::Mac16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType());
    if (!isRegister(sums))
      return rewriter.notifyMatchFailure(op, "not a whole register");
    auto words = VectorType::get(sums.getNumElements() * 2, rewriter.getI16Type());
    Value x = vector::BitCastOp::create(rewriter, loc, words, op.getA()), y = vector::BitCastOp::create(rewriter, loc, words, op.getB());
    if (vnni)
      rewriter.replaceOp(op, call(rewriter, loc, is512(sums) ? "llvm.x86.avx512.vpdpwssd.512" : "llvm.x86.avx512.vpdpwssd.256", sums, {op.getAcc(), x, y}));
    else
      rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), pairs(rewriter, loc, sums, x, y));
    return success();
  }
  bool vnni;
};

struct Lut16 : OpRewritePattern<qk::Lut16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Lut16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto result = cast<VectorType>(op.getResult().getType());
    if (!isRegister(result))
      return rewriter.notifyMatchFailure(op, "not a whole register");
    if (result.getElementType().isF32()) {
      if (!is512(result)) {                          // each half of the table fills a register; bit 3 chooses between them
        auto half = [&](int64_t from) {
          Value part = vector::ExtractStridedSliceOp::create(rewriter, loc, op.getTable(), ArrayRef<int64_t>{from}, ArrayRef<int64_t>{8}, ArrayRef<int64_t>{1});
          return call(rewriter, loc, "llvm.x86.avx2.permps", result, {part, op.getIndex()});
        };
        auto index = cast<VectorType>(op.getIndex().getType());
        Value sign = arith::ShLIOp::create(rewriter, loc, op.getIndex(), constant(rewriter, loc, index, 28));
        Value upper = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt, sign, constant(rewriter, loc, index, 0));
        rewriter.replaceOpWithNewOp<arith::SelectOp>(op, upper, half(8), half(0));
        return success();
      }
      rewriter.replaceOp(op, call(rewriter, loc, "llvm.x86.avx512.permvar.sf.512", result, {op.getTable(), op.getIndex()}));
      return success();
    }
    SmallVector<int64_t> repeat;
    for (int64_t i = 0; i < result.getNumElements(); ++i)
      repeat.push_back(i % 16);
    Value table = vector::ShuffleOp::create(rewriter, loc, op.getTable(), op.getTable(), repeat);
    Value index = arith::AndIOp::create(rewriter, loc, op.getIndex(), constant(rewriter, loc, cast<VectorType>(op.getIndex().getType()), 15));
    rewriter.replaceOp(op, call(rewriter, loc, is512(result) ? "llvm.x86.avx512.pshuf.b.512" : "llvm.x86.avx2.pshuf.b", result, {table, index}));
    return success();
  }
};

struct Lut16Bytes : OpRewritePattern<qk::Lut16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Lut16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto result = cast<VectorType>(op.getResult().getType());
    if (!result.getElementType().isInteger(8) || !is512(result))
      return rewriter.notifyMatchFailure(op, "not 64 bytes");
    SmallVector<int64_t> repeat;
    for (int64_t i = 0; i < 64; ++i)
      repeat.push_back(i % 16);
    Value table = vector::ShuffleOp::create(rewriter, loc, op.getTable(), op.getTable(), repeat);
    rewriter.replaceOp(op, call(rewriter, loc, "llvm.x86.avx512.permvar.qi.512", result, {table, unmasked(rewriter, loc, op.getIndex())}));
    return success();
  }

  /// Codes of 4 bits without the mask that unpacking them takes, if that is still to be lowered or was.
  static Value unmasked(PatternRewriter &b, Location loc, Value codes) {
    if (auto mask = codes.getDefiningOp<arith::AndIOp>()) {
      DenseElementsAttr kept;
      bool keeps = matchPattern(mask.getRhs(), m_Constant(&kept)) && kept.isSplat() && kept.getSplatValue<APInt>().countr_one() >= 4;
      return keeps ? mask.getLhs() : codes;
    }
    auto unpack = codes.getDefiningOp<qk::UnpackOp>();
    if (!unpack || unpack.getBits() != 4 || unpack.getTo() != 0)
      return codes;
    VectorType words = wordsOf(cast<VectorType>(codes.getType()), b);
    if (unpack.getIndex() == 0)
      return unpack.getPlane();
    Value plane = vector::BitCastOp::create(b, loc, words, unpack.getPlane());
    Value down = arith::ShRUIOp::create(b, loc, plane, constant(b, loc, words, 4));
    return vector::BitCastOp::create(b, loc, codes.getType(), down);
  }
};

struct Bf16Pair : OpRewritePattern<qk::Bf16PairOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Bf16PairOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    if (!is512(op.getEven().getType()))
      return rewriter.notifyMatchFailure(op, "not a whole register");
    auto words = VectorType::get(16, rewriter.getI32Type());
    auto rounded = [&](Value v) {
      return arith::AddIOp::create(rewriter, loc, vector::BitCastOp::create(rewriter, loc, words, v), constant(rewriter, loc, words, 0x8000));
    };
    Value low = arith::ShRUIOp::create(rewriter, loc, rounded(op.getEven()), constant(rewriter, loc, words, 16));
    Value table = arith::ConstantIntOp::create(rewriter, loc, rewriter.getI32Type(), 0xF8);  // a | (b & c)
    Value both = call(rewriter, loc, "llvm.x86.avx512.pternlog.d.512", words, {low, rounded(op.getOdd()), constant(rewriter, loc, words, -65536), table});
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, op.getPairs().getType(), both);
    return success();
  }
};

// Tiles become amx tiles one operation at a time; the casts between the two types meet and vanish.
Type amxType(qk::TileType type) { return amx::TileType::get({type.getRows(), type.getColumns()}, type.getElement()); }
Value toAmx(OpBuilder &b, Location loc, Value tile) {
  return UnrealizedConversionCastOp::create(b, loc, amxType(cast<qk::TileType>(tile.getType())), tile).getResult(0);
}
void replaceTile(PatternRewriter &rewriter, Operation *op, Value tile) {
  rewriter.replaceOpWithNewOp<UnrealizedConversionCastOp>(op, op->getResult(0).getType(), tile);
}

struct TileZero : OpRewritePattern<qk::TileZeroOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileZeroOp op, PatternRewriter &rewriter) const override {
    replaceTile(rewriter, op, amx::TileZeroOp::create(rewriter, op.getLoc(), amxType(op.getTile().getType())));
    return success();
  }
};
struct TileLoad : OpRewritePattern<qk::TileLoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileLoadOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    qk::TileType type = op.getTile().getType();
    if (!op.getStreaming()) {
      replaceTile(rewriter, op, amx::TileLoadOp::create(rewriter, loc, amxType(type), op.getBase(), ValueRange{op.getAt()}, op.getStride()));
      return success();
    }
    // TILELOADDT1, which the amx dialect lacks.
    auto i64 = rewriter.getI64Type();
    int64_t bytes = type.getElement().getIntOrFloatBitWidth() / 8;
    auto inBytes = [&](Value elements) {
      Value size = arith::MulIOp::create(rewriter, loc, elements, arith::ConstantIndexOp::create(rewriter, loc, bytes));
      return arith::IndexCastOp::create(rewriter, loc, i64, size).getResult();
    };
    auto constant16 = [&](int64_t v) { return arith::ConstantOp::create(rewriter, loc, rewriter.getI16IntegerAttr(v)).getResult(); };
    Value start = memref::ExtractAlignedPointerAsIndexOp::create(rewriter, loc, op.getBase());
    auto pointer = LLVM::LLVMPointerType::get(rewriter.getContext());
    Value base = LLVM::IntToPtrOp::create(rewriter, loc, pointer, Value(arith::IndexCastOp::create(rewriter, loc, i64, start)));
    Value at = LLVM::GEPOp::create(rewriter, loc, pointer, rewriter.getI8Type(), base, ArrayRef<LLVM::GEPArg>{inBytes(op.getAt())});
    Value tile = call(rewriter, loc, "llvm.x86.tileloaddt164.internal", LLVM::LLVMX86AMXType::get(rewriter.getContext()),
                      {constant16(type.getRows()), constant16(type.getColumns() * bytes), at, inBytes(op.getStride())});
    replaceTile(rewriter, op, UnrealizedConversionCastOp::create(rewriter, loc, amxType(type), tile).getResult(0));
    return success();
  }
};
struct TileStore : OpRewritePattern<qk::TileStoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileStoreOp op, PatternRewriter &rewriter) const override {
    amx::TileStoreOp::create(rewriter, op.getLoc(), op.getBase(), ValueRange{op.getAt()}, toAmx(rewriter, op.getLoc(), op.getTile()), op.getStride());
    rewriter.eraseOp(op);
    return success();
  }
};
struct TileMma : OpRewritePattern<qk::TileMmaOp> {
  TileMma(MLIRContext *context, const TargetVersion &version) : OpRewritePattern(context, 2), int8(version.tileInt8), bf16(version.tileBf16) {}
  LogicalResult matchAndRewrite(qk::TileMmaOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    bool isInt = op.getLhs().getType().getElement().isInteger(8);
    if (isInt ? !int8 : !bf16)
      return rewriter.notifyMatchFailure(op, "the version has no tiles of this type");
    Value a = toAmx(rewriter, loc, op.getLhs()), w = toAmx(rewriter, loc, op.getRhs()), acc = toAmx(rewriter, loc, op.getAcc());
    if (isInt)
      replaceTile(rewriter, op, amx::TileMulIOp::create(rewriter, loc, acc.getType(), a, w, acc, /*isZextLhs=*/false, op.getUnsignedRhs()));
    else
      replaceTile(rewriter, op, amx::TileMulFOp::create(rewriter, loc, acc.getType(), a, w, acc));
    return success();
  }
  bool int8, bf16;
};
} // namespace

Type x86::tileRegister(Type tile, const TargetVersion &version) {
  return version.tileInt8 || version.tileBf16 ? amxType(cast<qk::TileType>(tile)) : nullptr;
}

void x86::populateHookPatterns(RewritePatternSet &patterns, const TargetVersion &version) {
  MLIRContext *context = patterns.getContext();
  if (version.dot4)
    patterns.add<Dot4Vnni>(context, 4);
  patterns.add<Dot4Pairs>(context, 3);
  patterns.add<Dot4Wide>(context, 2);
  patterns.add<Mac16>(context, version.dot4);
  patterns.add<Lut16, Bf16Pair>(context, 2);
  if (version.runtimeFeatures & QCC_CPU_AVX512VBMI)
    patterns.add<Lut16Bytes>(context, 3);
  if (!version.tileInt8 && !version.tileBf16)
    return;
  patterns.add<TileZero, TileLoad, TileStore>(context, 2);
  patterns.add<TileMma>(context, version);
}
