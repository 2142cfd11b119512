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
  };
  /// The constant behind the K x N matrix `value` (its element (k, n), or (n, k) with `swapped`).
  std::optional<Weight> weightOf(Recovery &r, Value value, bool swapped) {
    const Elements::Shape *shape = r.elements.shape(value);
    if (!shape || shape->size() != 2 || !ExprPool::constant((*shape)[0]) || !ExprPool::constant((*shape)[1]))
      return std::nullopt;
    // Variables even for dimensions of size 1, so that the order of the indices is always seen.
    E rows = r.pool.var(0, (*shape)[0]), columns = r.pool.var(1, (*shape)[1]);
    E element = r.elements.element(value, {rows, columns});
    if (!element || element->kind != Kind::Load || !isConstant(element->tensor) || element->operands.size() != 2)
      return std::nullopt;
    E k = swapped ? columns : rows, n = swapped ? rows : columns;
    bool transposed = element->operands[0] == k && element->operands[1] == n;
    if (!transposed && (element->operands[0] != n || element->operands[1] != k))
      return std::nullopt;
    return Weight{element->tensor, transposed};
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

  void linear(Recovery &r, onnx::NodeOp node) {
    bool gemm = node.is("Gemm");
    auto skip = [&](const char *why) { LDBG() << "no linear layer at " << node.getLoc() << ": " << why; };
    if (gemm && (node.intAttribute("transA", 0) || node.floatAttribute("alpha", 1) != 1 || (node.input(2) && node.floatAttribute("beta", 1) != 1)))
      return skip("transA, alpha or beta is not the default");
    std::optional<Weight> weight = weightOf(r, node.input(1), gemm && node.intAttribute("transB", 0));
    const Elements::Shape *out = r.elements.shape(node.output(0));
    if (!weight)
      return skip("the right side is no constant matrix");
    if (!out || !fitsF32(node.input(0)))
      return skip("the result has no known rank, or floats that are wider than float32");
    // A bias is the addend of the product's only use.
    onnx::NodeOp root = node;
    Value bias = gemm && node.input(2) ? biasOf(r, node.input(2), out->back()) : Value();
    if (gemm && node.input(2) && !bias)
      return skip("C is not one constant element per channel");
    if (!gemm && node.output(0).hasOneUse())
      if (auto add = dyn_cast<onnx::NodeOp>(*node.output(0).user_begin()); add && add.is("Add")) {
        const Elements::Shape *sum = r.elements.shape(add.output(0)); // a bias of more dimensions adds some
        bias = sum && *sum == *out ? biasOf(r, add.input(add.input(0) == node.output(0) ? 1 : 0), out->back()) : Value();
        root = bias ? add : node;
      }
    r.builder.setInsertionPoint(root);
    Location loc = node.getLoc();
    Value matrix = r.weights.get(r.builder, loc, weight->tensor, weight->transposed);
    Value vector = bias ? r.weights.get(r.builder, loc, bias) : Value();
    if (!matrix || (bias && !vector))
      return skip("its weight or bias cannot be declared");
    RankedTensorType type = r.type(*out, r.builder.getF32Type());
    Value result = qnt::MatmulOp::create(r.builder, loc, type, r.asF32(loc, node.input(0)), matrix, vector);
    root.output(0).replaceAllUsesWith(r.asElementsOf(loc, result, root.output(0)));
    ++numLinear;
  }

  void embedding(Recovery &r, onnx::NodeOp node) {
    const Elements::Shape *out = r.elements.shape(node.output(0));
    std::optional<Weight> table = weightOf(r, node.input(0), /*swapped=*/true);
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
