// The last steps of a compilation as one call: a program whose formats are decided becomes a shared library and its weights.
#ifndef QCC_LIB_COMPILER_LIBRARY_H
#define QCC_LIB_COMPILER_LIBRARY_H
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Base/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <array>
#include <string>
#include <system_error>
namespace qcc {
class EncodedWeights;
class OutputFiles;
class WeightErrors;
class PassRunner;
class Phases;
class Target;
struct CompilerOptions;

/// Prints an error that belongs to no place in a program; returns `exitCode`.
int complain(int exitCode, const llvm::Twine &message);

/// One line an error, temporary names of `outputs` as what they become. A full disk has its own exit code, whatever was being written.
int complainOf(int exitCode, llvm::Error error, const OutputFiles &outputs);

/// A folder for intermediate files, removed with what is in it.
struct Scratch {
  Scratch();
  ~Scratch();
  std::string path(const llvm::Twine &name) const;
  llvm::SmallString<128> folder;
  std::error_code error;
};

/// libqccrt.a of an architecture, beside this program: in the build tree as in an installation.
std::string runtimeArchive(llvm::StringRef targetTriple);

/// What a library is built from.
struct LibraryJob {
  mlir::ModuleOp module;                  // weights are placed
  const SourceFiles &sources;
  const CompilerOptions &options;
  const TargetInfo &target;
  const Target &family;
  PassRunner &runner;
  Phases &phases;
  const EncodedWeights *encoded;          // what methods have chosen; may be null
  WeightErrors *errors = nullptr;         // where to note what encoding has lost; may be null
  /// Sees the program of each version after each stage ("kernel", "llvm"); may be null.
  llvm::function_ref<void(llvm::StringRef stage, const TargetVersion &, mlir::ModuleOp)> after = nullptr;

  /// For another program with the same weights, of which nothing is reported.
  LibraryJob forProgram(mlir::ModuleOp other, const CompilerOptions &itsOptions, const TargetInfo &itsTarget) const {
    return {other, sources, itsOptions, itsTarget, family, runner, phases, encoded};
  }
};
struct LibraryFiles {
  std::string weights, weightsName;       // empty: embedded. The name is the final one, for messages
  std::string library, libraryName;       // the shared library, or the object with --emit=obj
  std::string soname;
  const OutputFiles &outputs;             // what temporary names become
};
/// A weights file that programs are made for.
struct WrittenWeights {
  std::string path;
  bool isEmbedded = false;
  std::array<uint8_t, 32> id{};
  int64_t bytes = 0;                      // of its data
  llvm::StringMap<std::string> digests;
};
/// Writes the weights, then the library, into files that exist (OutputFiles::reserve) or may. Fails after a message.
int buildLibrary(const LibraryJob &job, const Scratch &scratch, const LibraryFiles &files, WrittenWeights &weights);
/// The library alone: `job.module` reads weights where the module that `weights` were written for has them.
int buildProgram(const LibraryJob &job, const Scratch &scratch, const LibraryFiles &files, const WrittenWeights &weights);

} // namespace qcc
#endif
