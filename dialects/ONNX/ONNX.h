// The onnx dialect: a lossless, checked mirror of an ONNX file. See ONNXOps.td for every op's contract.
#ifndef QCC_DIALECTS_ONNX_ONNX_H
#define QCC_DIALECTS_ONNX_ONNX_H
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <optional>

#include "dialects/ONNX/ONNXDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ONNX/ONNXAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/ONNX/ONNXOps.h.inc"

namespace qcc::onnx {
/// The bytes that a tensor of `type` takes in ONNX's raw layout; nullopt when the shape is not static, a product does not fit in 63 bits,
/// or the element type has no ONNX layout. 4-bit elements are packed, bool is one byte.
std::optional<int64_t> rawBytes(mlir::ShapedType type);
} // namespace qcc::onnx
#endif
