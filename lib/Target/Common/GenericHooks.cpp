// The meaning of every hook as vector and arith operations, which any target can run: the oracle for the fast patterns, and the fallback.
#include "dialects/Kernel/Kernel.h"
#include "qcc/Target/Target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"
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
    auto top = [&](Value v, int j) { return arith::ShLIOp::create(rewriter, loc, v, constant(rewriter, loc, sums, 24 - 8 * j)).getResult(); };
    auto sext = [&](Value v, int j) { return arith::ShRSIOp::create(rewriter, loc, top(v, j), constant(rewriter, loc, sums, 24)).getResult(); };
    auto zext = [&](Value v, int j) { return arith::ShRUIOp::create(rewriter, loc, top(v, j), constant(rewriter, loc, sums, 24)).getResult(); };
    for (int j = 0; j < 4; ++j) {
      Value a = op.getSignedU() ? sext(u, j) : zext(u, j), c = sext(s, j);
      acc = arith::AddIOp::create(rewriter, loc, acc, arith::MulIOp::create(rewriter, loc, a, c));
    }
    rewriter.replaceOp(op, acc);
    return success();
  }
};

// One row at a time: sums of four, then of neighbours.
struct LowerDot8x2 : OpRewritePattern<qk::Dot8x2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot8x2Op op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto sums = cast<VectorType>(op.getAcc().getType()), bytes = cast<VectorType>(op.getU().getType());
    Value rows[2];
    for (int64_t j = 0; j < 2; ++j) {
      SmallVector<int64_t> repeat;
      for (int64_t i = 0; i < sums.getNumElements() * 4; ++i)
        repeat.push_back(8 * j + i % 8);
      Value s = vector::ShuffleOp::create(rewriter, loc, op.getS(), op.getS(), repeat), zero = constant(rewriter, loc, sums, 0);
      Value u = op.getU(), start = zero;
      if (op.getSignedU()) {                           // u = (u + 128) - 128, where u + 128 is unsigned
        Value ones = qk::Dot4Op::create(rewriter, loc, sums, zero, constant(rewriter, loc, bytes, 1), s, 1);
        start = arith::SubIOp::create(rewriter, loc, zero, arith::MulIOp::create(rewriter, loc, ones, constant(rewriter, loc, sums, 128)));
        u = arith::XOrIOp::create(rewriter, loc, u, constant(rewriter, loc, bytes, -128));
      }
      Value fours = qk::Dot4Op::create(rewriter, loc, sums, start, u, s, 255);
      auto apart = vector::DeinterleaveOp::create(rewriter, loc, fours);
      rows[j] = arith::AddIOp::create(rewriter, loc, apart.getRes1(), apart.getRes2());
    }
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), vector::InterleaveOp::create(rewriter, loc, rows[0], rows[1]));
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
// Half a unit of the last bit that stays, then the upper halves.
struct LowerBf16Pair : OpRewritePattern<qk::Bf16PairOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Bf16PairOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto words = VectorType::get(cast<VectorType>(op.getEven().getType()).getShape(), rewriter.getI32Type());
    auto rounded = [&](Value v) {
      return arith::AddIOp::create(rewriter, loc, vector::BitCastOp::create(rewriter, loc, words, v), constant(rewriter, loc, words, 0x8000));
    };
    Value low = arith::ShRUIOp::create(rewriter, loc, rounded(op.getEven()), constant(rewriter, loc, words, 16));
    Value high = arith::AndIOp::create(rewriter, loc, rounded(op.getOdd()), constant(rewriter, loc, words, -65536));
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, op.getPairs().getType(), arith::OrIOp::create(rewriter, loc, low, high));
    return success();
  }
};

// A register of one lane.
struct LowerLaneId : OpRewritePattern<qk::LaneIdOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::LaneIdOp op, PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(op, 0);
    return success();
  }
};
struct LowerSyncLanes : OpRewritePattern<qk::SyncLanesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::SyncLanesOp op, PatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};
struct LowerReduceLanes : OpRewritePattern<qk::ReduceLanesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::ReduceLanesOp op, PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, op.getValue());
    return success();
  }
};

// Tiles are vectors of rows. A product goes through memory, where the row is a loop's: unrolled it would be thousands of operations.
// bf16 travels as i16: for operations on bf16 values some back ends call functions that no program links.
Type carried(qk::TileType tile) { return tile.getElement().isBF16() ? Type(IntegerType::get(tile.getContext(), 16)) : tile.getElement(); }
VectorType rowsOf(qk::TileType tile) { return VectorType::get({tile.getRows(), tile.getColumns()}, carried(tile)); }
VectorType rowOf(qk::TileType tile) { return VectorType::get(tile.getColumns(), carried(tile)); }
Value toRows(OpBuilder &b, Location loc, Value tile) {
  return UnrealizedConversionCastOp::create(b, loc, rowsOf(cast<qk::TileType>(tile.getType())), tile).getResult(0);
}
void replaceTile(PatternRewriter &rewriter, Operation *op, Value rows) {
  rewriter.replaceOpWithNewOp<UnrealizedConversionCastOp>(op, op->getResult(0).getType(), rows);
}
Value zeroVector(OpBuilder &b, Location loc, VectorType type) { return arith::ConstantOp::create(b, loc, b.getZeroAttr(type)); }
Value index(OpBuilder &b, Location loc, int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
/// Row r of a tile in memory: at + r * stride.
Value rowAt(OpBuilder &b, Location loc, Value at, Value stride, int64_t r) {
  return arith::AddIOp::create(b, loc, at, arith::MulIOp::create(b, loc, stride, index(b, loc, r)));
}

struct LowerTileZero : OpRewritePattern<qk::TileZeroOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileZeroOp op, PatternRewriter &rewriter) const override {
    replaceTile(rewriter, op, zeroVector(rewriter, op.getLoc(), rowsOf(op.getTile().getType())));
    return success();
  }
};

struct LowerTileLoad : OpRewritePattern<qk::TileLoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileLoadOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    qk::TileType type = op.getTile().getType();
    Value rows = zeroVector(rewriter, loc, rowsOf(type));
    for (int64_t r = 0; r < type.getRows(); ++r) {
      Value row = vector::LoadOp::create(rewriter, loc, VectorType::get(type.getColumns(), type.getElement()), op.getBase(),
                                         ValueRange{rowAt(rewriter, loc, op.getAt(), op.getStride(), r)});
      rows = vector::InsertOp::create(rewriter, loc, vector::BitCastOp::create(rewriter, loc, rowOf(type), row), rows, r);
    }
    replaceTile(rewriter, op, rows);
    return success();
  }
};

struct LowerTileStore : OpRewritePattern<qk::TileStoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileStoreOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value rows = toRows(rewriter, loc, op.getTile());
    qk::TileType type = op.getTile().getType();
    for (int64_t r = 0; r < type.getRows(); ++r) {
      Value row = vector::BitCastOp::create(rewriter, loc, VectorType::get(type.getColumns(), type.getElement()), vector::ExtractOp::create(rewriter, loc, rows, r));
      vector::StoreOp::create(rewriter, loc, row, op.getBase(), ValueRange{rowAt(rewriter, loc, op.getAt(), op.getStride(), r)});
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerTileMma : OpRewritePattern<qk::TileMmaOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TileMmaOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto function = op->getParentOfType<func::FuncOp>();
    if (!function)
      return rewriter.notifyMatchFailure(op, "the scratch of a product belongs to a function");
    Value lhs = inMemory(rewriter, loc, function, op.getLhs()), rhs = inMemory(rewriter, loc, function, op.getRhs());
    Value sums = inMemory(rewriter, loc, function, op.getAcc()), zero = index(rewriter, loc, 0), one = index(rewriter, loc, 1);
    qk::TileType type = op.getAcc().getType();
    scf::ForOp::create(rewriter, loc, zero, index(rewriter, loc, type.getRows()), one, ValueRange(), [&](OpBuilder &b, Location loc, Value r, ValueRange) {
      Value start = vector::LoadOp::create(b, loc, rowOf(type), sums, ValueRange{r, zero});
      Value units = index(b, loc, op.getRhs().getType().getRows());
      auto row = scf::ForOp::create(b, loc, zero, units, one, start, [&](OpBuilder &b, Location loc, Value u, ValueRange sum) {
        scf::YieldOp::create(b, loc, op.getLhs().getType().getElement().isInteger(8) ? fourBytes(b, loc, op, lhs, rhs, r, u, sum[0])
                                                                                     : twoFloats(b, loc, op, lhs, rhs, r, u, sum[0]));
      });
      vector::StoreOp::create(b, loc, row.getResult(0), sums, ValueRange{r, zero});
      scf::YieldOp::create(b, loc);
    });
    Value result = zeroVector(rewriter, loc, rowsOf(type));
    for (int64_t r = 0; r < type.getRows(); ++r)
      result = vector::InsertOp::create(rewriter, loc, vector::LoadOp::create(rewriter, loc, rowOf(type), sums, ValueRange{index(rewriter, loc, r), zero}), result, r);
    replaceTile(rewriter, op, result);
    return success();
  }

private:
  static Value inMemory(PatternRewriter &b, Location loc, func::FuncOp function, Value tile) {
    auto type = cast<qk::TileType>(tile.getType());
    Value scratch;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&function.front());
      scratch = memref::AllocaOp::create(b, loc, MemRefType::get({type.getRows(), type.getColumns()}, carried(type)), b.getI64IntegerAttr(64));
    }
    Value rows = toRows(b, loc, tile), zero = index(b, loc, 0);
    for (int64_t r = 0; r < type.getRows(); ++r)
      vector::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, rows, r), scratch, ValueRange{index(b, loc, r), zero});
    return scratch;
  }

  /// sum + A[r][4u .. 4u+3] * unit u of B.
  static Value fourBytes(OpBuilder &b, Location loc, qk::TileMmaOp op, Value lhs, Value rhs, Value r, Value u, Value sum) {
    VectorType bytes = rowOf(op.getRhs().getType()), four = VectorType::get(4, b.getI8Type());
    Value k = arith::MulIOp::create(b, loc, u, index(b, loc, 4)), zero = index(b, loc, 0);
    Value a = qk::Bcast4Op::create(b, loc, bytes, vector::LoadOp::create(b, loc, four, lhs, ValueRange{r, k}));
    Value w = vector::LoadOp::create(b, loc, bytes, rhs, ValueRange{u, zero});
    if (op.getUnsignedRhs())
      return qk::Dot4Op::create(b, loc, sum.getType(), sum, w, a);
    // w = (w + 128) - 128, where w + 128 is unsigned.
    Value plus = arith::XOrIOp::create(b, loc, w, constant(b, loc, bytes, -128));
    Value ones = qk::Dot4Op::create(b, loc, sum.getType(), zeroVector(b, loc, cast<VectorType>(sum.getType())), constant(b, loc, bytes, 1), a);
    Value start = arith::SubIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, ones, constant(b, loc, cast<VectorType>(sum.getType()), 128)));
    return qk::Dot4Op::create(b, loc, sum.getType(), start, plus, a);
  }

  /// sum + A[r][2u], A[r][2u+1] * unit u of B: the upper half of an f32 is a bf16, so shifting and masking widen the pairs.
  static Value twoFloats(OpBuilder &b, Location loc, qk::TileMmaOp op, Value lhs, Value rhs, Value r, Value u, Value sum) {
    auto floats = cast<VectorType>(sum.getType()), words = VectorType::get(floats.getShape(), b.getI32Type());
    Value k = arith::MulIOp::create(b, loc, u, index(b, loc, 2)), zero = index(b, loc, 0);
    Value pairs = vector::BitCastOp::create(b, loc, words, vector::LoadOp::create(b, loc, rowOf(op.getRhs().getType()), rhs, ValueRange{u, zero}));
    Value even = arith::ShLIOp::create(b, loc, pairs, constant(b, loc, words, 16)), odd = arith::AndIOp::create(b, loc, pairs, constant(b, loc, words, -65536));
    for (int64_t i = 0; i < 2; ++i) {
      Value at = arith::AddIOp::create(b, loc, k, index(b, loc, i));
      Value half = arith::ExtUIOp::create(b, loc, b.getI32Type(), memref::LoadOp::create(b, loc, lhs, ValueRange{r, at}).getResult());
      Value sixteen = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 16);
      Value a = arith::BitcastOp::create(b, loc, b.getF32Type(), arith::ShLIOp::create(b, loc, half, sixteen).getResult());
      sum = math::FmaOp::create(b, loc, vector::BitCastOp::create(b, loc, floats, i ? odd : even).getResult(), vector::BroadcastOp::create(b, loc, floats, a).getResult(), sum);
    }
    return sum;
  }
};
} // namespace

void qcc::populateGenericHookPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerUnpack, LowerLut16, LowerBcast4, LowerDot4, LowerDot8x2, LowerMac16, LowerRescale, LowerBf16Pair, LowerLaneId, LowerSyncLanes, LowerReduceLanes,
               LowerTileZero, LowerTileLoad, LowerTileStore, LowerTileMma>(patterns.getContext());
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
  dialects.insert<LLVM::LLVMDialect, memref::MemRefDialect, math::MathDialect>();
  target.registerDialects(dialects);
  context->appendDialectRegistry(dialects);
  for (StringRef name : dialects.getDialectNames())
    context->getOrLoadDialect(name);
}

// Loops and branches carry what the target makes of a tile; casts lead to the hooks, which are lowered next and make them meet.
static LogicalResult convertTileCarriers(Operation *root, const Target &target, const TargetVersion &version) {
  TypeConverter converter;
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([&](qk::TileType tile) -> Type {
    Type own = target.tileRegister(tile, version);
    return own ? own : rowsOf(tile);
  });
  auto convert = [](OpBuilder &b, Type to, ValueRange from, Location loc) { return UnrealizedConversionCastOp::create(b, loc, to, from).getResult(0); };
  converter.addSourceMaterialization(convert);
  converter.addTargetMaterialization(convert);
  ConversionTarget legal(*root->getContext());
  RewritePatternSet patterns(root->getContext());
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, legal);
  legal.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(root, legal, std::move(patterns));
}

static bool hasTiles(Operation *op) {
  auto isTile = [](Type type) { return isa<qk::TileType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTile) || llvm::any_of(op->getResultTypes(), isTile);
}

LogicalResult qcc::lowerHooks(Operation *root, const Target &target, const TargetVersion &version) {
  loadDialects(root->getContext(), target);
  keepLoops(root);
  if (failed(convertTileCarriers(root, target, version)))
    return failure();
  RewritePatternSet patterns(root->getContext());
  target.populateHookPatterns(patterns, version);
  populateGenericHookPatterns(patterns);
  GreedyRewriteConfig config;                          // hooks are no control flow
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  if (failed(applyPatternsGreedily(root, std::move(patterns), config)))
    return root->emitError("lowering of hooks does not converge");
  WalkResult left = root->walk([&](Operation *op) {
    if (!op->hasTrait<qk::Hook>() && !hasTiles(op))
      return WalkResult::advance();
    op->emitError("has no lowering for ") << version.name;
    return WalkResult::interrupt();
  });
  return failure(left.wasInterrupted());
}
