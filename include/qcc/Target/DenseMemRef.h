// Memory that the runtime hands to a program, as a memref of the LLVM dialect.
#ifndef QCC_TARGET_DENSEMEMREF_H
#define QCC_TARGET_DENSEMEMREF_H
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
namespace mlir {
class LLVMTypeConverter;
}
namespace qcc {
/// The row-major memref of `type` (identity layout) that begins at the pointer `base`. `sizes`: index, its dynamic extents in order.
mlir::Value denseMemRef(mlir::ImplicitLocOpBuilder &b, const mlir::LLVMTypeConverter &converter, mlir::MemRefType type, mlir::Value base, mlir::ValueRange sizes);
} // namespace qcc
#endif
