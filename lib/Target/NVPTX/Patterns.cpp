// Hooks as instructions of a warp.
//
// dot4          DP4A (sm_61): four u8*s8 products summed into i32, exactly.
// unpack        On 32 bits instead of pairs of 16: registers are 32 bits wide, and a shift is a shift.
// sync_lanes    BAR.WARP.SYNC of all 32 lanes; control flow is the same in all of them.
// lane_mma      MMA.m16n8k32 (sm_80), whose order of parts is the hook's; lane_mma_half MMA.m16n8k16.
// team_mma      WGMMA.m64nNk32 (sm_90a), whose parts of registers are those of MMA.m16n8k32.
// reduce_lanes  A butterfly of SHFL: every lane ends with the same bits, since both sides of an exchange add the same two numbers.
#include "lib/Target/NVPTX/NVPTX.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
using namespace mlir;
using namespace qcc;

static Value i32(ImplicitLocOpBuilder &b, int64_t value) { return arith::ConstantIntOp::create(b, b.getI32Type(), value); }

/// A lane's part of a register as one 32-bit number; null if it is something else.
static Value word(ImplicitLocOpBuilder &b, Value v) {
  auto type = cast<VectorType>(v.getType());
  if (type.getNumElements() * type.getElementTypeBitWidth() != 32)
    return {};
  return vector::ExtractOp::create(b, vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), v), 0);
}
static Value fromWord(ImplicitLocOpBuilder &b, Value word, Type type) {
  Value one = vector::BroadcastOp::create(b, VectorType::get(1, b.getI32Type()), word);
  return vector::BitCastOp::create(b, type, one);
}

namespace {
struct Dot4 : OpRewritePattern<qk::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::Dot4Op op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (cast<VectorType>(op.getAcc().getType()).getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "not a lane's part of a register");
    Value sum = NVVM::DotAccumulate4WayOp::create(b, b.getI32Type(), op.getU(), op.getSignedU() ? NVVM::DotAccumulateType::SIGNED : NVVM::DotAccumulateType::UNSIGNED,
                                                  op.getS(), NVVM::DotAccumulateType::SIGNED, word(b, op.getAcc()));
    rewriter.replaceOp(op, fromWord(b, sum, op.getType()));
    return success();
  }
};

struct Unpack : OpRewritePattern<qk::UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::UnpackOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value v = word(b, op.getPlane());
    if (!v)
      return rewriter.notifyMatchFailure(op, "not a lane's part of a register");
    int64_t down = int64_t(op.getIndex()) * op.getBits() - op.getTo(), field = ((1u << op.getBits()) - 1) << op.getTo();
    if (down > 0)
      v = arith::ShRUIOp::create(b, v, i32(b, down));
    else if (down < 0)
      v = arith::ShLIOp::create(b, v, i32(b, -down));
    v = arith::AndIOp::create(b, v, i32(b, int32_t(field * 0x01010101u)));
    rewriter.replaceOp(op, fromWord(b, v, op.getType()));
    return success();
  }
};

struct LaneId : OpRewritePattern<qk::LaneIdOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::LaneIdOp op, PatternRewriter &rewriter) const override {
    // Blocks have one dimension and whole warps. The register of this name may change while a kernel runs.
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value lane = arith::AndIOp::create(b, NVVM::ThreadIdXOp::create(b, b.getI32Type()), i32(b, 31));
    rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, b.getIndexType(), lane);
    return success();
  }
};

struct SyncLanes : OpRewritePattern<qk::SyncLanesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::SyncLanesOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<NVVM::SyncWarpOp>(op, i32(b, -1));
    return success();
  }
};

struct LaneMma : OpRewritePattern<qk::LaneMmaOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::LaneMmaOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto words = [&](Value v) {
      SmallVector<Value> words;
      for (int64_t i = 0; i < cast<VectorType>(v.getType()).getNumElements(); ++i)
        words.push_back(vector::ExtractOp::create(b, v, i));
      return words;
    };
    auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getI32Type()));
    NVVM::MMATypes right = op.getUnsignedRhs() ? NVVM::MMATypes::u8 : NVVM::MMATypes::s8;
    Value sums = NVVM::MmaOp::create(b, four, words(op.getLhs()), words(op.getRhs()), words(op.getAcc()), ArrayRef<int64_t>{16, 8, 32}, std::nullopt,
                                     NVVM::MMAIntOverflow::wrapped, std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::s8, right},
                                     std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, sums, i));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, op.getType(), results);
    return success();
  }
};

struct LaneMmaHalf : OpRewritePattern<qk::LaneMmaHalfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::LaneMmaHalfOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto each = [&](Value v, Type type) {
      SmallVector<Value> parts;
      for (int64_t i = 0; i < cast<VectorType>(v.getType()).getNumElements(); ++i) {
        parts.push_back(vector::ExtractOp::create(b, v, i));
        if (type)
          parts.back() = LLVM::BitcastOp::create(b, type, parts.back());
      }
      return parts;
    };
    Type pair = VectorType::get(2, b.getF16Type());
    auto sums = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getF32Type()));
    Value result = NVVM::MmaOp::create(b, sums, each(op.getLhs(), pair), each(op.getRhs(), pair), each(op.getAcc(), {}), ArrayRef<int64_t>{16, 8, 16}, std::nullopt,
                                       std::nullopt, std::nullopt, std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, result, i));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, op.getType(), results);
    return success();
  }
};

struct SwapLanes : OpRewritePattern<qk::SwapLanesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::SwapLanesOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<NVVM::ShflOp>(op, op.getType(), i32(b, -1), op.getValue(), i32(b, op.getDistance()), i32(b, 31), NVVM::ShflKind::bfly, UnitAttr());
    return success();
  }
};

/// One statement: the assembler gives sums that a unit works on no other registers, and none may be read before the unit has ended.
struct TeamMma : OpRewritePattern<qk::TeamMmaOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::TeamMmaOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    int64_t sums = 4 * op.getAcc().size(), steps = op.getLhs().size();
    SmallVector<Value> operands;
    std::string constraints, text = "{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\nwgmma.fence.sync.aligned;\n";
    for (int64_t i = 0; i < sums; ++i)
      constraints += "=r,";
    auto words = [&](Value v, function_ref<std::string()> constraint) {
      for (int64_t i = 0; i < 4; ++i) {
        operands.push_back(vector::ExtractOp::create(b, v, i));
        constraints += constraint() + ",";
      }
    };
    for (Value v : op.getLhs())
      words(v, [] { return "r"; });
    Value first = descriptor(b, op);
    constexpr int64_t unit = 16;                       // bytes; a step is two pieces of 16 k
    for (int64_t step = 0; step < steps; ++step) {
      operands.push_back(arith::AddIOp::create(b, first, arith::ConstantIntOp::create(b, b.getI64Type(), step * 2 * int64_t(op.getKStride()) / unit)));
      constraints += "l,";
    }
    int64_t next = 0;
    for (Value v : op.getAcc())
      words(v, [&] { return std::to_string(next++); });
    constraints += "~{memory}";
    for (int64_t step = 0; step < steps; ++step)
      text += ("wgmma.mma_async.sync.aligned.m64n" + Twine(2 * sums) + "k32.s32.s8.s8 {" + numbers(0, sums) + "}, {" +
               numbers(sums + 4 * step, 4) + "}, $" + Twine(sums + 4 * steps + step) + ", p;\n").str();
    text += "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n}";
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(sums, b.getI32Type()));
    Value all = LLVM::InlineAsmOp::create(b, type, operands, text, constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
                                          LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr()).getResult(0);
    SmallVector<Value> results;
    for (auto [i, result] : llvm::enumerate(op.getResult())) {
      SmallVector<Value> four;
      for (int64_t j = 0; j < 4; ++j)
        four.push_back(LLVM::ExtractValueOp::create(b, all, 4 * i + j));
      results.push_back(vector::FromElementsOp::create(b, result.getType(), four));
    }
    rewriter.replaceOp(op, results);
    return success();
  }

  static std::string numbers(int64_t first, int64_t count) {
    std::string list;
    for (int64_t i = 0; i < count; ++i)
      list += (i ? ", $" : "$") + std::to_string(first + i);
    return list;
  }

  /// PTX ISA, matrix descriptor: of an address and two strides, 14 bits each, in units of 16 bytes; no swizzle.
  static Value descriptor(ImplicitLocOpBuilder &b, qk::TeamMmaOp op) {
    Type i64 = b.getI64Type();
    auto number = [&](int64_t v) { return arith::ConstantIntOp::create(b, i64, v); };
    Value base = arith::IndexCastOp::create(b, i64, memref::ExtractAlignedPointerAsIndexOp::create(b, op.getRhs()));
    Value address = arith::AddIOp::create(b, base, arith::IndexCastOp::create(b, i64, op.getAt()));
    Value pointer = LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), address);
    Value shared = LLVM::AddrSpaceCastOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 3), pointer);
    Value at = LLVM::PtrToIntOp::create(b, i64, shared);
    Value units = arith::AndIOp::create(b, arith::ShRUIOp::create(b, at, number(4)), number((1 << 14) - 1));
    return arith::OrIOp::create(b, units, number(int64_t(op.getKStride()) / 16 << 16 | int64_t(op.getColumnStride()) / 16 << 32));
  }
};

struct ReduceLanes : OpRewritePattern<qk::ReduceLanesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(qk::ReduceLanesOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value v = op.getValue();
    for (int64_t distance = 16; distance; distance /= 2) {
      Value other = NVVM::ShflOp::create(b, v.getType(), i32(b, -1), v, i32(b, distance), i32(b, 31), NVVM::ShflKind::bfly, UnitAttr());
      v = vector::makeArithReduction(b, op.getLoc(), op.getKind(), v, other);
    }
    rewriter.replaceOp(op, v);
    return success();
  }
};
} // namespace

void nvptx::populateHookPatterns(RewritePatternSet &patterns, const TargetVersion &) {
  patterns.add<Dot4, Unpack, LaneId, SyncLanes, LaneMma, LaneMmaHalf, TeamMma, SwapLanes, ReduceLanes>(patterns.getContext(), 2);
}
