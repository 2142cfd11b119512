// Sizes computed elsewhere: copies of scalar expressions over the program's dimensions.
#ifndef QCC_LIB_KERNEL_CLONESCALAR_H
#define QCC_LIB_KERNEL_CLONESCALAR_H
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
namespace qcc {
/// A copy of the scalar `value` at the builder's position, made of constants, dimensions and what `mapping` knows; null when it depends on
/// anything else.
mlir::Value cloneScalar(mlir::OpBuilder &b, mlir::Value value, mlir::IRMapping &mapping);
} // namespace qcc
#endif
