// The normal form: sums of products, sorted by the id of their atoms; conjunctions as sets; comparisons against zero.
#include "lib/Frontend/Symbolic/Expr.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>
#include <utility>
using namespace qcc::frontend;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

/// Larger sums are no pattern that anything here looks for; the bound keeps products of sums from growing without end.
static constexpr size_t maxTerms = 64;
static constexpr size_t maxAtoms = 12;
/// Each doubles what has to be looked at.
static constexpr int maxClamps = 8;

static void appendBytes(std::string &key, const void *data, size_t size) { key.append(static_cast<const char *>(data), size); }

E ExprPool::intern(Expr &&e) {
  std::string key(1, char(e.kind));
  for (const Term &term : e.terms) {
    for (E atom : term.atoms)
      appendBytes(key, &atom->id, sizeof atom->id);
    unsigned end = ~0u;
    appendBytes(key, &end, sizeof end);
    appendBytes(key, &term.factor, sizeof term.factor);
  }
  for (E operand : e.operands)
    appendBytes(key, &operand->id, sizeof operand->id);
  const void *tensor = e.tensor.getAsOpaquePointer();
  appendBytes(key, &tensor, sizeof tensor);
  appendBytes(key, &e.number, sizeof e.number);
  key += e.name;
  auto [it, isNew] = table.try_emplace(key);
  if (isNew) {
    e.id = next++;
    e.level = e.kind == Kind::Var && e.number < 0 ? int(-e.number) : 0;
    auto include = [&](E part) {
      e.level = std::max(e.level, part->level);
      e.clamps = std::max(e.clamps, part->clamps + (e.kind == Kind::Positive));
    };
    for (E operand : e.operands)
      include(operand);
    for (const Term &term : e.terms)
      for (E atom : term.atoms)
        include(atom);
    it->second = std::make_unique<Expr>(std::move(e));
  }
  return it->second.get();
}

SmallVector<Term, 2> ExprPool::termsOf(E e) {
  if (e->kind == Kind::Poly)
    return e->terms;
  Term term;
  term.atoms.push_back(e);
  term.factor = 1;
  return {term};
}

/// Ids are compared, never addresses: the order must be the same in every run.
static bool before(const Term &a, const Term &b) {
  return std::lexicographical_compare(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end(), [](E x, E y) { return x->id < y->id; });
}

/// x/c * c + x%c is x: a split index that is put together again. Null when `terms` have no such pair.
E ExprPool::joinQuotient(ArrayRef<Term> terms) {
  for (auto [i, term] : llvm::enumerate(terms))
    for (E mod : term.atoms) {
      if (mod->kind != Kind::Mod)
        continue;
      std::optional<double> c = constant(mod->operands[1]);
      for (auto [j, other] : llvm::enumerate(terms)) {
        if (!c || other.factor != term.factor * *c || other.atoms.size() != term.atoms.size())
          continue;
        for (E div : other.atoms) {
          if (div->kind != Kind::FloorDiv || ArrayRef<E>(div->operands) != ArrayRef<E>(mod->operands))
            continue;
          SmallVector<E> around, otherAround; // the factors beside quotient and remainder
          llvm::copy_if(term.atoms, std::back_inserter(around), [&](E e) { return e != mod; });
          llvm::copy_if(other.atoms, std::back_inserter(otherAround), [&](E e) { return e != div; });
          if (around != otherAround)
            continue;
          E result = mul(number(term.factor), mod->operands[0]);
          for (E e : around)
            result = mul(result, e);
          SmallVector<Term, 2> rest;
          for (auto [k, third] : llvm::enumerate(terms))
            if (k != i && k != j)
              rest.push_back(third);
          return add(result, poly(std::move(rest)));
        }
      }
    }
  return nullptr;
}

E ExprPool::poly(SmallVector<Term, 2> terms) {
  llvm::sort(terms, before); // equal products are added up next, so their order among themselves is without effect
  SmallVector<Term, 2> merged;
  for (Term &term : terms)
    if (!merged.empty() && merged.back().atoms == term.atoms)
      merged.back().factor += term.factor;
    else
      merged.push_back(std::move(term));
  llvm::erase_if(merged, [](const Term &t) { return t.factor == 0; });
  if (merged.size() > maxTerms)
    return nullptr;
  if (E whole = joinQuotient(merged))
    return whole;
  if (merged.size() == 1 && merged[0].factor == 1 && merged[0].atoms.size() == 1)
    return merged[0].atoms[0];
  Expr e(Kind::Poly);
  e.terms = std::move(merged);
  return intern(std::move(e));
}

E ExprPool::number(double value) {
  // Infinity would turn 0 * x into NaN; masks are the only place that has it, and there this is as good.
  if (std::isinf(value))
    value = std::copysign(infinity, value);
  if (std::isnan(value))
    return nullptr;
  Term term;
  term.factor = value;
  return poly({term});
}
E ExprPool::dim(StringRef name) {
  Expr e(Kind::Dim);
  e.name = name.str();
  return intern(std::move(e));
}
E ExprPool::var(int64_t number, E extent) {
  Expr e(Kind::Var);
  e.number = number;
  e.operands = {extent};
  return intern(std::move(e));
}
E ExprPool::boundVar(E extent, ArrayRef<E> around) {
  int level = extent->level;
  for (E e : around)
    level = std::max(level, e->level);
  return var(-int64_t(level) - 1, extent);
}
E ExprPool::load(mlir::Value tensor, ArrayRef<E> indices) {
  if (llvm::is_contained(indices, nullptr))
    return nullptr;
  Expr e(Kind::Load);
  e.tensor = tensor;
  e.operands.assign(indices.begin(), indices.end());
  return intern(std::move(e));
}

E ExprPool::add(E a, E b) {
  if (!a || !b)
    return nullptr;
  SmallVector<Term, 2> terms = termsOf(a);
  llvm::append_range(terms, termsOf(b));
  return poly(std::move(terms));
}
E ExprPool::mul(E a, E b) {
  if (!a || !b)
    return nullptr;
  SmallVector<Term, 2> left = termsOf(a), right = termsOf(b), terms;
  if (left.size() * right.size() > maxTerms)
    return nullptr;
  for (const Term &x : left)
    for (const Term &y : right) {
      Term term = x;
      llvm::append_range(term.atoms, y.atoms);
      if (term.atoms.size() > maxAtoms)
        return nullptr;
      llvm::sort(term.atoms, [](E p, E q) { return p->id < q->id; });
      term.factor *= y.factor;
      terms.push_back(std::move(term));
    }
  return poly(std::move(terms));
}
E ExprPool::reciprocal(E a) {
  if (!a)
    return nullptr;
  if (a->kind == Kind::Unary && a->name == "reciprocal")
    return a->operands[0];
  if (a->kind == Kind::Poly && a->terms.size() == 1) { // 1/(c x y) = 1/c 1/x 1/y
    E result = number(1 / a->terms[0].factor);
    for (E atom : a->terms[0].atoms)
      result = mul(result, reciprocal(atom));
    return result;
  }
  return constant(a) ? nullptr : unary("reciprocal", a); // here a constant is 0
}
E ExprPool::power(E a, double exponent) {
  if (exponent == 0.5)
    return unary("sqrt", a);
  if (exponent == -0.5)
    return reciprocal(unary("sqrt", a));
  if (exponent == -1)
    return reciprocal(a);
  if (exponent != std::floor(exponent) || exponent < 0 || exponent > 4)
    return nullptr;
  E result = number(1);
  for (int i = 0; i < int(exponent); ++i)
    result = mul(result, a);
  return result;
}
E ExprPool::unary(StringRef name, E a) {
  if (!a)
    return nullptr;
  if (std::optional<double> c = constant(a)) {
    if (name == "sqrt" && *c >= 0)
      return number(std::sqrt(*c));
    if (name == "isnan")
      return number(0);
    if (name == "trunc")
      return number(std::trunc(*c));
  }
  Expr e(Kind::Unary);
  e.name = name.str();
  e.operands = {a};
  return intern(std::move(e));
}

std::pair<E, E> ExprPool::divMod(E a, E b) {
  if (!a || !b)
    return {nullptr, nullptr};
  std::optional<double> divisor = constant(b);
  if (divisor && *divisor == 0)
    return {nullptr, nullptr};
  // Polynomial long division by the last (highest) term of b; a step is taken only if its quotient is an integer monomial.
  Term lead = termsOf(b).back();
  E quotient = number(0), rest = a;
  for (size_t step = 0, limit = 2 * maxTerms; step < limit && rest; ++step) {
    bool changed = false;
    for (const Term &term : termsOf(rest)) {
      Term ratio = term;
      bool divides = true;
      for (E atom : lead.atoms) {
        auto it = llvm::find(ratio.atoms, atom);
        if ((divides = it != ratio.atoms.end()))
          ratio.atoms.erase(it);
        else
          break;
      }
      ratio.factor = std::trunc(term.factor / lead.factor);
      if (!divides || ratio.factor == 0 || (ratio.factor * lead.factor != term.factor && (!ratio.atoms.empty() || !divisor)))
        continue;
      if (ratio.atoms.empty() && divisor) { // a constant: rounds down, so that the rest is in 0 .. b-1
        ratio.factor = std::floor(term.factor / lead.factor);
        if (ratio.factor == 0)
          continue;
      }
      E part = poly({ratio});
      E less = sub(rest, mul(part, b));
      if (!less || termsOf(less).size() > termsOf(rest).size())
        continue;
      quotient = add(quotient, part);
      rest = less;
      changed = true;
      break;
    }
    if (!changed)
      break;
  }
  if (!rest || !quotient)
    return {nullptr, nullptr};
  if (constant(rest) == 0.0 || (nonNegative(rest) && nonNegative(sub(sub(b, number(1)), rest))))
    return {quotient, rest};
  Expr div(Kind::FloorDiv), mod(Kind::Mod);
  div.operands = mod.operands = {rest, b};
  return {add(quotient, intern(std::move(div))), intern(std::move(mod))};
}

E ExprPool::positive(E e) {
  if (!e)
    return nullptr;
  if (std::optional<double> c = constant(e))
    return number(std::max(*c, 0.0));
  E minus = mul(number(-1), e);
  if (nonNegative(e))
    return e;
  if (nonNegative(minus))
    return number(0);
  // max(max(x, 0) - y, 0) with y >= 0 is max(x - y, 0): a part of a part.
  for (const Term &term : termsOf(e)) {
    if (term.factor != 1 || term.atoms.size() != 1 || term.atoms[0]->kind != Kind::Positive)
      continue;
    E rest = sub(e, term.atoms[0]);
    if (rest && nonNegative(mul(number(-1), rest)))
      return positive(add(term.atoms[0]->operands[0], rest));
  }
  // max(-e, 0) is max(e, 0) - e: one of both signs is the form, so that min(a, b) and min(b, a) are one expression.
  if (e->clamps == maxClamps)
    return nullptr;
  bool flipped = termsOf(e).back().factor < 0;
  Expr positive(Kind::Positive);
  positive.operands = {flipped ? minus : e};
  E atom = intern(std::move(positive));
  return flipped ? add(atom, e) : atom;
}

E ExprPool::lessEqual(E a, E b, bool integers) {
  E e = sub(a, b);
  if (!e)
    return nullptr;
  if (std::optional<double> c = constant(e))
    return number(*c <= 0);
  if (integers && nonNegative(mul(number(-1), e)))
    return number(1);
  if (integers && nonNegative(sub(e, number(1))))
    return number(0);
  Expr le(Kind::Le);
  le.operands = {e};
  return intern(std::move(le));
}
E ExprPool::equal(E a, E b, bool integers) {
  E e = sub(a, b);
  if (!e)
    return nullptr;
  if (std::optional<double> c = constant(e))
    return number(*c == 0);
  E minus = mul(number(-1), e);
  if (integers && (nonNegative(sub(e, number(1))) || nonNegative(sub(minus, number(1)))))
    return number(0);
  if (e->kind == Kind::Select) { // a bool as an integer, compared: the bool itself
    std::optional<double> x = constant(e->operands[1]), y = constant(e->operands[2]);
    if (x && y)
      return select(e->operands[0], number(*x == 0), number(*y == 0));
  }
  Expr eq(Kind::Eq);
  eq.operands = {e->id < minus->id ? e : minus}; // x == y and y == x are one
  return intern(std::move(eq));
}
E ExprPool::naryLogic(Kind kind, E a, E b) {
  if (!a || !b)
    return nullptr;
  double absorbing = kind == Kind::And ? 0 : 1;
  Expr e(kind);
  for (E side : {a, b})
    for (E operand : side->kind == kind ? ArrayRef<E>(side->operands) : ArrayRef<E>(side)) {
      std::optional<double> c = constant(operand);
      if (c && (*c != 0) == (absorbing != 0))
        return number(absorbing);
      if (!c)
        e.operands.push_back(operand);
    }
  llvm::sort(e.operands, [](E x, E y) { return x->id < y->id; });
  e.operands.erase(llvm::unique(e.operands), e.operands.end());
  if (e.operands.empty())
    return number(1 - absorbing);
  return e.operands.size() == 1 ? e.operands[0] : intern(std::move(e));
}
E ExprPool::logicalAnd(E a, E b) { return naryLogic(Kind::And, a, b); }
E ExprPool::logicalOr(E a, E b) { return naryLogic(Kind::Or, a, b); }
E ExprPool::logicalNot(E a) {
  if (!a)
    return nullptr;
  if (std::optional<double> c = constant(a))
    return number(*c == 0);
  if (a->kind == Kind::Not)
    return a->operands[0];
  Expr e(Kind::Not);
  e.operands = {a};
  return intern(std::move(e));
}
E ExprPool::select(E condition, E a, E b) {
  if (!condition || !a || !b)
    return nullptr;
  if (std::optional<double> c = constant(condition))
    return *c != 0 ? a : b;
  if (a == b)
    return a;
  if (condition->kind == Kind::Not)
    return select(condition->operands[0], b, a);
  // A guard against the NaN of a softmax row without tokens: the attention op gives 0 there by definition.
  if (condition->kind == Kind::Unary && condition->name == "isnan" && condition->operands[0] == b && constant(a) == 0.0)
    return b;
  Expr e(Kind::Select);
  e.operands = {condition, a, b};
  return intern(std::move(e));
}

E ExprPool::sum(E var, E body) {
  if (!var || !body)
    return nullptr;
  if (integer(var->operands[0]) == 1)
    return substitute(body, var, number(0));
  // What does not depend on the variable stays outside, so that a factor is found in one place wherever the exporter put it.
  if (body->kind == Kind::Poly && body->terms.size() == 1 && body->terms[0].factor != 1) {
    Term term = body->terms[0];
    double factor = std::exchange(term.factor, 1);
    return mul(number(factor), sum(var, poly({term})));
  }
  Expr e(Kind::Sum);
  e.operands = {var, body};
  return intern(std::move(e));
}
E ExprPool::maximum(E var, E body) {
  if (!var || !body)
    return nullptr;
  if (!contains(body, var))
    return body;
  Expr e(Kind::Max);
  e.operands = {var, body};
  return intern(std::move(e));
}
E ExprPool::softmax(E var, E body, E at) {
  if (!var || !body || !at)
    return nullptr;
  Expr e(Kind::Softmax);
  e.operands = {var, body, at};
  return intern(std::move(e));
}

E ExprPool::substitute(E e, E from, E to) {
  if (!e || e == from)
    return e ? to : nullptr;
  if (!contains(e, from))
    return e;
  auto in = [&](unsigned i) { return substitute(e->operands[i], from, to); };
  bool shadowed = (e->kind == Kind::Sum || e->kind == Kind::Max || e->kind == Kind::Softmax) && e->operands[0] == from;
  switch (e->kind) {
  case Kind::Poly: {
    E result = number(0);
    for (const Term &term : e->terms) {
      E product = number(term.factor);
      for (E atom : term.atoms)
        product = mul(product, substitute(atom, from, to));
      result = add(result, product);
    }
    return result;
  }
  case Kind::Dim: return e;
  case Kind::Var: return var(e->number, in(0));
  case Kind::Load: {
    SmallVector<E, 4> indices;
    for (unsigned i = 0; i < e->operands.size(); ++i)
      indices.push_back(in(i));
    return load(e->tensor, indices);
  }
  case Kind::FloorDiv: return divMod(in(0), in(1)).first;
  case Kind::Mod: return divMod(in(0), in(1)).second;
  case Kind::Positive: return positive(in(0));
  case Kind::Le: return lessEqual(in(0), number(0), true);
  case Kind::Eq: return equal(in(0), number(0), true);
  case Kind::And:
  case Kind::Or: {
    E result = in(0);
    for (unsigned i = 1; i < e->operands.size(); ++i)
      result = naryLogic(e->kind, result, in(i));
    return result;
  }
  case Kind::Not: return logicalNot(in(0));
  case Kind::Select: return select(in(0), in(1), in(2));
  case Kind::Unary: return e->name == "reciprocal" ? reciprocal(in(0)) : unary(e->name, in(0));
  case Kind::Sum: return shadowed ? e : sum(in(0), in(1));
  case Kind::Max: return shadowed ? e : maximum(in(0), in(1));
  case Kind::Softmax: return softmax(e->operands[0], shadowed ? e->operands[1] : in(1), in(2));
  }
  return nullptr;
}

bool ExprPool::contains(E e, E from) {
  if (e == from)
    return true;
  for (E operand : e->operands)
    if (contains(operand, from))
      return true;
  for (const Term &term : e->terms)
    for (E atom : term.atoms)
      if (contains(atom, from))
        return true;
  return false;
}
std::optional<double> ExprPool::constant(E e) {
  if (!e || e->kind != Kind::Poly)
    return std::nullopt;
  if (e->terms.empty())
    return 0.0;
  if (e->terms.size() == 1 && e->terms[0].atoms.empty())
    return e->terms[0].factor;
  return std::nullopt;
}
std::optional<int64_t> ExprPool::integer(E e) {
  std::optional<double> c = constant(e);
  if (!c || *c != std::floor(*c))
    return std::nullopt;
  if (std::fabs(*c) >= 9.2e18)
    return *c < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return int64_t(*c);
}

E ExprPool::replaceAtom(E e, E from, E to) {
  E result = number(0);
  for (const Term &term : termsOf(e)) {
    E product = number(term.factor);
    for (E atom : term.atoms)
      product = mul(product, atom == from ? to : atom);
    result = add(result, product);
  }
  return result;
}

/// A sum of products of dimensions: written in what each is above its least value, no product may be subtracted.
bool ExprPool::nonNegativeInDims(E e) {
  for (E dim : notEmptyDims)
    if (e && contains(e, dim))
      e = replaceAtom(e, dim, add(dim, number(1)));
  return e && llvm::none_of(termsOf(e), [](const Term &term) { return term.factor < 0; });
}

bool ExprPool::nonNegative(E e, int cases) {
  constexpr int maxCases = 5; // each doubles the work
  for (int step = 0; e && step < 16; ++step) {
    SmallVector<Term, 2> terms = termsOf(e);
    for (const Term &term : terms) {
      auto found = llvm::find_if(term.atoms, [](E atom) { return atom->kind == Kind::Positive; });
      if (found == term.atoms.end())
        continue;
      if (cases == maxCases)
        return false;
      // max(x, 0) is x or 0, so `e` has one of two forms; where it only grows with max(x, 0), it is no less than either.
      E atom = *found;
      bool grows = llvm::all_of(terms, [&](const Term &t) {
        return !llvm::is_contained(t.atoms, atom) || (t.factor > 0 && llvm::count(t.atoms, atom) == 1 && llvm::all_of(t.atoms, [&](E other) { return other == atom || nonNegative(other, cases + 1); }));
      });
      bool without = nonNegative(replaceAtom(e, atom, number(0)), cases + 1);
      if (without == grows)
        return without;
      return nonNegative(replaceAtom(e, atom, atom->operands[0]), cases + 1);
    }
    E bounded = nullptr; // an atom that runs over 0 .. extent-1
    E extent = nullptr;
    for (const Term &term : terms)
      for (E atom : term.atoms) {
        if (atom->kind == Kind::Var)
          bounded = atom, extent = atom->operands[0];
        else if (atom->kind == Kind::Mod)
          bounded = atom, extent = atom->operands[1];
        else if (atom->kind == Kind::FloorDiv && nonNegative(atom->operands[0], cases)) {
          bounded = atom;
          E x = atom->operands[0];
          if (x->kind == Kind::Var)
            extent = divMod(sub(x->operands[0], number(1)), atom->operands[1]).first;
          extent = extent ? add(extent, number(1)) : nullptr;
        } else if (atom->kind != Kind::Dim)
          return false;
      }
    if (!bounded)
      return nonNegativeInDims(e);
    bool up = false, down = false;
    for (const Term &term : terms)
      if (llvm::is_contained(term.atoms, bounded))
        (term.factor > 0 ? up : down) = true;
    if ((up && down) || (down && !extent))
      return false;
    e = replaceAtom(e, bounded, up ? number(0) : sub(extent, number(1)));
  }
  return false;
}

static void printTo(llvm::raw_ostream &os, E e) {
  auto list = [&](StringRef open, StringRef close) {
    os << open;
    llvm::interleaveComma(e->operands, os, [&](E x) { printTo(os, x); });
    os << close;
  };
  switch (e->kind) {
  case Kind::Poly:
    if (e->terms.empty())
      os << "0";
    llvm::interleave(e->terms, os, [&](const Term &term) {
      if (term.factor != 1 || term.atoms.empty()) {
        if (term.factor == std::floor(term.factor) && std::fabs(term.factor) < 1e15)
          os << int64_t(term.factor);
        else
          os << term.factor;
        os << (term.atoms.empty() ? "" : "*");
      }
      llvm::interleave(term.atoms, os, [&](E x) { printTo(os, x); }, "*");
    }, " + ");
    return;
  case Kind::Dim: os << e->name; return;
  case Kind::Var: os << (e->number < 0 ? "r" : "i") << (e->number < 0 ? -e->number : e->number); return;
  case Kind::Load: os << "t" << e->tensor.getAsOpaquePointer(); return list("[", "]");
  case Kind::FloorDiv: return list("div(", ")");
  case Kind::Mod: return list("mod(", ")");
  case Kind::Positive: return list("max(", ", 0)");
  case Kind::Le: return list("le0(", ")");
  case Kind::Eq: return list("eq0(", ")");
  case Kind::And: return list("and(", ")");
  case Kind::Or: return list("or(", ")");
  case Kind::Not: return list("not(", ")");
  case Kind::Select: return list("select(", ")");
  case Kind::Unary: os << e->name; return list("(", ")");
  case Kind::Sum: return list("sum(", ")");
  case Kind::Max: return list("maximum(", ")");
  case Kind::Softmax: return list("softmax(", ")");
  }
}
std::string ExprPool::print(E e) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (e)
    printTo(os, e);
  else
    os << "unknown";
  return text;
}
