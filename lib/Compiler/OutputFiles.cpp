// All-or-none output: temporary names, fsync, rename.
#include "lib/Compiler/OutputFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <fcntl.h>
#include <optional>
#include <unistd.h>
using namespace qcc;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

static llvm::Error failure(StringRef path, std::error_code code) {
  return llvm::createStringError(code, "cannot write '" + path + "': " + code.message());
}

/// A rename would put a file in the place of whatever is there: of a device, for everyone on the machine; of a file that its owner has protected.
static std::optional<llvm::Error> refuse(StringRef path) {
  fs::file_status status;
  if (fs::status(path, status))                        // nothing there, or what cannot be seen: creating the temporary file will tell
    return std::nullopt;
  if (status.type() == fs::file_type::directory_file)
    return failure(path, std::make_error_code(std::errc::is_a_directory));
  if (status.type() != fs::file_type::regular_file)
    return llvm::createStringError("cannot write '" + path + "': it is no regular file");
  if (!(status.permissions() & (fs::owner_write | fs::group_write | fs::others_write)))
    return failure(path, std::make_error_code(std::errc::permission_denied));
  return std::nullopt;
}

OutputFiles::~OutputFiles() {
  for (const File &file : files) {
    fs::remove(file.temporary);
    llvm::sys::DontRemoveFileOnSignal(file.temporary);
  }
}

llvm::Expected<std::string> OutputFiles::reserve(StringRef path) {
  StringRef folder = llvm::sys::path::parent_path(path);
  if (!folder.empty())
    if (std::error_code code = fs::create_directories(folder))
      return failure(path, code);
  if (std::optional<llvm::Error> refused = refuse(path))
    return std::move(*refused);
  llvm::SmallString<128> temporary;
  int descriptor;
  if (std::error_code code = fs::createUniqueFile(path + ".%%%%%%%%.tmp", descriptor, temporary, fs::OF_None, 0644))
    return failure(path, code);
  ::close(descriptor);
  llvm::sys::RemoveFileOnSignal(temporary);
  files.push_back({temporary.str().str(), path.str()});
  return files.back().temporary;
}

llvm::Error OutputFiles::write(StringRef path, llvm::function_ref<void(llvm::raw_ostream &)> body) {
  llvm::Expected<std::string> temporary = reserve(path);
  if (!temporary)
    return temporary.takeError();
  std::error_code code;
  llvm::raw_fd_ostream stream(*temporary, code);
  if (code)
    return failure(path, code);
  body(stream);
  stream.close();
  if (stream.has_error()) {
    code = stream.error();
    stream.clear_error();
    return failure(path, code);
  }
  return llvm::Error::success();
}

std::string OutputFiles::withFinalNames(std::string message) const {
  for (const File &file : files)
    for (size_t at; (at = message.find(file.temporary)) != std::string::npos;)
      message.replace(at, file.temporary.size(), file.path);
  return message;
}

llvm::Error OutputFiles::commit() {
  for (const File &file : files) {
    int descriptor = ::open(file.temporary.c_str(), O_RDONLY | O_CLOEXEC);
    bool good = descriptor >= 0 && ::fsync(descriptor) == 0;
    std::error_code code(errno, std::generic_category());
    if (descriptor >= 0)
      ::close(descriptor);
    if (!good)
      return failure(file.path, code);
  }
  for (const File &file : files) {
    if (std::error_code code = fs::rename(file.temporary, file.path))
      return failure(file.path, code);
    llvm::sys::DontRemoveFileOnSignal(file.temporary);
  }
  files.clear();
  return llvm::Error::success();
}
