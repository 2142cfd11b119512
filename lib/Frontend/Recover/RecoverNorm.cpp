// Recovers RMS and layer norms from their arithmetic. For a candidate input x, every node after the mean is compared with the norm's own formula
// in normal form, so 1/sqrt, x/sqrt, Pow or Mul for the square, and the order of the factors make no difference.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/DebugLog.h"
#define DEBUG_TYPE "recover-norm"
namespace qcc {
#define GEN_PASS_DEF_RECOVERNORM
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct Match {
  Value root, input, scale, bias;
  qnt::NormKind kind = qnt::NormKind::Rms;
  double epsilon = 0;
};

/// Finds the first atom in `e` for which `test` holds, looking inside unary functions and products.
static E find(E e, llvm::function_ref<bool(E)> test) {
  if (test(e))
    return e;
  for (const Term &term : e->terms)
    for (E atom : term.atoms)
      if (E found = find(atom, test))
        return found;
  if (e->kind == Kind::Unary)
    return find(e->operands[0], test);
  return nullptr;
}

struct RecoverNorm : qcc::impl::RecoverNormBase<RecoverNorm> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        runOn(func);
  }

  void runOn(func::FuncOp func) {
    Recovery r(func);
    for (onnx::NodeOp node : r.nodes())
      if ((node.is("ReduceMean") || node.is("ReduceSum")) && !node.use_empty() && fitsF32(node.output(0)))
        if (std::optional<Match> match = matchAt(r, node))
          rewrite(r, *match);
    r.finish();
  }

  std::optional<Match> matchAt(Recovery &r, onnx::NodeOp reduce) {
    // The input of the norm is the reduced value or lies just before it: behind the square, and for layer norms behind the centering.
    llvm::SetVector<Value> candidates;
    collect(reduce.input(0), 4, candidates);
    std::optional<Match> best;
    const char *why = nullptr;
    for (Value candidate : candidates) {
      const Elements::Shape *shape = r.elements.shape(candidate);
      if (!shape || shape->size() < 2 || !ExprPool::constant(shape->back()) || isConstant(candidate) || !fitsF32(candidate))
        continue;
      Elements::Cut cut(r.elements, candidate);
      llvm::SetVector<onnx::NodeOp> users;
      users.insert(reduce);
      for (size_t i = 0; i < users.size() && i < 24; ++i) { // a norm has at most about 10 nodes after its mean
        onnx::NodeOp current = users[i];
        Value value = current.output(0);
        // The furthest node that adds something to the norm (a bias to the scale); casts and copies after it are not part of it.
        auto match = formula(r, candidate, value, why);
        bool same = match && best && match->scale == best->scale && match->bias == best->bias && match->kind == best->kind;
        if (match && !same && (!best || best->input == candidate || match->kind == qnt::NormKind::Layer))
          best = match;
        for (Operation *user : value.getUsers())
          if (auto next = dyn_cast<onnx::NodeOp>(user); next && isElementwise(next))
            users.insert(next);
      }
      // A layer norm is also an rms norm of the centered input: then the candidate before the centering is the better one.
      auto before = best ? best->input.getDefiningOp<onnx::NodeOp>() : onnx::NodeOp();
      if (best && !(best->kind == qnt::NormKind::Rms && before && before.is("Sub")))
        return best;
    }
    if (!best && why)
      LDBG() << "no norm at " << reduce.getLoc() << ": " << why;
    return best;
  }

  static bool isElementwise(onnx::NodeOp node) {
    return node.getDomain().empty() && llvm::is_contained({"Add", "Sub", "Mul", "Div", "Sqrt", "Pow", "Reciprocal", "Cast", "Identity"}, node.getOpType());
  }
  static void collect(Value value, int depth, llvm::SetVector<Value> &candidates) {
    candidates.insert(value);
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || depth == 0 || !(isElementwise(node) || node.is("ReduceMean")))
      return;
    for (Value input : node.getInputs())
      collect(input, depth - 1, candidates);
  }

  /// Is `value` a norm of `input`? Reads scale, bias and epsilon off its expression, then compares with the formula built from them. Says `why` not where
  /// it divides by a root, as a norm does.
  std::optional<Match> formula(Recovery &r, Value input, Value value, const char *&why) {
    const Elements::Shape *shape = r.elements.shape(value), *in = r.elements.shape(input);
    if (!shape || *shape != *in || !fitsF32(value))
      return std::nullopt;
    SmallVector<E> at = r.elements.variables(value);
    E element = r.elements.element(value, at);
    if (!element || !ExprPool::contains(element, at.back()))
      return std::nullopt;
    E root = find(element, [](E e) { return e->kind == Kind::Unary && e->name == "reciprocal" && e->operands[0]->kind == Kind::Unary && e->operands[0]->name == "sqrt"; });
    if (!root)
      return std::nullopt;
    E inside = root->operands[0]->operands[0];
    Match match;
    match.root = value, match.input = input;
    for (const Term &term : inside->terms)
      if (term.atoms.empty())
        match.epsilon = term.factor;
    auto parameter = [&](bool withRoot) -> Value { // the constant vector in a term with, or without, the reciprocal root
      auto isVector = [&](E e) { return e->kind == Kind::Load && isConstant(e->tensor) && e->operands.size() == 1 && e->operands[0] == at.back(); };
      if (element->kind != Kind::Poly)
        return {};
      for (const Term &term : element->terms)
        if (llvm::is_contained(term.atoms, root) == withRoot)
          for (E atom : term.atoms)
            if (isVector(atom))
              return atom->tensor;
      return {};
    };
    match.scale = parameter(true), match.bias = parameter(false);
    if (!match.scale) { // one follows in every model; without one the next node may still be the norm
      why = why ? why : "no constant vector multiplies what is divided by the root";
      return std::nullopt;
    }
    E scale = r.pool.load(match.scale, at.back());
    E bias = match.bias ? r.pool.load(match.bias, at.back()) : r.pool.number(0);
    auto matches = [&](E x, E squares) {
      E result = r.pool.mul(r.pool.mul(x, scale), r.pool.power(r.pool.add(squares, r.pool.number(match.epsilon)), -0.5));
      return r.pool.add(result, bias) == element;
    };
    // The means, at the same bound variable that the evaluation of the node's own reduction uses.
    SmallVector<E> around(at), inner;
    around.back() = r.pool.number(0);
    E variable = r.pool.boundVar(in->back(), around), count = r.pool.reciprocal(in->back());
    inner = around, inner.back() = variable;
    E x = r.elements.element(input, at), y = r.elements.element(input, inner);
    if (!match.bias && matches(x, r.pool.mul(count, r.pool.sum(variable, r.pool.mul(y, y)))))
      return match;
    E mean = r.pool.mul(count, r.pool.sum(variable, y));
    E centered = r.pool.sub(y, mean);
    match.kind = qnt::NormKind::Layer;
    if (matches(r.pool.sub(x, mean), r.pool.mul(count, r.pool.sum(variable, r.pool.mul(centered, centered)))))
      return match;
    why = "under the root is no mean of squares plus epsilon, or what it divides is not the value that was squared";
    return std::nullopt;
  }

  void rewrite(Recovery &r, Match &match) {
    Operation *at = match.root.getDefiningOp();
    r.builder.setInsertionPoint(at);
    Value scale = r.weights.get(r.builder, at->getLoc(), match.scale);
    Value bias = match.bias ? r.weights.get(r.builder, at->getLoc(), match.bias) : Value();
    if (match.kind == qnt::NormKind::Layer && match.bias && !bias) {
      LDBG() << "norm at " << at->getLoc() << " stays: its bias cannot be declared as a weight";
      return;
    }
    Value input = r.asF32(at->getLoc(), match.input);
    Value result = qnt::NormOp::create(r.builder, at->getLoc(), r.type(input), input, scale, bias, match.kind, llvm::APFloat(float(match.epsilon)));
    match.root.replaceAllUsesWith(r.asElementsOf(at->getLoc(), result, match.root));
    ++numNorms;
  }
};
} // namespace
