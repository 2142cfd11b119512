// --verify: does the code compute what was asked? Every matmul and every layer of what was built, against its reference lowering.
#ifndef QCC_LIB_COMPILER_VERIFICATION_H
#define QCC_LIB_COMPILER_VERIFICATION_H
#include "lib/Compiler/Library.h"
#include "llvm/ADT/StringMap.h"
namespace qcc {

/// Differences are relative: of a column's values, the norm of the difference over the norm of the reference (at least a tenth of the columns' mean, of
/// layers all of it).
struct Verified {
  llvm::StringMap<double> products;       // by section name of the weight: the largest of a column, of any version and step
};

/// ExitUnsupported, after a message, if this machine cannot run code for `target`, as `option` wants.
int checkRuns(const TargetInfo &target, llvm::StringRef option);
/// Names the first value over tolerance (ExitVerification), or says what was compared and which layer was worst. `job` is the build's, `decided` its
/// module before weights were placed; `weights` are what it has written: this very file is read. `scratch` is for files.
int verify(const LibraryJob &job, mlir::ModuleOp decided, const WrittenWeights &weights, const Scratch &scratch, Verified &verified);

} // namespace qcc
#endif
