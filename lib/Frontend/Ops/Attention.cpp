// Attention and rotary embedding as single operators: com.microsoft GroupQueryAttention and RotaryEmbedding, opset 23 Attention and
// RotaryEmbedding. Past and present stay the model's inputs and outputs here; make-state turns them into state.
#include "lib/Frontend/Ops/AttentionParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

FailureOr<Value> qcc::frontend::pastLength(FusedOps &c, onnx::NodeOp node, const AttentionParts &parts) {
  if (!parts.pastKey != !parts.pastValue)
    return refuse(node, "only one of past_key and past_value is given", "past-shape");
  if (!parts.pastKey)
    return Value(arith::ConstantIndexOp::create(c.r.builder, node.getLoc(), 0));
  const Elements::Shape *shape = c.r.elements.shape(parts.pastKey);
  Value past = shape && shape->size() == 4 ? c.r.index(node.getLoc(), (*shape)[2]) : Value();
  if (!past)
    return refuse(node, "the past must be [batch, heads, tokens, size] with a named number of tokens", "past-shape");
  return past;
}

LogicalResult qcc::frontend::attend(FusedOps &c, onnx::NodeOp node, const AttentionParts &parts, Value past, SmallVectorImpl<Value> &results) {
  OpBuilder &b = c.r.builder;
  Location loc = node.getLoc();
  SmallVector<Value> held;
  if (parts.pastKey)
    held = {parts.pastKey, parts.pastValue};
  for (Value value : held) {
    RankedTensorType type = c.r.type(value);
    auto fits = [](int64_t a, int64_t b) { return ShapedType::isDynamic(a) || a == b; };
    if (!type || type.getRank() != 4 || !fits(type.getDimSize(1), parts.kvHeads) || !fits(type.getDimSize(3), parts.size))
      return refuse(node, "the past is not " + Twine(parts.kvHeads) + " heads of " + Twine(parts.size), "past-shape");
  }
  auto cacheType = qnt::CacheType::get(node.getContext(), parts.kvHeads, parts.size, b.getF32Type());
  Value cache = qnt::CacheLoadOp::create(b, loc, cacheType, held);
  qnt::KvUpdateOp::create(b, loc, parts.key, parts.value, cache, past, parts.starts);
  double scale = roundedScale(parts.scale != 0 ? parts.scale : 1 / std::sqrt(double(parts.size)), parts.size);
  Value result = qnt::AttentionOp::create(b, loc, parts.query.getType(), parts.query, cache, past, parts.mask, parts.starts, parts.heads, llvm::APFloat(float(scale)), parts.causal,
                                          llvm::APFloat(float(parts.softcap)), parts.window);
  results.append({parts.headsFirst ? c.r.heads(loc, result, parts.heads, parts.size, true) : result, Value(), Value()});
  if ((node.output(1) && !node.output(1).use_empty()) || (node.output(2) && !node.output(2).use_empty())) {
    const Elements::Shape *shape = c.r.elements.shape(parts.key);
    Value fresh = shape ? c.r.index(loc, (*shape)[1]) : Value();
    if (!fresh)
      return refuse(node, "the number of tokens has no name", "past-shape");
    Value total = arith::AddIOp::create(b, loc, past, fresh);
    auto type = RankedTensorType::get({c.r.type(parts.key).getDimSize(0), parts.kvHeads, ShapedType::kDynamic, parts.size}, b.getF32Type());
    auto store = qnt::CacheStoreOp::create(b, loc, type, type, cache, total, parts.starts);
    results[1] = store.getKey(), results[2] = store.getValue();
  }
  return success();
}

FailureOr<int64_t> qcc::frontend::channelsOf(FusedOps &c, onnx::NodeOp node, Value value) {
  RankedTensorType type = c.r.type(value);
  if (!type || type.getRank() != 3 || type.isDynamicDim(2) || !type.getElementType().isF32())
    return refuse(node, "needs float32 [batch, tokens, channels] with a known number of channels", "attention-shape");
  return type.getDimSize(2);
}

static LogicalResult groupQueryAttention(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  AttentionParts parts;
  parts.heads = node.intAttribute("num_heads", 0), parts.kvHeads = node.intAttribute("kv_num_heads", 0);
  if (parts.heads < 1 || parts.kvHeads < 1 || parts.heads % parts.kvHeads)
    return refuse(node, "kv_num_heads = " + Twine(parts.kvHeads) + " does not divide num_heads = " + Twine(parts.heads), "attention-heads");
  static constexpr std::pair<unsigned, StringLiteral> unsupported[] = {
      {10, "attention_bias"}, {11, "head_sink"}, {12, "k_scale"}, {13, "v_scale"}, {14, "q_norm_weight"}, {15, "k_norm_weight"}};
  for (auto &[input, name] : unsupported)
    if (node.input(input))
      return refuse(node, "input " + name + " is not supported", "unsupported-input");
  if (node.intAttribute("smooth_softmax", 0) > 0)
    return refuse(node, "smooth_softmax is not supported", "unsupported-attribute");
  FailureOr<int64_t> channels = channelsOf(c, node, node.input(0));
  if (failed(channels))
    return failure();
  Location loc = node.getLoc();
  bool packed = !node.input(1);
  int64_t all = packed ? parts.heads + 2 * parts.kvHeads : parts.heads;
  if (*channels % all)
    return refuse(node, Twine(*channels) + " channels are not a whole number of " + Twine(all) + " heads", "attention-heads");
  parts.size = *channels / all;
  if (packed) {
    int64_t q = parts.heads * parts.size, kv = parts.kvHeads * parts.size;
    parts.query = c.r.slice(loc, node.input(0), 2, 0, q);
    parts.key = c.r.slice(loc, node.input(0), 2, q, kv);
    parts.value = c.r.slice(loc, node.input(0), 2, q + kv, kv);
  } else {
    parts.query = node.input(0), parts.key = node.input(1), parts.value = node.input(2);
    for (Value value : {parts.key, parts.value})
      if (FailureOr<int64_t> size = value ? channelsOf(c, node, value) : FailureOr<int64_t>(0); failed(size) || *size != parts.kvHeads * parts.size)
        return failed(size) ? failure() : refuse(node, "key and value are not " + Twine(parts.kvHeads) + " heads of " + Twine(parts.size), "attention-heads");
  }
  parts.pastKey = node.input(3), parts.pastValue = node.input(4);
  RankedTensorType lengths = node.input(5) ? c.r.type(node.input(5)) : RankedTensorType();
  if (node.input(5) && (!lengths || lengths.getRank() < 1 || !lengths.getElementType().isSignlessInteger()))
    return refuse(node, "seqlens_k is not [batch] integers", "attention-shape");
  parts.scale = node.floatAttribute("scale", 0), parts.softcap = node.floatAttribute("softcap", 0);
  parts.window = std::max<int64_t>(0, node.intAttribute("local_window_size", -1));
  parts.causal = node.intAttribute("causal", 1) != 0;
  FailureOr<Value> past = pastLength(c, node, parts);
  if (failed(past))
    return failure();
  if (lengths) {
    auto starts = RankedTensorType::get(lengths.getDimSize(0), c.r.builder.getI64Type());
    parts.starts = qnt::RowStartsOp::create(c.r.builder, loc, starts, node.input(5), *past);
  }
  if (node.intAttribute("do_rotary", 0)) {
    FailureOr<Value> cos = c.weight(node, 7, "cos_cache"), sin = c.weight(node, 8, "sin_cache");
    if (failed(cos) || failed(sin))
      return failure();
    if (!*cos || !*sin)
      return refuse(node, "do_rotary needs cos_cache and sin_cache", "missing-input");
    Value positions = node.input(9);
    if (!positions) {
      const Elements::Shape *shape = c.r.elements.shape(node.input(0));
      auto type = c.r.type({(*shape)[0], (*shape)[1]}, c.r.builder.getI64Type());
      positions = qnt::PositionsOp::create(c.r.builder, loc, type, *past, parts.starts);
    }
    bool interleaved = node.intAttribute("rotary_interleaved", 0) != 0;
    parts.query = qnt::RotaryOp::create(c.r.builder, loc, parts.query.getType(), parts.query, positions, *cos, *sin, parts.heads, interleaved);
    parts.key = qnt::RotaryOp::create(c.r.builder, loc, parts.key.getType(), parts.key, positions, *cos, *sin, parts.kvHeads, interleaved);
  }
  return attend(c, node, parts, *past, results);
}

/// com.microsoft: input, position_ids, cos_cache, sin_cache. Opset 23: X, cos_cache, sin_cache, position_ids.
template <bool microsoft> static LogicalResult rotaryEmbedding(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  RankedTensorType type = c.r.type(node.input(0));
  Value positions = node.input(microsoft ? 1 : 3);
  const Elements::Shape *at = positions ? c.r.elements.shape(positions) : nullptr;
  if (!type || !type.getElementType().isF32() || !at || at->size() != 2)
    return refuse(node, "needs a float32 input and position_ids [batch, tokens]", "rotary-shape");
  FailureOr<Value> cos = c.weight(node, microsoft ? 2 : 1, "cos_cache"), sin = c.weight(node, microsoft ? 3 : 2, "sin_cache");
  if (failed(cos) || failed(sin))
    return failure();
  if (node.intAttribute("is_packed_batching", 0) || node.floatAttribute("scale", 1) != 1)
    return refuse(node, "packed batching and a scale are not supported", "unsupported-attribute");
  Location loc = node.getLoc();
  Value input = node.input(0);
  bool headsFirst = type.getRank() == 4;
  int64_t heads = headsFirst ? type.getDimSize(1) : node.intAttribute("num_heads", 0);
  int64_t size = headsFirst ? type.getDimSize(3) : heads > 0 && type.getRank() == 3 ? type.getDimSize(2) / heads : 0;
  if (heads < 1 || size < 1)
    return refuse(node, "the number of heads is not known (attribute num_heads)", "rotary-shape");
  if (headsFirst)
    input = c.r.reshape(loc, c.r.transpose(loc, input, {0, 2, 1, 3}), {0, 0, heads * size});
  Value result = qnt::RotaryOp::create(c.r.builder, loc, c.r.type(input), input, positions, *cos, *sin, heads, node.intAttribute("interleaved", 0) != 0);
  results.push_back(headsFirst ? c.r.heads(loc, result, heads, size, true) : result);
  return success();
}

/// Opset 23: Q, K, V as [B, S, heads * D] or [B, heads, S, D], attn_mask, past_key, past_value.
static LogicalResult attention(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  AttentionParts parts;
  Location loc = node.getLoc();
  if (node.input(3) || node.input(6) || (node.output(3) && !node.output(3).use_empty()))
    return refuse(node, "attn_mask, nonpad_kv_seqlen and the scores as output belong to ONNX's definition of the operator, which importing puts in its place", "unsupported-input");
  if (node.intAttribute("left_window_size", -1) >= 0 || node.intAttribute("right_window_size", -1) >= 0)
    return refuse(node, "windows belong to ONNX's definition of the operator, which importing puts in its place", "unsupported-attribute");
  RankedTensorType query = c.r.type(node.input(0)), key = c.r.type(node.input(1)), given = c.r.type(node.input(2));
  if (!query || !key || !given || query.getRank() != key.getRank() || query.getRank() != given.getRank() || (query.getRank() != 3 && query.getRank() != 4) || !query.getElementType().isF32())
    return refuse(node, "needs float32 Q, K, V of rank 3 or 4", "attention-shape");
  bool headsFirst = parts.headsFirst = query.getRank() == 4;
  const Elements::Shape *tokens = c.r.elements.shape(node.input(0)), *keys = c.r.elements.shape(node.input(1));
  if ((*tokens)[headsFirst ? 2 : 1] != (*keys)[headsFirst ? 2 : 1])
    return refuse(node, "Q has " + ExprPool::print((*tokens)[headsFirst ? 2 : 1]) + " tokens and K " + ExprPool::print((*keys)[headsFirst ? 2 : 1]) + ": they must be the same",
                  "attention-length");
  parts.heads = headsFirst ? query.getDimSize(1) : node.intAttribute("q_num_heads", 0);
  parts.kvHeads = headsFirst ? key.getDimSize(1) : node.intAttribute("kv_num_heads", 0);
  if (parts.heads < 1 || parts.kvHeads < 1 || parts.heads % parts.kvHeads)
    return refuse(node, "the numbers of heads are not known or do not divide", "attention-heads");
  int64_t last = query.getDimSize(query.getRank() - 1);
  if (ShapedType::isDynamic(last) || (!headsFirst && last % parts.heads))
    return refuse(node, "the size of a head is not known", "attention-heads");
  parts.size = headsFirst ? last : last / parts.heads;
  Value *sides[] = {&parts.query, &parts.key, &parts.value};
  for (unsigned i = 0; i < 3; ++i) {
    int64_t heads = i == 0 ? parts.heads : parts.kvHeads;
    *sides[i] = headsFirst ? c.r.reshape(loc, c.r.transpose(loc, node.input(i), {0, 2, 1, 3}), {0, 0, heads * parts.size}) : node.input(i);
    if (RankedTensorType type = c.r.type(*sides[i]); !type || type.getDimSize(2) != heads * parts.size)
      return refuse(node, "Q, K and V must have heads of the same size", "attention-heads");
  }
  parts.pastKey = node.input(4), parts.pastValue = node.input(5);
  parts.causal = node.intAttribute("is_causal", 0) != 0;
  parts.scale = node.floatAttribute("scale", 0), parts.softcap = node.floatAttribute("softcap", 0);
  FailureOr<Value> past = pastLength(c, node, parts);
  if (failed(past))
    return failure();
  return attend(c, node, parts, *past, results);
}

static constexpr FusedRow rows[] = {
    {"GroupQueryAttention", "com.microsoft", 1, groupQueryAttention},
    {"RotaryEmbedding", "com.microsoft", 1, rotaryEmbedding<true>},
    {"RotaryEmbedding", "", 23, rotaryEmbedding<false>},
    {"Attention", "", 23, attention},
};
ArrayRef<FusedRow> qcc::frontend::attentionRows() { return rows; }
