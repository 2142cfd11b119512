// Stack of a kernel whose registers are spread over lanes: one lane writes what another reads, so it is memory that the lanes share, and they wait for
// each other around what is written. Scalars are stored by every lane (the same value): a lane that is ahead must not overtake one that still reads.
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "qcc/Target/Passes.h"
#include "llvm/Support/MathExtras.h"
namespace qcc {
#define GEN_PASS_DEF_PLACESCRATCH
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Whether a memref may be scratch: anything that does not lead to other storage.
static bool mayBeScratch(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto bind = dyn_cast<qk::BindOp>(op))
      return bind.getStorage() == qk::Storage::Scratch;
    if (!isa<ViewLikeOpInterface, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op))
      return true;
    memref = op->getOperand(0);
  }
  return true;
}

namespace {
struct PlaceScratchPass : qcc::impl::PlaceScratchBase<PlaceScratchPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr("qk.lanes"))
      return;                                          // every lane is a thread of its own, with a stack of its own
    SmallVector<memref::AllocaOp> allocas;
    function.walk([&](memref::AllocaOp alloca) { allocas.push_back(alloca); });
    ImplicitLocOpBuilder b = ImplicitLocOpBuilder::atBlockBegin(function.getLoc(), &function.front());
    int64_t bytes = 0;
    for (memref::AllocaOp alloca : allocas) {
      if (!alloca.getType().hasStaticShape()) {
        alloca.emitOpError("has a size that is not known when the step is compiled");
        return signalPassFailure();
      }
      Value at = arith::ConstantIndexOp::create(b, bytes);
      alloca.replaceAllUsesWith(qk::BindOp::create(b, alloca.getType(), qk::Storage::Scratch, 0, at, ValueRange()).getResult());
      Type element = alloca.getType().getElementType();
      int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
      bytes += llvm::alignTo(alloca.getType().getNumElements() * llvm::divideCeil(bits, 8), 16);
    }
    for (memref::AllocaOp alloca : allocas)            // after the last one is replaced: new operations go before the first
      alloca.erase();
    function->setAttr("qk.scratch_bytes", b.getI64IntegerAttr(bytes));
    function.walk([&](Operation *op) {
      Value memref;
      if (auto store = dyn_cast<memref::StoreOp>(op))
        memref = store.getMemRef();
      else if (auto store = dyn_cast<vector::StoreOp>(op))
        memref = store.getBase();
      else if (auto store = dyn_cast<vector::MaskedStoreOp>(op))
        memref = store.getBase();
      else
        return;
      b.setLoc(op->getLoc());
      if (isa<memref::StoreOp>(op) || mayBeScratch(memref)) {
        b.setInsertionPoint(op);
        qk::SyncLanesOp::create(b);
      }
      b.setInsertionPointAfter(op);
      qk::SyncLanesOp::create(b);
    });
  }
};
} // namespace
