// Scalar expressions in normal form: what one element of a tensor is, as a function of index variables and symbolic dimensions.
//
// Recovery (lib/Frontend/Recover) compares subgraphs by what they compute. Every expression is a polynomial over atoms, kept in one normal
// form and interned, so that "computes the same" is pointer equality: both sides are built by the same constructors. Integers and floats
// share the ring (coefficients are doubles, exact for integers below 2^53); float identities hold as real-number algebra.
#ifndef QCC_FRONTEND_SYMBOLIC_EXPR_H
#define QCC_FRONTEND_SYMBOLIC_EXPR_H
#include "mlir/IR/Value.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <optional>
#include <string>

namespace qcc::frontend {
struct Expr;
/// An interned expression, or null: not expressible (too large, or an operation without a form). Constructors pass null on.
using E = const Expr *;

enum class Kind : uint8_t {
  Poly,     // sum of coefficient * product of atoms; a constant is a polynomial without atoms
  Dim,      // a symbolic dimension, at least 0 (1 where the pool was told)
  Var,      // an index variable in 0 .. operand 0 minus 1
  Load,     // element `operands` of the tensor `tensor`
  FloorDiv, // operand 0 / operand 1, rounded down (integers)
  Mod,      // remainder of the same
  Positive, // operand 0, but at least 0 (integers): minima, maxima and clamps are sums with it
  Le,       // operand 0 <= 0
  Eq,       // operand 0 == 0
  And, Or, Not,
  Select,   // operand 0 ? operand 1 : operand 2
  Unary,    // function `name` of operand 0
  Sum,      // of operand 1 over the variable operand 0
  Max,      // of operand 1 over the variable operand 0
  Softmax,  // element operand 2 of the softmax of operand 1 along the variable operand 0
};

struct Term {
  llvm::SmallVector<E, 3> atoms; // sorted by id
  double factor = 0;
};

struct Expr {
  explicit Expr(Kind kind) : kind(kind) {}
  Kind kind;
  unsigned id = 0;                  // order of creation: deterministic
  int level = 0;                    // the highest bound-variable level inside
  int clamps = 0;                   // how deep Positive is nested
  llvm::SmallVector<Term, 2> terms; // Poly
  llvm::SmallVector<E, 4> operands;
  std::string name;                 // Dim, Unary
  int64_t number = 0;               // Var: below 0 bound (minus its level), else free
  mlir::Value tensor;               // Load
};

/// What stands for infinity in an expression: sums and products of it are still numbers.
inline constexpr double infinity = 1e300;

class ExprPool {
public:
  E number(double value);
  E dim(llvm::StringRef name);
  /// The dimension `name` is never 0. To be told before anything is asked: folding depends on it.
  void notEmpty(llvm::StringRef name) { notEmptyDims.insert(dim(name)); }
  E var(int64_t number, E extent);
  /// The bound variable for a reduction over `extent` inside which `around` are the other indices.
  E boundVar(E extent, llvm::ArrayRef<E> around);
  E load(mlir::Value tensor, llvm::ArrayRef<E> indices);

  E add(E a, E b);
  E sub(E a, E b) { return add(a, mul(number(-1), b)); }
  E mul(E a, E b);
  E reciprocal(E a);
  E power(E a, double exponent);
  E unary(llvm::StringRef name, E a);
  /// Integer quotient and remainder; exact polynomial division where the bounds of the remainder are provable.
  std::pair<E, E> divMod(E a, E b);
  /// The larger of `a` and 0, and of two; the smaller of two. Integers.
  E positive(E a);
  E larger(E a, E b) { return add(b, positive(sub(a, b))); }
  E smaller(E a, E b) { return sub(a, positive(sub(a, b))); }

  E lessEqual(E a, E b, bool integers);
  E equal(E a, E b, bool integers);
  E logicalAnd(E a, E b);
  E logicalOr(E a, E b);
  E logicalNot(E a);
  E select(E condition, E a, E b);

  E sum(E var, E body);
  E maximum(E var, E body);
  E softmax(E var, E body, E at);

  /// `e` with `from` (a Var or a Dim) replaced.
  E substitute(E e, E from, E to);
  /// Is `e` >= 0 for all values of its variables (an extent is at least 1) and dimensions?
  bool nonNegative(E e) { return nonNegative(e, 0); }
  /// Does `from` occur in `e`?
  static bool contains(E e, E from);
  static std::optional<double> constant(E e);
  static std::optional<int64_t> integer(E e);
  /// For messages and tests.
  static std::string print(E e);

private:
  E intern(Expr &&e);
  E poly(llvm::SmallVector<Term, 2> terms);
  E joinQuotient(llvm::ArrayRef<Term> terms);
  bool nonNegative(E e, int cases);
  bool nonNegativeInDims(E e);
  /// `e` with its atom `from` replaced; other than `substitute`, not inside of other atoms.
  E replaceAtom(E e, E from, E to);
  static llvm::SmallVector<Term, 2> termsOf(E e);
  E naryLogic(Kind kind, E a, E b);
  llvm::StringMap<std::unique_ptr<Expr>> table;
  llvm::SetVector<E> notEmptyDims;
  unsigned next = 0;
};
} // namespace qcc::frontend
#endif
