// How a diagnostic names the ONNX node that it is about, at any stage of the compiler.
#ifndef QCC_FRONTEND_DIAGNOSTICS_H
#define QCC_FRONTEND_DIAGNOSTICS_H
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

namespace qcc {
/// Where a thing of an ONNX file lies: `kind` is an operator with its version ("com.microsoft.MatMulNBits v1") for a node, or what else the name
/// names ("initializer", "input", "output"); `index` counts nodes or initializers in the file, from 0.
/// A fused location of the name and of `file:index`, with `kind` as its metadata.
mlir::Location onnxLocation(mlir::MLIRContext *context, llvm::StringRef file, llvm::StringRef kind, llvm::StringRef name, int64_t index);
/// A problem of the file as a whole.
mlir::Location onnxLocation(mlir::MLIRContext *context, llvm::StringRef file);

/// Prints a diagnostic and its notes, one line each:
///   model.onnx: node '/layers.0/q' (com.microsoft.MatMulNBits v1): error: bits = 3 is not supported [unsupported-bits]
///     note: supported here: 2, 4, 8
/// A place in a file that is not ONNX is printed as compilers do (program.mlir:3:5:), other locations as MLIR does. Names are cut and escaped, so that hostile ones cannot forge lines.
void printDiagnostic(llvm::raw_ostream &out, mlir::Diagnostic &diagnostic);

/// The node that an operation comes from, as printDiagnostic names it: "'/layers.0/q' (MatMul v13)". "(no node)" where it has none.
std::string onnxNode(mlir::Location location);
} // namespace qcc
#endif
