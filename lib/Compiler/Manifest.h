// The manifest of an artifact: what qcc-inspect prints (docs/Artifact.md).
#ifndef QCC_LIB_COMPILER_MANIFEST_H
#define QCC_LIB_COMPILER_MANIFEST_H
#include "qcc/Base/SourceFiles.h"
#include "qcc/Target/ProgramTable.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include <string>
namespace qcc {
struct CompilerOptions;

/// JSON text. `module` is the program with placed weights; `digests` are the SHA-256 (hexadecimal) of the weights file's sections by symbol.
std::string buildManifest(mlir::ModuleOp module, const CompilerOptions &options, const ProgramDescription &program, const SourceFiles &sources,
                          const llvm::StringMap<std::string> &digests);

/// The options that shape the program, one a word, defaults included.
std::vector<std::string> reproducingOptions(const CompilerOptions &options);

} // namespace qcc
#endif
