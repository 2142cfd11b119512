// The meaning of every hook as vector and arith operations, which any target can run: the oracle for the fast patterns, and the fallback.
#include "dialects/Kernel/Kernel.h"
#include "qcc/Target/Target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
using namespace mlir;
using namespace qcc;

static Value constant(OpBuilder &b, Location loc, VectorType type, int64_t value) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getIntegerAttr(type.getElementType(), value)));
}

namespace {
// Shifts of 16-bit words: few machines shift bytes, and the mask drops what crosses between the two.
struct LowerUnpack : OpRewritePattern<qk::UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::UnpackOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto bytes = cast<VectorType>(op.getPlane().getType());
    Value v = op.getPlane();
    int64_t down = int64_t(op.getIndex()) * op.getBits() - op.getTo();
    if (down) {
      auto words = VectorType::get(bytes.getNumElements() / 2, rewriter.getI16Type());
      v = vector::BitCastOp::create(rewriter, loc, words, v);
      Value by = constant(rewriter, loc, words, std::abs(down));
      v = down > 0 ? arith::ShRUIOp::create(rewriter, loc, v, by).getResult() : arith::ShLIOp::create(rewriter, loc, v, by).getResult();
      v = vector::BitCastOp::create(rewriter, loc, bytes, v);
    }
    rewriter.replaceOpWithNewOp<arith::AndIOp>(op, v, constant(rewriter, loc, bytes, int8_t(((1u << op.getBits()) - 1) << op.getTo())));
    return success();
  }
};

// A tree of selects on the four bits of the index.
struct LowerLut16 : OpRewritePattern<qk::Lut16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Lut16Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto indexType = cast<VectorType>(op.getIndex().getType());
    auto resultType = cast<VectorType>(op.getResult().getType());
    SmallVector<Value> values;
    for (int64_t i = 0; i < 16; ++i)
      values.push_back(vector::BroadcastOp::create(rewriter, loc, resultType, vector::ExtractOp::create(rewriter, loc, op.getTable(), i)));
    for (int64_t bit = 0; bit < 4; ++bit) {
      Value set = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ne,
                                        arith::AndIOp::create(rewriter, loc, op.getIndex(), constant(rewriter, loc, indexType, int64_t(1) << bit)),
                                        constant(rewriter, loc, indexType, 0));
      for (size_t i = 0; i < values.size() / 2; ++i)
        values[i] = arith::SelectOp::create(rewriter, loc, set, values[2 * i + 1], values[2 * i]);
      values.resize(values.size() / 2);
    }
    rewriter.replaceOp(op, values.front());
    return success();
  }
};

struct LowerBcast4 : OpRewritePattern<qk::Bcast4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Bcast4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto bytes = cast<VectorType>(op.getBytes().getType());
    Value one = vector::BitCastOp::create(rewriter, loc, VectorType::get(1, rewriter.getI32Type()), op.getFour());
    Value scalar = vector::ExtractOp::create(rewriter, loc, one, 0);
    Value all = vector::BroadcastOp::create(rewriter, loc, VectorType::get(bytes.getNumElements() / 4, rewriter.getI32Type()), scalar);
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, bytes, all);
    return success();
  }
};

// Byte j of every lane, four times, in i32.
struct LowerDot4 : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType());
    Value u = vector::BitCastOp::create(rewriter, loc, sums, op.getU()), s = vector::BitCastOp::create(rewriter, loc, sums, op.getS()), acc = op.getAcc();
    for (int j = 0; j < 4; ++j) {
      Value a = arith::AndIOp::create(rewriter, loc, arith::ShRUIOp::create(rewriter, loc, u, constant(rewriter, loc, sums, 8 * j)), constant(rewriter, loc, sums, 255));
      Value top = arith::ShLIOp::create(rewriter, loc, s, constant(rewriter, loc, sums, 24 - 8 * j));
      Value c = arith::ShRSIOp::create(rewriter, loc, top, constant(rewriter, loc, sums, 24));
      acc = arith::AddIOp::create(rewriter, loc, acc, arith::MulIOp::create(rewriter, loc, a, c));
    }
    rewriter.replaceOp(op, acc);
    return success();
  }
};

struct LowerMac16 : OpRewritePattern<qk::Mac16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Mac16Op op, PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), arith::MulIOp::create(rewriter, op.getLoc(), op.getA(), op.getB()));
    return success();
  }
};

// math.fma is one rounding everywhere; vector.fma becomes llvm.fmuladd, which a back end may split.
struct LowerRescale : OpRewritePattern<qk::RescaleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::RescaleOp op, PatternRewriter &rewriter) const override {
    Value sum = arith::SIToFPOp::create(rewriter, op.getLoc(), op.getAcc().getType(), op.getSum());
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, sum, op.getScale(), op.getAcc());
    return success();
  }
};
// A tile that was computed just to be stored, row by row: each row of A against the units of B. Only i8 times unsigned i8, in one chain from
// zero to the store, which is what kernels make; tiles carried through loops have no generic form.
struct LowerTileStore : OpRewritePattern<qk::TileStoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileStoreOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<qk::TileMmaOp> products;
    Value tile = op.getTile();
    while (auto product = tile.getDefiningOp<qk::TileMmaOp>()) {
      products.insert(products.begin(), product);
      if (!product.getUnsignedRhs() || !product.getLhs().getDefiningOp<qk::TileLoadOp>() || !product.getRhs().getDefiningOp<qk::TileLoadOp>())
        return rewriter.notifyMatchFailure(op, "only products of loaded tiles, signed times unsigned bytes");
      tile = product.getAcc();
    }
    if (!tile.getDefiningOp<qk::TileZeroOp>())
      return rewriter.notifyMatchFailure(op, "the chain of products does not start at zero");
    qk::TileType type = op.getTile().getType();
    auto sums = VectorType::get(type.getColumns(), rewriter.getI32Type());
    auto bytes = VectorType::get(4 * type.getColumns(), rewriter.getI8Type()), four = VectorType::get(4, rewriter.getI8Type());
    auto at = [&](Value base, Value stride, Value row, int64_t extra) {
      Value moved = arith::AddIOp::create(rewriter, loc, base, arith::MulIOp::create(rewriter, loc, row, stride));
      return arith::AddIOp::create(rewriter, loc, moved, arith::ConstantIndexOp::create(rewriter, loc, extra)).getResult();
    };
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0), one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    auto rows = scf::ForOp::create(rewriter, loc, zero, arith::ConstantIndexOp::create(rewriter, loc, type.getRows()), one);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(rows.getBody());
    Value sum = constant(rewriter, loc, sums, 0);
    for (qk::TileMmaOp product : products) {
      auto lhs = product.getLhs().getDefiningOp<qk::TileLoadOp>(), rhs = product.getRhs().getDefiningOp<qk::TileLoadOp>();
      for (int64_t u = 0; u < rhs.getTile().getType().getRows(); ++u) {
        Value a = vector::LoadOp::create(rewriter, loc, four, lhs.getBase(), ValueRange{at(lhs.getAt(), lhs.getStride(), rows.getInductionVar(), 4 * u)});
        Value b = vector::LoadOp::create(rewriter, loc, bytes, rhs.getBase(),
                                         ValueRange{at(rhs.getAt(), rhs.getStride(), arith::ConstantIndexOp::create(rewriter, loc, u), 0)});
        sum = qk::Dot4Op::create(rewriter, loc, sums, sum, b, qk::Bcast4Op::create(rewriter, loc, bytes, a));
      }
    }
    vector::StoreOp::create(rewriter, loc, sum, op.getBase(), ValueRange{at(op.getAt(), op.getStride(), rows.getInductionVar(), 0)});
    rewriter.eraseOp(op);
    return success();
  }
};

// Once its products are lowered, a load has no user; its memory effect alone would keep it.
struct DropTileLoad : OpRewritePattern<qk::TileLoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileLoadOp op, PatternRewriter &rewriter) const override {
    if (!op->use_empty())
      return rewriter.notifyMatchFailure(op, "has users");
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void qcc::populateGenericHookPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerUnpack, LowerLut16, LowerBcast4, LowerDot4, LowerMac16, LowerRescale, LowerTileStore, DropTileLoad>(patterns.getContext());
}

// Loops that their generator wants rolled say so to LLVM.
static void keepLoops(Operation *root) {
  MLIRContext *context = root->getContext();
  auto disable = LLVM::LoopUnrollAttr::get(context, /*disable=*/BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
  auto annotation = LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, disable, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});
  root->walk([&](scf::ForOp loop) {
    if (loop->removeAttr("qk.rolled"))
      loop->setAttr("llvm.loop_annotation", annotation);
  });
}

// Patterns create operations of these dialects, and no pass runs here that would have loaded them.
static void loadDialects(MLIRContext *context, const Target &target) {
  DialectRegistry dialects;
  dialects.insert<LLVM::LLVMDialect>();
  target.registerDialects(dialects);
  context->appendDialectRegistry(dialects);
  for (StringRef name : dialects.getDialectNames())
    context->getOrLoadDialect(name);
}

LogicalResult qcc::lowerHooks(Operation *root, const Target &target, const TargetVersion &version) {
  loadDialects(root->getContext(), target);
  keepLoops(root);
  RewritePatternSet patterns(root->getContext());
  target.populateHookPatterns(patterns, version);
  populateGenericHookPatterns(patterns);
  if (failed(applyPatternsGreedily(root, std::move(patterns))))
    return root->emitError("lowering of hooks does not converge");
  WalkResult left = root->walk([&](Operation *op) {
    if (!op->hasTrait<qk::Hook>())
      return WalkResult::advance();
    op->emitError("has no lowering for ") << version.name;
    return WalkResult::interrupt();
  });
  return failure(left.wasInterrupted());
}
