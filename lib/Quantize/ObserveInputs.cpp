// A program for calibration: it shows what reaches every matmul, and computes nothing else.
#include "dialects/Quant/Quant.h"
#include "qcc/Quantize/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_OBSERVEINPUTS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct ObserveInputs : qcc::impl::ObserveInputsBase<ObserveInputs> {
  void runOnOperation() override {
    WalkResult walked = getOperation().walk([&](qnt::MatmulOp matmul) {
      if (!isa<func::FuncOp>(matmul->getParentOp())) {
        matmul.emitError("is in a loop or a branch, where calibration cannot follow it [unsupported-control-flow]");
        return WalkResult::interrupt();
      }
      if (!cast<ShapedType>(matmul.getInput().getType()).getElementType().isF32())
        return WalkResult::advance(); // activations that the model itself quantizes
      OpBuilder b(matmul);
      qnt::ObserveOp::create(b, matmul.getLoc(), matmul.getInput(), matmul.getWeight());
      ++numObserved;
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal())
      return;
    if (failed(dropResults(main)) || failed(forgetPast(main)))
      signalPassFailure();
  }

private:
  static LogicalResult dropResults(func::FuncOp main) {
    main.front().getTerminator()->setOperands({});
    return main.eraseResults(BitVector(main.getNumResults(), true));
  }

  /// Sequences start from nothing in every call: caches live as long as the layer that uses them, so that many sequences fit into memory at once.
  LogicalResult forgetPast(func::FuncOp main) {
    OpBuilder b(&getContext());
    SmallVector<qnt::CacheStoreOp> stores;
    SmallVector<qnt::CacheLoadOp> loads;
    main.walk([&](qnt::CacheStoreOp store) { stores.push_back(store); });
    main.walk([&](qnt::CacheLoadOp load) { loads.push_back(load); });
    for (qnt::CacheStoreOp store : stores)
      if (store.use_empty())
        store.erase();
    for (qnt::CacheLoadOp load : loads)
      if (llvm::all_of(load.getPast(), llvm::IsaPred<BlockArgument>))
        load.getPastMutable().clear();
    BitVector unused(main.getNumArguments());
    for (BlockArgument argument : main.getArguments()) {
      if (isa<qnt::CacheType>(argument.getType()) && !argument.use_empty()) {
        Operation *first = *argument.user_begin();
        for (Operation *user : argument.getUsers())
          if (user->isBeforeInBlock(first))
            first = user;
        b.setInsertionPoint(first);
        argument.replaceAllUsesWith(qnt::CacheLoadOp::create(b, first->getLoc(), argument.getType(), ValueRange()).getCache());
      }
      auto role = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "qnt.role");
      if (isa<qnt::CacheType>(argument.getType()) || (argument.use_empty() && role && role == "past"))
        unused.set(argument.getArgNumber());
    }
    if (failed(main.eraseArguments(unused)))
      return failure();
    SmallVector<Attribute> dims;
    if (auto names = getOperation()->getAttrOfType<ArrayAttr>("qnt.dims"))
      for (auto name : names.getAsRange<StringAttr>())
        if (name != "past" && name != "context") // a program without them has no past
          dims.push_back(name);
    getOperation()->setAttr("qnt.dims", b.getArrayAttr(dims));
    return success();
  }
};
} // namespace
