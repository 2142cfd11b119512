// Norms: opset 17 LayerNormalization, opset 23 RMSNormalization, and ONNX Runtime's, with and without the residual addition inside, or the sum of
// embeddings.
#include "lib/Frontend/Ops/Handlers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

/// A constant with an element for each channel, as a vector, or null where there is none.
static FailureOr<Value> parameter(FusedOps &c, onnx::NodeOp node, unsigned operand, StringRef what, std::optional<int64_t> channels) {
  FailureOr<Value> value = c.weight(node, operand, what);
  if (failed(value) || !*value)
    return value;
  auto type = cast<RankedTensorType>(value->getType());
  if (!channels)
    channels = type.getShape().back();
  if (type.getNumElements() != *channels)
    return refuse(node, "has " + Twine(type.getNumElements()) + " elements of " + what + " for " + Twine(*channels) + " channels", "norm-parameters");
  return type.getRank() == 1 ? *value : c.r.reshape(node.getLoc(), *value, *channels);
}

/// The norm of `input`, which has as many channels as `scale` has elements.
static FailureOr<Value> norm(FusedOps &c, onnx::NodeOp node, Value input, unsigned scale, std::optional<unsigned> bias, qnt::NormKind kind, double defaultEpsilon) {
  const Elements::Shape *shape = c.r.elements.shape(input);
  if (!shape || shape->empty() || normalizeAxis(node.intAttribute("axis", -1), shape->size()) != int64_t(shape->size()) - 1)
    return refuse(node, "only the last axis can be normalized", "norm-axis");
  std::optional<int64_t> known = ExprPool::integer(shape->back());
  FailureOr<Value> gamma = parameter(c, node, scale, "scale", known);
  if (failed(gamma))
    return failure();
  if (!*gamma)
    return refuse(node, "has no scale", "norm-parameters");
  int64_t channels = cast<RankedTensorType>(gamma->getType()).getDimSize(0);
  FailureOr<Value> beta = bias ? parameter(c, node, *bias, "bias", channels) : FailureOr<Value>(Value());
  if (failed(beta))
    return failure();
  if (!channels)
    return refuse(node, "normalizes rows without elements", "norm-channels");
  Value rows = c.r.withChannels(node.getLoc(), input, channels);
  if (!rows)
    return refuse(node, "the number of channels must be a number or follow from the extents of inputs", "norm-channels");
  auto epsilon = llvm::APFloat(float(node.floatAttribute("epsilon", defaultEpsilon)));
  return qnt::NormOp::create(c.r.builder, node.getLoc(), c.r.type(rows), rows, *gamma, *beta, kind, epsilon).getResult();
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
  FailureOr<Value> result = norm(c, node, node.input(0), 1, kind == qnt::NormKind::Layer ? std::optional(2u) : std::nullopt, kind, 1e-5);
  if (failed(result))
    return failure();
  results.push_back(*result);
  return success();
}

/// Are the dimensions of `part` the last ones of `whole`, or 1 in front?
static bool endsLike(ArrayRef<E> whole, ArrayRef<E> part) {
  while (!part.empty() && ExprPool::integer(part.front()) == 1)
    part = part.drop_front();
  return part.size() <= whole.size() && part == whole.take_back(part.size());
}
/// a + b of type `to`, either of them broadcast.
static Value sumOf(FusedOps &c, Location loc, Value a, Value b, RankedTensorType to) {
  bool same = a.getType() == to && b.getType() == to && *c.r.elements.shape(a) == *c.r.elements.shape(b);
  return same ? Value(arith::AddFOp::create(c.r.builder, loc, a, b)) : c.r.node(loc, "Add", {a, b}, to);
}

/// norm(input + skip (+ bias)); the fourth output is the sum.
template <qnt::NormKind kind> static LogicalResult skip(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  if (failed(onlyFirstOutput(node, {1, 2})))
    return failure();
  bool layer = kind == qnt::NormKind::Layer;
  Location loc = node.getLoc();
  const Elements::Shape *a = c.r.elements.shape(node.input(0)), *b = c.r.elements.shape(node.input(1));
  if (!a || !b || a->empty() || !endsLike(*a, *b))
    return refuse(node, "input and skip must have the same shape, but for a batch of one in skip", "skip-shape");
  auto type = c.r.type(*a, c.r.builder.getF32Type());
  auto operand = [&](Value value) { return value.getType() == type ? value : c.r.node(loc, "Identity", value, type); };
  Value sum = operand(node.input(0)), skipped = *a == *b ? operand(node.input(1)) : node.input(1);
  if (Value bias = node.input(layer ? 4 : 3)) {
    const Elements::Shape *channels = c.r.elements.shape(bias);
    if (!channels || channels->size() != 1 || (*channels)[0] != a->back())
      return refuse(node, "the bias must have one element per channel", "bias-shape");
    sum = c.r.node(loc, "Add", {sum, bias}, type);
  }
  sum = sumOf(c, loc, sum, skipped, type);
  FailureOr<Value> result = norm(c, node, sum, 2, layer ? std::optional(3u) : std::nullopt, kind, 1e-12); // not the 1e-5 of the norms without a sum
  if (failed(result))
    return failure();
  results.append({*result, Value(), Value(), sum});
  return success();
}

/// word[ids] + position[positions] (+ segment[segments]), normed. The second output counts the ones in each row of the mask.
static LogicalResult embedLayerNorm(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  OpBuilder &b = c.r.builder;
  Location loc = node.getLoc();
  const Elements::Shape *ids = c.r.elements.shape(node.input(0)), *word = c.r.elements.shape(node.input(2)), *position = c.r.elements.shape(node.input(3));
  if (!ids || ids->size() != 2 || !word || word->size() != 2 || !position || position->size() != 2)
    return refuse(node, "needs ids [batch, tokens] and tables [rows, channels] of known shape", "embedding-shape");
  if (!node.input(1) != !node.input(4))
    return refuse(node, "segment_ids and segment_embedding belong together", "missing-input");
  E channels = word->back();
  auto type = c.r.type({(*ids)[0], (*ids)[1], channels}, b.getF32Type());
  auto embed = [&](unsigned table, unsigned at) -> Value {
    const Elements::Shape *from = c.r.elements.shape(node.input(table)), *rows = c.r.elements.shape(node.input(at));
    bool fits = from && from->size() == 2 && from->back() == channels && rows && rows->size() == 2;
    return fits ? c.r.node(loc, "Gather", {node.input(table), node.input(at)}, c.r.type({(*rows)[0], (*rows)[1], channels}, b.getF32Type())) : Value();
  };
  Value words = embed(2, 0), positions = node.input(8) ? embed(3, 8) : Value(), segments = node.input(1) ? embed(4, 1) : Value();
  if (!node.input(8)) { // the first rows of the table
    Value tokens = c.r.node(loc, "Shape", node.input(0), RankedTensorType::get({1}, b.getI64Type()), {b.getNamedAttr("start", b.getI64IntegerAttr(1))});
    positions = c.r.node(loc, "Slice", {node.input(3), c.r.constant(loc, int64_t(0)), tokens, c.r.constant(loc, int64_t(0))}, c.r.type({(*ids)[1], channels}, b.getF32Type()));
  }
  if (!words || !positions || position->back() != channels || (node.input(1) && !segments))
    return refuse(node, "needs ids [batch, tokens] and tables [rows, channels] of known shape", "embedding-shape");
  Value sum = sumOf(c, loc, words, positions, type);
  if (segments)
    sum = sumOf(c, loc, sum, segments, type);
  FailureOr<Value> result = norm(c, node, sum, 5, 6, qnt::NormKind::Layer, 1e-12);
  if (failed(result))
    return failure();
  Value count;
  if (node.output(1) && !node.output(1).use_empty()) {
    if (!node.input(7))
      return refuse(node, "mask_index needs a mask", "missing-input");
    const Elements::Shape &mask = *c.r.elements.shape(node.input(7));
    Value one = c.r.node(loc, "Cast", c.r.constant(loc, int64_t(1)), RankedTensorType::get({1}, b.getI32Type()), {b.getNamedAttr("to", b.getI64IntegerAttr(6))});
    Value ones = c.r.node(loc, "Equal", {node.input(7), one}, c.r.type(mask, b.getI1Type()));
    Value numbers = c.r.node(loc, "Cast", ones, c.r.type(mask, b.getI32Type()), {b.getNamedAttr("to", b.getI64IntegerAttr(6))});
    count = c.r.node(loc, "ReduceSum", {numbers, c.r.constant(loc, int64_t(1))}, c.r.type(mask[0], b.getI32Type()), {b.getNamedAttr("keepdims", b.getI64IntegerAttr(0))});
  }
  results.append({*result, count, sum});
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
    {"EmbedLayerNormalization", "com.microsoft", 1, embedLayerNorm},
};
ArrayRef<FusedRow> qcc::frontend::normRows() { return rows; }
