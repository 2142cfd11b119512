// Names of dynamic dimensions: which of the program's dimensions a tensor's extent is.
#ifndef QCC_LIB_KERNEL_SYMBOLICDIMS_H
#define QCC_LIB_KERNEL_SYMBOLICDIMS_H
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
namespace qcc {
/// The name of dimension `i` of `tensor` (`batch`, `seq`, ... or a number in digits), found by following operations that keep it, and calls.
std::optional<std::string> dimName(mlir::Value tensor, int64_t i);
/// The value of a dimension by that name.
mlir::Value materializeDim(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name);
/// The dynamic extents of `tensor` by name, or nothing when one has none.
std::optional<mlir::SmallVector<mlir::Value>> materializeDynamicDims(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor);
} // namespace qcc
#endif
