// The generic path over threads: linalg operations and copies become loops whose parallel iterations are shared.
#include "lib/Kernel/KernelBuilder.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_DISTRIBUTELOOPS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// The body of `loop` for given induction variables, at the builder's position.
static void cloneBody(OpBuilder &b, scf::ParallelOp loop, ValueRange at) {
  IRMapping mapping;
  mapping.map(loop.getInductionVars(), at);
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
}

/// Plain nested loops.
static void makeSequential(scf::ParallelOp loop) {
  OpBuilder b(loop);
  scf::buildLoopNest(b, loop.getLoc(), loop.getLowerBound(), loop.getUpperBound(), loop.getStep(),
                     [&](OpBuilder &inner, Location, ValueRange at) { cloneBody(inner, loop, at); });
  loop.erase();
}

/// All dimensions but the last are counted together and shared; the last one stays a loop, unless it is the only one or a row should keep many threads busy.
static void share(scf::ParallelOp loop, const TargetFacts &facts) {
  OpBuilder at(loop);
  KernelBuilder b(loop.getLoc(), at, facts);
  unsigned rank = loop.getNumLoops(), outer = facts.version.shareColumns <= facts.lanes() ? rank : std::max(1u, rank - 1);
  SmallVector<Value> counts;
  Value total = b.idx(1);
  for (unsigned i = 0; i < outer; ++i) {
    Value span = b.sub(loop.getUpperBound()[i], loop.getLowerBound()[i]);
    counts.push_back(arith::CeilDivSIOp::create(b, span, loop.getStep()[i]));
    total = b.mul(total, counts.back());
  }
  b.share(total, [&](Value unit) {
    SmallVector<Value> variables(outer);
    for (unsigned i = outer; i-- > 0;) {
      Value index = i ? b.rem(unit, counts[i]) : unit;
      unit = i ? b.div(unit, counts[i]) : unit;
      variables[i] = b.add(loop.getLowerBound()[i], b.mul(index, loop.getStep()[i]));
    }
    if (outer == rank)
      return cloneBody(b, loop, variables);
    auto last = scf::ForOp::create(b, loop.getLowerBound()[outer], loop.getUpperBound()[outer], loop.getStep()[outer]);
    variables.push_back(last.getInductionVar());
    OpBuilder inner = OpBuilder::atBlockTerminator(last.getBody());
    cloneBody(inner, loop, variables);
  });
  loop.erase();
}

namespace {
struct DistributeLoopsPass : qcc::impl::DistributeLoopsBase<DistributeLoopsPass> {
  /// Wraps `op` so that thread 0 alone runs it.
  LogicalResult guard(Operation *op) {
    if (op->getNumResults())
      return op->emitOpError("writes memory and returns values, which one thread alone cannot do");
    OpBuilder at(op);
    KernelBuilder b(op->getLoc(), at, getTargetFacts(op));
    Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, qk::ThreadIdOp::create(b, b.getIndexType()), b.idx(0));
    b.when(first, [&] { op->moveBefore(b.getInsertionBlock(), b.getInsertionPoint()); });
    return success();
  }

  LogicalResult distribute(Operation *op) {
    IRRewriter rewriter(op);
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      op = linalg::CopyOp::create(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
      rewriter.setInsertionPoint(op);
    }
    Operation *next = op->getNextNode();
    Operation *outermost = op;
    if (auto linalg = dyn_cast<linalg::LinalgOp>(op)) {
      Operation *before = op->getPrevNode();
      Block *block = op->getBlock();
      auto loops = linalg::linalgOpToParallelLoops(rewriter, linalg);
      if (failed(loops))
        return linalg.emitOpError("does not become loops");
      linalg.erase();
      if (loops->empty()) {                                         // rank 0: scalar code, of which only the writes are guarded
        for (Operation *at = before ? before->getNextNode() : &block->front(); at != next;) {
          Operation *one = at;
          at = at->getNextNode();
          if (hasEffect<MemoryEffects::Write>(one) && failed(guard(one)))
            return failure();
        }
        return barrier(next);
      }
      outermost = loops->front();
    }
    if (outermost->walk([](scf::ParallelOp) { return WalkResult::interrupt(); }).wasInterrupted() || isa<scf::ForOp>(outermost)) {
      SmallVector<scf::ParallelOp> inner;
      outermost->walk([&](scf::ParallelOp loop) {
        if (loop != outermost)
          inner.push_back(loop);
      });
      for (scf::ParallelOp loop : inner)
        makeSequential(loop);
    }
    if (auto loop = dyn_cast<scf::ParallelOp>(outermost))
      share(loop, getTargetFacts(getOperation()));
    else if (failed(guard(outermost)))
      return failure();
    return barrier(next);
  }

  LogicalResult barrier(Operation *before) {
    OpBuilder b(before);
    qk::BarrierOp::create(b, before->getLoc());
    return success();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || function->hasAttr("qk.kernel") || function->hasAttr("qk.size"))
      return;
    SmallVector<Operation *> work;
    for (Operation &op : function.front()) {
      bool writes = op.getNumRegions() ? op.walk([](Operation *o) {
        return isa<memref::CopyOp>(o) || hasEffect<MemoryEffects::Write>(o) ? WalkResult::interrupt() : WalkResult::advance();
      }).wasInterrupted() : hasEffect<MemoryEffects::Write>(&op);
      if (isa<linalg::LinalgOp, memref::CopyOp>(op) || (writes && !isa<qk::LaunchOp, qk::BarrierOp, qk::FailOp, func::CallOp>(op)))
        work.push_back(&op);
    }
    for (Operation *op : work)
      if (failed(distribute(op)))
        return signalPassFailure();
  }
};
} // namespace
