#include "lib/Frontend/Recover/Recovery.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

bool qcc::frontend::isConstant(Value value) { return isa_and_nonnull<onnx::InitializerOp, onnx::ConstantOp, qnt::WeightOp>(value.getDefiningOp()); }

bool qcc::frontend::fitsF32(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  return element.isF32() || element.isF16() || element.isBF16();
}

double qcc::frontend::roundedScale(double scale, int64_t size) {
  double exact = 1 / std::sqrt(double(size));
  return std::fabs(scale - exact) < 1e-6 * exact ? exact : scale;
}

/// The runtime takes no empty inputs but a past of no tokens: dimension 2 of what has four.
static void tellNotEmpty(func::FuncOp func, ExprPool &pool) {
  llvm::StringSet<> past;
  SmallVector<StringRef> others;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (auto names = func.getArgAttrOfType<ArrayAttr>(i, onnx::OnnxDialect::getDimsAttrName())) {
      for (auto [k, name] : llvm::enumerate(names.getAsRange<StringAttr>()))
        if (names.size() == 4 && k == 2)
          past.insert(name.getValue());
        else
          others.push_back(name.getValue());
    }
  for (StringRef name : others)
    if (!name.empty() && !past.contains(name))
      pool.notEmpty(name);
}

Recovery::Recovery(func::FuncOp func)
    : func(func), elements(pool), builder(func.getContext()), weights(func->getParentOfType<ModuleOp>()) {
  tellNotEmpty(func, pool);
}

SmallVector<onnx::NodeOp> Recovery::nodes() {
  SmallVector<onnx::NodeOp> result;
  func.walk([&](onnx::NodeOp node) { result.push_back(node); });
  return result;
}

RankedTensorType Recovery::type(ArrayRef<E> shape, Type element) {
  SmallVector<int64_t> sizes;
  for (E dim : shape) {
    std::optional<int64_t> c = ExprPool::integer(dim);
    sizes.push_back(c && *c >= 0 ? *c : ShapedType::kDynamic);
  }
  return RankedTensorType::get(sizes, element);
}
RankedTensorType Recovery::type(Value value) {
  const Elements::Shape *shape = elements.shape(value);
  if (!shape)
    return {};
  RankedTensorType known = type(*shape, cast<ShapedType>(value.getType()).getElementType());
  if (value.getDefiningOp<onnx::NodeOp>() && llvm::none_of(value.getUsers(), llvm::IsaPred<func::ReturnOp>))
    value.setType(known); // files may say less than follows: what is made from the value has its type
  return known;
}

Value Recovery::node(Location loc, StringRef op, ValueRange inputs, RankedTensorType type, ArrayRef<NamedAttribute> attributes) {
  auto made = onnx::NodeOp::create(builder, loc, TypeRange{type}, inputs, builder.getStringAttr(op), builder.getStringAttr(""), builder.getI64IntegerAttr(13));
  for (NamedAttribute attribute : attributes)
    made->setDiscardableAttr(attribute.getName(), attribute.getValue());
  return made.getResult(0);
}
Value Recovery::constant(Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, builder.getI64Type());
  ElementsAttr attribute = DenseElementsAttr::get(type, values);
  return onnx::ConstantOp::create(builder, loc, type, attribute);
}
Value Recovery::scalar(Location loc, double value) {
  auto type = RankedTensorType::get({}, builder.getF32Type());
  ElementsAttr attribute = DenseElementsAttr::get(type, float(value));
  return onnx::ConstantOp::create(builder, loc, type, attribute);
}
Value Recovery::reshape(Location loc, Value value, ArrayRef<int64_t> sizes) {
  RankedTensorType from = type(value);
  SmallVector<int64_t> to(sizes);
  for (auto [i, size] : llvm::enumerate(to))
    if (size == 0)
      size = from.getDimSize(i);
  return node(loc, "Reshape", {value, constant(loc, sizes)}, RankedTensorType::get(to, from.getElementType()));
}
Value Recovery::transpose(Location loc, Value value, ArrayRef<int64_t> perm) {
  RankedTensorType from = type(value);
  SmallVector<int64_t> to;
  for (int64_t i : perm)
    to.push_back(from.getDimSize(i));
  return node(loc, "Transpose", value, RankedTensorType::get(to, from.getElementType()), builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(perm)));
}
Value Recovery::asF32(Location loc, Value value) {
  RankedTensorType from = type(value);
  if (!from || from.getElementType().isF32())
    return value;
  return node(loc, "Cast", value, from.clone(builder.getF32Type()), builder.getNamedAttr("to", builder.getI64IntegerAttr(1)));
}
Value Recovery::asElementsOf(Location loc, Value result, Value like) {
  auto from = cast<RankedTensorType>(result.getType());
  Type element = getElementTypeOrSelf(like.getType());
  if (from.getElementType() == element)
    return result;
  return node(loc, "Cast", result, from.clone(element), builder.getNamedAttr("to", builder.getI64IntegerAttr(element.isF16() ? 10 : 16)));
}
Value Recovery::slice(Location loc, Value value, int64_t axis, int64_t start, int64_t size) {
  RankedTensorType from = type(value);
  SmallVector<int64_t> to(from.getShape());
  to[axis] = size;
  return node(loc, "Slice", {value, constant(loc, start), constant(loc, start + size), constant(loc, axis)}, RankedTensorType::get(to, from.getElementType()));
}

Value Recovery::withChannels(Location loc, Value value, int64_t channels) {
  const Elements::Shape *shape = elements.shape(value);
  if (!shape || shape->empty())
    return {};
  E last = shape->back();
  if (std::optional<int64_t> known = ExprPool::integer(last))
    return *known == channels ? value : Value();
  if (last->clamps || StringRef(ExprPool::print(last)).contains('?'))
    return {};
  RankedTensorType open = type(value);
  SmallVector<int64_t> sizes(open.getShape());
  sizes.back() = channels;
  return node(loc, "Identity", value, open.clone(sizes));   // a cast in the end, whose extents require-equal-dims lists
}

Value Recovery::index(Location loc, E e, llvm::function_ref<Value(E)> measure) {
  if (!e)
    return {};
  auto constant = [&](int64_t c) -> Value { return arith::ConstantIndexOp::create(builder, loc, c); };
  if (std::optional<int64_t> c = ExprPool::integer(e))
    return constant(*c);
  if (e->kind == Kind::Dim) {
    if (StringRef(e->name).starts_with("?"))
      return measure ? measure(e) : Value();
    return qnt::DimOp::create(builder, loc, builder.getIndexType(), builder.getStringAttr(e->name));
  }
  if (e->kind == Kind::FloorDiv || e->kind == Kind::Mod) { // extents are not negative: rounding towards 0 is rounding down
    Value a = index(loc, e->operands[0], measure), b = index(loc, e->operands[1], measure);
    if (!a || !b)
      return {};
    return e->kind == Kind::Mod ? Value(arith::RemSIOp::create(builder, loc, a, b)) : arith::DivSIOp::create(builder, loc, a, b);
  }
  if (e->kind == Kind::Positive) {
    Value a = index(loc, e->operands[0], measure);
    return a ? arith::MaxSIOp::create(builder, loc, a, constant(0)) : Value();
  }
  if (e->kind != Kind::Poly)
    return {};
  Value sum;
  for (const Term &term : e->terms) {
    Value product;
    for (E atom : term.atoms) {
      Value factor = index(loc, atom, measure);
      if (!factor)
        return {};
      product = product ? arith::MulIOp::create(builder, loc, product, factor) : factor;
    }
    if (!product)
      product = constant(int64_t(term.factor));
    else if (term.factor != 1)
      product = arith::MulIOp::create(builder, loc, product, constant(int64_t(term.factor)));
    sum = sum ? arith::AddIOp::create(builder, loc, sum, product) : product;
  }
  return sum;
}

Value Recovery::channels(Location loc, E leaf, E b, E s, E head, E d, int64_t heads, int64_t size, bool build) {
  if (!leaf || leaf->kind != Kind::Load || !isa<FloatType>(cast<ShapedType>(leaf->tensor.getType()).getElementType()))
    return {};
  Value tensor = leaf->tensor;
  const Elements::Shape *shape = elements.shape(tensor);
  ArrayRef<E> at = leaf->operands;
  if (!shape || shape->size() != at.size() || at.size() < 3 || at[0] != b)
    return {};
  if (at.size() == 3) {
    E channel = pool.add(pool.mul(head, pool.number(double(size))), d);
    std::optional<int64_t> start = ExprPool::integer(pool.sub(at[2], channel));
    if (at[1] != s || !start || *start < 0)
      return {};
    if (!build || (*start == 0 && ExprPool::integer((*shape)[2]) == heads * size))
      return tensor;
    return slice(loc, tensor, 2, *start, heads * size);
  }
  if (at.size() != 4 || at[3] != d || ExprPool::integer((*shape)[3]) != size)
    return {};
  bool headsFirst = at[1] == head && at[2] == s && ExprPool::integer((*shape)[1]) == heads;
  bool headsSecond = at[1] == s && at[2] == head && ExprPool::integer((*shape)[2]) == heads;
  if (!headsFirst && !headsSecond)
    return {};
  if (!build)
    return tensor;
  if (headsFirst)
    tensor = transpose(loc, tensor, {0, 2, 1, 3});
  return reshape(loc, tensor, {0, 0, heads * size});
}

Value Recovery::heads(Location loc, Value value, int64_t heads, int64_t size, bool headsFirst) {
  Value split = reshape(loc, value, {0, 0, heads, size});
  return headsFirst ? transpose(loc, split, {0, 2, 1, 3}) : split;
}

void Recovery::finish() {
  if (func.isExternal())
    return;
  // Backwards over the block: a node's users come after it, so one sweep finds chains of dead nodes.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
    if (op.use_empty() && (isa<onnx::NodeOp>(op) || isMemoryEffectFree(&op)) && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
  Operation *end = func.getBody().front().getTerminator();
  func.setType(FunctionType::get(func.getContext(), func.getBody().getArgumentTypes(), end->getOperandTypes()));
}
