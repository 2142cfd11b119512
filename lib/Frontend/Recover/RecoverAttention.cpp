// Recovers attention over past and new keys and values from the product of a softmax with values.
//
// The root is one expression, sum_t softmax_t(score(s, u)) * value(t): where its scale sits, whether heads are repeated by Expand or by
// broadcasting, how past and present are joined and how the mask is made no longer shows. The mask is the condition under which a score is
// kept; its conjuncts must be causality, a window, or a key mask given by the caller.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
#include "llvm/Support/DebugLog.h"
#define DEBUG_TYPE "recover-attention"
namespace qcc {
#define GEN_PASS_DEF_RECOVERATTENTION
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
/// Below this an additive mask removes a token: exporters write -10000, the lowest float, or minus infinity.
constexpr double removes = -1e4;

/// Keys or values: what the past holds and what this call adds.
struct Stream {
  Value past;            // [B, kvHeads, P, D], or null
  E fresh = nullptr;     // Load of the new tokens, at (b, token, kvHead, channel)
  E all = nullptr;       // the element as the model has it, at (b, head, token, channel)
};
struct Match {
  Value root, mask;
  E b, head, s, d;       // the root's indices
  E query = nullptr, queryChannel = nullptr;
  E token = nullptr;     // index of a new token
  E tokens = nullptr;    // how many there are
  E added = nullptr;     // the additive mask
  E kvHead = nullptr, past = nullptr;
  E keyToken = nullptr, keyChannel = nullptr, valueToken = nullptr;
  Stream key, value;
  int64_t heads = 0, kvHeads = 0, size = 0, window = 0;
  double scale = 1, softcap = 0;
  bool causal = false;
};

struct RecoverAttention : qcc::impl::RecoverAttentionBase<RecoverAttention> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        runOn(func);
  }

  void runOn(func::FuncOp func) {
    Recovery r(func);
    SmallVector<Match> matches;
    for (onnx::NodeOp node : r.nodes())
      if (node.is("MatMul") && !node.use_empty()) {
        Match m;
        std::string why = matchAt(r, node.output(0), m);
        if (why.empty())
          matches.push_back(m);
        else
          LDBG() << "no attention at " << node.getLoc() << ": " << why;
      }
    DenseMap<Value, std::pair<size_t, bool>> presents = findPresents(r, matches);
    for (auto [i, m] : llvm::enumerate(matches))
      rewrite(r, m, i, presents);
    r.finish();
  }

  /// Fills `m`; returns why it is no attention otherwise.
  std::string matchAt(Recovery &r, Value root, Match &m) {
    ExprPool &p = r.pool;
    const Elements::Shape *shape = r.elements.shape(root);
    if (!shape || shape->size() != 4)
      return "the result is not [B, heads, S, D]";
    std::optional<int64_t> heads = ExprPool::integer((*shape)[1]), size = ExprPool::integer((*shape)[3]);
    if (!heads || !size)
      return "heads or their size are not known";
    m.root = root, m.heads = *heads, m.size = *size, m.tokens = (*shape)[2];
    SmallVector<E> at = r.elements.variables(root);
    m.b = at[0], m.head = at[1], m.s = at[2], m.d = at[3];
    E sum = r.elements.element(root, at);
    if (!sum || sum->kind != Kind::Sum)
      return "not a plain sum over tokens";
    m.valueToken = sum->operands[0];
    E body = sum->operands[1];
    if (body->kind != Kind::Poly || body->terms.size() != 1 || body->terms[0].atoms.size() != 2)
      return "not a product of two";
    E weights = body->terms[0].atoms[0], value = body->terms[0].atoms[1], guard = nullptr;
    auto isWeights = [](E e) { return e->kind == Kind::Softmax || (e->kind == Kind::Select && e->operands[2]->kind == Kind::Softmax); };
    if (!isWeights(weights))
      std::swap(weights, value);
    if (weights->kind == Kind::Select && isWeights(weights)) // rows without a token give 0
      guard = weights->operands[1] == p.number(0) ? weights->operands[0] : p.number(0), weights = weights->operands[2];
    if (weights->kind != Kind::Softmax || weights->operands[2] != m.valueToken)
      return "no softmax over the tokens";
    m.keyToken = weights->operands[0];
    E condition = p.number(1);
    if (std::string why = scores(r, m, weights->operands[1], condition); !why.empty())
      return why;
    if (guard && !saysAllMasked(p, m, guard))
      return "a selection among weights that does not follow from the mask: " + ExprPool::print(guard);
    if (!stream(r, m, value, m.valueToken, m.d, m.value))
      return "values are not understood: " + ExprPool::print(value);
    if (!m.key.past != !m.value.past)
      return "only one of keys and values has a past";
    return mask(r, m, condition);
  }

  /// Splits the softmax's input into the condition that keeps a token and scale * q . k.
  std::string scores(Recovery &r, Match &m, E score, E &condition) {
    ExprPool &p = r.pool;
    while (score->kind == Kind::Select) { // a mask that replaces the score
      std::optional<double> yes = ExprPool::constant(score->operands[1]), no = ExprPool::constant(score->operands[2]);
      if (no && *no <= removes) {
        condition = p.logicalAnd(condition, score->operands[0]);
        score = score->operands[1];
      } else if (yes && *yes <= removes) {
        condition = p.logicalAnd(condition, p.logicalNot(score->operands[0]));
        score = score->operands[2];
      } else
        return "a selection among scores that is no mask";
    }
    SmallVector<Term, 2> terms = score->kind == Kind::Poly ? score->terms : SmallVector<Term, 2>();
    if (terms.empty()) {
      Term only;
      only.atoms.push_back(score), only.factor = 1;
      terms.push_back(only);
    }
    E product = nullptr, added = p.number(0);
    for (Term &term : terms) {
      E atom = term.atoms.size() == 1 ? term.atoms[0] : nullptr;
      bool capped = atom && atom->kind == Kind::Unary && atom->name == "tanh";
      if (!product && atom && (atom->kind == Kind::Sum || capped)) {
        product = atom, m.scale = term.factor;
        if (capped) {
          E inner = atom->operands[0];
          if (inner->kind != Kind::Poly || inner->terms.size() != 1 || inner->terms[0].atoms.size() != 1)
            return "tanh of no score";
          m.softcap = term.factor;
          m.scale = inner->terms[0].factor * term.factor;
          product = inner->terms[0].atoms[0];
        }
        continue;
      }
      E part = p.number(term.factor);
      for (E a : term.atoms)
        part = p.mul(part, a);
      added = p.add(added, part);
    }
    m.added = added;
    condition = p.logicalAnd(condition, kept(p, added));
    if (!condition)
      return "an addend that is no mask: " + ExprPool::print(added);
    if (!product || product->kind != Kind::Sum)
      return "no score";
    m.queryChannel = m.keyChannel = product->operands[0];
    E body = product->operands[1];
    if (body->kind != Kind::Poly || body->terms.size() != 1 || body->terms[0].atoms.size() != 2 || body->terms[0].factor != 1)
      return "a score that is no product of two";
    E query = body->terms[0].atoms[0], key = body->terms[0].atoms[1];
    if (ExprPool::contains(query, m.keyToken))
      std::swap(query, key);
    m.query = query;
    if (!r.channels(m.root.getLoc(), query, m.b, m.s, m.head, m.queryChannel, m.heads, m.size, false))
      return "the query is not understood: " + ExprPool::print(query);
    if (!stream(r, m, key, m.keyToken, m.keyChannel, m.key))
      return "keys are not understood: " + ExprPool::print(key);
    return "";
  }

  /// Is `guard` that the additive mask is -infinity for every token? That is also what makes qnt.attention give 0.
  static bool saysAllMasked(ExprPool &p, const Match &m, E guard) {
    E e = guard->kind == Kind::Eq ? guard->operands[0] : nullptr;
    if (!e || e->kind != Kind::Poly || e->terms.size() != 2)
      return false;
    for (int i : {0, 1}) {
      const Term &constant = e->terms[i], &largest = e->terms[1 - i];
      E max = largest.atoms.size() == 1 ? largest.atoms[0] : nullptr;
      if (constant.atoms.empty() && std::fabs(constant.factor) >= infinity && max && max->kind == Kind::Max && std::fabs(largest.factor) == 1)
        return constant.factor * largest.factor > 0 && p.substitute(max->operands[1], max->operands[0], m.keyToken) == m.added;
    }
    return false;
  }

  /// The condition under which an additive mask `e` is 0 rather than very negative; null when `e` is not of that kind.
  E kept(ExprPool &p, E e) {
    if (std::optional<double> c = ExprPool::constant(e))
      return *c == 0 ? p.number(1) : *c <= removes ? p.number(0) : nullptr;
    if (e->kind == Kind::Select)
      return p.logicalOr(p.logicalAnd(e->operands[0], kept(p, e->operands[1])), p.logicalAnd(p.logicalNot(e->operands[0]), kept(p, e->operands[2])));
    if (e->kind != Kind::Poly)
      return nullptr;
    // lowest - lowest * mask[b, u]: 0 where the mask is 1.
    if (e->terms.size() == 2)
      for (int constant : {0, 1}) {
        const Term &c = e->terms[constant], &m = e->terms[1 - constant];
        if (c.atoms.empty() && m.atoms.size() == 1 && c.factor <= removes && m.factor == -c.factor && m.atoms[0]->kind == Kind::Load)
          return p.logicalNot(p.equal(m.atoms[0], p.number(0), true));
      }
    E all = p.number(1); // a sum of masks keeps what all of them keep
    for (const Term &term : e->terms) {
      E part = p.number(term.factor);
      if (term.atoms.size() != 1 || term.atoms[0]->kind != Kind::Select)
        return nullptr;
      const Expr &select = *term.atoms[0];
      part = p.select(select.operands[0], p.mul(part, select.operands[1]), p.mul(part, select.operands[2]));
      all = p.logicalAnd(all, kept(p, part));
    }
    return all;
  }

  /// Reads past and new tokens off element (b, kv head, `token`, `channel`) of keys or values.
  bool stream(Recovery &r, Match &m, E e, E token, E channel, Stream &out) {
    ExprPool &p = r.pool;
    out.all = e;
    E fresh = e, past = nullptr;
    if (e->kind == Kind::Select) { // token < P ? past : new
      past = e->operands[1], fresh = e->operands[2];
      if (past->kind != Kind::Load || past->operands.size() != 4)
        return false;
      const Elements::Shape *shape = r.elements.shape(past->tensor);
      E length = shape ? (*shape)[2] : nullptr;
      if (!length || e->operands[0] != p.lessEqual(p.add(token, p.number(1)), length, true) || (m.past && m.past != length))
        return false;
      m.past = length;
      out.past = past->tensor;
    }
    E length = out.past ? m.past : p.number(0);
    if (out.past == Value() && m.past)
      return false;
    // The new tokens, at index `new` of their own: new = token - past.
    E tokens = out.past ? p.sub(token->operands[0], length) : token->operands[0];
    if (tokens != m.tokens) // attention over another sequence
      return false;
    if (!m.token)
      m.token = ExprPool::integer(m.tokens) == 1 ? p.number(0) : p.var(200, m.tokens);
    fresh = p.substitute(fresh, token, p.add(m.token, length));
    for (int64_t group = 1; group <= m.heads; ++group) {
      if (m.heads % group || (m.kvHeads && m.kvHeads != m.heads / group))
        continue;
      E kvHead = group == 1 ? m.head : p.divMod(m.head, p.number(double(group))).first;
      if (past && (past->operands[0] != m.b || past->operands[1] != kvHead || past->operands[2] != token || past->operands[3] != channel))
        continue;
      if (!r.channels(m.root.getLoc(), fresh, m.b, m.token, kvHead, channel, m.heads / group, m.size, false))
        continue;
      m.kvHeads = m.heads / group, m.kvHead = kvHead;
      out.fresh = fresh;
      return true;
    }
    return false;
  }

  /// The element of a mask [B, T], or [B, 1, .., T].
  static bool isOfKeys(ExprPool &p, const Match &m, ArrayRef<E> at) {
    return at.size() >= 2 && at.front() == m.b && at.back() == m.keyToken && llvm::all_of(at.drop_front().drop_back(), [&](E e) { return e == p.number(0); });
  }

  std::string mask(Recovery &r, Match &m, E condition) {
    ExprPool &p = r.pool;
    if (ExprPool::constant(condition) == 1.0)
      return "";
    E past = m.past ? m.past : p.number(0), last = p.add(past, m.s); // the query's own token
    for (E c : condition->kind == Kind::And ? ArrayRef<E>(condition->operands) : ArrayRef<E>(condition)) {
      if (c->kind == Kind::Not && c->operands[0]->kind == Kind::Le) // "not s < u": integers, if the comparisons below hold
        if (E flipped = p.lessEqual(p.number(1), c->operands[0]->operands[0], true); flipped && flipped->kind == Kind::Le)
          c = flipped;
      if (c == p.lessEqual(m.keyToken, last, true)) {
        m.causal = true;
        continue;
      }
      if (c->kind == Kind::Le) { // last - u - (window - 1) <= 0
        E rest = p.sub(c->operands[0], p.sub(last, m.keyToken));
        std::optional<int64_t> width = ExprPool::integer(rest);
        if (width && *width <= 0) {
          m.window = 1 - *width;
          continue;
        }
      }
      E load = c;
      if (c->kind == Kind::Not && c->operands[0]->kind == Kind::Eq)
        load = c->operands[0]->operands[0];
      if (load->kind == Kind::Poly && load->terms.size() == 1 && load->terms[0].atoms.size() == 1)
        load = load->terms[0].atoms[0];
      if (load->kind == Kind::Load && isOfKeys(p, m, load->operands) && !m.mask && !Elements::isFloat(load->tensor)) {
        m.mask = load->tensor;
        continue;
      }
      return "a mask that is not understood: " + ExprPool::print(c);
    }
    return "";
  }

  /// Results of the function that hold all keys (or values) of an attention: result -> (match, is value).
  DenseMap<Value, std::pair<size_t, bool>> findPresents(Recovery &r, ArrayRef<Match> matches) {
    DenseMap<E, std::pair<size_t, bool>> expected;
    ExprPool &p = r.pool;
    for (size_t i = 0; i < matches.size(); ++i) {
      const Match &m = matches[i];
      if (!m.key.past)
        continue;
      E total = m.keyToken->operands[0];
      E head = p.var(301, p.number(double(m.kvHeads))), token = p.var(302, total), channel = p.var(303, p.number(double(m.size)));
      auto whole = [&](E e, E ownToken, E ownChannel) {
        e = p.substitute(e, m.head, p.mul(head, p.number(double(m.heads / m.kvHeads))));
        return p.substitute(p.substitute(e, ownToken, token), ownChannel, channel);
      };
      expected[whole(m.key.all, m.keyToken, m.keyChannel)] = {i, false};
      expected[whole(m.value.all, m.valueToken, m.d)] = {i, true};
    }
    DenseMap<Value, std::pair<size_t, bool>> result;
    for (Value operand : r.func.getBody().front().getTerminator()->getOperands()) {
      const Elements::Shape *shape = isa<ShapedType>(operand.getType()) && Elements::isFloat(operand) ? r.elements.shape(operand) : nullptr;
      if (!shape || shape->size() != 4)
        continue;
      for (const Match &m : matches) {
        if (!m.key.past || ExprPool::integer((*shape)[1]) != m.kvHeads || ExprPool::integer((*shape)[3]) != m.size)
          continue;
        SmallVector<E> own{m.b, p.var(301, p.number(double(m.kvHeads))), p.var(302, m.keyToken->operands[0]), p.var(303, p.number(double(m.size)))};
        auto it = expected.find(r.elements.element(operand, own));
        if (it != expected.end())
          result[operand] = it->second;
        break; // all layers have the same sizes
      }
    }
    return result;
  }

  void rewrite(Recovery &r, Match &m, size_t number, DenseMap<Value, std::pair<size_t, bool>> &presents) {
    Location loc = m.root.getLoc();
    r.builder.setInsertionPoint(m.root.getDefiningOp());
    E past = m.past ? m.past : r.pool.number(0);
    Value at = r.index(loc, past);
    Value query = r.channels(loc, m.query, m.b, m.s, m.head, m.queryChannel, m.heads, m.size);
    Value key = r.channels(loc, m.key.fresh, m.b, m.token, m.kvHead, m.keyChannel, m.kvHeads, m.size);
    Value value = r.channels(loc, m.value.fresh, m.b, m.token, m.kvHead, m.d, m.kvHeads, m.size);
    if (!at || !query || !key || !value || !llvm::all_of(ArrayRef{m.root, query, key, value, m.key.past ? m.key.past : key, m.value.past ? m.value.past : value}, fitsF32))
      return;
    for (Value *side : {&query, &key, &value})
      *side = r.asF32(loc, *side);
    auto cacheType = qnt::CacheType::get(&getContext(), m.kvHeads, m.size, r.builder.getF32Type());
    SmallVector<Value> held;
    if (m.key.past)
      held = {r.asF32(loc, m.key.past), r.asF32(loc, m.value.past)};
    Value cache = qnt::CacheLoadOp::create(r.builder, loc, cacheType, held);
    qnt::KvUpdateOp::create(r.builder, loc, key, value, cache, at, Value());
    Value mask = m.mask;
    if (const Elements::Shape *shape = mask ? r.elements.shape(mask) : nullptr; shape && shape->size() > 2) {
      auto type = r.type({shape->front(), shape->back()}, cast<ShapedType>(mask.getType()).getElementType());
      SmallVector<int64_t> ones;
      for (size_t i = 1; i + 1 < shape->size(); ++i)
        ones.push_back(i);
      mask = r.node(loc, "Squeeze", {mask, r.constant(loc, ones)}, type);
    }
    if (mask && cast<ShapedType>(mask.getType()).getElementType().isInteger(1)) {
      auto type = r.type(*r.elements.shape(mask), r.builder.getI64Type());
      mask = r.node(loc, "Cast", mask, type, r.builder.getNamedAttr("to", r.builder.getI64IntegerAttr(7)));
    }
    m.scale = roundedScale(m.scale, m.size);
    Value result = qnt::AttentionOp::create(r.builder, loc, query.getType(), query, cache, at, mask, Value(), m.heads, llvm::APFloat(float(m.scale)), m.causal,
                                            llvm::APFloat(float(m.softcap)), m.window);
    m.root.replaceAllUsesWith(r.asElementsOf(loc, r.heads(loc, result, m.heads, m.size, true), m.root));
    ++numAttentions;
    // The model's present outputs are what the cache holds afterwards.
    Value keys, values;
    for (OpOperand &operand : r.func.getBody().front().getTerminator()->getOpOperands()) {
      auto it = presents.find(operand.get());
      if (it == presents.end() || it->second.first != number)
        continue;
      if (!keys) { // beside its attention, so that it belongs to the layer
        Value total = r.index(loc, m.keyToken->operands[0]);
        auto type = RankedTensorType::get({r.type(m.root).getDimSize(0), m.kvHeads, ShapedType::kDynamic, m.size}, r.builder.getF32Type());
        auto store = qnt::CacheStoreOp::create(r.builder, loc, type, type, cache, total, Value());
        keys = store.getKey(), values = store.getValue();
      }
      operand.set(r.asElementsOf(loc, it->second.second ? values : keys, operand.get()));
    }
  }
};
} // namespace
