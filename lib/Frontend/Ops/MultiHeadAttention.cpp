// ONNX Runtime's attention of encoders: com.microsoft Attention, which has the projections inside, and MultiHeadAttention, which has not.
// A row all of whose keys are masked gives 0, as everywhere in qnt; ONNX Runtime adds mask_filter_value to all its scores, which masks nothing.
#include "lib/Frontend/Ops/AttentionParts.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct Named { unsigned number; StringLiteral name; };
} // namespace

static LogicalResult refuseInputs(onnx::NodeOp node, ArrayRef<Named> inputs) {
  for (const Named &input : inputs)
    if (node.input(input.number))
      return refuse(node, "input " + input.name + " is not supported", "unsupported-input");
  return success();
}
static LogicalResult refuseOutputs(onnx::NodeOp node, ArrayRef<Named> outputs) {
  for (const Named &output : outputs)
    if (Value value = node.output(output.number); value && !value.use_empty())
      return refuse(node, "output " + output.name + " is not supported", "unsupported-output");
  return success();
}

/// Which of the keys [batch, total] count, from the mask itself or, without a past, from how many of each row do [batch]. Null when it is neither.
static Value keyMask(FusedOps &c, onnx::NodeOp node, Value given, E batch, E tokens, E total) {
  OpBuilder &b = c.r.builder;
  Location loc = node.getLoc();
  const Elements::Shape *shape = c.r.elements.shape(given);
  if (!shape || shape->empty() || (*shape)[0] != batch)
    return {};
  if (shape->size() == 2 && (*shape)[1] == total)
    return given;
  if (shape->size() != 1 || tokens != total)
    return {};
  auto to = [&](int64_t type) { return b.getNamedAttr("to", b.getI64IntegerAttr(type)); };
  auto scalar = [&](int64_t v) -> Value {
    auto type = RankedTensorType::get({}, b.getI64Type());
    ElementsAttr attribute = DenseElementsAttr::get(type, v);
    return onnx::ConstantOp::create(b, loc, type, attribute);
  };
  Value count = c.r.node(loc, "Shape", node.input(0), RankedTensorType::get({1}, b.getI64Type()),
                         {b.getNamedAttr("start", b.getI64IntegerAttr(1)), b.getNamedAttr("end", b.getI64IntegerAttr(2))});
  Value keys = c.r.node(loc, "Range", {scalar(0), count, scalar(1)}, c.r.type(tokens, b.getI64Type()));
  Value lengths = c.r.node(loc, "Cast", given, c.r.type(batch, b.getI64Type()), to(7));
  Value column = c.r.node(loc, "Unsqueeze", {lengths, c.r.constant(loc, int64_t(1))}, c.r.type({batch, c.r.pool.number(1)}, b.getI64Type()));
  Value inside = c.r.node(loc, "Less", {keys, column}, c.r.type({batch, tokens}, b.getI1Type()));
  return c.r.node(loc, "Cast", inside, c.r.type({batch, tokens}, b.getI64Type()), to(7));
}

/// Fills `parts.size`: `channels` make whole heads.
static LogicalResult setHeads(onnx::NodeOp node, AttentionParts &parts, int64_t channels) {
  parts.heads = parts.kvHeads = node.intAttribute("num_heads", 0);
  if (parts.heads < 1 || channels < 1 || channels % parts.heads)
    return refuse(node, Twine(channels) + " channels are not a whole number of " + Twine(parts.heads) + " heads", "attention-heads");
  parts.size = channels / parts.heads;
  parts.scale = node.floatAttribute("scale", 0);
  parts.causal = node.intAttribute("unidirectional", 0) != 0;
  return success();
}

static LogicalResult finish(FusedOps &c, onnx::NodeOp node, AttentionParts &parts, unsigned maskInput, SmallVectorImpl<Value> &results) {
  FailureOr<Value> past = pastLength(c, node, parts);
  if (failed(past))
    return failure();
  const Elements::Shape &tokens = *c.r.elements.shape(parts.query);
  if (Value mask = node.input(maskInput)) {
    E total = parts.pastKey ? c.r.pool.add((*c.r.elements.shape(parts.pastKey))[2], tokens[1]) : tokens[1];
    if (parts.mask = keyMask(c, node, mask, tokens[0], tokens[1], total); !parts.mask)
      return refuse(node, "the mask must be [batch, keys], or without a past the number of keys of each row [batch]", "mask-shape");
  }
  return attend(c, node, parts, *past, results);
}

/// input [batch, tokens, in] x weights [in, query + key + value]: one linear layer, whose result is cut in three.
static LogicalResult attention(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  static constexpr Named inputs[] = {{4, "past"}, {5, "attention_bias"}, {6, "past_sequence_length"}}, outputs[] = {{1, "present"}};
  if (failed(refuseInputs(node, inputs)) || failed(refuseOutputs(node, outputs)))
    return failure();
  if (node.intAttribute("do_rotary", 0))
    return refuse(node, "do_rotary is not supported", "unsupported-attribute");
  Location loc = node.getLoc();
  const Elements::Shape *in = c.r.elements.shape(node.input(0)), *weights = c.r.elements.shape(node.input(1));
  std::optional<int64_t> channels = weights && weights->size() == 2 ? ExprPool::integer(weights->back()) : std::nullopt;
  if (failed(channelsOf(c, node, node.input(0))))
    return failure();
  if (!channels || *channels % 3 || (*weights)[0] != in->back())
    return refuse(node, "the weights must be [channels, 3 * hidden]", "attention-shape");
  int64_t hidden = *channels / 3;
  if (auto sizes = node.intsAttribute("qkv_hidden_sizes"))
    if (sizes->size() != 3 || llvm::any_of(*sizes, [&](int64_t size) { return size != hidden; }))
      return refuse(node, "query, key and value must have the same number of channels (qkv_hidden_sizes)", "attention-heads");
  AttentionParts parts;
  if (failed(setHeads(node, parts, hidden)))
    return failure();
  Elements::Shape out = *in;
  out.back() = c.r.pool.number(double(*channels));
  RankedTensorType type = c.r.type(out, c.r.builder.getF32Type());
  Value all = c.r.node(loc, "MatMul", {node.input(0), node.input(1)}, type);
  if (Value bias = node.input(2)) {
    const Elements::Shape *shape = c.r.elements.shape(bias);
    if (!shape || shape->size() != 1 || (*shape)[0] != out.back())
      return refuse(node, "the bias must have one element per channel", "bias-shape");
    all = c.r.node(loc, "Add", {all, bias}, type);
  }
  parts.query = c.r.slice(loc, all, 2, 0, hidden);
  parts.key = c.r.slice(loc, all, 2, hidden, hidden);
  parts.value = c.r.slice(loc, all, 2, 2 * hidden, hidden);
  return finish(c, node, parts, 3, results);
}

/// Part `i` of [batch, tokens, heads, parts, size] as [batch, tokens, heads * size].
static Value unpack(FusedOps &c, Location loc, Value packed, int64_t i) {
  RankedTensorType type = c.r.type(packed);
  return c.r.reshape(loc, c.r.slice(loc, packed, 3, i, 1), {0, 0, type.getDimSize(2) * type.getDimSize(4)});
}

/// query, key, value [batch, tokens, channels], or packed as [batch, tokens, heads, 3, size], or key and value as [batch, tokens, heads, 2, size].
static LogicalResult multiHeadAttention(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  static constexpr Named inputs[] = {{5, "attention_bias"}, {8, "past_sequence_length"}, {9, "cache_indirection"}}, outputs[] = {{3, "qk"}};
  if (failed(refuseInputs(node, inputs)) || failed(refuseOutputs(node, outputs)))
    return failure();
  Location loc = node.getLoc();
  AttentionParts parts;
  Value *sides[] = {&parts.query, &parts.key, &parts.value};
  if (!node.input(1) && node.input(2))
    return refuse(node, "a value without a key is not supported", "missing-input");
  Value packed = !node.input(1) ? node.input(0) : !node.input(2) ? node.input(1) : Value();
  unsigned count = !node.input(1) ? 3 : 2; // of the last sides that are packed: key and value, or all three
  if (packed) {
    RankedTensorType type = c.r.type(packed);
    if (!type || type.getRank() != 5 || type.getDimSize(2) != node.intAttribute("num_heads", 0) || type.getDimSize(3) != count || type.isDynamicDim(4))
      return refuse(node, "packed heads must be [batch, tokens, heads, " + Twine(count) + ", size]", "attention-shape");
  }
  for (unsigned i = 0; i < 3; ++i)
    *sides[i] = packed && i + count >= 3 ? unpack(c, loc, packed, i + count - 3) : node.input(i);
  FailureOr<int64_t> channels = channelsOf(c, node, parts.query);
  if (failed(channels) || failed(setHeads(node, parts, *channels)))
    return failure();
  E tokens = (*c.r.elements.shape(parts.query))[1];
  for (Value side : {parts.key, parts.value}) {
    FailureOr<int64_t> size = channelsOf(c, node, side);
    if (failed(size))
      return failure();
    if (*size != *channels)
      return refuse(node, "query, key and value must have the same number of channels", "attention-heads");
    if (E own = (*c.r.elements.shape(side))[1]; own != tokens)
      return refuse(node, "the query has " + ExprPool::print(tokens) + " tokens, and key or value " + ExprPool::print(own) + ": they must be the same", "attention-length");
  }
  if (Value bias = node.input(3)) {
    const Elements::Shape *shape = c.r.elements.shape(bias);
    if (!shape || shape->size() != 1 || ExprPool::integer((*shape)[0]) != 3 * *channels)
      return refuse(node, "the bias must have one element per channel of query, key and value", "bias-shape");
    for (unsigned i = 0; i < 3; ++i)
      *sides[i] = c.r.node(loc, "Add", {*sides[i], c.r.slice(loc, bias, 0, i * *channels, *channels)}, c.r.type(*sides[i]));
  }
  parts.pastKey = node.input(6), parts.pastValue = node.input(7);
  return finish(c, node, parts, 4, results);
}

static constexpr FusedRow rows[] = {
    {"Attention", "com.microsoft", 1, attention},
    {"MultiHeadAttention", "com.microsoft", 1, multiHeadAttention},
};
ArrayRef<FusedRow> qcc::frontend::multiHeadRows() { return rows; }
