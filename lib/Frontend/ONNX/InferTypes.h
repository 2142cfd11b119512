// Types and shapes of the outputs of ONNX Runtime's operators.
#ifndef QCC_LIB_FRONTEND_ONNX_INFERTYPES_H
#define QCC_LIB_FRONTEND_ONNX_INFERTYPES_H
namespace onnx {
struct InferenceContext;
} // namespace onnx

namespace qcc::importer {
// Each sets what can be known and stops where an input's type is not; contradictions are thrown, as the library expects.
void inferElementwise(::onnx::InferenceContext &ctx);
void inferSimplifiedNorm(::onnx::InferenceContext &ctx);
void inferSkipNorm(::onnx::InferenceContext &ctx);
void inferMatMulNBits(::onnx::InferenceContext &ctx);
void inferGatherBlockQuantized(::onnx::InferenceContext &ctx);
void inferGroupQueryAttention(::onnx::InferenceContext &ctx);
void inferMultiHeadAttention(::onnx::InferenceContext &ctx);
void inferAttention(::onnx::InferenceContext &ctx);
void inferEmbedLayerNorm(::onnx::InferenceContext &ctx);
void inferFusedMatMul(::onnx::InferenceContext &ctx);
void inferQuantize(::onnx::InferenceContext &ctx);
void inferDequantize(::onnx::InferenceContext &ctx);
} // namespace qcc::importer
#endif
