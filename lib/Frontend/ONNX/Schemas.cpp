// ONNX Runtime's operators that language and encoder models use (its docs/ContribOperators.md), as rows of text, with the inference of their
// output shapes (InferTypes.cpp). A new operator is a row; its attributes are checked against real shapes in CheckOperators.cpp.
//
// Row syntax. Inputs and outputs: "name:Type", "name?:Type" optional, "name*:Type" and "name*?:Type" of a quantized weight: codes, scales, zero points
// that a file stores. Attributes: "name!i" a required int, "name=i4" an int with a default,
// "name=f1.0" a float, "name=sX" a string, "name?f" optional without a default, "name?is" ints. Types: "T=float|float16".
#include "lib/Frontend/ONNX/Schemas.h"
#include "lib/Frontend/ONNX/InferTypes.h"
#include "onnx/defs/schema.h"
#include <cstdlib>
#include <mutex>
#include <sstream>
using namespace onnx;
using namespace qcc::importer;

namespace {
using Inference = void (*)(InferenceContext &);
struct Row {
  const char *domain, *name;
  const char *inputs, *outputs, *attributes, *types;
  Inference infer;
};

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
    {"com.microsoft", "MatMulNBits", "A:T B*:B scales*:S zero_points*?:Z g_idx?:G bias?:T", "Y:T",
     "K!i N!i bits=i4 block_size!i accuracy_level=i0 weight_prepacked=i0",
     "T=" FLOATS " B=uint8 S=" FLOATS " Z=uint8|" FLOATS " G=int32", inferMatMulNBits},
    {"com.microsoft", "GatherBlockQuantized", "data*:D indices:I scales*:T zero_points*?:D", "output:T",
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
    name = name.substr(0, name.find_first_of("*?"));
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

std::vector<int> qcc::importer::quantizedInputs(const std::string &domain, const std::string &name) {
  std::vector<int> inputs;
  for (const Row &row : rows) {
    if (domain != row.domain || name != row.name)
      continue;
    std::vector<std::string> values = words(row.inputs, ' ');
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i].find('*') != std::string::npos)
        inputs.push_back(int(i));
  }
  return inputs;
}

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
