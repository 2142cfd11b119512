// The input files whose bytes attributes refer to by (file, offset, length): mapped read-only, never copied.
#ifndef QCC_BASE_SOURCEFILES_H
#define QCC_BASE_SOURCEFILES_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qcc {
/// Owns the maps; their order is that of the module's `qnt.files`. Reading is safe from several threads once all files are added.
/// A file that another process shortens while it is mapped ends this one by SIGBUS, as with every mapped file.
class SourceFiles {
public:
  /// Appends `buffer` under `name` (as `qnt.files` will list it) and returns its index.
  int64_t add(std::string name, std::unique_ptr<llvm::MemoryBuffer> buffer);

  /// Appends a file that is not there: it has a name, and no bytes in any range.
  int64_t addAbsent(std::string name);
  bool isAbsent(int64_t file) const { return !files[file].buffer; }
  bool anyAbsent() const;

  int64_t count() const { return static_cast<int64_t>(files.size()); }
  llvm::StringRef name(int64_t file) const { return files[file].name; }
  int64_t size(int64_t file) const { return isAbsent(file) ? 0 : static_cast<int64_t>(files[file].buffer->getBufferSize()); }

  /// The bytes [offset, offset + length) of `file`, or nullopt when they do not all lie in it.
  std::optional<llvm::ArrayRef<uint8_t>> bytes(int64_t file, int64_t offset, int64_t length) const;

  /// Tells the system that these bytes are not needed soon, so that memory stays bounded while gigabytes stream by.
  /// They can still be read: they come back from the file.
  void release(int64_t file, int64_t offset, int64_t length) const;

private:
  struct File {
    std::string name;
    std::unique_ptr<llvm::MemoryBuffer> buffer;        // null: absent
  };
  std::vector<File> files;
};

/// Maps the regular file at `path` without reading it; "-" reads standard input, at most `limit` bytes. Fails on folders, devices and FIFOs.
llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> mapFile(llvm::StringRef path, int64_t limit);
} // namespace qcc
#endif
