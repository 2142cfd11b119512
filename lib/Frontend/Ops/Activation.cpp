// Activation functions that have an operator of their own.
#include "lib/Frontend/Ops/Handlers.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

template <qnt::Activation kind> static LogicalResult activate(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  RankedTensorType type = c.r.type(node.input(0));
  if (!type || !type.getElementType().isF32())
    return refuse(node, "needs a float32 input of known rank", "element-type");
  results.push_back(qnt::ActivateOp::create(c.r.builder, node.getLoc(), type, node.input(0), kind));
  return success();
}
static LogicalResult gelu(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  bool tanh = node.stringAttribute("approximate", "none") == "tanh";
  return (tanh ? activate<qnt::Activation::GeluTanh> : activate<qnt::Activation::Gelu>)(c, node, results);
}

static LogicalResult fastGelu(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  if (node.input(1))
    return refuse(node, "a bias is not supported", "unsupported-input");
  return activate<qnt::Activation::GeluTanh>(c, node, results);
}

static constexpr FusedRow rows[] = {
    {"Gelu", "", 20, gelu},
    {"Gelu", "com.microsoft", 1, gelu},
    {"FastGelu", "com.microsoft", 1, fastGelu},
    {"Relu", "", 1, activate<qnt::Activation::Relu>},
};
ArrayRef<FusedRow> qcc::frontend::activationRows() { return rows; }
