// Recognises the gated unit on a merged [gate, up] tensor, so that one kernel reads both halves while they are in cache.
#include "dialects/Quant/Quant.h"
#include "lib/Graph/Extents.h"
#include "qcc/Graph/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
namespace qcc {
#define GEN_PASS_DEF_FUSEGLU
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Does `slice` take all of its source but the last dimension, of which it takes `size` channels from `start`?
static bool takesChannels(tensor::ExtractSliceOp slice, int64_t start, int64_t size) {
  unsigned last = slice.getSourceType().getRank() - 1;
  for (unsigned i = 0; i <= last; ++i)
    if (slice.getStaticOffsets()[i] != (i == last ? start : 0))
      return false;
  for (unsigned i = 0; i < last; ++i) // two dynamic sizes may still be different ones: x[:, :-1]
    if (!(graph::extentOf(slice.getMixedSizes()[i]) == graph::extentOf(slice.getSource(), i)))
      return false;
  return slice.hasUnitStride() && slice.getType().getDimSize(last) == size;
}

namespace {
struct FuseGluPattern : OpRewritePattern<arith::MulFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::MulFOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0, 1}) {
      auto activate = op->getOperand(side).getDefiningOp<qnt::ActivateOp>();
      auto up = op->getOperand(1 - side).getDefiningOp<tensor::ExtractSliceOp>();
      auto gate = activate ? activate.getInput().getDefiningOp<tensor::ExtractSliceOp>() : tensor::ExtractSliceOp();
      if (!gate || !up || gate.getSource() != up.getSource())
        continue;
      auto type = cast<RankedTensorType>(op.getType());
      if (type.getRank() == 0 || gate.getSourceType().getRank() != type.getRank() || up.getSourceType().getRank() != type.getRank())
        return rewriter.notifyMatchFailure(op, "gate and up have another rank than what they are cut from");
      int64_t channels = type.getDimSize(type.getRank() - 1);
      if (gate.getSourceType().getDimSize(type.getRank() - 1) != 2 * channels)
        return rewriter.notifyMatchFailure(op, "gate and up are not the halves of one tensor");
      if (!takesChannels(gate, 0, channels) || !takesChannels(up, channels, channels))
        return rewriter.notifyMatchFailure(op, "the gate is not the first half");
      rewriter.replaceOpWithNewOp<qnt::GluOp>(op, type, gate.getSource(), activate.getActivation());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no activated half of a tensor times its other half");
  }
};

struct FuseGlu : qcc::impl::FuseGluBase<FuseGlu> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseGluPattern>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
    getOperation().walk([&](qnt::GluOp) { ++numFused; });
  }
};
} // namespace
