// ONNX Runtime's operators that language and encoder models use (its docs/ContribOperators.md), as rows of text, with the inference of their
// output shapes. A new operator is a row; its attributes are checked against real shapes in CheckOperators.cpp.
//
// Row syntax. Inputs and outputs: "name:Type", "name?:Type" optional. Attributes: "name!i" a required int, "name=i4" an int with a default,
// "name=f1.0" a float, "name=sX" a string, "name?f" optional without a default, "name?is" ints. Types: "T=float|float16".
#include "lib/Frontend/ONNX/Schemas.h"
#include "onnx/defs/schema.h"
#include "onnx/defs/shape_inference.h"
#include <cstdlib>
#include <mutex>
#include <sstream>
using namespace onnx;

namespace {
using Inference = void (*)(InferenceContext &);
struct Row {
  const char *domain, *name;
  const char *inputs, *outputs, *attributes, *types;
  Inference infer;
};

//===--- Shape inference ------------------------------------------------------------------------------------------------------------===//
// Types of inputs may be unknown at any point: every function stops where it cannot go on.

using Dim = TensorShapeProto_Dimension;

Dim dimension(int64_t value) {
  Dim dim;
  dim.set_dim_value(value);
  return dim;
}

/// Output `index` takes the element type of input `from`, if both exist.
void passType(InferenceContext &ctx, size_t from, size_t index) {
  if (index < ctx.getNumOutputs() && ctx.hasInput(from) && ctx.getInputType(from))
    propagateElemTypeFromInputToOutput(ctx, from, index);
}

void passTypeAndShape(InferenceContext &ctx, size_t from, size_t index) {
  passType(ctx, from, index);
  if (index < ctx.getNumOutputs() && hasInputShape(ctx, from))
    propagateShapeFromInputToOutput(ctx, from, index);
}

void setShape(InferenceContext &ctx, size_t index, std::initializer_list<Dim> dims) {
  if (index >= ctx.getNumOutputs())
    return;
  TensorShapeProto *shape = ctx.getOutputType(index)->mutable_tensor_type()->mutable_shape();
  shape->clear_dim();
  for (const Dim &dim : dims)
    *shape->add_dim() = dim;
}

int64_t integer(InferenceContext &ctx, const char *name, int64_t otherwise) { return getAttribute(ctx, name, otherwise); }

void inferElementwise(InferenceContext &ctx) { passTypeAndShape(ctx, 0, 0); }

void inferSimplifiedNorm(InferenceContext &ctx) { passTypeAndShape(ctx, 0, 0); }

/// The sum of the inputs is output 3; outputs 1 and 2 (mean and variance) are for training.
void inferSkipNorm(InferenceContext &ctx) {
  passTypeAndShape(ctx, 0, 0);
  for (size_t index : {1, 2})
    if (index < ctx.getNumOutputs())
      updateOutputElemType(ctx, index, TensorProto::FLOAT);
  passTypeAndShape(ctx, 0, 3);
}

void inferMatMulNBits(InferenceContext &ctx) {
  passType(ctx, 0, 0);
  if (!hasInputShape(ctx, 0))
    return;
  const TensorShapeProto &a = getInputShape(ctx, 0);
  int64_t k = integer(ctx, "K", -1), n = integer(ctx, "N", -1);
  if (a.dim_size() < 1)
    fail_shape_inference("input A needs a rank of at least 1");
  const Dim &last = a.dim(a.dim_size() - 1);
  if (last.has_dim_value() && last.dim_value() != k)
    fail_shape_inference("the last dimension of input A is ", last.dim_value(), ", but attribute K is ", k);
  TensorShapeProto shape = a;
  *shape.mutable_dim(shape.dim_size() - 1) = dimension(n);
  *ctx.getOutputType(0)->mutable_tensor_type()->mutable_shape() = shape;
}

/// data[..., gathered axis -> shape of indices, ...]; packed bytes hold 8 / bits values along the last axis.
void inferGatherBlockQuantized(InferenceContext &ctx) {
  passType(ctx, 2, 0);
  if (!hasInputShape(ctx, 0) || !hasInputShape(ctx, 1))
    return;
  const TensorShapeProto &data = getInputShape(ctx, 0), &indices = getInputShape(ctx, 1);
  int64_t rank = data.dim_size(), axis = integer(ctx, "gather_axis", 0), bits = integer(ctx, "bits", 4);
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    fail_shape_inference("gather_axis does not name a dimension of the data");
  bool packed = ctx.getInputType(0)->tensor_type().elem_type() == TensorProto::UINT8;
  TensorShapeProto shape;
  for (int i = 0; i < rank; ++i) {
    if (i == axis) {
      for (const Dim &dim : indices.dim())
        *shape.add_dim() = dim;
      continue;
    }
    Dim dim = data.dim(i);
    if (packed && i == rank - 1 && dim.has_dim_value() && bits > 0 && bits <= 8 && dim.dim_value() <= INT64_MAX / 8)
      dim.set_dim_value(dim.dim_value() * (8 / bits));
    *shape.add_dim() = dim;
  }
  *ctx.getOutputType(0)->mutable_tensor_type()->mutable_shape() = shape;
}

/// query [batch, sequence, heads * size], or packed with keys and values: [batch, sequence, (heads + 2 * kv_heads) * size].
void inferGroupQueryAttention(InferenceContext &ctx) {
  for (size_t index = 0; index < ctx.getNumOutputs() && index < 4; ++index)
    passType(ctx, index == 1 && ctx.hasInput(3) ? 3 : index == 2 && ctx.hasInput(4) ? 4 : 0, index);
  int64_t heads = integer(ctx, "num_heads", 0), kvHeads = integer(ctx, "kv_num_heads", 0);
  if (!hasInputShape(ctx, 0) || heads <= 0 || kvHeads <= 0 || heads > 65536 || kvHeads > 65536)
    return;
  const TensorShapeProto &query = getInputShape(ctx, 0);
  if (query.dim_size() != 3)
    fail_shape_inference("the query needs rank 3, but has rank ", query.dim_size());
  Dim size, hidden = query.dim(2);
  bool packed = !ctx.hasInput(1);
  if (hidden.has_dim_value()) {
    int64_t all = packed ? heads + 2 * kvHeads : heads;
    if (hidden.dim_value() % all != 0)
      fail_shape_inference("the query's ", hidden.dim_value(), " channels are not a multiple of ", all, " heads");
    size = dimension(hidden.dim_value() / all);
    hidden = dimension(size.dim_value() * heads);
  } else if (packed) {
    hidden = Dim();
  }
  setShape(ctx, 0, {query.dim(0), query.dim(1), hidden});
  // The cache grows by the new positions; its length has no name here. One buffer shared by both would keep it.
  setShape(ctx, 1, {query.dim(0), dimension(kvHeads), Dim(), size});
  setShape(ctx, 2, {query.dim(0), dimension(kvHeads), Dim(), size});
}

void inferMultiHeadAttention(InferenceContext &ctx) {
  for (size_t index = 0; index < ctx.getNumOutputs() && index < 4; ++index)
    passType(ctx, 0, index);
  if (!hasInputShape(ctx, 0))
    return;
  const TensorShapeProto &query = getInputShape(ctx, 0);
  if (query.dim_size() != 3 || !ctx.hasInput(1))
    return; // packed forms: the rank alone does not tell them apart
  Dim hidden = query.dim(2);
  if (hasInputShape(ctx, 2) && getInputShape(ctx, 2).dim_size() == 3)
    hidden = getInputShape(ctx, 2).dim(2);
  setShape(ctx, 0, {query.dim(0), query.dim(1), hidden});
}

/// input [batch, sequence, in], weights [in, 3 * hidden] (or qkv_hidden_sizes).
void inferAttention(InferenceContext &ctx) {
  for (size_t index = 0; index < ctx.getNumOutputs() && index < 2; ++index)
    passType(ctx, 0, index);
  if (!hasInputShape(ctx, 0) || !hasInputShape(ctx, 1))
    return;
  const TensorShapeProto &input = getInputShape(ctx, 0), &weights = getInputShape(ctx, 1);
  if (input.dim_size() != 3 || weights.dim_size() != 2)
    fail_shape_inference("the input needs rank 3 and the weights rank 2, but they have ", input.dim_size(), " and ", weights.dim_size());
  Dim hidden;
  const AttributeProto *sizes = ctx.getAttribute("qkv_hidden_sizes");
  if (sizes && sizes->ints_size() == 3)
    hidden = dimension(sizes->ints(2));
  else if (!sizes && weights.dim(1).has_dim_value())
    hidden = dimension(weights.dim(1).dim_value() / 3);
  setShape(ctx, 0, {input.dim(0), input.dim(1), hidden});
}

void inferEmbedLayerNorm(InferenceContext &ctx) {
  passType(ctx, 2, 0);
  if (ctx.getNumOutputs() > 1)
    updateOutputElemType(ctx, 1, TensorProto::INT32);
  passType(ctx, 2, 2);
  if (!hasInputShape(ctx, 0) || !hasInputShape(ctx, 2))
    return;
  const TensorShapeProto &ids = getInputShape(ctx, 0), &table = getInputShape(ctx, 2);
  if (ids.dim_size() != 2 || table.dim_size() != 2)
    fail_shape_inference("ids and word embedding need rank 2, but have ", ids.dim_size(), " and ", table.dim_size());
  setShape(ctx, 0, {ids.dim(0), ids.dim(1), table.dim(1)});
  setShape(ctx, 1, {ids.dim(0)});
  setShape(ctx, 2, {ids.dim(0), ids.dim(1), table.dim(1)});
}

/// numpy's matmul; with transA and transB the last two dimensions of that side are swapped.
void inferFusedMatMul(InferenceContext &ctx) {
  passType(ctx, 0, 0);
  if (!hasInputShape(ctx, 0) || !hasInputShape(ctx, 1))
    return;
  TensorShapeProto a = getInputShape(ctx, 0), b = getInputShape(ctx, 1);
  if (a.dim_size() < 2 || b.dim_size() < 2 || integer(ctx, "transBatchA", 0) || integer(ctx, "transBatchB", 0))
    return;
  if (integer(ctx, "transA", 0))
    a.mutable_dim()->SwapElements(a.dim_size() - 1, a.dim_size() - 2);
  if (integer(ctx, "transB", 0))
    b.mutable_dim()->SwapElements(b.dim_size() - 1, b.dim_size() - 2);
  const Dim &left = a.dim(a.dim_size() - 1), &right = b.dim(b.dim_size() - 2);
  if (left.has_dim_value() && right.has_dim_value() && left.dim_value() != right.dim_value())
    fail_shape_inference("inner dimensions differ: ", left.dim_value(), " and ", right.dim_value());
  Dim rows = a.dim(a.dim_size() - 2), columns = b.dim(b.dim_size() - 1);
  a.mutable_dim()->DeleteSubrange(a.dim_size() - 2, 2);
  b.mutable_dim()->DeleteSubrange(b.dim_size() - 2, 2);
  TensorShapeProto shape;
  bidirectionalBroadcastShapeInference(a, b, shape);
  *shape.add_dim() = rows;
  *shape.add_dim() = columns;
  *ctx.getOutputType(0)->mutable_tensor_type()->mutable_shape() = shape;
}

void inferQuantize(InferenceContext &ctx) {
  if (ctx.hasInput(2))
    passType(ctx, 2, 0);
  else
    updateOutputElemType(ctx, 0, TensorProto::UINT8);
  if (hasInputShape(ctx, 0))
    propagateShapeFromInputToOutput(ctx, 0, 0);
}

void inferDequantize(InferenceContext &ctx) {
  passType(ctx, 1, 0);
  if (hasInputShape(ctx, 0))
    propagateShapeFromInputToOutput(ctx, 0, 0);
}

//===--- Rows -----------------------------------------------------------------------------------------------------------------------===//
#define FLOATS "float|float16|bfloat16"
const Row rows[] = {
    // The norms that ONNX Runtime's optimizer writes into ONNX's own domain, which does not define them.
    {"", "SimplifiedLayerNormalization", "X:T scale:V", "Y:V inv_std_var?:U", "axis=i-1 epsilon=f1e-5 stash_type=i1",
     "T=" FLOATS "|double V=" FLOATS "|double U=float|double", inferSimplifiedNorm},
    {"com.microsoft", "SimplifiedLayerNormalization", "X:T scale:V", "Y:V inv_std_var?:U", "axis=i-1 epsilon=f1e-5 stash_type=i1",
     "T=" FLOATS "|double V=" FLOATS "|double U=float|double", inferSimplifiedNorm},
    {"com.microsoft", "SkipSimplifiedLayerNormalization", "input:T skip:T gamma:T bias?:T",
     "output:T mean?:U inv_std_var?:U input_skip_bias_sum?:T", "epsilon=f1e-12", "T=" FLOATS " U=float", inferSkipNorm},
    {"com.microsoft", "SkipLayerNormalization", "input:T skip:T gamma:T beta?:T bias?:T",
     "output:T mean?:U inv_std_var?:U input_skip_bias_sum?:T", "epsilon=f1e-12", "T=" FLOATS " U=float", inferSkipNorm},
    {"com.microsoft", "EmbedLayerNormalization",
     "input_ids:I segment_ids?:I word_embedding:T position_embedding:T segment_embedding?:T gamma:T beta:T mask?:I position_ids?:I",
     "output:T mask_index?:I embedding_sum?:T", "epsilon=f1e-12 mask_index_type=i0", "T=" FLOATS " I=int32", inferEmbedLayerNorm},
    // Quantized weights.
    {"com.microsoft", "MatMulNBits", "A:T B:B scales:S zero_points?:Z g_idx?:G bias?:T", "Y:T",
     "K!i N!i bits=i4 block_size!i accuracy_level=i0 weight_prepacked=i0",
     "T=" FLOATS " B=uint8 S=" FLOATS " Z=uint8|" FLOATS " G=int32", inferMatMulNBits},
    {"com.microsoft", "GatherBlockQuantized", "data:D indices:I scales:T zero_points?:D", "output:T",
     "gather_axis=i0 quantize_axis=i1 block_size=i128 bits=i4", "D=int4|uint4|uint8 I=int32|int64 T=" FLOATS, inferGatherBlockQuantized},
    {"com.microsoft", "QuantizeLinear", "x:T y_scale:T y_zero_point?:Q", "y:Q", "axis=i1 block_size=i0",
     "T=" FLOATS " Q=int4|uint4|int8|uint8|int16|uint16", inferQuantize},
    {"com.microsoft", "DequantizeLinear", "x:Q x_scale:T x_zero_point?:Q", "y:T", "axis=i1 block_size=i0",
     "T=" FLOATS " Q=int4|uint4|int8|uint8|int16|uint16|int32", inferDequantize},
    // Attention.
    {"com.microsoft", "GroupQueryAttention",
     "query:T key?:T value?:T past_key?:C past_value?:C seqlens_k:M total_sequence_length:M cos_cache?:T sin_cache?:T position_ids?:P "
     "attention_bias?:T head_sink?:T k_scale?:S v_scale?:S",
     "output:T present_key?:C present_value?:C output_qk?:T",
     "num_heads!i kv_num_heads!i scale?f softcap=f0 local_window_size=i-1 do_rotary=i0 rotary_interleaved=i0 smooth_softmax=i-1 qk_output=i0 "
     "k_quant_type=sNONE v_quant_type=sNONE kv_cache_bit_width=i0",
     "T=" FLOATS " C=" FLOATS "|uint8|int8 M=int32 P=int64 S=float", inferGroupQueryAttention},
    {"com.microsoft", "MultiHeadAttention",
     "query:T key?:T value?:T bias?:T key_padding_mask?:M attention_bias?:T past_key?:T past_value?:T past_sequence_length?:M cache_indirection?:M",
     "output:T present_key?:T present_value?:T qk?:T", "num_heads!i mask_filter_value=f-10000 scale?f unidirectional=i0",
     "T=" FLOATS " M=int32", inferMultiHeadAttention},
    {"com.microsoft", "Attention", "input:T weights:T bias?:T mask_index?:M past?:T attention_bias?:T past_sequence_length?:M",
     "output:T present?:T",
     "num_heads!i unidirectional=i0 qkv_hidden_sizes?is do_rotary=i0 rotary_embedding_dim=i0 mask_filter_value=f-10000 scale?f "
     "past_present_share_buffer?i",
     "T=" FLOATS " M=int32", inferAttention},
    {"com.microsoft", "RotaryEmbedding", "input:T position_ids:M cos_cache:T sin_cache:T", "output:T",
     "scale=f1 interleaved=i0 num_heads=i0 rotary_embedding_dim=i0 is_packed_batching=i0", "T=" FLOATS " M=int64", inferElementwise},
    // Activations and fused products.
    {"com.microsoft", "Gelu", "X:T", "Y:T", "", "T=" FLOATS "|double", inferElementwise},
    {"com.microsoft", "FastGelu", "X:T bias?:T", "Y:T", "", "T=" FLOATS, inferElementwise},
    {"com.microsoft", "BiasGelu", "A:T B:T", "C:T", "", "T=" FLOATS "|double", inferElementwise},
    {"com.microsoft", "QuickGelu", "X:T", "Y:T", "alpha=f1.702", "T=" FLOATS "|double", inferElementwise},
    {"com.microsoft", "FusedMatMul", "A:T B:T", "Y:T", "alpha=f1 transA=i0 transB=i0 transBatchA=i0 transBatchB=i0", "T=" FLOATS "|double",
     inferFusedMatMul},
};
#undef FLOATS

//===--- From rows to schemas -------------------------------------------------------------------------------------------------------===//

std::vector<std::string> words(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

void addValues(OpSchema &schema, const char *text, bool inputs) {
  int index = 0;
  for (const std::string &word : words(text, ' ')) {
    size_t colon = word.find(':');
    std::string name = word.substr(0, colon), type = word.substr(colon + 1);
    bool optional = name.back() == '?';
    name = optional ? name.substr(0, name.size() - 1) : name;
    auto option = optional ? OpSchema::Optional : OpSchema::Single;
    if (inputs)
      schema.Input(index++, name, "", type, option);
    else
      schema.Output(index++, name, "", type, option);
  }
}

void addAttribute(OpSchema &schema, const std::string &word) {
  size_t mark = word.find_first_of("!=?");
  std::string name = word.substr(0, mark), kind = word.substr(mark + 1, 1), value = word.substr(std::min(word.size(), mark + 2));
  auto type = kind == "f" ? AttributeProto::FLOAT : kind == "s" ? AttributeProto::STRING : value == "s" ? AttributeProto::INTS : AttributeProto::INT;
  if (word[mark] != '=')
    schema.Attr(name, "", type, /*required=*/word[mark] == '!');
  else if (kind == "f")
    schema.Attr(name, "", type, std::strtof(value.c_str(), nullptr));
  else if (kind == "s")
    schema.Attr(name, "", type, value);
  else
    schema.Attr(name, "", type, static_cast<int64_t>(std::strtoll(value.c_str(), nullptr, 10)));
}

OpSchema makeSchema(const Row &row) {
  OpSchema schema;
  schema.SetName(row.name).SetDomain(row.domain).SinceVersion(1).SetLocation(__FILE__, __LINE__);
  addValues(schema, row.inputs, /*inputs=*/true);
  addValues(schema, row.outputs, /*inputs=*/false);
  for (const std::string &word : words(row.attributes, ' '))
    addAttribute(schema, word);
  for (const std::string &word : words(row.types, ' ')) {
    size_t equals = word.find('=');
    std::vector<std::string> types;
    for (const std::string &type : words(word.substr(equals + 1), '|'))
      types.push_back("tensor(" + type + ")");
    schema.TypeConstraint(word.substr(0, equals), types, "");
  }
  schema.TypeAndShapeInferenceFunction(row.infer);
  return schema;
}
} // namespace

bool qcc::importer::registerSchemas() {
  static bool registered = [] {
    try {
      auto &versions = OpSchemaRegistry::DomainToVersionRange::Instance();
      if (!versions.Map().count(microsoft))
        versions.AddDomainToVersion(microsoft, 1, 1);
      for (const Row &row : rows)
        OpSchemaRegistry::OpSchemaRegisterOnce::OpSchemaRegisterImpl(makeSchema(row));
      return true;
    } catch (const std::exception &error) {
      std::cerr << "qcc: internal error: schema row refused: " << error.what() << "\n";
      return false;
    }
  }();
  return registered;
}
