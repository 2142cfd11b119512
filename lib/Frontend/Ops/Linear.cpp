// Linear layers and embeddings of com.microsoft: MatMulNBits and GatherBlockQuantized, whose quantized weights stay as they are; FusedMatMul.
#include "lib/Frontend/Ops/Handlers.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
/// What both operators say about their codes.
struct Codes {
  Value data, scales, zeros;
  int64_t rows = 0, columns = 0, bits = 0, block = 0;
};
} // namespace

static LogicalResult checkBits(onnx::NodeOp node, int64_t bits) {
  if (bits != 2 && bits != 4 && bits != 8)
    return refuse(node, "bits = " + Twine(bits) + " is not supported (2, 4 and 8 are)", "unsupported-bits");
  return success();
}

/// Checks the sizes of codes, scales and zero points against each other and declares the weight.
static FailureOr<Value> declareCodes(FusedOps &c, onnx::NodeOp node, const Codes &codes) {
  if (failed(checkBits(node, codes.bits)))
    return failure();
  if (codes.block < 16 || codes.block > qnt::BlockType::maxGroup || (codes.block & (codes.block - 1)))
    return refuse(node, "block_size = " + Twine(codes.block) + " is not a power of two from 16 to " + Twine(qnt::BlockType::maxGroup), "block-size");
  int64_t blocks = (codes.columns + codes.block - 1) / codes.block;
  int64_t expected = codes.rows * blocks * codes.block / 8 * codes.bits;
  qnt::BytesAttr data = Weights::bytes(codes.data), scales = Weights::bytes(codes.scales);
  if (!data || !scales)
    return refuse(node, "codes and scales must be initializers", "constant-operand");
  if (data.getLength() != expected)
    return refuse(node, "has " + Twine(data.getLength()) + " bytes of codes, but " + Twine(codes.rows) + " rows of " + Twine(codes.columns) + " take " + Twine(expected), "codes-size");
  if (scales.getType().getNumElements() != codes.rows * blocks)
    return refuse(node, "has " + Twine(scales.getType().getNumElements()) + " scales, expected " + Twine(codes.rows * blocks), "scales-size");
  auto zero = qnt::ZeroKind::None;
  qnt::BytesAttr zeros;
  if (codes.zeros) {
    zeros = Weights::bytes(codes.zeros);
    if (!zeros)
      return refuse(node, "zero points must be an initializer", "constant-operand");
    bool isFloat = isa<FloatType>(zeros.getType().getElementType());
    zero = isFloat ? qnt::ZeroKind::Float : qnt::ZeroKind::Int;
    int64_t size = isFloat ? codes.rows * blocks : codes.rows * ((blocks * codes.bits + 7) / 8);
    if (zeros.getType().getNumElements() != size)
      return refuse(node, "has " + Twine(zeros.getType().getNumElements()) + " elements of zero points, expected " + Twine(size), "zeros-size");
  }
  MLIRContext *context = node.getContext();
  // Kept as the file has them; those that an f16 holds become f16 when all are read (NarrowScales.cpp).
  auto scale = scales.getType().getElementType().isF16() ? qnt::ScaleKind::F16 : qnt::ScaleKind::F32;
  auto block = qnt::BlockType::get(context, qnt::Element::Int, unsigned(codes.bits), codes.block, scale, zero, 0, 0, StringAttr());
  auto part = qnt::PartAttr::get(context, codes.rows, false, data, scales, zeros, {}, {}, Weights::nodeName(node.getLoc()));
  return c.r.weights.get(c.r.builder, node.getLoc(), RankedTensorType::get({codes.rows, codes.columns}, block), part);
}

static LogicalResult matMulNBits(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  Codes codes;
  codes.rows = node.intAttribute("N", 0), codes.columns = node.intAttribute("K", 0);
  codes.bits = node.intAttribute("bits", 4), codes.block = node.intAttribute("block_size", 0);
  const Elements::Shape *in = c.r.elements.shape(node.input(0));
  Value input = c.r.withChannels(node.getLoc(), node.input(0), codes.columns);
  if (!in || !input)
    return refuse(node, "K = " + Twine(codes.columns) + " is not the last dimension of the input", "matmul-k");
  if (Value order = node.input(4))
    return refuse(node, "g_idx (a permutation of K) is not supported", "unsupported-input");
  codes.data = c.constantBehind(node.input(1)), codes.scales = c.constantBehind(node.input(2));
  if (node.input(3) && !(codes.zeros = c.constantBehind(node.input(3))))
    return refuse(node, "zero points must be an initializer", "constant-operand");
  if (!codes.data || !codes.scales)
    return refuse(node, "codes and scales must be initializers", "constant-operand");
  FailureOr<Value> weight = declareCodes(c, node, codes);
  FailureOr<Value> bias = c.weight(node, 5, "bias");
  if (failed(weight) || failed(bias))
    return failure();
  Elements::Shape out = *in;
  out.back() = c.r.pool.number(double(codes.rows));
  results.push_back(qnt::MatmulOp::create(c.r.builder, node.getLoc(), c.r.type(out, c.r.builder.getF32Type()), input, *weight, *bias));
  return success();
}

static LogicalResult gatherBlockQuantized(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  const Elements::Shape *table = c.r.elements.shape(node.input(0)), *ids = c.r.elements.shape(node.input(1));
  Codes codes;
  codes.bits = node.intAttribute("bits", 4), codes.block = node.intAttribute("block_size", 128);
  if (node.intAttribute("gather_axis", 0) != 0 || node.intAttribute("quantize_axis", 1) != 1 || !table || table->size() != 2 || !ids)
    return refuse(node, "only rows of a [rows, channels] table, quantized along its channels, can be gathered", "gather-axis");
  std::optional<int64_t> rows = ExprPool::integer((*table)[0]), packed = ExprPool::integer((*table)[1]);
  if (!rows || !packed)
    return refuse(node, "the table's shape is not known", "constant-operand");
  if (failed(checkBits(node, codes.bits)))
    return failure();
  // Bytes hold 8 / bits codes; int4 and uint4 tensors hold one an element.
  auto element = cast<ShapedType>(node.input(0).getType()).getElementType();
  codes.rows = *rows, codes.columns = element.getIntOrFloatBitWidth() == 8 ? *packed * 8 / codes.bits : *packed;
  codes.data = c.constantBehind(node.input(0)), codes.scales = c.constantBehind(node.input(2));
  if (node.input(3) && !(codes.zeros = c.constantBehind(node.input(3))))
    return refuse(node, "zero points must be an initializer", "constant-operand");
  if (!codes.data || !codes.scales)
    return refuse(node, "codes and scales must be initializers", "constant-operand");
  FailureOr<Value> weight = declareCodes(c, node, codes);
  if (failed(weight))
    return failure();
  Elements::Shape out = *ids;
  out.push_back(c.r.pool.number(double(codes.columns)));
  results.push_back(qnt::GatherOp::create(c.r.builder, node.getLoc(), c.r.type(out, c.r.builder.getF32Type()), node.input(1), *weight));
  return success();
}

/// alpha * A' x B', as the operators of ONNX that it was made of: linear layers and attention are found in those.
static LogicalResult fusedMatMul(FusedOps &c, onnx::NodeOp node, SmallVectorImpl<Value> &results) {
  if (node.intAttribute("transBatchA", 0) || node.intAttribute("transBatchB", 0))
    return refuse(node, "transBatchA and transBatchB are not supported", "unsupported-attribute");
  Location loc = node.getLoc();
  Value sides[2];
  for (unsigned i : {0u, 1u}) {
    RankedTensorType type = c.r.type(node.input(i));
    if (!type || type.getRank() < 2 || !type.getElementType().isF32())
      return refuse(node, "needs two float32 matrices (or batches of them) of known rank", "element-type");
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    std::swap(order[type.getRank() - 2], order[type.getRank() - 1]);
    sides[i] = node.intAttribute(i == 0 ? "transA" : "transB", 0) ? c.r.transpose(loc, node.input(i), order) : node.input(i);
  }
  RankedTensorType type = c.r.type(node.output(0));
  if (!type)
    return refuse(node, "the shape of the result is not known", "unknown-rank");
  Value product = c.r.node(loc, "MatMul", {sides[0], sides[1]}, type);
  double alpha = node.floatAttribute("alpha", 1);
  results.push_back(alpha == 1 ? product : c.r.node(loc, "Mul", {product, c.r.scalar(loc, alpha)}, type));
  return success();
}

static constexpr FusedRow rows[] = {
    {"FusedMatMul", "com.microsoft", 1, fusedMatMul},
    {"MatMulNBits", "com.microsoft", 1, matMulNBits},
    {"GatherBlockQuantized", "com.microsoft", 1, gatherBlockQuantized},
};
ArrayRef<FusedRow> qcc::frontend::linearRows() { return rows; }
