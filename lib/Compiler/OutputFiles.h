// The files of one compilation, all or none: each is written under a temporary name in its final folder and renamed at the end.
#ifndef QCC_LIB_COMPILER_OUTPUTFILES_H
#define QCC_LIB_COMPILER_OUTPUTFILES_H
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>
namespace llvm {
class raw_ostream;
} // namespace llvm
namespace qcc {

class OutputFiles {
public:
  OutputFiles() = default;
  OutputFiles(const OutputFiles &) = delete;
  /// Removes what was not committed; files that stood there before are untouched.
  ~OutputFiles();

  /// A fresh temporary file that becomes `path` on commit; creates missing folders. The caller writes it.
  llvm::Expected<std::string> reserve(llvm::StringRef path);
  /// Writes a whole file; every write and the close are checked.
  llvm::Error write(llvm::StringRef path, llvm::function_ref<void(llvm::raw_ostream &)> body);
  /// Flushes every file to the disk and renames them in the order of their reservation.
  llvm::Error commit();
  /// `message` with the names that files will have instead of their temporary ones.
  std::string withFinalNames(std::string message) const;

private:
  struct File {
    std::string temporary, path;
  };
  std::vector<File> files;
};

} // namespace qcc
#endif
