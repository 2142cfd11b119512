// Dimensions of values: of arguments by their names, of nodes by the rules of their operators (ShapeRules.cpp), and what attributes and operands say of axes,
// slices and splits.
#include "dialects/Quant/Quant.h"
#include "lib/Frontend/Symbolic/ShapeRules.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Shape = Elements::Shape;

E qcc::frontend::parseDim(ExprPool &pool, StringRef text, function_ref<bool(StringRef)> isDim) {
  SmallVector<StringRef> parts;
  text.split(parts, '+');
  E result = pool.number(0);
  for (StringRef part : parts) {
    part = part.trim();
    int64_t number;
    if (!part.getAsInteger(10, number))
      result = pool.add(result, pool.number(double(number)));
    else if (isDim(part))
      result = pool.add(result, pool.dim(part));
    else
      return pool.dim(text);
  }
  return result;
}

/// Is `name` all that an extent of an input is called?
static bool isInputDim(func::FuncOp func, StringRef name) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (auto names = func.getArgAttrOfType<ArrayAttr>(i, onnx::OnnxDialect::getDimsAttrName()))
      if (llvm::any_of(names.getAsRange<StringAttr>(), [&](StringAttr dim) { return dim.getValue() == name; }))
        return true;
  return false;
}

bool Elements::isFloat(Value value) {
  auto type = dyn_cast<ShapedType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}
bool Elements::isBool(Value value) {
  auto type = dyn_cast<ShapedType>(value.getType());
  return type && type.getElementType().isInteger(1);
}
E Elements::fresh(Value value, unsigned i) { return pool.dim("?" + std::to_string(freshCount++)); }

E Elements::broadcastDim(E a, E b) {
  if (ExprPool::integer(a) == 1)
    return b;
  if (a == b || ExprPool::integer(b) == 1)
    return a;
  return ExprPool::constant(b) ? b : a; // a runtime dimension against another: the program takes them as equal
}

const Shape *Elements::shape(Value value) {
  if (!value)
    return nullptr;
  auto it = shapes.find(value);
  if (it != shapes.end())
    return it->second.get();
  shapes[value] = nullptr; // cyclic only in invalid IR
  auto type = dyn_cast<ShapedType>(value.getType());
  Shape result;
  bool known = type && depth < 400;
  if (known) {
    ++depth;
    known = computeShape(value, result);
    --depth;
    if (known && (llvm::is_contained(result, nullptr) || (type.hasRank() && type.getRank() != int64_t(result.size()))))
      known = false;
  }
  if (!known && type && type.hasRank()) {
    known = true;
    result.assign(type.getRank(), nullptr);
  }
  if (!known)
    return nullptr;
  for (auto [i, dim] : llvm::enumerate(result)) {
    if (type.hasRank() && !type.isDynamicDim(i))
      dim = pool.number(double(type.getDimSize(i)));
    else if (!dim)
      dim = fresh(value, i);
  }
  auto &slot = shapes[value];
  slot = std::make_unique<Shape>(result);
  return slot.get();
}

SmallVector<E> Elements::variables(Value value, int64_t first) {
  SmallVector<E> result;
  if (const Shape *dims = shape(value))
    for (E dim : *dims)
      result.push_back(ExprPool::integer(dim) == 1 ? pool.number(0) : pool.var(first++, dim));
  return result;
}

std::optional<SmallVector<int64_t>> Elements::axes(onnx::NodeOp node, unsigned operand, int64_t rank, bool allByDefault) {
  SmallVector<int64_t> result;
  if (Value given = node.input(operand)) {
    auto known = integers(given);
    if (!known)
      return std::nullopt;
    result = *known;
  } else if (auto attribute = node.intsAttribute("axes"))
    result.assign(attribute->begin(), attribute->end());
  if (result.empty() && allByDefault && !node.intAttribute("noop_with_empty_axes", 0))
    for (int64_t i = 0; i < rank; ++i)
      result.push_back(i);
  for (int64_t &axis : result)
    if ((axis = normalizeAxis(axis, rank)) < 0)
      return std::nullopt;
  return result;
}

/// Is `e` a number that the extents of the inputs tell, exactly?
static bool isExtent(E e) {
  constexpr double exact = 9007199254740992; // 2^53
  if (ExprPool::constant(e))
    return true;
  return llvm::is_contained({Kind::Poly, Kind::Dim, Kind::FloorDiv, Kind::Mod, Kind::Positive}, e->kind) && llvm::all_of(e->operands, isExtent) &&
         llvm::all_of(e->terms, [](const Term &term) { return std::fabs(term.factor) <= exact && llvm::all_of(term.atoms, isExtent); });
}

bool Elements::isTable(Value value) {
  llvm::SetVector<Value> behind;
  behind.insert(value);
  for (size_t i = 0; i < behind.size(); ++i) {
    Operation *op = behind[i].getDefiningOp();
    if (!op)
      return false;
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || !(node.is("Shape") || node.is("Size")))
      behind.insert_range(op->getOperands());
  }
  return true;
}

std::optional<SmallVector<Elements::SliceAxis>> Elements::slices(onnx::NodeOp node) {
  const Shape *in = shape(node.input(0));
  if (!in)
    return std::nullopt;
  auto starts = node.input(1) ? vector(node.input(1)) : std::nullopt, ends = node.input(2) ? vector(node.input(2)) : std::nullopt;
  if (!starts || !ends || starts->size() != ends->size())
    return std::nullopt;
  SmallVector<int64_t> axes, steps(starts->size(), 1);
  for (size_t i = 0; i < starts->size(); ++i)
    axes.push_back(i);
  if (Value given = node.input(3)) {
    auto known = integers(given);
    if (!known || known->size() != axes.size())
      return std::nullopt;
    axes = *known;
  }
  if (Value given = node.input(4)) {
    auto known = integers(given);
    if (!known || known->size() != axes.size())
      return std::nullopt;
    steps = *known;
  }
  SmallVector<SliceAxis> result;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t at = normalizeAxis(axis, in->size());
    if (at < 0 || steps[i] <= 0) // a negative step reverses: no exporter's pattern needs it
      return std::nullopt;
    E dim = (*in)[at];
    bool assumed = false;
    auto clamp = [&](E e) -> E { // into 0 .. dim, as ONNX says
      if (!e || !isExtent(e))
        return nullptr;
      std::optional<int64_t> c = ExprPool::integer(e);
      if (c && (*c >= INT32_MAX || *c <= INT32_MIN)) // how ONNX writes "to the end"
        return *c > 0 ? dim : pool.number(0);
      if (!pool.nonNegative(e)) { // a negative number counts from the end
        E below = pool.positive(pool.mul(pool.number(-1), e));
        e = pool.add(e, pool.mul(dim, pool.smaller(below, pool.number(1))));
      }
      e = pool.positive(e);
      if (!e || pool.nonNegative(pool.sub(dim, e)))
        return e;
      bool table = ExprPool::constant(dim) && !ExprPool::constant(e) && isTable(node.input(0));
      assumed |= table;
      return table ? e : pool.smaller(e, dim);
    };
    E start = clamp((*starts)[i]), end = clamp((*ends)[i]);
    E extent = pool.positive(pool.sub(end, start));
    if (steps[i] != 1)
      extent = pool.divMod(pool.add(extent, pool.number(double(steps[i] - 1))), pool.number(double(steps[i]))).first;
    if (!extent)
      return std::nullopt;
    result.push_back({at, steps[i], start, extent, assumed});
  }
  return result;
}

std::optional<SmallVector<std::pair<E, E>>> Elements::pads(onnx::NodeOp node) {
  const Shape *in = shape(node.input(0));
  auto given = node.input(1) ? vector(node.input(1)) : std::nullopt;
  auto mode = dyn_cast_or_null<StringAttr>(node.attribute("mode"));
  if (!in || !given || (mode && mode.getValue() != "constant"))
    return std::nullopt;
  auto axes = node.input(3) ? this->axes(node, 3, in->size(), false) : std::optional(llvm::to_vector(llvm::seq<int64_t>(0, in->size())));
  if (!axes || given->size() != 2 * axes->size() || llvm::is_contained(*given, nullptr))
    return std::nullopt;
  SmallVector<std::pair<E, E>> result(in->size(), {pool.number(0), pool.number(0)});
  for (auto [i, axis] : llvm::enumerate(*axes))
    result[axis] = {(*given)[i], (*given)[axes->size() + i]};
  return result;
}

std::optional<SmallVector<E>> Elements::splits(onnx::NodeOp node, int64_t axis) {
  const Shape *in = shape(node.input(0));
  if (Value given = node.input(1))
    return vector(given);
  SmallVector<E> result;
  if (auto attribute = node.intsAttribute("split")) {
    for (int64_t n : *attribute)
      result.push_back(pool.number(double(n)));
    return result;
  }
  // Equal parts, the last one smaller where the number does not divide the dimension.
  int64_t parts = node->getNumResults();
  std::optional<int64_t> dim = ExprPool::integer((*in)[axis]);
  if (!dim)
    return std::nullopt;
  int64_t size = (*dim + parts - 1) / parts;
  for (int64_t i = 0; i < parts; ++i)
    result.push_back(pool.number(double(std::min(size, std::max<int64_t>(0, *dim - i * size)))));
  return result;
}

bool Elements::computeShape(Value value, Shape &out) {
  auto type = cast<ShapedType>(value.getType());
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto names = func ? func.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), onnx::OnnxDialect::getDimsAttrName()) : ArrayAttr();
    if (!type.hasRank() || !names || int64_t(names.size()) != type.getRank())
      return false;
    for (Attribute name : names) {
      auto text = dyn_cast<StringAttr>(name);
      auto isDim = [&](StringRef part) { return isInputDim(func, part); };
      out.push_back(text && !text.getValue().empty() ? parseDim(pool, text.getValue(), isDim) : fresh(value, out.size()));
    }
    return true;
  }
  if (type.hasRank() && type.hasStaticShape()) {
    for (int64_t d : type.getShape())
      out.push_back(pool.number(double(d)));
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (auto node = dyn_cast<onnx::NodeOp>(op)) {
    ShapeRule rule = shapeRuleFor(node.getDomain(), node.getOpType());
    return rule && node.input(0) && rule(*this, node, cast<OpResult>(value).getResultNumber(), out);
  }
  if (op->hasTrait<OpTrait::Elementwise>() && shape(op->getOperand(0))) {
    out = *shape(op->getOperand(0));
    return true;
  }
  if (op->hasTrait<qnt::KeepsRows>()) {
    const Shape *in = shape(op->getOperand(0));
    if (!in)
      return false;
    out = *in;
    if (op->getOperand(0).getType() == type)   // the last extent is kept too
      return true;
    out.resize(type.getRank(), nullptr);   // a gathered row is one more
    E last = type.isDynamicDim(type.getRank() - 1) ? nullptr : pool.number(double(type.getDimSize(type.getRank() - 1)));
    out.back() = last ? last : fresh(value, out.size() - 1);
    return true;
  }
  return false;
}
