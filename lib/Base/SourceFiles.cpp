// Maps input files and hands out checked ranges of them.
#include "qcc/Base/SourceFiles.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
using namespace llvm;
using namespace qcc;

int64_t SourceFiles::add(std::string name, std::unique_ptr<MemoryBuffer> buffer) {
  files.push_back({std::move(name), std::move(buffer)});
  return count() - 1;
}

int64_t SourceFiles::addAbsent(std::string name) { return add(std::move(name), nullptr); }

bool SourceFiles::anyAbsent() const {
  return llvm::any_of(files, [](const File &file) { return !file.buffer; });
}

std::optional<ArrayRef<uint8_t>> SourceFiles::bytes(int64_t file, int64_t offset, int64_t length) const {
  int64_t end;
  if (file < 0 || file >= count() || isAbsent(file) || offset < 0 || length < 0 || AddOverflow(offset, length, end) || end > size(file))
    return std::nullopt;
  const MemoryBuffer &buffer = *files[file].buffer;
  return ArrayRef(reinterpret_cast<const uint8_t *>(buffer.getBufferStart()) + offset, static_cast<size_t>(length));
}

void SourceFiles::release(int64_t file, int64_t offset, int64_t length) const {
  std::optional<ArrayRef<uint8_t>> range = bytes(file, offset, length);
  // Only maps: the same advice on memory of our own would zero it.
  if (!range || range->empty() || files[file].buffer->getBufferKind() != MemoryBuffer::MemoryBuffer_MMap)
    return;
  // Whole pages inside the range only; the neighbours may be in use.
  static const uintptr_t page = sys::Process::getPageSizeEstimate();
  uintptr_t begin = alignTo(reinterpret_cast<uintptr_t>(range->begin()), page), end = alignDown(reinterpret_cast<uintptr_t>(range->end()), page);
  if (begin < end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

/// Reads a stream of unknown length, but never more than `limit` bytes.
static ErrorOr<std::unique_ptr<MemoryBuffer>> readStandardInput(int64_t limit) {
  SmallVector<char, 0> bytes;
  char chunk[1 << 16];
  while (true) {
    ssize_t got = ::read(STDIN_FILENO, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return std::error_code(errno, std::generic_category());
    if (got == 0)
      return MemoryBuffer::getMemBufferCopy(StringRef(bytes.data(), bytes.size()), "-");
    if (static_cast<int64_t>(bytes.size()) + got > limit)
      return std::make_error_code(std::errc::file_too_large);
    bytes.append(chunk, chunk + got);
  }
}

ErrorOr<std::unique_ptr<MemoryBuffer>> qcc::mapFile(StringRef path, int64_t limit) {
  if (path == "-")
    return readStandardInput(limit);
  // O_NONBLOCK: opening a FIFO without a writer must not wait for one.
  int descriptor = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return std::error_code(errno, std::generic_category());
  llvm::scope_exit close([&] { ::close(descriptor); });
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return std::error_code(errno, std::generic_category());
  if (S_ISDIR(status.st_mode))
    return std::make_error_code(std::errc::is_a_directory);
  if (!S_ISREG(status.st_mode))
    return std::make_error_code(std::errc::not_supported);
  if (status.st_size > limit)
    return std::make_error_code(std::errc::file_too_large);
  return MemoryBuffer::getOpenFile(sys::fs::convertFDToNativeFile(descriptor), path, status.st_size, /*RequiresNullTerminator=*/false);
}
