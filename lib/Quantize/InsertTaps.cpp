// Windows into a program that is verified. Its twin, made of the same module, has the same ones in the same order.
#include "dialects/Quant/Quant.h"
#include "qcc/Quantize/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_INSERTTAPS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Rows of floats, of one width.
static bool isShown(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32() && type.getRank() && !type.isDynamicDim(type.getRank() - 1);
}

namespace {
struct InsertTaps : qcc::impl::InsertTapsBase<InsertTaps> {
  using Base::Base;
  void runOnOperation() override {
    if (at != "products" && at != "layers") {
      getOperation().emitError("taps are inserted at products or layers, not at '") << at << "'";
      return signalPassFailure();
    }
    at == "products" ? tapProducts() : tapLayers();
  }

private:
  void tapProducts() {
    SmallVector<qnt::MatmulOp> matmuls;
    getOperation().walk([&](qnt::MatmulOp op) { matmuls.push_back(op); });
    for (qnt::MatmulOp op : matmuls) {
      auto quantize = op.getInput().getDefiningOp<qnt::QuantizeOp>();
      OpOperand &input = quantize ? quantize->getOpOperand(0) : op->getOpOperand(0);
      if (isShown(input.get()) && !input.get().getDefiningOp<qnt::TapOp>())
        tapUse(input);
      tap(op.getResult());
    }
  }

  void tapLayers() {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal())
      return;
    for (auto call : llvm::to_vector(main.getOps<func::CallOp>()))
      for (Value result : call.getResults())
        tap(result);
    for (OpOperand &result : main.front().getTerminator()->getOpOperands())
      if (isShown(result.get()) && !result.get().getDefiningOp<qnt::TapOp>())
        tapUse(result);
  }

  void tap(Value value) {
    if (!isShown(value))
      return;
    OpBuilder b(value.getContext());
    b.setInsertionPointAfterValue(value);
    auto shown = qnt::TapOp::create(b, value.getLoc(), value);
    value.replaceAllUsesExcept(shown, shown);
    ++numTaps;
  }

  /// What only this use reads: others read the value itself.
  void tapUse(OpOperand &use) {
    OpBuilder b(use.getOwner());
    use.set(qnt::TapOp::create(b, use.getOwner()->getLoc(), use.get()));
    ++numTaps;
  }
};
} // namespace
