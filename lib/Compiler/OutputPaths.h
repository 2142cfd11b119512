// Where the files of a compilation go, known before any work is done.
#ifndef QCC_LIB_COMPILER_OUTPUTPATHS_H
#define QCC_LIB_COMPILER_OUTPUTPATHS_H
#include "llvm/ADT/StringRef.h"
#include <string>
namespace qcc {
class SourceFiles;
struct CompilerOptions;

/// The name of the output, else of the input, without its extension: "llama-3.1" of "llama-3.1.onnx" and of "llama-3.1".
std::string baseName(const CompilerOptions &options);
/// -o, or the input's name with another extension, in this folder.
std::string outputPath(const CompilerOptions &options, llvm::StringRef extension);
/// model.so or model.o -> model.weights; other names keep theirs before `extension`, as the runtime looks for it (lib/Runtime/Model.c).
std::string besideLibrary(llvm::StringRef library, llvm::StringRef extension);

/// ExitUsage, after a message for each, where an output would replace something that is read (the options' files, and `sources`: what the model
/// refers to) or two outputs have one name.
int checkOutputPaths(const CompilerOptions &options, const SourceFiles &sources);

} // namespace qcc
#endif
