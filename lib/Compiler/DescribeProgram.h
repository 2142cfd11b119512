// What a program is, for the tables that the runtime reads: its ports, dimensions, state, and regions of its steps.
#ifndef QCC_LIB_COMPILER_DESCRIBEPROGRAM_H
#define QCC_LIB_COMPILER_DESCRIBEPROGRAM_H
#include "qcc/Target/ProgramTable.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
namespace qcc {

/// Refuses types of `@main`'s arguments and results that no port of a library has (exit code 5). Fails after a diagnostic.
mlir::LogicalResult checkPorts(mlir::func::FuncOp main);

/// Ports, dimensions and state of `@main`, before the kernel stage. Fails after a diagnostic.
mlir::FailureOr<ProgramDescription> describeProgram(mlir::ModuleOp module);

/// One element of what DescribeRegions left on the module (`qk.regions`). Rows whose factors are not all among `dims` cannot be counted at run time.
ProgramRegion describeRegion(mlir::DictionaryAttr region, llvm::ArrayRef<ProgramDim> dims);

} // namespace qcc
#endif
