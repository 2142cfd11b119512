// The memory behind reference lowerings: views of weights as components and of caches.
#include "lib/Kernel/CacheLayout.h"
#include "lib/Kernel/ComponentLayout.h"
#include "lib/Kernel/Kernels.h"
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERCOMPONENTS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct LowerComponentsPass : qcc::impl::LowerComponentsBase<LowerComponentsPass> {
  using LowerComponentsBase::LowerComponentsBase;

  /// The memref that LowerBoundaries put behind a weight or a cache.
  static FailureOr<Value> memory(Operation *user, Value value) {
    auto cast = value.getDefiningOp<UnrealizedConversionCastOp>();
    if (!cast || !isa<MemRefType>(cast.getOperand(0).getType()))
      return user->emitOpError("reads ") << value.getType() << ", which lies neither in the weights file nor in a cache";
    return cast.getOperand(0);
  }

  /// Columns `offset`.. of `rows` as a tensor of `type`.
  static Value columns(OpBuilder &b, Location loc, Value rows, int64_t offset, Type type) {
    auto tensor = cast<RankedTensorType>(type);
    auto index = [&](int64_t i) -> OpFoldResult { return b.getIndexAttr(i); };
    Value part = memref::SubViewOp::create(b, loc, rows, {index(0), index(offset)}, {index(tensor.getDimSize(0)), index(tensor.getDimSize(1))},
                                           {index(1), index(1)});
    return bufferization::ToTensorOp::create(b, loc, tensor, part, /*restrict=*/true);
  }

  static LogicalResult convert(qnt::DecomposeOp op) {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    auto bytes = memory(op, op.getInput());
    auto layout = kernel::ComponentLayout::get(type.getElementType(), type.getShape().back(), [&] { return op.emitOpError(); });
    if (failed(bytes) || failed(layout))
      return failure();
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value start = arith::ConstantIndexOp::create(b, loc, 0);
    auto rowsAs = [&](Type element, int64_t size) -> Value {
      auto rows = MemRefType::get({type.getDimSize(0), layout->rowBytes() / size}, element);
      return memref::ViewOp::create(b, loc, rows, *bytes, start, ValueRange());
    };
    Value asBytes = rowsAs(b.getI8Type(), 1), asFloats = rowsAs(b.getF32Type(), 4);
    op.getCodes().replaceAllUsesWith(columns(b, loc, asBytes, layout->codeOffset(), op.getCodes().getType()));
    op.getScales().replaceAllUsesWith(columns(b, loc, asFloats, 0, op.getScales().getType()));
    for (auto [side, offset] : llvm::zip_equal(op.getSide(), layout->sideOffsets())) {
      bool isFloat = getElementTypeOrSelf(side.getType()).isF32();
      side.replaceAllUsesWith(columns(b, loc, isFloat ? asFloats : asBytes, isFloat ? offset / 4 : offset, side.getType()));
    }
    return success();
  }

  /// Keys first, then values: [batch, heads, capacity, channels] each, where the fast layout has as many elements (CacheLayout.h).
  static LogicalResult convert(qnt::CacheViewOp op) {
    auto cache = cast<qnt::CacheType>(op.getCache().getType());
    auto all = memory(op, op.getCache());
    if (failed(all))
      return failure();
    OpBuilder at(op);
    KernelBuilder b(op.getLoc(), at, getTargetFacts(op));
    Value batch = materializeDim(b, op.getLoc(), "batch");
    CacheView view(b, CacheLayout(cache, /*lanes=*/1), *all, batch);
    Value perHead = b.mul(view.capacity, cache.getSlots()), perRow = b.mul(perHead, cache.getKvHeads());
    Value perRowScales = b.mul(view.capacity, cache.getKvHeads());
    auto index = [&](int64_t i) -> OpFoldResult { return b.getIndexAttr(i); };
    SmallVector<OpFoldResult> sizes{batch, index(cache.getKvHeads()), view.capacity, index(cache.getSlots())};
    SmallVector<OpFoldResult> strides{perRow, perHead, index(cache.getSlots()), index(1)};
    auto replace = [&](Value result, Value memory, Value offset, ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
      auto type = cast<MemRefType>(result.getType());
      result.replaceAllUsesWith(memref::ReinterpretCastOp::create(b, type, memory, OpFoldResult(offset), sizes, strides));
    };
    for (auto [result, offset] : {std::pair(op.getKey(), b.idx(0)), std::pair(op.getValue(), view.half)})
      replace(result, *all, offset, sizes, strides);
    for (auto [i, result] : llvm::enumerate(op.getScales()))
      replace(result, view.scales, i ? view.halfOfScales : b.idx(0), ArrayRef(sizes).drop_back(), {perRowScales, view.capacity, index(1)});
    return success();
  }

  /// A cache that starts empty.
  static LogicalResult convert(qnt::CacheLoadOp op) {
    OpBuilder at(op);
    KernelBuilder b(op.getLoc(), at, getTargetFacts(op));
    CacheLayout layout(cast<qnt::CacheType>(op.getCache().getType()), /*lanes=*/1);
    Value capacity = layout.capacity(b, materializeDim(b, op.getLoc(), "total"));
    Value buffer = memref::AllocOp::create(b, layout.type(), layout.elements(b, materializeDim(b, op.getLoc(), "batch"), capacity));
    op.replaceAllUsesWith(UnrealizedConversionCastOp::create(b, op.getCache().getType(), buffer).getResult(0));
    return success();
  }

  /// An index that is out of range is an error that the caller of the program gets; the reference lowering goes on with a clamped one.
  static LogicalResult convert(cf::AssertOp op) {
    auto test = op.getArg().getDefiningOp<arith::CmpIOp>();
    if (!test || test.getPredicate() != arith::CmpIPredicate::ult || !test.getLhs().getType().isIndex())
      return op.emitOpError("tests something else than an index, which has no run-time error");
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value outside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, test.getLhs(), test.getRhs());
    scf::IfOp::create(b, loc, outside, [&](OpBuilder &then, Location) {
      Value detail = arith::IndexCastOp::create(then, loc, then.getI64Type(), test.getLhs());
      qk::FailOp::create(then, loc, /*QCC_RUN_INDEX_OUT_OF_RANGE*/ 1, detail);
      scf::YieldOp::create(then, loc);
    });
    return success();
  }

  /// Has a check, which has no formula: it is the kernel's.
  static LogicalResult convert(qnt::RowStartsOp op) {
    KernelLibrary library(op->getParentOfType<ModuleOp>());
    auto kernel = rowStartsKernel(library, cast<RankedTensorType>(op.getLengths().getType()).getElementType());
    OpBuilder b(op);
    auto sizes = materializeDynamicDims(b, op.getLoc(), op.getStarts());
    Value init = tensor::EmptyOp::create(b, op.getLoc(), op.getStarts().getType(), *sizes);
    auto launch = qk::LaunchOp::create(b, op.getLoc(), init.getType(), kernel, ValueRange{op.getLengths()}, ValueRange{init});
    op.replaceAllUsesWith(launch.getResult(0));
    return success();
  }

  /// Shows the same in every program of a model.
  static LogicalResult convert(qnt::TapOp op) {
    KernelLibrary library(op->getParentOfType<ModuleOp>());
    auto type = cast<RankedTensorType>(op.getType());
    OpBuilder b(op);
    auto sizes = materializeDynamicDims(b, op.getLoc(), op.getInput());
    if (!sizes)
      return op.emitOpError("shows a value whose size does not follow from the program's dimensions");
    Value init = tensor::EmptyOp::create(b, op.getLoc(), type, *sizes);
    auto launch = qk::LaunchOp::create(b, op.getLoc(), type, tapKernel(library, type.getShape().back()), ValueRange{op.getInput()}, ValueRange{init});
    op.replaceAllUsesWith(launch.getResult(0));
    return success();
  }

  template <typename Op> LogicalResult convertAll() {
    SmallVector<Op> ops;
    getOperation().walk([&](Op op) { ops.push_back(op); });
    for (Op op : ops) {
      if (failed(convert(op)))
        return failure();
      op->erase();
    }
    return success();
  }

  bool hasViews() {
    return getOperation().walk([](qnt::CacheViewOp) { return WalkResult::interrupt(); }).wasInterrupted();
  }

  /// Kernels have a layout of their own for caches.
  LogicalResult checkCaches() {
    auto status = getOperation().walk([](Operation *op) {
      auto load = dyn_cast<qnt::CacheLoadOp>(op);
      if (!isa<qnt::KvUpdateOp, qnt::AttentionOp, qnt::CacheStoreOp>(op) && (!load || load.getPast().empty()))
        return WalkResult::advance();
      op->emitOpError("cannot share caches with operations that are lowered to their reference already");
      return WalkResult::interrupt();
    });
    return failure(status.wasInterrupted());
  }

  LogicalResult checkComplete() {
    auto status = getOperation().walk([](Operation *op) {
      if (!isa<qnt::QntDialect>(op->getDialect()) || isa<qnt::WeightDeclOp>(op))
        return WalkResult::advance();
      op->emitOpError("has no reference lowering");
      return WalkResult::interrupt();
    });
    return failure(status.wasInterrupted());
  }

  void runOnOperation() override {
    if (hasViews() && (failed(checkCaches()) || failed(convertAll<qnt::CacheLoadOp>()) || failed(convertAll<qnt::CacheViewOp>())))
      return signalPassFailure();
    if (failed(convertAll<qnt::TapOp>()) || failed(convertAll<qnt::DecomposeOp>()) || failed(convertAll<cf::AssertOp>()))
      return signalPassFailure();
    if (complete && (failed(convertAll<qnt::RowStartsOp>()) || failed(checkComplete())))
      return signalPassFailure();
    getOperation().walk([](UnrealizedConversionCastOp cast) {
      if (cast->use_empty())
        cast.erase();
    });
  }
};
} // namespace
