// Activation functions that have an operator of their own.
#include "lib/Frontend/Ops/Handlers.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

/// The node's input, with as many channels as the vector `bias` has elements; where only a run tells, that run compares. Null where it has others.
static Value withChannelsOf(FusedOps &c, onnx::NodeOp node, Value bias) {
  const Elements::Shape *vector = c.r.elements.shape(bias), *shape = c.r.elements.shape(node.input(0));
  if (!vector || vector->size() != 1 || !shape || shape->empty())
    return {};
  std::optional<int64_t> wanted = ExprPool::integer(vector->front()), given = ExprPool::integer(shape->back());
  if (wanted)
    if (Value same = c.r.withChannels(node.getLoc(), node.input(0), *wanted))
      return same;
  bool mayAgree = vector->front() == shape->back() || (!(wanted && given) && wanted != 1 && given != 1);   // a sum would broadcast 1
  return mayAgree ? node.input(0) : Value();
}

template <qnt::Activation kind> static LogicalResult activate(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  RankedTensorType type = c.r.type(node.input(0));
  if (!type || !type.getElementType().isF32())
    return refuse(node, "needs a float32 input of known rank", "element-type");
  Value input = node.input(0);
  if (Value bias = node.input(1)) { // stays an addition: a linear layer before it takes it as its bias
    if (!(input = withChannelsOf(c, node, bias)))
      return refuse(node, "the bias must have one element per channel", "bias-shape");
    type = c.r.type(input);
    input = c.r.node(node.getLoc(), "Add", {input, bias}, type);
  }
  results.push_back(qnt::ActivateOp::create(c.r.builder, node.getLoc(), type, input, kind));
  return success();
}
static LogicalResult gelu(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  bool tanh = node.stringAttribute("approximate", "none") == "tanh";
  return (tanh ? activate<qnt::Activation::GeluTanh> : activate<qnt::Activation::Gelu>)(c, node, results);
}

static constexpr FusedRow rows[] = {
    {"Gelu", "", 20, gelu},
    {"Gelu", "com.microsoft", 1, gelu},
    {"BiasGelu", "com.microsoft", 1, activate<qnt::Activation::Gelu>},
    {"FastGelu", "com.microsoft", 1, activate<qnt::Activation::GeluTanh>},
    {"Relu", "", 1, activate<qnt::Activation::Relu>},
};
ArrayRef<FusedRow> qcc::frontend::activationRows() { return rows; }
