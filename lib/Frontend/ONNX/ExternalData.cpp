// The path rules of external data. History says that prefix tests on strings and tests of the last component only are not enough
// (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489): here the opened descriptor's own real path is what is tested.
#include "lib/Frontend/ONNX/ExternalData.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
using namespace llvm;
using namespace qcc;
using namespace qcc::importer;

/// "folder" or anything below it, component by component.
static bool isBelow(StringRef path, StringRef folder) {
  if (folder == "/")
    return true;
  return path.consume_front(folder) && (path.empty() || path.starts_with("/"));
}

static std::string realPath(StringRef path) {
  SmallString<256> real;
  return sys::fs::real_path(path, real) ? std::string() : std::string(real);
}

/// Where the opened file really is: what the kernel says, not what a path says.
static std::string realPathOf(int descriptor) {
  char target[PATH_MAX];
  std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
  return size > 0 && size < static_cast<ssize_t>(sizeof(target)) ? std::string(target, static_cast<size_t>(size)) : std::string();
}

const ExternalData::Result &ExternalData::open(const std::string &location) {
  auto [entry, isNew] = opened.try_emplace(location);
  if (isNew)
    entry->second = openFile(location);
  return entry->second;
}

ExternalData::Result ExternalData::openFile(const std::string &location) {
  auto refuse = [](Rule rule, std::string message) { return Result{-1, rule, std::move(message)}; };
  if (location.empty() || location.find('\0') != std::string::npos || location.size() > PATH_MAX)
    return refuse(Rule::ExternalPath, "the location of external data is no path");
  if (sys::path::is_absolute(location) || location.find('\\') != std::string::npos)
    return refuse(Rule::ExternalPath, "external data '" + location + "' has to be a path relative to the model");
  for (StringRef part : make_range(sys::path::begin(location), sys::path::end(location)))
    if (part == "..")
      return refuse(Rule::ExternalPath, "external data '" + location + "' leaves the model's folder by '..'");
  if (opened.size() > 1024) // real models have a handful; each costs a map
    return refuse(Rule::ResourceLimit, "the model names more than 1024 files of external data");
  if (folder.empty())
    return refuse(Rule::ExternalFile, "external data '" + location + "' cannot be found: the model has no folder");

  SmallString<256> path(folder);
  sys::path::append(path, location);
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0 && errno == ENOENT && allowAbsent) // its name has passed the rules, and nothing is read
    return {sources.addAbsent(std::string(path)), Rule::ExternalPath, ""};
  if (descriptor < 0)
    return refuse(Rule::ExternalFile, "external data '" + location + "' cannot be opened: " + std::strerror(errno));
  llvm::scope_exit close([&] { ::close(descriptor); });

  std::string real = realPathOf(descriptor), base = realPath(folder);
  SmallString<256> expected(base);
  sys::path::append(expected, location);
  sys::path::remove_dots(expected);
  if (real.empty() || base.empty())
    return refuse(Rule::ExternalPath, "external data '" + location + "' cannot be located");
  if (strict && real != expected)
    return refuse(Rule::ExternalPath, "external data '" + location + "' is reached over a link, which --strict-paths forbids");
  std::string modelFolder = sys::path::parent_path(realPath(model)).str();
  if (!isBelow(real, base) && (modelFolder.empty() || !isBelow(real, modelFolder)))
    return refuse(Rule::ExternalPath, "external data '" + location + "' leaves the model's folder over a link");

  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return refuse(Rule::ExternalFile, "external data '" + location + "' is no regular file");
  auto buffer = MemoryBuffer::getOpenFile(sys::fs::convertFDToNativeFile(descriptor), path, status.st_size, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return refuse(Rule::ExternalFile, "external data '" + location + "' cannot be mapped: " + buffer.getError().message());
  return {sources.add(std::string(path), std::move(*buffer)), Rule::ExternalPath, ""};
}
