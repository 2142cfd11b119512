// Recovers rotary position embedding. The two channels of a pair are each evaluated as one expression,
//   x[i] * cos(theta[i]) - x[i+h] * sin(theta[i])   and   x[i+h] * cos(theta[i]) + x[i] * sin(theta[i]),
// so any arrangement of Slice, Split, Neg, Concat, Where and tables that computes them is the same.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
#include "llvm/Support/DebugLog.h"
#define DEBUG_TYPE "recover-rotary"
namespace qcc {
#define GEN_PASS_DEF_RECOVERROTARY
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
/// cos or sin of one pair: `factor * atom`, where the atom is a function of position and pair, or an element of a table.
struct Wave {
  E atom = nullptr;
  double factor = 0;
};
struct Match {
  Value root;
  E x = nullptr;                  // the Load of the first channel of the pair
  E b = nullptr, s = nullptr, head = nullptr, pair = nullptr, d = nullptr;
  Wave cos, sin;
  int64_t heads = 1, size = 0, half = 0;
  bool interleaved = false, headsFirst = true;
};

struct RecoverRotary : qcc::impl::RecoverRotaryBase<RecoverRotary> {
  using RecoverRotaryBase::RecoverRotaryBase;
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        runOn(func);
  }

  void runOn(func::FuncOp func) {
    Recovery r(func);
    SmallVector<Match> matches; // first all, then the rewrites: the analysis is of the function as it was
    for (onnx::NodeOp node : r.nodes())
      if (node.is("Add") || node.is("Sub") || node.is("Concat") || node.is("Reshape"))
        for (bool interleaved : {false, true})
          if (std::optional<Match> match = matchAt(r, node.output(0), interleaved)) {
            matches.push_back(*match);
            break;
          }
    for (Match &match : matches)
      rewrite(r, match);
    r.finish();
  }

  std::optional<Match> matchAt(Recovery &r, Value root, bool interleaved) {
    const Elements::Shape *shape = fitsF32(root) ? r.elements.shape(root) : nullptr;
    if (!shape || shape->size() != 4 || root.use_empty())
      return std::nullopt;
    std::optional<int64_t> size = ExprPool::integer(shape->back());
    if (!size || *size < 2 || *size % 2)
      return std::nullopt;
    Match m;
    m.root = root, m.size = *size, m.half = *size / 2, m.interleaved = interleaved;
    ExprPool &p = r.pool;
    SmallVector<E> at = r.elements.variables(root);
    m.pair = p.var(100, p.number(double(m.half)));
    E first = interleaved ? p.mul(p.number(2), m.pair) : m.pair;
    E second = p.add(first, p.number(interleaved ? 1 : double(m.half)));
    at[3] = first;
    E low = r.elements.element(root, at);
    at[3] = second;
    E high = r.elements.element(root, at);

    if (!low || !high || low->kind != Kind::Poly || low->terms.size() != 2)
      return std::nullopt;
    auto almost = [&](const char *why) {
      LDBG() << "no rotary embedding at " << root.getLoc() << (interleaved ? " (pairs): " : " (halves): ") << why;
      return std::nullopt;
    };
    // Read x, cos and sin off the first channel ...
    for (const Term &term : low->terms) {
      if (term.atoms.size() != 2)
        return std::nullopt;
      bool swap = isWave(term.atoms[0], m.pair);
      E wave = term.atoms[swap ? 0 : 1], x = term.atoms[swap ? 1 : 0];
      if (!isWave(wave, m.pair))
        return std::nullopt;
      if (x->kind != Kind::Load || isConstant(x->tensor) || !fitsF32(x->tensor) || !ExprPool::contains(x, m.pair))
        return almost("what cos or sin multiplies is no channel of an input");
      bool isCos = wave->kind == Kind::Unary ? wave->name == "cos" : term.factor > 0;
      (isCos ? m.cos : m.sin) = Wave{wave, isCos ? term.factor : -term.factor};
      if (isCos)
        m.x = x;
    }
    if (!m.x || !m.sin.atom || !m.cos.atom)
      return almost("not one product with cos and one with -sin");
    // ... and compare both channels with the formula.
    SmallVector<E> other(m.x->operands.begin(), m.x->operands.end());
    for (E &index : other) {
      if (!ExprPool::contains(index, m.pair))
        continue;
      E base = p.sub(index, first); // x's own channel index is `base + first`
      if (!base || ExprPool::contains(base, m.pair))
        return almost("the input's channels have another order");
      index = p.add(base, second);
    }
    E y = p.load(m.x->tensor, other);
    E cos = p.mul(p.number(m.cos.factor), m.cos.atom), sin = p.mul(p.number(m.sin.factor), m.sin.atom);
    if (low != p.sub(p.mul(m.x, cos), p.mul(y, sin)) || high != p.add(p.mul(y, cos), p.mul(m.x, sin)))
      return almost("the two channels of a pair are not x cos - y sin and y cos + x sin");
    // Batch and token are the indices that the position depends on; the other one is the head.
    m.b = at[0];
    bool second1 = ExprPool::contains(m.cos.atom, at[1]), second2 = ExprPool::contains(m.cos.atom, at[2]);
    if (second1 == second2)
      return almost("the angles depend on none or both of the middle dimensions");
    m.headsFirst = second2;
    m.s = at[m.headsFirst ? 2 : 1], m.head = at[m.headsFirst ? 1 : 2];
    std::optional<int64_t> heads = ExprPool::integer((*shape)[m.headsFirst ? 1 : 2]);
    if (!heads || ExprPool::contains(m.cos.atom, m.head))
      return almost("the number of heads is not known, or angles differ between heads");
    m.heads = *heads;
    // Channel `head * size + d` of x: with d a variable again.
    m.d = p.var(101, p.number(double(m.size)));
    SmallVector<E> whole(m.x->operands.begin(), m.x->operands.end());
    for (E &index : whole)
      if (ExprPool::contains(index, m.pair))
        index = p.add(p.sub(index, first), m.d);
    m.x = p.load(m.x->tensor, whole);
    if (!r.channels(root.getLoc(), m.x, m.b, m.s, m.head, m.d, m.heads, m.size, /*build=*/false))
      return almost("the input is not [B, S, heads * D] in one of its layouts");
    return m;
  }

  /// A function of position and pair: cos(..), sin(..), or an element of a constant table.
  static bool isWave(E e, E pair) {
    if (e->kind == Kind::Unary && (e->name == "cos" || e->name == "sin"))
      return true;
    return e->kind == Kind::Load && isConstant(e->tensor) && e->operands.size() == 2 && e->operands[1] == pair;
  }

  /// The positions tensor that `position` is an element of, or consecutive positions from a past; null when it is neither.
  Value positions(Recovery &r, const Match &m, E position) {
    Location loc = m.root.getLoc();
    if (position && position->kind == Kind::Load && position->operands.size() == 2 && position->operands[0] == m.b && position->operands[1] == m.s)
      return position->tensor;
    Value past = r.index(loc, r.pool.sub(position, m.s));
    if (!past)
      return {};
    SmallVector<E> shape{(*r.elements.shape(m.root))[0], (*r.elements.shape(m.root))[m.headsFirst ? 2 : 1]};
    return qnt::PositionsOp::create(r.builder, loc, r.type(shape, r.builder.getI64Type()), past, Value());
  }

  /// theta = position * frequency[pair]: the position as an expression, and the frequencies.
  std::optional<std::pair<E, SmallVector<float>>> angle(Recovery &r, const Match &m, E theta) {
    E position = r.pool.number(0), table = nullptr;
    SmallVector<Term, 2> terms = theta->kind == Kind::Poly ? theta->terms : SmallVector<Term, 2>{};
    for (const Term &term : terms) {
      E rest = r.pool.number(term.factor), found = nullptr;
      for (E atom : term.atoms)
        if (atom->kind == Kind::Load && isConstant(atom->tensor) && ExprPool::contains(atom, m.pair))
          found = atom;
        else
          rest = r.pool.mul(rest, atom);
      if (!found || (table && found != table))
        return std::nullopt;
      table = found;
      position = r.pool.add(position, rest);
    }
    if (!table || !position)
      return std::nullopt;
    // A factor that all terms share (linear scaling of the positions) belongs to the frequencies.
    double scale = position->kind == Kind::Poly && !position->terms.empty() ? position->terms.back().factor : 1;
    position = r.pool.mul(position, r.pool.number(1 / scale));
    SmallVector<float> frequencies;
    for (int64_t i = 0; i < m.half; ++i) {
      SmallVector<E> at;
      for (E index : table->operands)
        at.push_back(r.pool.substitute(index, m.pair, r.pool.number(double(i))));
      std::optional<double> value = ExprPool::constant(r.elements.element(table->tensor, at));
      if (!value)
        return std::nullopt; // a large constant: its values are not in the IR
      frequencies.push_back(float(*value * scale));
    }
    return std::make_pair(position, frequencies);
  }

  void rewrite(Recovery &r, Match &m) {
    Location loc = m.root.getLoc();
    r.builder.setInsertionPoint(m.root.getDefiningOp());
    auto skip = [&](const char *why) { LDBG() << "rotary embedding at " << loc << " stays: " << why; };
    Value cos, sin, at;
    if (m.cos.atom->kind == Kind::Load) { // tables of the model
      if (m.cos.factor != 1 || m.sin.factor != 1 || m.cos.atom->operands[0] != m.sin.atom->operands[0])
        return skip("its tables are scaled, or read at two positions");
      at = positions(r, m, m.cos.atom->operands[0]);
      if (at)
        cos = r.weights.get(r.builder, loc, m.cos.atom->tensor), sin = r.weights.get(r.builder, loc, m.sin.atom->tensor);
    } else { // computed: the tables are made when the weights are written
      auto angles = m.cos.atom->operands[0] == m.sin.atom->operands[0] ? angle(r, m, m.cos.atom->operands[0]) : std::nullopt;
      if (!angles)
        return skip("its angles are not position * frequency");
      at = positions(r, m, angles->first);
      auto frequencies = DenseElementsAttr::get(RankedTensorType::get({m.half}, r.builder.getF32Type()), ArrayRef<float>(angles->second));
      auto table = [&](qnt::RotaryFunction function, double scale) {
        auto rotary = qnt::RotaryTableAttr::get(&getContext(), function, r.builder.getF32FloatAttr(float(scale)), frequencies);
        auto part = qnt::PartAttr::get(&getContext(), maxContext, false, {}, {}, {}, {}, rotary, {});
        return r.weights.get(r.builder, loc, RankedTensorType::get({maxContext, m.half}, r.builder.getF32Type()), part);
      };
      if (at)
        cos = table(qnt::RotaryFunction::Cos, m.cos.factor), sin = table(qnt::RotaryFunction::Sin, m.sin.factor);
    }
    Value x = at && cos && sin ? r.channels(loc, m.x, m.b, m.s, m.head, m.d, m.heads, m.size) : Value();
    if (!x)
      return skip("its positions or tables are not understood");
    x = r.asF32(loc, x);
    Value rotated = qnt::RotaryOp::create(r.builder, loc, r.type(x), x, at, cos, sin, m.heads, m.interleaved);
    m.root.replaceAllUsesWith(r.asElementsOf(loc, r.heads(loc, rotated, m.heads, m.size, m.headsFirst), m.root));
    ++numRotary;
  }
};
} // namespace
