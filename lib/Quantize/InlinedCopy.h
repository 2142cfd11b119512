// Layers are outlined, and may be cut anywhere: what follows values from weight to weight looks at a copy in which nothing is called.
#ifndef QCC_LIB_QUANTIZE_INLINEDCOPY_H
#define QCC_LIB_QUANTIZE_INLINEDCOPY_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qcc {
/// A copy of the module whose public functions call nothing; those that were called are gone.
mlir::OwningOpRef<mlir::ModuleOp> inlinedCopy(mlir::ModuleOp module);
} // namespace qcc
#endif
