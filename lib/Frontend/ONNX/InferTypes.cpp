// What ONNX Runtime's operators make of their inputs' shapes. Compiled with exceptions: the library's helpers throw.
#include "lib/Frontend/ONNX/InferTypes.h"
#include "onnx/defs/shape_inference.h"
using namespace onnx;

namespace {
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
} // namespace

void qcc::importer::inferElementwise(InferenceContext &ctx) { passTypeAndShape(ctx, 0, 0); }

void qcc::importer::inferSimplifiedNorm(InferenceContext &ctx) { passTypeAndShape(ctx, 0, 0); }

/// The sum of the inputs is output 3; outputs 1 and 2 (mean and variance) are for training.
void qcc::importer::inferSkipNorm(InferenceContext &ctx) {
  passTypeAndShape(ctx, 0, 0);
  for (size_t index : {1, 2})
    if (index < ctx.getNumOutputs())
      updateOutputElemType(ctx, index, TensorProto::FLOAT);
  passTypeAndShape(ctx, 0, 3);
}

void qcc::importer::inferMatMulNBits(InferenceContext &ctx) {
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
void qcc::importer::inferGatherBlockQuantized(InferenceContext &ctx) {
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
void qcc::importer::inferGroupQueryAttention(InferenceContext &ctx) {
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

void qcc::importer::inferMultiHeadAttention(InferenceContext &ctx) {
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
void qcc::importer::inferAttention(InferenceContext &ctx) {
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

void qcc::importer::inferEmbedLayerNorm(InferenceContext &ctx) {
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
void qcc::importer::inferFusedMatMul(InferenceContext &ctx) {
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

void qcc::importer::inferQuantize(InferenceContext &ctx) {
  if (ctx.hasInput(2))
    passType(ctx, 2, 0);
  else
    updateOutputElemType(ctx, 0, TensorProto::UINT8);
  if (hasInputShape(ctx, 0))
    propagateShapeFromInputToOutput(ctx, 0, 0);
}

void qcc::importer::inferDequantize(InferenceContext &ctx) {
  passType(ctx, 1, 0);
  if (hasInputShape(ctx, 0))
    propagateShapeFromInputToOutput(ctx, 0, 0);
}
