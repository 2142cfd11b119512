// Recovers activation functions written out in arithmetic: silu = x * sigmoid(x), gelu by erf or by tanh, relu.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/DebugLog.h"
#include <cmath>
#define DEBUG_TYPE "recover-activation"
namespace qcc {
#define GEN_PASS_DEF_RECOVERACTIVATION
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct RecoverActivation : qcc::impl::RecoverActivationBase<RecoverActivation> {
  void runOnOperation() override {
    Recovery r(getOperation());
    for (onnx::NodeOp node : r.nodes())
      if (node.is("Sigmoid") || node.is("Erf") || node.is("Tanh"))
        recover(r, node);
    r.finish();
  }

  /// Tries every value before the function as x and every product after it as the activation.
  void recover(Recovery &r, onnx::NodeOp function) {
    llvm::SetVector<Value> candidates;
    collect(function.input(0), 6, candidates);
    for (Value input : candidates) {
      const Elements::Shape *shape = r.elements.shape(input);
      if (!shape || shape->empty() || isConstant(input) || !fitsF32(input))
        continue;
      Elements::Cut cut(r.elements, input);
      llvm::SetVector<onnx::NodeOp> users;
      users.insert(function);
      Value root;
      qnt::Activation kind = qnt::Activation::None;
      for (size_t i = 0; i < users.size() && i < 12; ++i) {
        onnx::NodeOp current = users[i];
        Value value = current.output(0);
        if (qnt::Activation found = formula(r, input, value); found != qnt::Activation::None) {
          root = value, kind = found; // the first: what follows are casts and copies
          break;
        }
        for (Operation *user : value.getUsers())
          if (auto next = dyn_cast<onnx::NodeOp>(user); next && isArithmetic(next))
            users.insert(next);
      }
      if (!root)
        continue;
      r.builder.setInsertionPoint(root.getDefiningOp());
      Value x = r.asF32(root.getLoc(), input);
      Value result = qnt::ActivateOp::create(r.builder, root.getLoc(), r.type(x), x, kind);
      root.replaceAllUsesWith(r.asElementsOf(root.getLoc(), result, root));
      ++numActivations;
      return;
    }
    LDBG() << "no activation at " << function.getLoc() << ": no product after this " << function.getOpType() << " is silu or gelu of a value before it";
  }
  static bool isArithmetic(onnx::NodeOp node) {
    return node.getDomain().empty() && llvm::is_contained({"Add", "Sub", "Mul", "Div", "Pow", "Cast", "Identity"}, node.getOpType());
  }
  static void collect(Value value, int depth, llvm::SetVector<Value> &candidates) {
    candidates.insert(value);
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || depth == 0 || !isArithmetic(node))
      return;
    for (Value input : node.getInputs())
      collect(input, depth - 1, candidates);
  }

  qnt::Activation formula(Recovery &r, Value input, Value value) {
    const Elements::Shape *shape = r.elements.shape(value), *in = r.elements.shape(input);
    if (!shape || *shape != *in || !fitsF32(value))
      return qnt::Activation::None;
    SmallVector<E> at = r.elements.variables(value);
    E x = r.elements.element(input, at), element = r.elements.element(value, at);
    if (element == r.pool.mul(x, r.pool.unary("sigmoid", x)))
      return qnt::Activation::Silu;
    // The constants of gelu are rounded by exporters in one way or another: compare the polynomial with tolerance, not by identity.
    auto half = [&](E inner) { return r.pool.mul(r.pool.number(0.5), r.pool.mul(x, r.pool.add(r.pool.number(1), inner))); };
    E root2 = r.pool.mul(x, r.pool.number(std::sqrt(0.5)));
    if (close(element, half(r.pool.unary("erf", root2))))
      return qnt::Activation::Gelu;
    E cube = r.pool.add(x, r.pool.mul(r.pool.number(0.044715), r.pool.power(x, 3)));
    if (close(element, half(r.pool.unary("tanh", r.pool.mul(r.pool.number(std::sqrt(2 / M_PI)), cube)))))
      return qnt::Activation::GeluTanh;
    return qnt::Activation::None;
  }
  /// Equal up to 1e-3 in every coefficient.
  static bool close(E a, E b) {
    if (a == b)
      return true;
    if (!a || !b || a->kind != b->kind || a->operands.size() != b->operands.size() || a->terms.size() != b->terms.size() || a->name != b->name)
      return false;
    if (a->kind == Kind::Load || a->kind == Kind::Var || a->kind == Kind::Dim)
      return false; // interned: would have been identical
    for (auto [x, y] : llvm::zip(a->operands, b->operands))
      if (!close(x, y))
        return false;
    // Terms are sorted by the ids of their atoms, and an atom that is only close has another id: match them in any order.
    SmallVector<bool> used(b->terms.size(), false);
    for (const Term &x : a->terms) {
      bool found = false;
      for (auto [i, y] : llvm::enumerate(b->terms)) {
        if (used[i] || x.atoms.size() != y.atoms.size() || std::fabs(x.factor - y.factor) > 1e-3 * std::fabs(y.factor) || !closeAtoms(x, y))
          continue;
        used[i] = found = true;
        break;
      }
      if (!found)
        return false;
    }
    return true;
  }
  static bool closeAtoms(const Term &x, const Term &y) {
    SmallVector<bool> used(y.atoms.size(), false);
    for (E a : x.atoms) {
      bool found = false;
      for (auto [i, b] : llvm::enumerate(y.atoms))
        if (!found && !used[i] && close(a, b))
          used[i] = found = true;
      if (!found)
        return false;
    }
    return true;
  }
};
} // namespace
