// Operators that compute every element from the elements at the same (broadcast) index.
#include "lib/Frontend/Ops/GenericOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Results = FailureOr<SmallVector<Value>>;

namespace {
/// Builds the operation on elements; `args` have the operands' element types.
using ElementBody = Value (*)(OpBuilder &, Location, ValueRange args, onnx::NodeOp node);
bool isFloat(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }
bool isBool(Value v) { return getElementTypeOrSelf(v.getType()).isInteger(1); }
Value number(OpBuilder &b, Location loc, Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, int64_t(value)));
}

template <typename Float, typename Signed, typename Unsigned> Value choose(OpBuilder &b, Location loc, bool isUnsigned, Value x, Value y) {
  if (isFloat(x))
    return Float::create(b, loc, x, y);
  return isUnsigned ? Value(Unsigned::create(b, loc, x, y)) : Value(Signed::create(b, loc, x, y));
}
constexpr auto larger = choose<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>;
constexpr auto smaller = choose<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>;
/// From left to right over all operands: Min, Max and Sum take any number of them.
template <typename Float, typename Signed, typename Unsigned = Signed> Value arithmetic(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  Value result = a[0];
  for (Value next : a.drop_front())
    result = choose<Float, Signed, Unsigned>(b, loc, isUnsigned(node.input(0)), result, next);
  return result;
}
template <typename Op> Value unary(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return Op::create(b, loc, a[0]); }
template <typename Op> Value logic(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return Op::create(b, loc, a[0], a[1]); }
template <arith::CmpFPredicate f, arith::CmpIPredicate i, arith::CmpIPredicate u = i> Value compare(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  if (isFloat(a[0]))
    return arith::CmpFOp::create(b, loc, f, a[0], a[1]);
  return arith::CmpIOp::create(b, loc, isUnsigned(node.input(0)) ? u : i, a[0], a[1]);
}
/// The exponent when it is one known number: integer powers of negative numbers have a value that exp(y * log(x)) has not.
std::optional<double> knownExponent(onnx::NodeOp node) {
  auto constant = node.input(1).getDefiningOp<onnx::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!dense || !dense.isSplat())
    return std::nullopt;
  if (isa<FloatType>(dense.getElementType()))
    return dense.getSplatValue<APFloat>().convertToDouble();
  return double(dense.getSplatValue<APInt>().getSExtValue());
}
/// Squares for the bits of the exponent. From 64 on what counts is whether it is odd: all powers but those of -1, 0 and 1 have overflowed.
Value integerPower(OpBuilder &b, Location loc, Value x, Value exponent, bool unsignedExponent) {
  Type type = x.getType();
  constexpr int bits = 7;
  auto constant = [&](Type type, int64_t v) -> Value { return number(b, loc, type, double(v)); };
  Type own = exponent.getType();
  Value isNegative = unsignedExponent ? constant(b.getI1Type(), 0) : arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, exponent, constant(own, 0));
  Value size = arith::SelectOp::create(b, loc, isNegative, arith::SubIOp::create(b, loc, constant(own, 0), exponent), exponent);
  Value odd = arith::OrIOp::create(b, loc, constant(own, 64), arith::AndIOp::create(b, loc, size, constant(own, 1)));
  size = arith::SelectOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, size, constant(own, 64)), odd, size);
  Value result = constant(type, 1), square = x;
  for (int i = 0; i < bits; ++i) {
    Value bit = arith::AndIOp::create(b, loc, size, constant(own, int64_t(1) << i));
    Value isSet = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, bit, constant(own, 0));
    result = arith::SelectOp::create(b, loc, isSet, arith::MulIOp::create(b, loc, result, square), result);
    if (i + 1 < bits)
      square = arith::MulIOp::create(b, loc, square, square);
  }
  // 1 / x^|e| is 0 but for x = 1 and x = -1.
  Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, arith::MulIOp::create(b, loc, x, x), constant(type, 1));
  Value inverse = arith::SelectOp::create(b, loc, isOne, result, constant(type, 0));
  return arith::SelectOp::create(b, loc, isNegative, inverse, result);
}
Value power(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  std::optional<double> exponent = knownExponent(node);
  if (exponent && isFloat(a[0])) {
    if (*exponent == 0.5)
      return math::SqrtOp::create(b, loc, a[0]);
    if (*exponent == -0.5)
      return arith::DivFOp::create(b, loc, number(b, loc, a[0].getType(), 1), math::SqrtOp::create(b, loc, a[0]));
    if (*exponent >= 1 && *exponent <= 8 && *exponent == int64_t(*exponent)) {
      Value result = a[0];
      for (int64_t i = 1; i < int64_t(*exponent); ++i)
        result = arith::MulFOp::create(b, loc, result, a[0]);
      return result;
    }
  }
  Value y = a[1];
  if (!isFloat(a[0])) { // a float exponent is known to be an integer (pow)
    if (isFloat(y))
      y = number(b, loc, b.getI64Type(), *exponent);
    return integerPower(b, loc, a[0], y, isUnsigned(node.input(1)));
  }
  if (!isFloat(y))
    y = isUnsigned(node.input(1)) ? Value(arith::UIToFPOp::create(b, loc, a[0].getType(), y)) : Value(arith::SIToFPOp::create(b, loc, a[0].getType(), y));
  else if (y.getType() != a[0].getType())
    y = y.getType().getIntOrFloatBitWidth() < a[0].getType().getIntOrFloatBitWidth() ? Value(arith::ExtFOp::create(b, loc, a[0].getType(), y))
                                                                                      : Value(arith::TruncFOp::create(b, loc, a[0].getType(), y));
  return math::PowFOp::create(b, loc, a[0], y);
}
/// The rest has the sign of the divisor.
Value modulo(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  if (isUnsigned(node.input(0)))
    return arith::RemUIOp::create(b, loc, a[0], a[1]);
  Value rest = arith::RemSIOp::create(b, loc, a[0], a[1]), zero = number(b, loc, a[0].getType(), 0);
  Value signs = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, arith::XOrIOp::create(b, loc, rest, a[1]), zero);
  Value isRest = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, zero);
  Value moved = arith::AddIOp::create(b, loc, rest, a[1]);
  return arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, signs, isRest), moved, rest);
}
Value negate(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) {
  if (isFloat(a[0]))
    return arith::NegFOp::create(b, loc, a[0]);
  return arith::SubIOp::create(b, loc, number(b, loc, a[0].getType(), 0), a[0]);
}
Value absolute(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  if (isUnsigned(node.input(0)))
    return a[0];
  return isFloat(a[0]) ? Value(math::AbsFOp::create(b, loc, a[0])) : Value(math::AbsIOp::create(b, loc, a[0]));
}
Value reciprocal(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return arith::DivFOp::create(b, loc, number(b, loc, a[0].getType(), 1), a[0]); }
Value sigmoid(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) {
  Value one = number(b, loc, a[0].getType(), 1);
  Value e = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, a[0]));
  return arith::DivFOp::create(b, loc, one, arith::AddFOp::create(b, loc, one, e));
}
/// x * sigmoid(alpha * x)
Value quickGelu(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) {
  Value alpha = number(b, loc, a[0].getType(), node.floatAttribute("alpha", 1.702));
  return arith::MulFOp::create(b, loc, a[0], sigmoid(b, loc, Value(arith::MulFOp::create(b, loc, alpha, a[0])), node));
}
Value relu(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) {
  Value zero = number(b, loc, a[0].getType(), 0);
  return isFloat(a[0]) ? Value(arith::MaximumFOp::create(b, loc, a[0], zero)) : Value(arith::MaxSIOp::create(b, loc, a[0], zero));
}
Value isNaN(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, a[0], a[0]); }
Value logicalNot(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return arith::XOrIOp::create(b, loc, a[0], number(b, loc, a[0].getType(), 1)); }
Value where(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp) { return arith::SelectOp::create(b, loc, a[0], a[1], a[2]); }
Value clip(OpBuilder &b, Location loc, ValueRange a, onnx::NodeOp node) { // operands that are left out are not passed
  Value x = a[0];
  unsigned next = 1;
  if (node.input(1))
    x = larger(b, loc, isUnsigned(node.input(0)), x, a[next++]);
  if (node.input(2))
    x = smaller(b, loc, isUnsigned(node.input(0)), x, a[next]);
  return x;
}
Value convertElement(OpBuilder &b, Location loc, Value x, Type to, bool fromUnsigned, bool toUnsigned) {
  Type from = x.getType();
  if (from == to)
    return x;
  if (to.isInteger(1)) {
    Value zero = number(b, loc, from, 0);
    return isFloat(x) ? Value(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, x, zero)) : Value(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, x, zero));
  }
  bool wider = from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
  if (isFloat(x) && isa<FloatType>(to))
    return wider ? Value(arith::ExtFOp::create(b, loc, to, x)) : Value(arith::TruncFOp::create(b, loc, to, x));
  if (isFloat(x))
    return toUnsigned ? Value(arith::FPToUIOp::create(b, loc, to, x)) : Value(arith::FPToSIOp::create(b, loc, to, x));
  bool zeros = isBool(x) || fromUnsigned;
  if (isa<FloatType>(to))
    return zeros ? Value(arith::UIToFPOp::create(b, loc, to, x)) : Value(arith::SIToFPOp::create(b, loc, to, x));
  if (!wider)
    return arith::TruncIOp::create(b, loc, to, x);
  return zeros ? Value(arith::ExtUIOp::create(b, loc, to, x)) : Value(arith::ExtSIOp::create(b, loc, to, x));
}
} // namespace

template <ElementBody body> static Results apply(GenericOps &g, onnx::NodeOp node) {
  RankedTensorType type = g.type(node.output(0));
  const Elements::Shape *shape = g.r.elements.shape(node.output(0));
  if (!type || !shape)
    return refuse(node, "the result has no known rank", "unknown-rank");
  SmallVector<Value> operands;
  for (unsigned i = 0; i < node.getInputs().size(); ++i)
    if (node.input(i))
      operands.push_back(node.input(i));
  // Whole tensors of one type: the operation itself, which is what later stages know as a residual.
  bool plain = node.is("Add") || node.is("Sub") || node.is("Mul") || node.is("Div");
  if (plain && llvm::all_of(operands, [&](Value v) { return g.type(v) == type && *g.r.elements.shape(v) == *shape; })) {
    SmallVector<Value> inputs;
    for (Value operand : operands)
      if (inputs.push_back(g.get(node, operand)); !inputs.back())
        return failure();
    return SmallVector<Value>{body(g.b, node.getLoc(), inputs, node)};
  }
  FailureOr<Value> result = g.elementwise(node, operands, *shape, type.getElementType(), [&](OpBuilder &b, Location loc, ValueRange args) { return body(b, loc, args, node); });
  if (failed(result))
    return failure();
  return SmallVector<Value>{*result};
}

static Results pow(GenericOps &g, onnx::NodeOp node) {
  std::optional<double> exponent = knownExponent(node);
  if (!Elements::isFloat(node.input(0)) && Elements::isFloat(node.input(1)) && (!exponent || *exponent != std::floor(*exponent) || std::fabs(*exponent) > 1e9))
    return refuse(node, "an integer to the power of a float needs a constant exponent without a fraction", "element-type");
  return apply<power>(g, node);
}
static Results mod(GenericOps &g, onnx::NodeOp node) {
  if (node.intAttribute("fmod", 0))
    return apply<arithmetic<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>>(g, node);
  if (Elements::isFloat(node.output(0)))
    return refuse(node, "floats need fmod = 1", "element-type");
  return apply<modulo>(g, node);
}

static Results cast(GenericOps &g, onnx::NodeOp node) {
  RankedTensorType to = g.type(node.output(0)), from = g.type(node.input(0));
  if (!to || !from)
    return refuse(node, "the operand has no known rank", "unknown-rank");
  if (to.getElementType() == from.getElementType()) {
    Value same = g.get(node, node.input(0));
    return same ? Results(SmallVector<Value>{same}) : Results(failure());
  }
  if (!to.getElementType().isIntOrFloat() || !from.getElementType().isIntOrFloat())
    return refuse(node, "the element type cannot be converted", "element-type");
  FailureOr<Value> result = g.elementwise(node, node.input(0), *g.r.elements.shape(node.output(0)), to.getElementType(), [&](OpBuilder &b, Location loc, ValueRange args) {
    return convertElement(b, loc, args[0], to.getElementType(), isUnsigned(node.input(0)), isUnsigned(node.output(0)));
  });
  return failed(result) ? Results(failure()) : Results(SmallVector<Value>{*result});
}
static Results identity(GenericOps &g, onnx::NodeOp node) {
  if (node.output(1) && !node.output(1).use_empty())
    return refuse(node, "the mask of a Dropout is not supported", "unsupported-output");
  Value same = g.get(node, node.input(0));
  if (!same)
    return failure();
  if (RankedTensorType wanted = g.type(node.output(0)); wanted && wanted != same.getType())   // named after this node where extents differ at run time
    same = tensor::CastOp::create(g.b, node.getLoc(), wanted, same);
  return SmallVector<Value>{same};
}

using arith::CmpFPredicate;
using arith::CmpIPredicate;
static constexpr GenericRow rows[] = {
    {"Add", "", 7, apply<arithmetic<arith::AddFOp, arith::AddIOp>>},
    {"Sub", "", 7, apply<arithmetic<arith::SubFOp, arith::SubIOp>>},
    {"Mul", "", 7, apply<arithmetic<arith::MulFOp, arith::MulIOp>>},
    {"Div", "", 7, apply<arithmetic<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>>},
    {"Mod", "", 10, mod},
    {"Min", "", 8, apply<arithmetic<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>>},
    {"Max", "", 8, apply<arithmetic<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>>},
    {"Sum", "", 8, apply<arithmetic<arith::AddFOp, arith::AddIOp>>},
    {"Pow", "", 7, pow},
    {"Neg", "", 6, apply<negate>},
    {"Abs", "", 6, apply<absolute>},
    {"Reciprocal", "", 6, apply<reciprocal>},
    {"Sqrt", "", 6, apply<unary<math::SqrtOp>>},
    {"Exp", "", 6, apply<unary<math::ExpOp>>},
    {"Log", "", 6, apply<unary<math::LogOp>>},
    {"Erf", "", 9, apply<unary<math::ErfOp>>},
    {"Tanh", "", 6, apply<unary<math::TanhOp>>},
    {"Cos", "", 7, apply<unary<math::CosOp>>},
    {"Sin", "", 7, apply<unary<math::SinOp>>},
    {"Floor", "", 6, apply<unary<math::FloorOp>>},
    {"Ceil", "", 6, apply<unary<math::CeilOp>>},
    {"Round", "", 11, apply<unary<math::RoundEvenOp>>},
    {"Sigmoid", "", 6, apply<sigmoid>},
    {"QuickGelu", "com.microsoft", 1, apply<quickGelu>},
    {"Relu", "", 6, apply<relu>},
    {"Clip", "", 11, apply<clip>},
    {"IsNaN", "", 9, apply<isNaN>},
    {"Not", "", 1, apply<logicalNot>},
    {"And", "", 7, apply<logic<arith::AndIOp>>},
    {"Or", "", 7, apply<logic<arith::OrIOp>>},
    {"Xor", "", 7, apply<logic<arith::XOrIOp>>},
    {"Where", "", 9, apply<where>},
    {"Equal", "", 7, apply<compare<CmpFPredicate::OEQ, CmpIPredicate::eq>>},
    {"Less", "", 7, apply<compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>>},
    {"LessOrEqual", "", 12, apply<compare<CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule>>},
    {"Greater", "", 7, apply<compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>>},
    {"GreaterOrEqual", "", 12, apply<compare<CmpFPredicate::OGE, CmpIPredicate::sge, CmpIPredicate::uge>>},
    {"Cast", "", 6, cast},
    {"CastLike", "", 15, cast, 0b10},
    {"Identity", "", 1, identity},
    {"Dropout", "", 7, identity, 0b110},
};
ArrayRef<GenericRow> qcc::frontend::elementwiseRows() { return rows; }
