// Matrix products with a constant become qnt.matmul on a declared weight, rows of a constant table become qnt.gather.
// The weight is recognised by what element (k, n) of the right side is, so transposes and casts of initializers need no case of their own.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
#include "llvm/Support/DebugLog.h"
#define DEBUG_TYPE "recover-linear"
namespace qcc {
#define GEN_PASS_DEF_RECOVERLINEAR
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct RecoverLinear : qcc::impl::RecoverLinearBase<RecoverLinear> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        runOn(func);
  }

  void runOn(func::FuncOp func) {
    Recovery recovery(func);
    Elements::MovementOnly movementOnly(recovery.elements);
    for (onnx::NodeOp node : recovery.nodes()) {
      recovery.builder.setInsertionPoint(node);
      if (node.is("MatMul") || node.is("Gemm"))
        linear(recovery, node);
      else if (node.is("Gather"))
        embedding(recovery, node);
    }
    recovery.finish();
  }

  struct Weight {
    Value tensor;    // the initializer
    bool transposed; // it is stored [K, N]
    int64_t k;
  };
  /// The constant behind the K x N matrix `value` (its element (k, n), or (n, k) with `swapped`), which may have extents of 1 in front.
  std::optional<Weight> weightOf(Recovery &r, Value value, bool swapped) {
    const Elements::Shape *shape = r.elements.shape(value);
    if (!shape || shape->size() < 2)
      return std::nullopt;
    auto isOne = [](E dim) { return ExprPool::integer(dim) == 1; };
    ArrayRef<E> front = ArrayRef(*shape).drop_back(2), matrix = ArrayRef(*shape).take_back(2);
    std::optional<int64_t> sizes[] = {ExprPool::integer(matrix[0]), ExprPool::integer(matrix[1])};
    if (!llvm::all_of(front, isOne) || !sizes[0] || !sizes[1] || !*sizes[0] || !*sizes[1])   // an empty sum is no layer
      return std::nullopt;
    // Variables even for dimensions of size 1, so that the order of the indices is always seen.
    E rows = r.pool.var(0, matrix[0]), columns = r.pool.var(1, matrix[1]);
    SmallVector<E> at(front.size(), r.pool.number(0));
    at.append({rows, columns});
    E element = r.elements.element(value, at);
    if (!element || element->kind != Kind::Load || !isConstant(element->tensor))
      return std::nullopt;
    auto stored = dyn_cast<RankedTensorType>(element->tensor.getType());
    if (!stored || stored.getRank() < 2 || llvm::any_of(stored.getShape().drop_back(2), [](int64_t extent) { return extent != 1; }))
      return std::nullopt;
    ArrayRef<E> read = ArrayRef<E>(element->operands).take_back(2);
    E k = swapped ? columns : rows, n = swapped ? rows : columns;
    bool transposed = read[0] == k && read[1] == n;
    if (!transposed && (read[0] != n || read[1] != k))
      return std::nullopt;
    return Weight{element->tensor, transposed, *sizes[swapped ? 1 : 0]};
  }
  /// The vector behind a bias [N] or [1, .., N]; null when `value` is not one constant element per channel.
  Value biasOf(Recovery &r, Value value, E channels) {
    const Elements::Shape *shape = r.elements.shape(value);
    if (!shape || shape->empty() || shape->back() != channels)
      return {};
    for (E dim : ArrayRef<E>(*shape).drop_back())
      if (ExprPool::integer(dim) != 1)
        return {};
    SmallVector<E> at(shape->size(), r.pool.number(0));
    at.back() = r.pool.var(0, channels);
    E element = r.elements.element(value, at);
    bool vector = element && element->kind == Kind::Load && isConstant(element->tensor) && element->operands.size() == 1 && element->operands[0] == at.back();
    return vector ? element->tensor : Value();
  }

  /// `value` with its last two dimensions exchanged; a vector as it is.
  static Value exchanged(Recovery &r, Location loc, Value value) {
    int64_t rank = r.type(value).getRank();
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (rank < 2)
      return value;
    std::swap(order[rank - 2], order[rank - 1]);
    return r.transpose(loc, value, order);
  }
  /// `value` with `extra` extents of 1 in front.
  static Value raised(Recovery &r, Location loc, Value value, size_t extra) {
    if (!extra)
      return value;
    RankedTensorType type = r.type(value);
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, extra)), shape(extra, 1);
    llvm::append_range(shape, type.getShape());
    return r.node(loc, "Unsqueeze", {value, r.constant(loc, axes)}, type.clone(shape));
  }
  /// Gemm's alpha * product + beta * C.
  static Value scaled(Recovery &r, onnx::NodeOp node, Value product, Value addend) {
    Location loc = node.getLoc();
    auto type = cast<RankedTensorType>(product.getType());
    double alpha = node.floatAttribute("alpha", 1), beta = node.floatAttribute("beta", 1);
    if (alpha != 1)
      product = r.node(loc, "Mul", {product, r.scalar(loc, alpha)}, type);
    if (!addend)
      return product;
    addend = r.asF32(loc, addend);
    if (beta != 1)
      addend = r.node(loc, "Mul", {addend, r.scalar(loc, beta)}, r.type(addend));
    return r.node(loc, "Add", {product, addend}, type);
  }

  void linear(Recovery &r, onnx::NodeOp node) {
    Location loc = node.getLoc();
    bool gemm = node.is("Gemm"), transA = gemm && node.intAttribute("transA", 0), transB = gemm && node.intAttribute("transB", 0);
    auto skip = [&](const char *why) { LDBG() << "no linear layer at " << loc << ": " << why; };
    // With the constant on the left it is the layer of the other side's columns: (W x)' = x' W'.
    std::optional<Weight> weight = weightOf(r, node.input(1), transB);
    bool isLeft = !weight && !isConstant(node.input(1));
    if (isLeft)
      weight = weightOf(r, node.input(0), !transA);
    Value input = node.input(isLeft ? 1 : 0), addend = gemm ? node.input(2) : Value();
    const Elements::Shape *in = r.elements.shape(input), *out = r.elements.shape(node.output(0));
    if (!weight)
      return skip("neither side is a constant matrix");
    if (weight->k == 1)
      return skip("an outer product, as of positions and frequencies");
    if (!in || in->empty() || !out || out->empty() || !fitsF32(input))
      return skip("an operand or the result has no known rank, or floats that are wider than float32");
    if (in->size() > out->size() || (addend && !r.type(addend)))
      return skip("the ranks do not fit each other, or C has none that is known");
    // A bias is the addend of the product's only use.
    onnx::NodeOp root = node;
    bool isPlain = !gemm || (node.floatAttribute("alpha", 1) == 1 && node.floatAttribute("beta", 1) == 1);
    Value bias = addend && isPlain && !isLeft ? biasOf(r, addend, out->back()) : Value();
    if (!gemm && !isLeft && node.output(0).hasOneUse())
      if (auto add = dyn_cast<onnx::NodeOp>(*node.output(0).user_begin()); add && add.is("Add")) {
        const Elements::Shape *sum = r.elements.shape(add.output(0)); // a bias of more dimensions adds some
        bias = sum && *sum == *out ? biasOf(r, add.input(add.input(0) == node.output(0) ? 1 : 0), out->back()) : Value();
        root = bias ? add : node;
      }
    r.builder.setInsertionPoint(root);
    input = isLeft ? (transB ? input : exchanged(r, loc, input)) : transA ? exchanged(r, loc, input) : input;
    bool isVector = in->size() == 1;
    input = r.withChannels(loc, input, weight->k);
    if (!input)
      return skip("its input has another extent than K, or one that no dimension tells");
    Value matrix = r.weights.get(r.builder, loc, weight->tensor, weight->transposed);
    Value vector = bias ? r.weights.get(r.builder, loc, bias) : Value();
    if (!matrix || (bias && !vector))
      return skip("its weight or bias cannot be declared");
    Elements::Shape rows = *out;
    if (isLeft && !isVector)
      std::swap(rows[rows.size() - 2], rows[rows.size() - 1]);
    input = raised(r, loc, r.asF32(loc, input), rows.size() - in->size());
    Value result = qnt::MatmulOp::create(r.builder, loc, r.type(rows, r.builder.getF32Type()), input, matrix, vector);
    if (isLeft && !isVector)
      result = exchanged(r, loc, result);
    if (gemm)
      result = scaled(r, node, result, bias ? Value() : addend);
    root.output(0).replaceAllUsesWith(r.asElementsOf(loc, result, root.output(0)));
    ++numLinear;
  }

  void embedding(Recovery &r, onnx::NodeOp node) {
    const Elements::Shape *out = r.elements.shape(node.output(0)), *rows = r.elements.shape(node.input(0));
    std::optional<Weight> table = rows && rows->size() == 2 ? weightOf(r, node.input(0), /*swapped=*/true) : std::nullopt;
    if (!table)
      return;
    if (node.intAttribute("axis", 0) != 0 || !out || !fitsF32(node.input(0)) || isConstant(node.input(1)) || table->transposed) {
      LDBG() << "no embedding at " << node.getLoc() << ": it does not take whole rows of a float table by token";
      return;
    }
    Value weight = r.weights.get(r.builder, node.getLoc(), table->tensor, false);
    if (!weight)
      return;
    Value result = qnt::GatherOp::create(r.builder, node.getLoc(), r.type(*out, r.builder.getF32Type()), node.input(1), weight);
    node.output(0).replaceAllUsesWith(r.asElementsOf(node.getLoc(), result, node.output(0)));
    ++numEmbeddings;
  }
};
} // namespace
