// ONNX's element types as MLIR's.
#ifndef QCC_LIB_FRONTEND_ONNX_ELEMENTTYPES_H
#define QCC_LIB_FRONTEND_ONNX_ELEMENTTYPES_H
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace mlir {
class MLIRContext;
class Type;
} // namespace mlir

namespace qcc::importer {
/// Bits of an element of TensorProto.DataType `type` in raw_data (8 for a bool); 0 for types that qcc does not read: strings, complex numbers,
/// 6-bit floats.
unsigned elementBits(int32_t type);
bool isFloatElement(int32_t type);
/// Floats of 4 and 8 bits: tensors of them can be read, but nothing computes with them.
bool isNarrowFloat(int32_t type);
/// May an input or output have such elements? Not narrow floats, kinds of which DLPack's code and bits do not tell apart, nor anything below a byte.
bool isPortElement(int32_t type);
/// The name of `type`, for messages: "float16", or "type 99".
std::string elementName(int32_t type);
/// Null for the types above.
mlir::Type elementType(int32_t type, mlir::MLIRContext *context);
} // namespace qcc::importer
#endif
