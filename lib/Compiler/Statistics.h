// --stats: what was decided, and what will be slow, on at most a screen.
#ifndef QCC_LIB_COMPILER_STATISTICS_H
#define QCC_LIB_COMPILER_STATISTICS_H
#include "qcc/Base/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
namespace qcc {

/// Of a program whose formats are decided: formats by size, what was recognised, the operations that take the generic path with their ONNX nodes,
/// largest first, and the weights that these read. What does not fit in `maxLines` of a table is summed up in one.
void printStatistics(mlir::ModuleOp module, llvm::raw_ostream &out, unsigned maxLines = 12);
/// Of a program after the kernel stage for `version`: its matmul kernels, and how each multiplies.
void printMatmulKernels(mlir::ModuleOp module, const TargetVersion &version, llvm::raw_ostream &out);

} // namespace qcc
#endif
