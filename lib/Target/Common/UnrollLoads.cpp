// Loops that read memory of a device, several turns at a time. A thread of a device has no hardware that runs ahead of it: a load waits for the one of
// the turn before unless the code asks for both first. What an unrolled body loads is independent of its sums, so the assembler starts all of it
// together. Loops that store stay as they are: a load does not pass a store that it may read.
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "qcc/Target/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_UNROLLLOADS
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Loads of an unrolled body, each of which needs a register or more.
static constexpr int64_t mostLoads = 64;
/// Turns of a loop whose length is not known: what is left over runs turn by turn.
static constexpr int64_t mostTurns = 8;

/// Memory of the thread or its team, which answers at once.
static bool isNear(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto bind = dyn_cast<qk::BindOp>(op))
      return bind.getStorage() == qk::Storage::Scratch || bind.getStorage() == qk::Storage::Team || bind.getStorage() == qk::Storage::Cluster;
    if (!isa<ViewLikeOpInterface, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op))
      return isa<memref::AllocaOp>(op);
    memref = op->getOperand(0);
  }
  return false;
}

/// Loads of far memory in a turn of an innermost loop; 0 if it stores something or waits.
static int64_t countLoads(scf::ForOp loop) {
  int64_t loads = 0;
  WalkResult walk = loop.getBody()->walk([&](Operation *op) {
    if (isa<LoopLikeOpInterface, memref::StoreOp, vector::StoreOp, vector::MaskedStoreOp, qk::SyncLanesOp, qk::TeamBarrierOp, qk::ClusterArriveOp, qk::ClusterWaitOp, qk::FailOp>(op))
      return WalkResult::interrupt();
    if (auto load = dyn_cast<memref::LoadOp>(op))
      loads += !isNear(load.getMemRef());
    else if (auto load = dyn_cast<vector::LoadOp>(op))
      loads += !isNear(load.getBase());
    else if (auto load = dyn_cast<vector::MaskedLoadOp>(op))
      loads += !isNear(load.getBase());
    return WalkResult::advance();
  });
  return walk.wasInterrupted() ? 0 : loads;
}

namespace {
struct UnrollLoadsPass : qcc::impl::UnrollLoadsBase<UnrollLoadsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr("qk.step"))
      return;
    SmallVector<scf::ForOp> loops;                     // inner before outer: what is unrolled whole leaves an innermost loop around it
    function.walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      if (int64_t loads = countLoads(loop))
        unroll(loop, mostLoads / loads);
  }

  void unroll(scf::ForOp loop, int64_t turns) {
    std::optional<APInt> count = loop.getStaticTripCount();
    if (count && count->sle(turns))
      return (void)loopUnrollFull(loop);
    turns = std::min(llvm::bit_floor(uint64_t(turns)), uint64_t(mostTurns));  // lengths are powers of two more often than not
    if (turns > 1)
      (void)loopUnrollByFactor(loop, turns);
  }
};
} // namespace
