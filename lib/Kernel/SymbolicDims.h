// Names of dynamic dimensions: which of the program's dimensions a tensor's extent is.
#ifndef QCC_LIB_KERNEL_SYMBOLICDIMS_H
#define QCC_LIB_KERNEL_SYMBOLICDIMS_H
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
namespace qcc {
/// The name of dimension `i` of `tensor`, found by following operations that keep or combine dimensions, and calls: `batch`, `seq`, ..., a number
/// in digits, or an expression of those ("batch*seq", "seq + 2", "div(seq, 2)", "max(seq + -1, 0)").
std::optional<std::string> dimName(mlir::Value tensor, int64_t i);
/// The same of an extent or offset that the program computes.
std::optional<std::string> indexName(mlir::OpFoldResult value);
/// The value of a dimension by that name.
mlir::Value materializeDim(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name);
/// The value of an expression of the program's dimensions, also if the program lists it as a dimension of its own; null when it is none.
mlir::Value computeDim(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef text);
/// The only extent that compilation left to dimension `name` of the program that `op` is in.
std::optional<int64_t> fixedDim(mlir::Operation *op, llvm::StringRef name);
/// The dynamic extents of `tensor` by name, or nothing when one has none.
std::optional<mlir::SmallVector<mlir::Value>> materializeDynamicDims(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor);
} // namespace qcc
#endif
