// Registration, verification and accessors of the onnx dialect.
#include "dialects/ONNX/ONNX.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
using namespace mlir;
using namespace qcc::onnx;
#include "dialects/ONNX/ONNXDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ONNX/ONNXAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ONNX/ONNXOps.cpp.inc"

void OnnxDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/ONNX/ONNXOps.cpp.inc"
      >();
}

void OnnxDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/ONNX/ONNXAttrs.cpp.inc"
      >();
}

std::optional<int64_t> qcc::onnx::rawBytes(ShapedType type) {
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(elements, size, elements))
      return std::nullopt;
  unsigned bits = type.getElementTypeBitWidth();
  bits = bits == 1 ? 8 : bits; // ONNX stores a bool in a byte
  int64_t total;
  if (llvm::MulOverflow<int64_t>(elements, bits, total) || llvm::AddOverflow<int64_t>(total, 7, total))
    return std::nullopt;
  return total / 8;
}

LogicalResult BytesAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr name, int64_t file, int64_t offset, int64_t length,
                                ShapedType type) {
  if (file < 0 || offset < 0 || length < 0)
    return emitError() << "onnx.bytes needs a file, offset and length of at least 0, but has " << file << ", " << offset << ", " << length;
  std::optional<int64_t> expected = rawBytes(type);
  if (!expected)
    return emitError() << "onnx.bytes needs a static tensor type of integers or floats, but has " << type;
  if (*expected != length)
    return emitError() << "onnx.bytes of " << type << " needs " << *expected << " bytes, but has " << length;
  return success();
}

/// `onnx.name` is a string, `onnx.dims` names every dimension of a ranked tensor.
static LogicalResult verifyValueAttribute(Operation *op, Type type, NamedAttribute attribute) {
  if (attribute.getName() == OnnxDialect::getNameAttrName() && !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError("needs a string as 'onnx.name'");
  if (attribute.getName() != OnnxDialect::getDimsAttrName())
    return success();
  auto dims = dyn_cast<ArrayAttr>(attribute.getValue());
  if (!dims || !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
    return op->emitOpError("needs a list of strings as 'onnx.dims'");
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getRank() != static_cast<int64_t>(dims.size()))
    return op->emitOpError("needs one name a dimension in 'onnx.dims', but ") << type << " has " << dims.size() << " names";
  return success();
}

LogicalResult OnnxDialect::verifyRegionArgAttribute(Operation *op, unsigned regionIndex, unsigned argIndex, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function ? verifyValueAttribute(op, function.getArgumentTypes()[argIndex], attribute) : success();
}

LogicalResult OnnxDialect::verifyRegionResultAttribute(Operation *op, unsigned regionIndex, unsigned resultIndex, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function ? verifyValueAttribute(op, function.getResultTypes()[resultIndex], attribute) : success();
}

LogicalResult NodeOp::verify() {
  if (getOpType().empty())
    return emitOpError("needs an operator name");
  if (static_cast<int64_t>(getSince()) < 1)
    return emitOpError("needs a version of at least 1, but 'since' is ") << static_cast<int64_t>(getSince());
  return success();
}

int64_t NodeOp::intAttribute(StringRef name, int64_t otherwise) {
  auto value = (*this)->getAttrOfType<IntegerAttr>(name);
  return value ? value.getValue().getSExtValue() : otherwise;
}
double NodeOp::floatAttribute(StringRef name, double otherwise) {
  auto value = (*this)->getAttrOfType<FloatAttr>(name);
  return value ? value.getValueAsDouble() : otherwise;
}
StringRef NodeOp::stringAttribute(StringRef name, StringRef otherwise) {
  auto value = (*this)->getAttrOfType<StringAttr>(name);
  return value ? value.getValue() : otherwise;
}
std::optional<ArrayRef<int64_t>> NodeOp::intsAttribute(StringRef name) {
  auto value = (*this)->getAttrOfType<DenseI64ArrayAttr>(name);
  return value ? std::optional(value.asArrayRef()) : std::nullopt;
}
Value NodeOp::input(unsigned index) {
  if (index >= getInputs().size() || isa<NoneType>(getInputs()[index].getType()))
    return {};
  return getInputs()[index];
}
Value NodeOp::output(unsigned index) {
  if (index >= getOutputs().size() || isa<NoneType>(getOutputs()[index].getType()))
    return {};
  return getOutputs()[index];
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }
