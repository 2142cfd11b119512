// What a program is, for the tables that the runtime reads: its ports, dimensions, state, and regions of its steps.
#ifndef QCC_LIB_COMPILER_DESCRIBEPROGRAM_H
#define QCC_LIB_COMPILER_DESCRIBEPROGRAM_H
#include "qcc/Target/ProgramTable.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
namespace qcc {

/// Ports, dimensions and state of `@main`, before the kernel stage. Fails after a diagnostic.
mlir::FailureOr<ProgramDescription> describeProgram(mlir::ModuleOp module);

/// One element of what DescribeRegions left on the module (`qk.regions`). Rows whose factors are not all among `dims` cannot be counted at run time.
ProgramRegion describeRegion(mlir::DictionaryAttr region, llvm::ArrayRef<ProgramDim> dims);

} // namespace qcc
#endif
