// Norms: opset 17 LayerNormalization, opset 23 RMSNormalization, and ONNX Runtime's, with and without the residual addition inside.
#include "lib/Frontend/Ops/Handlers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

static FailureOr<Value> norm(FusedOps &c, onnx::NodeOp node, Value input, unsigned scale, std::optional<unsigned> bias, qnt::NormKind kind) {
  const Elements::Shape *shape = c.r.elements.shape(input);
  if (!shape || normalizeAxis(node.intAttribute("axis", -1), shape->size()) != int64_t(shape->size()) - 1)
    return refuse(node, "only the last axis can be normalized", "norm-axis");
  FailureOr<Value> gamma = c.weight(node, scale, "scale"), beta = bias ? c.weight(node, *bias, "bias") : FailureOr<Value>(Value());
  if (failed(gamma) || failed(beta))
    return failure();
  auto epsilon = llvm::APFloat(float(node.floatAttribute("epsilon", 1e-5)));
  return qnt::NormOp::create(c.r.builder, node.getLoc(), c.r.type(*shape, c.r.builder.getF32Type()), input, *gamma, *beta, kind, epsilon).getResult();
}

static LogicalResult onlyFirstOutput(onnx::NodeOp node, ArrayRef<unsigned> others) {
  for (unsigned i : others)
    if (node.output(i) && !node.output(i).use_empty())
      return refuse(node, "output " + Twine(i) + " (a statistic for training) is not supported", "unsupported-output");
  return success();
}

template <qnt::NormKind kind> static LogicalResult plain(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  if (failed(onlyFirstOutput(node, {1, 2})))
    return failure();
  FailureOr<Value> result = norm(c, node, node.input(0), 1, kind == qnt::NormKind::Layer ? std::optional(2u) : std::nullopt, kind);
  if (failed(result))
    return failure();
  results.push_back(*result);
  return success();
}

/// norm(input + skip (+ bias)); the fourth output is the sum.
template <qnt::NormKind kind> static LogicalResult skip(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  if (failed(onlyFirstOutput(node, {1, 2})))
    return failure();
  bool layer = kind == qnt::NormKind::Layer;
  const Elements::Shape *a = c.r.elements.shape(node.input(0)), *b = c.r.elements.shape(node.input(1));
  if (!a || !b || *a != *b)
    return refuse(node, "input and skip must have the same shape", "skip-shape");
  if (node.input(layer ? 4 : 3))
    return refuse(node, "a bias before the norm is not supported", "unsupported-input");
  Location loc = node.getLoc();
  auto type = c.r.type(*a, c.r.builder.getF32Type());
  auto operand = [&](Value value) { return value.getType() == type ? value : c.r.node(loc, "Identity", value, type); };
  Value sum = arith::AddFOp::create(c.r.builder, loc, operand(node.input(0)), operand(node.input(1)));
  FailureOr<Value> gamma = c.weight(node, 2, "gamma"), beta = layer ? c.weight(node, 3, "beta") : FailureOr<Value>(Value());
  if (failed(gamma) || failed(beta))
    return failure();
  auto epsilon = llvm::APFloat(float(node.floatAttribute("epsilon", 1e-5)));
  Value result = qnt::NormOp::create(c.r.builder, loc, type, sum, *gamma, *beta, kind, epsilon);
  results.append({result, Value(), Value(), sum});
  return success();
}

static constexpr auto rms = qnt::NormKind::Rms, layer = qnt::NormKind::Layer;
static constexpr FusedRow rows[] = {
    {"LayerNormalization", "", 17, plain<layer>},
    {"RMSNormalization", "", 23, plain<rms>},
    {"SimplifiedLayerNormalization", "", 1, plain<rms>}, // ONNX Runtime registers its own norm in ONNX's domain
    {"SimplifiedLayerNormalization", "com.microsoft", 1, plain<rms>},
    {"SkipSimplifiedLayerNormalization", "com.microsoft", 1, skip<rms>},
    {"SkipLayerNormalization", "com.microsoft", 1, skip<layer>},
};
ArrayRef<FusedRow> qcc::frontend::normRows() { return rows; }
