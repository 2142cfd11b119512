// What a program's functions of sizes give for known dimensions: the bytes of its arena and of its state, while it is compiled.
#ifndef QCC_LIB_COMPILER_SIZEFUNCTIONS_H
#define QCC_LIB_COMPILER_SIZEFUNCTIONS_H
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include <optional>
namespace qcc {

/// The result of `function` (`decode.frame`, `state_bytes`, ...) of a program after the kernel stage, `dims` by name. Nothing where the program has no
/// such function, or needs a dimension that is not known.
std::optional<int64_t> evaluateSize(mlir::ModuleOp lowered, llvm::StringRef function, const llvm::StringMap<int64_t> &dims);

} // namespace qcc
#endif
