// --verify: does the code compute what was asked? Every matmul and every layer of what was built, against its reference lowering.
#ifndef QCC_LIB_COMPILER_VERIFICATION_H
#define QCC_LIB_COMPILER_VERIFICATION_H
#include "lib/Compiler/Library.h"
#include "llvm/ADT/StringMap.h"
namespace qcc {

struct VerificationJob {
  mlir::ModuleOp module;                  // weights are placed
  mlir::ModuleOp decided;                 // the same before
  const SourceFiles &sources;
  const CompilerOptions &options;
  const TargetInfo &target;
  const Target &family;
  PassRunner &runner;
  Phases &phases;
  const EncodedWeights *encoded;
  const WrittenWeights &weights;          // of the build: this very file is read
};

/// Differences are relative: of a column's values, the norm of the difference over the norm of the reference (at least a tenth of the columns' mean, of
/// layers all of it).
struct Verified {
  llvm::StringMap<double> products;       // by section name of the weight: the largest of a column, of any version and step
};

/// ExitUnsupported, after a message, if this machine cannot run code for `target`.
int checkVerifiable(const TargetInfo &target);
/// Names the first value over tolerance (ExitVerification), or says what was compared and which layer was worst. `scratch` is for its files.
int verify(const VerificationJob &job, const Scratch &scratch, Verified &verified);

} // namespace qcc
#endif
