// Element rules: element i.. of a node's output from elements of its inputs.
#include "lib/Frontend/Symbolic/Elements.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Shape = Elements::Shape;

Elements::Cut::Cut(Elements &elements, Value value) : elements(elements), value(value), before(elements.cutValue) {
  elements.cutValue = value;
  elements.elements.clear();
}
Elements::Cut::~Cut() {
  elements.cutValue = before;
  elements.elements.clear();
}
Elements::MovementOnly::MovementOnly(Elements &elements) : elements(elements) {
  elements.movementOnly = true;
  elements.elements.clear();
}
Elements::MovementOnly::~MovementOnly() {
  elements.movementOnly = false;
  elements.elements.clear();
}
bool Elements::Less::operator()(const Key &a, const Key &b) const {
  return a.first != b.first ? a.first < b.first : std::lexicographical_compare(a.second.begin(), a.second.end(), b.second.begin(), b.second.end());
}

std::optional<SmallVector<E>> Elements::vector(Value value) {
  const Shape *dims = shape(value);
  if (!dims || dims->size() > 1)
    return std::nullopt;
  std::optional<int64_t> size = dims->empty() ? 1 : ExprPool::integer((*dims)[0]);
  if (!size || *size < 0 || *size > 64)
    return std::nullopt;
  SmallVector<E> result;
  for (int64_t i = 0; i < *size; ++i)
    result.push_back(element(value, dims->empty() ? ArrayRef<E>() : ArrayRef<E>(pool.number(double(i)))));
  return result;
}
std::optional<SmallVector<int64_t>> Elements::integers(Value value) {
  auto known = vector(value);
  if (!known)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (E e : *known) {
    std::optional<int64_t> c = ExprPool::integer(e);
    if (!c)
      return std::nullopt;
    result.push_back(*c);
  }
  return result;
}

E Elements::element(Value value, ArrayRef<E> indices) {
  if (!value || llvm::is_contained(indices, nullptr) || !isa<ShapedType>(value.getType()))
    return nullptr;
  Key key{value.getAsOpaquePointer(), {}};
  for (E index : indices)
    key.second.push_back(index->id);
  auto it = elements.find(key);
  if (it != elements.end())
    return it->second;
  // 400: deeper chains than any block of a model; the stack stays small whatever the file holds.
  E result = nullptr;
  if (value != cutValue && depth < 400) {
    ++depth;
    result = computeElement(value, indices);
    --depth;
  }
  if (!result)
    result = pool.load(value, indices);
  elements[key] = result;
  return result;
}

E Elements::broadcastElement(Value operand, ArrayRef<E> indices) {
  const Shape *dims = shape(operand);
  if (!dims || dims->size() > indices.size())
    return nullptr;
  SmallVector<E> own(indices.take_back(dims->size()));
  for (auto [index, dim] : llvm::zip(own, *dims))
    if (ExprPool::integer(dim) == 1)
      index = pool.number(0);
  return element(operand, own);
}

std::optional<SmallVector<E>> Elements::reshapeIndices(const Shape &from, const Shape &to, ArrayRef<E> indices) {
  SmallVector<unsigned> source, target; // dimensions that are not 1
  for (auto [i, dim] : llvm::enumerate(from))
    if (ExprPool::integer(dim) != 1)
      source.push_back(i);
  for (auto [i, dim] : llvm::enumerate(to))
    if (ExprPool::integer(dim) != 1)
      target.push_back(i);
  SmallVector<E> result(from.size(), pool.number(0));
  size_t i = 0, j = 0;
  while (i < source.size() || j < target.size()) {
    // The smallest group of source dimensions with as many elements as a group of target dimensions.
    size_t i2 = 0, j2 = 0;
    bool found = false;
    for (size_t total = 2; total <= (source.size() - i) + (target.size() - j) && !found; ++total)
      for (i2 = 1; i2 < total && !found; ++i2) {
        j2 = total - i2;
        if (i + i2 > source.size() || j + j2 > target.size())
          continue;
        E a = pool.number(1), b = pool.number(1);
        for (size_t k = 0; k < i2; ++k)
          a = pool.mul(a, from[source[i + k]]);
        for (size_t k = 0; k < j2; ++k)
          b = pool.mul(b, to[target[j + k]]);
        found = a && a == b;
        if (found)
          break;
      }
    if (!found)
      return std::nullopt;
    E linear = pool.number(0);
    for (size_t k = 0; k < j2; ++k)
      linear = pool.add(pool.mul(linear, to[target[j + k]]), indices[target[j + k]]);
    for (size_t k = i2; k-- > 1;) {
      auto [quotient, rest] = pool.divMod(linear, from[source[i + k]]);
      result[source[i + k]] = rest;
      linear = quotient;
    }
    result[source[i]] = linear;
    i += i2, j += j2;
  }
  if (llvm::is_contained(result, nullptr))
    return std::nullopt;
  return result;
}

/// Declared ranks may contradict an operator in a damaged file: rules look before they index.
static bool hasRank(Elements &e, Value value, size_t rank) {
  const Shape *shape = e.shape(value);
  return shape && shape->size() == rank;
}

namespace {
using Rule = E (*)(Elements &, onnx::NodeOp, unsigned output, ArrayRef<E> indices);
} // namespace

/// Expressions count in double: integers from 2^53 on are rounded there. As bounds (a slice to INT64_MAX) that is all right, in sums it is not.
static bool isExact(E e) {
  constexpr double limit = double(int64_t(1) << 53);
  return e && std::fabs(ExprPool::constant(e).value_or(0)) < limit && llvm::all_of(e->terms, [](const Term &term) { return std::fabs(term.factor) < limit; });
}
template <E (ExprPool::*function)(E, E)> static E arithmetic(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  E a = e.broadcastElement(node.input(0), at), b = e.broadcastElement(node.input(1), at);
  E result = (e.pool.*function)(a, b);
  return Elements::isFloat(node.output(0)) || (isExact(a) && isExact(b) && isExact(result)) ? result : nullptr;
}
static E divide(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  E a = e.broadcastElement(node.input(0), at), b = e.broadcastElement(node.input(1), at);
  if (Elements::isFloat(node.output(0)))
    return e.pool.mul(a, e.pool.reciprocal(b));
  // Integer division truncates; the same as rounding down for what is not negative.
  return isExact(a) && isExact(b) && e.pool.nonNegative(a) && e.pool.nonNegative(b) ? e.pool.divMod(a, b).first : nullptr;
}
static E remainder(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  E a = e.broadcastElement(node.input(0), at), b = e.broadcastElement(node.input(1), at);
  return !Elements::isFloat(node.output(0)) && isExact(a) && isExact(b) && e.pool.nonNegative(a) && e.pool.nonNegative(b) ? e.pool.divMod(a, b).second : nullptr;
}
static E power(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  std::optional<double> exponent = ExprPool::constant(e.broadcastElement(node.input(1), at));
  E base = e.broadcastElement(node.input(0), at);
  if (!exponent || Elements::isFloat(node.output(0)))
    return exponent ? e.pool.power(base, *exponent) : nullptr;
  E result = *exponent >= 1 && isExact(base) ? e.pool.power(base, *exponent) : nullptr;
  return isExact(result) ? result : nullptr;
}
/// Min and Max of integers; of floats they have no form.
template <E (ExprPool::*function)(E, E)> static E extreme(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  if (Elements::isFloat(node.output(0)))
    return nullptr;
  E result = e.broadcastElement(node.input(0), at);
  for (Value input : node.getInputs().drop_front())
    result = (e.pool.*function)(result, e.broadcastElement(input, at));
  return result;
}
static E negate(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  return e.pool.mul(e.pool.number(-1), e.element(node.input(0), at));
}
static E reciprocal(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) { return e.pool.reciprocal(e.element(node.input(0), at)); }
static E unary(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  return e.pool.unary(node.getOpType().lower(), e.element(node.input(0), at));
}
static E identity(Elements &e, onnx::NodeOp node, unsigned output, ArrayRef<E> at) {
  return output == 0 ? e.element(node.input(0), at) : nullptr; // Dropout's mask is not needed at inference
}
/// Has `to` all values of `from`?
static bool isWidening(IntegerType from, IntegerType to) {
  bool isSigned = !from.isUnsigned(), toSigned = !to.isUnsigned();
  return isSigned == toSigned ? from.getWidth() <= to.getWidth() : toSigned && from.getWidth() < to.getWidth();
}
/// Is the integer `e` a value of `type` in every run? Extents and positions, and what is computed of them alone, are of any type of 32 bits.
static bool isIn(E e, IntegerType type) {
  if (std::optional<double> c = ExprPool::constant(e)) {
    double half = std::ldexp(1.0, int(type.getWidth()) - 1);
    return type.isUnsigned() ? *c >= 0 && *c < 2 * half : *c >= -half && *c < half;
  }
  auto inside = [&](E part) { return isIn(part, type); };
  switch (e->kind) {
  case Kind::Load: {
    auto from = dyn_cast<IntegerType>(getElementTypeOrSelf(e->tensor.getType()));
    return from && isWidening(from, type);
  }
  case Kind::Select: return inside(e->operands[1]) && inside(e->operands[2]);
  case Kind::Dim:
  case Kind::Var: return type.getWidth() >= 32;
  case Kind::Positive:
  case Kind::FloorDiv:
  case Kind::Mod: return llvm::all_of(e->operands, inside);
  case Kind::Poly: {
    auto isExtent = [&](E atom) { return atom->kind != Kind::Load && inside(atom); };
    return type.getWidth() >= 32 && llvm::all_of(e->terms, [&](const Term &term) { return llvm::all_of(term.atoms, isExtent); });
  }
  default: return false;
  }
}
static E cast(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  Value in = node.input(0), out = node.output(0);
  E x = e.element(in, at);
  if (Elements::isBool(in))
    return Elements::isBool(out) ? x : e.pool.select(x, e.pool.number(1), e.pool.number(0));
  if (Elements::isBool(out))
    return e.pool.logicalNot(e.pool.equal(x, e.pool.number(0), !Elements::isFloat(in)));
  auto from = dyn_cast<IntegerType>(getElementTypeOrSelf(in.getType())), to = dyn_cast<IntegerType>(getElementTypeOrSelf(out.getType()));
  if (from && to) // what does not fit is cut off
    return x && (isWidening(from, to) || isIn(x, to)) ? x : nullptr;
  return to ? e.pool.unary("trunc", x) : x;
}
template <int variant> static E compare(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  E a = e.broadcastElement(node.input(0), at), b = e.broadcastElement(node.input(1), at);
  bool integers = !Elements::isFloat(node.input(0));
  switch (variant) {
  case 0: return e.pool.equal(a, b, integers);
  case 1: return e.pool.lessEqual(a, b, integers);
  case 2: return e.pool.lessEqual(b, a, integers);
  case 3: return e.pool.logicalNot(e.pool.lessEqual(b, a, integers)); // a < b
  default: return e.pool.logicalNot(e.pool.lessEqual(a, b, integers));
  }
}
/// Integers: a < b is a + 1 <= b, so that both spellings of a causal mask are one expression.
template <bool swapped> static E less(Elements &e, onnx::NodeOp node, unsigned output, ArrayRef<E> at) {
  if (Elements::isFloat(node.input(0)))
    return compare<swapped ? 4 : 3>(e, node, output, at);
  E a = e.broadcastElement(node.input(swapped), at), b = e.broadcastElement(node.input(!swapped), at);
  return e.pool.lessEqual(e.pool.add(a, e.pool.number(1)), b, true);
}
static E logicalNot(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) { return e.pool.logicalNot(e.element(node.input(0), at)); }
static E where(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  return e.pool.select(e.broadcastElement(node.input(0), at), e.broadcastElement(node.input(1), at), e.broadcastElement(node.input(2), at));
}

static E transpose(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  auto perm = node.intsAttribute("perm");
  if (!hasRank(e, node.input(0), at.size()))
    return nullptr;
  SmallVector<E> own(at.size(), nullptr);
  for (size_t i = 0; i < at.size(); ++i) {
    int64_t from = perm ? (i < perm->size() ? (*perm)[i] : -1) : int64_t(at.size() - 1 - i);
    if (from < 0 || from >= int64_t(at.size()))
      return nullptr;
    own[from] = at[i];
  }
  return e.element(node.input(0), own);
}
/// Reshape, Flatten, Squeeze, Unsqueeze: the same elements in the same order.
static E reshape(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *from = e.shape(node.input(0)), *to = e.shape(node.output(0));
  if (!from || !to)
    return nullptr;
  auto own = e.reshapeIndices(*from, *to, at);
  return own ? e.element(node.input(0), *own) : nullptr;
}
static E concat(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  int64_t axis = normalizeAxis(node.intAttribute("axis", 0), at.size());
  if (axis < 0)
    return nullptr;
  SmallVector<E> starts, own(at);
  E start = e.pool.number(0);
  for (Value input : node.getInputs()) {
    const Shape *dims = e.shape(input);
    if (!dims || dims->size() != at.size())
      return nullptr;
    starts.push_back(start);
    start = e.pool.add(start, (*dims)[axis]);
  }
  E result = nullptr;
  for (size_t i = starts.size(); i-- > 0;) { // from the back: index < end of part i ? part i : the later ones
    E end = e.pool.add(starts[i], (*e.shape(node.input(i)))[axis]);
    E inside = i + 1 == starts.size() ? e.pool.number(1) : e.pool.lessEqual(e.pool.add(at[axis], e.pool.number(1)), end, true);
    if (ExprPool::constant(inside) == 0.0)
      continue;
    own[axis] = e.pool.sub(at[axis], starts[i]);
    if (E before = own[axis]; !before)
      return nullptr;
    E part = e.element(node.input(i), own);
    result = result ? e.pool.select(inside, part, result) : part;
  }
  return result;
}
static E slice(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  auto slices = hasRank(e, node.input(0), at.size()) ? e.slices(node) : std::nullopt;
  if (!slices)
    return nullptr;
  SmallVector<E> own(at);
  for (const Elements::SliceAxis &s : *slices)
    own[s.axis] = e.pool.add(e.pool.mul(own[s.axis], e.pool.number(double(s.step))), s.start);
  return e.element(node.input(0), own);
}
static E split(Elements &e, onnx::NodeOp node, unsigned output, ArrayRef<E> at) {
  int64_t axis = normalizeAxis(node.intAttribute("axis", 0), at.size());
  auto parts = axis < 0 || !hasRank(e, node.input(0), at.size()) ? std::nullopt : e.splits(node, axis);
  if (!parts || output >= parts->size())
    return nullptr;
  SmallVector<E> own(at);
  for (unsigned i = 0; i < output; ++i)
    own[axis] = e.pool.add(own[axis], (*parts)[i]);
  return e.element(node.input(0), own);
}
static E gather(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *data = e.shape(node.input(0)), *ids = e.shape(node.input(1));
  int64_t axis = data ? normalizeAxis(node.intAttribute("axis", 0), data->size()) : -1;
  if (axis < 0 || !ids || at.size() + 1 != data->size() + ids->size())
    return nullptr;
  E id = e.element(node.input(1), at.slice(axis, ids->size()));
  std::optional<int64_t> c = ExprPool::integer(id);
  if (c && *c < 0)
    id = e.pool.add(id, (*data)[axis]);
  SmallVector<E> own(at.take_front(axis));
  own.push_back(id);
  llvm::append_range(own, at.drop_front(axis + ids->size()));
  return e.element(node.input(0), own);
}
static E shapeOf(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *in = e.shape(node.input(0));
  std::optional<int64_t> i = at.size() == 1 ? ExprPool::integer(at[0]) : std::nullopt;
  if (!in || !i)
    return nullptr;
  int64_t start = node.intAttribute("start", 0);
  int64_t index = *i + (start < 0 ? std::max<int64_t>(0, start + int64_t(in->size())) : start);
  return index >= 0 && index < int64_t(in->size()) ? (*in)[index] : nullptr;
}
static E size(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E>) {
  const Shape *in = e.shape(node.input(0));
  E result = in ? e.pool.number(1) : nullptr;
  for (size_t i = 0; result && i < in->size(); ++i)
    result = e.pool.mul(result, (*in)[i]);
  return result;
}
static E range(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  auto start = e.vector(node.input(0)), delta = e.vector(node.input(2));
  return start && delta && at.size() == 1 ? e.pool.add((*start)[0], e.pool.mul((*delta)[0], at[0])) : nullptr;
}
static E constantOfShape(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E>) {
  auto value = dyn_cast_or_null<DenseElementsAttr>(node.attribute("value"));
  if (!value)
    return node.attribute("value") ? nullptr : e.pool.number(0);
  if (value.getNumElements() != 1)
    return nullptr;
  if (isa<FloatType>(value.getElementType()))
    return e.pool.number((*value.value_begin<APFloat>()).convertToDouble());
  APInt bits = *value.value_begin<APInt>();
  return e.pool.number(value.getElementType().isInteger(1) ? double(bits.getZExtValue()) : double(bits.getSExtValue()));
}
static E trilu(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  auto k = node.input(1) ? e.vector(node.input(1)) : std::optional(SmallVector<E>{e.pool.number(0)});
  if (!k || at.size() < 2 || !hasRank(e, node.input(0), at.size()))
    return nullptr;
  E row = e.pool.add(at[at.size() - 2], (*k)[0]), column = at.back(); // upper keeps column >= row + k
  E keep = node.intAttribute("upper", 1) ? e.pool.lessEqual(row, column, true) : e.pool.lessEqual(column, row, true);
  return e.pool.select(keep, e.element(node.input(0), at), e.pool.number(0));
}

/// Constant padding, and none that cuts off.
static E pad(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  auto pads = e.pads(node);
  if (!pads || pads->size() != at.size())
    return nullptr;
  E inside = e.pool.number(1);
  SmallVector<E> own(at);
  const Shape &from = *e.shape(node.input(0));
  for (auto [i, pad] : llvm::enumerate(*pads)) {
    if (pad.first == e.pool.number(0) && pad.second == e.pool.number(0))
      continue;
    own[i] = e.pool.sub(at[i], pad.first);
    inside = e.pool.logicalAnd(inside, e.pool.lessEqual(e.pool.number(0), own[i], true));
    inside = e.pool.logicalAnd(inside, e.pool.lessEqual(e.pool.add(own[i], e.pool.number(1)), from[i], true));
  }
  E value = node.input(2) ? e.element(node.input(2), SmallVector<E>(e.shape(node.input(2))->size(), e.pool.number(0))) : e.pool.number(0);
  return ExprPool::constant(inside) == 1.0 ? e.element(node.input(0), at) : e.pool.select(inside, e.element(node.input(0), own), value);
}

/// Sum over `axes`, divided by `count` when it is a mean.
static E reduce(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *in = e.shape(node.input(0));
  auto axes = in ? e.axes(node, 1, in->size(), true) : std::nullopt;
  if (!axes || axes->size() != 1 || at.size() + (node.intAttribute("keepdims", 1) ? 0 : 1) != in->size()) // one axis: what norms, softmax and means of exporters reduce
    return nullptr;
  int64_t axis = axes->front();
  SmallVector<E> own(at);
  E variable = e.pool.boundVar((*in)[axis], at);
  if (node.intAttribute("keepdims", 1))
    own[axis] = variable;
  else
    own.insert(own.begin() + axis, variable);
  E body = e.element(node.input(0), own);
  if (node.is("ReduceMax"))
    return e.pool.maximum(variable, body);
  E sum = e.pool.sum(variable, body);
  return node.is("ReduceMean") ? e.pool.mul(sum, e.pool.reciprocal((*in)[axis])) : sum;
}
static E softmax(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *in = e.shape(node.input(0));
  int64_t axis = in && node.getSince() >= 13 ? normalizeAxis(node.intAttribute("axis", -1), in->size()) : -1;
  if (axis < 0 || in->size() != at.size())
    return nullptr;
  E variable = e.pool.boundVar((*in)[axis], at);
  SmallVector<E> own(at);
  own[axis] = variable;
  return e.pool.softmax(variable, e.element(node.input(0), own), at[axis]);
}
static E matMul(Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) {
  const Shape *a = e.shape(node.input(0)), *b = e.shape(node.input(1));
  if (!a || !b || a->size() < 2 || b->size() < 2 || at.size() != std::max(a->size(), b->size()))
    return nullptr;
  E variable = e.pool.boundVar(a->back(), at);
  SmallVector<E> left(at), right(at);
  left.back() = variable;
  right[right.size() - 2] = variable;
  return e.pool.sum(variable, e.pool.mul(e.broadcastElement(node.input(0), left), e.broadcastElement(node.input(1), right)));
}

static Rule movementRule(StringRef op) {
  return llvm::StringSwitch<Rule>(op)
      .Cases({"Identity", "Dropout"}, identity).Cases({"Cast", "CastLike"}, cast)
      .Case("Transpose", transpose)
      .Cases({"Reshape", "Flatten", "Squeeze", "Unsqueeze"}, reshape)
      .Case("Expand", [](Elements &e, onnx::NodeOp node, unsigned, ArrayRef<E> at) { return e.broadcastElement(node.input(0), at); })
      .Case("Concat", concat).Case("Slice", slice).Case("Split", split).Case("Gather", gather)
      .Case("Shape", shapeOf).Case("Size", size).Case("Range", range).Case("ConstantOfShape", constantOfShape).Case("Trilu", trilu).Case("Pad", pad)
      .Default(nullptr);
}
static Rule arithmeticRule(StringRef op) {
  return llvm::StringSwitch<Rule>(op)
      .Case("Add", arithmetic<&ExprPool::add>).Case("Sub", arithmetic<&ExprPool::sub>).Case("Mul", arithmetic<&ExprPool::mul>)
      .Case("Div", divide).Case("Mod", remainder).Case("Pow", power).Case("Neg", negate).Case("Reciprocal", reciprocal)
      .Case("Min", extreme<&ExprPool::smaller>).Case("Max", extreme<&ExprPool::larger>)
      .Cases({"Sqrt", "Exp", "Log", "Erf", "Tanh", "Sigmoid", "Cos", "Sin", "IsNaN", "Abs"}, unary)
      .Case("Equal", compare<0>).Case("LessOrEqual", compare<1>).Case("GreaterOrEqual", compare<2>).Case("Less", less<false>).Case("Greater", less<true>)
      .Case("And", arithmetic<&ExprPool::logicalAnd>).Case("Or", arithmetic<&ExprPool::logicalOr>).Case("Not", logicalNot)
      .Case("Where", where)
      .Cases({"ReduceSum", "ReduceMean", "ReduceMax"}, reduce).Case("Softmax", softmax).Case("MatMul", matMul)
      .Default(nullptr);
}

E Elements::computeElement(Value value, ArrayRef<E> indices) {
  Operation *op = value.getDefiningOp();
  const Shape *dims = shape(value);
  if (!op || !dims || dims->size() != indices.size())
    return nullptr;
  if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!dense || dense.getNumElements() == 0)
      return nullptr;
    int64_t linear = 0;
    for (auto [index, dim] : llvm::zip(indices, dense.getType().getShape())) {
      std::optional<int64_t> at = ExprPool::integer(index);
      if (!dense.isSplat() && (!at || *at < 0 || *at >= dim))
        return nullptr;
      linear = linear * dim + at.value_or(0);
    }
    Type type = dense.getElementType();
    if (dense.isSplat())
      linear = 0;
    if (isa<FloatType>(type))
      return pool.number((*(dense.value_begin<APFloat>() + linear)).convertToDouble());
    APInt bits = *(dense.value_begin<APInt>() + linear);
    return pool.number(type.isInteger(1) || type.isUnsignedInteger() ? double(bits.getZExtValue()) : double(bits.getSExtValue()));
  }
  auto node = dyn_cast<onnx::NodeOp>(op);
  if (!node || !node.getDomain().empty())
    return nullptr;
  Rule rule = movementRule(node.getOpType());
  if (!rule && !(movementOnly && isFloat(value)))
    rule = arithmeticRule(node.getOpType());
  return rule ? rule(*this, node, mlir::cast<OpResult>(value).getResultNumber(), indices) : nullptr;
}
