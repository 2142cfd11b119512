// From a checked model with inferred types to the onnx dialect.
#ifndef QCC_LIB_FRONTEND_ONNX_BUILDMODULE_H
#define QCC_LIB_FRONTEND_ONNX_BUILDMODULE_H
#include "lib/Frontend/ONNX/Constants.h"
#include "qcc/Base/SourceFiles.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qcc::importer {
/// Builds the module, or adds problems (types that are not known or not supported) and returns null.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(const proto::ModelProto &model, const SourceFiles &sources, const Opsets &opsets,
                                              const NodeIndices &indices, const ConstantOrigins &constants, mlir::MLIRContext *context,
                                              Problems &problems);
} // namespace qcc::importer
#endif
