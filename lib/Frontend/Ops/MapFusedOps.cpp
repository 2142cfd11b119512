// Applies the rows of fused operators: those that are one qnt op, or a few, by definition.
#include "lib/Frontend/Ops/Handlers.h"
#include "qcc/Frontend/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_MAPFUSEDOPS
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

LogicalResult qcc::frontend::refuse(onnx::NodeOp node, const Twine &message, StringRef rule) {
  return node.emitError() << message << " [" << rule << "]";
}

Value FusedOps::constantBehind(Value value) {
  // Reshapes and casts keep the row-major order of the elements, which is all that a byte range says.
  for (int depth = 0; value && depth < 8; ++depth) {
    if (isConstant(value))
      return value;
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || !(node.is("Reshape") || node.is("Flatten") || node.is("Squeeze") || node.is("Unsqueeze") || node.is("Identity") || node.is("Cast")))
      return {};
    value = node.input(0);
  }
  return {};
}

FailureOr<Value> FusedOps::weight(onnx::NodeOp node, unsigned input, StringRef what) {
  Value given = node.input(input);
  if (!given)
    return Value();
  Value constant = constantBehind(given);
  Value result = constant ? r.weights.get(r.builder, node.getLoc(), constant) : Value();
  if (!result)
    return refuse(node, what + " must be a constant float tensor", "constant-operand");
  return result;
}

namespace {
struct MapFusedOps : qcc::impl::MapFusedOpsBase<MapFusedOps> {
  using MapFusedOpsBase::MapFusedOpsBase;
  void runOnOperation() override {
    bool ok = true;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        ok &= runOn(func);
    if (!ok)
      signalPassFailure();
  }

  bool runOn(func::FuncOp func) {
    Recovery recovery(func);
    FusedOps context(recovery, maxContext);
    bool ok = true;
    for (onnx::NodeOp node : recovery.nodes()) {
      const FusedRow *row = rowFor(fusedFamilies(), node);
      if (!row || node.use_empty())
        continue;
      recovery.builder.setInsertionPoint(node);
      SmallVector<Value> results;
      if (failed(row->handler(context, node, results))) {
        ok = false; // all problems of a model at once
        continue;
      }
      for (auto [output, result] : llvm::zip(node.getOutputs(), results))
        if (result)
          output.replaceAllUsesWith(result);
      ++numMapped;
    }
    if (ok)
      recovery.finish();
    return ok;
  }
};
} // namespace
