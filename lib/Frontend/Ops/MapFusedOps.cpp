// Applies the rows of fused operators: those that are one qnt op, or a few, by definition.
#include "lib/Frontend/Ops/GenericOps.h"
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

  static bool isNarrow(Value value) { return fitsF32(value) && !getElementTypeOrSelf(value.getType()).isF32(); }
  /// The node on float32, where its floats are narrower; casts stand around it.
  static onnx::NodeOp widened(Recovery &r, onnx::NodeOp node) {
    if (llvm::none_of(node->getResults(), isNarrow))
      return node;
    Location loc = node.getLoc();
    SmallVector<Value> inputs(node.getInputs()), results(node.getOutputs());
    for (Value &input : inputs)
      if (isNarrow(input))
        input = r.asF32(loc, input);
    auto wide = mlir::cast<onnx::NodeOp>(r.builder.clone(*node));
    wide.getInputsMutable().assign(inputs);
    for (auto [result, was] : llvm::zip(wide->getResults(), results)) {
      if (isNarrow(was))
        result.setType(mlir::cast<ShapedType>(was.getType()).clone(r.builder.getF32Type()));
      if (was.use_empty())
        continue;
      was.replaceAllUsesWith(isNarrow(was) ? r.asElementsOf(loc, result, was) : Value(result));
    }
    r.builder.setInsertionPoint(wide);
    return wide;
  }

  bool runOn(func::FuncOp func) {
    Recovery recovery(func);
    FusedOps context(recovery, maxContext);
    bool ok = true;
    for (onnx::NodeOp node : recovery.nodes()) {
      const FusedRow *row = rowFor(fusedFamilies(), node);
      // Relu of integers, Gelu of float64: qnt has floats that fit float32 only.
      bool others = isa<ShapedType>(node.output(0).getType()) && !fitsF32(node.output(0));
      if (row && others && rowFor(genericFamilies(), node))
        row = nullptr;
      bool sums = rowFor(std::array{reductionRows()}, node); // in float32, as ONNX Runtime does
      if ((!row && !sums) || node.use_empty())
        continue;
      recovery.builder.setInsertionPoint(node);
      if (row && others) {
        ok = succeeded(refuse(node, "only float32, float16 and bfloat16 are supported", "element-type"));
        continue;
      }
      if (llvm::any_of(node.getOutputs(), [](Value out) { return isNarrow(out) && !isa<RankedTensorType>(out.getType()); })) {
        ok = succeeded(refuse(node, "the rank of the result is not known", "unknown-rank"));
        continue;
      }
      node = widened(recovery, node);
      if (!row)
        continue;
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
