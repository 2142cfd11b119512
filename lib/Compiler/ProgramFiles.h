// Programs as MLIR in files. Weights are references into other files, which `qnt.files` names relative to the program's own.
#ifndef QCC_LIB_COMPILER_PROGRAMFILES_H
#define QCC_LIB_COMPILER_PROGRAMFILES_H
#include "qcc/Base/SourceFiles.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/raw_ostream.h"
namespace qcc {
struct CompilerOptions;

/// Reads text or bytecode, options.input or standard input, and maps the files that it refers to into `sources`. An exit code, after a message.
int readProgram(const CompilerOptions &options, mlir::MLIRContext &context, SourceFiles &sources, mlir::OwningOpRef<mlir::ModuleOp> &program);

/// Text of the program for the file `path`, whose folder exists.
void printProgram(mlir::ModuleOp program, const SourceFiles &sources, llvm::StringRef path, llvm::raw_ostream &out);

} // namespace qcc
#endif
