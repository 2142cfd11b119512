#include "lib/Compiler/MachineMemory.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <limits>
#include <sys/resource.h>
#include <unistd.h>
using namespace qcc;

static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

static int64_t processLimit(decltype(RLIMIT_AS) which) {
  rlimit limit;
  return getrlimit(which, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > rlim_t(unlimited) ? unlimited : int64_t(limit.rlim_cur);
}

/// A file with one number; anything else ("max", no file) limits nothing.
static int64_t fileLimit(const char *path) {
  auto file = llvm::MemoryBuffer::getFileAsStream(path);
  int64_t bytes;
  return !file || (*file)->getBuffer().trim().getAsInteger(10, bytes) ? unlimited : bytes;
}

int64_t qcc::machineMemory() {
  long pages = sysconf(_SC_PHYS_PAGES), pageBytes = sysconf(_SC_PAGESIZE);
  return std::min({pages > 0 ? int64_t(pages) * pageBytes : unlimited, processLimit(RLIMIT_AS), processLimit(RLIMIT_DATA), fileLimit("/sys/fs/cgroup/memory.max"),
                   fileLimit("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
}
