#include "ModelLibrary.h"
#include "qcc/Base/ExitCodes.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of this program: linkers define it. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* dlopen maps what a library's headers promise, and touching a page that a shortened file lacks kills the process. 0, or what is wrong. */
static const char *checkWhole(int file, int *machine) {
  struct stat status;
  ElfW(Ehdr) header;
  if (fstat(file, &status) || pread(file, &header, sizeof header, 0) != sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG))
    return "not a library";
  *machine = header.e_machine;
  if (header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || header.e_phentsize != sizeof(ElfW(Phdr)))
    return NULL;                                              /* of another machine: said below */
  uint64_t bytes = (uint64_t)status.st_size;
  if (header.e_shoff > bytes || (uint64_t)header.e_shnum * header.e_shentsize > bytes - header.e_shoff)
    return "the file is shorter than its headers say";
  for (int i = 0; i < header.e_phnum; i++) {
    ElfW(Phdr) segment;
    if (pread(file, &segment, sizeof segment, (off_t)(header.e_phoff + (uint64_t)i * sizeof segment)) != sizeof segment)
      return "the file is shorter than its headers say";
    if (segment.p_type == PT_LOAD && (segment.p_offset > bytes || segment.p_filesz > bytes - segment.p_offset))
      return "the file is shorter than its headers say";
  }
  return NULL;
}

int model_library_load(ModelLibrary *library, const char *path, char *error, size_t size) {
  memset(library, 0, sizeof *library);
  char *absolute = realpath(path, NULL);                      /* dlopen would search for a name without a slash */
  if (!absolute) {
    snprintf(error, size, "%s: %s", path, strerror(errno));
    return ExitInput;
  }
  int ownMachine = __ehdr_start.e_machine, machine = ownMachine, file = open(absolute, O_RDONLY | O_CLOEXEC);
  const char *problem = file < 0 ? strerror(errno) : checkWhole(file, &machine);
  int code = file < 0 ? ExitInput : ExitMalformed;
  if (file >= 0)
    close(file);
  if (problem) {
    snprintf(error, size, "%s: %s", path, problem);
    free(absolute);
    return code;
  }
  if (machine != ownMachine) {
    snprintf(error, size, "%s: not a library for this machine: it is for ELF machine %d, and this is %d", path, machine, ownMachine);
    free(absolute);
    return ExitUnsupported;
  }
  library->handle = dlopen(absolute, RTLD_NOW | RTLD_LOCAL);
  free(absolute);
  if (!library->handle) {
    snprintf(error, size, "%s: not a library for this machine: %s", path, dlerror());
    return ExitMalformed;
  }
#define QCC_LOOK_UP(name) library->name = (__typeof__(library->name))dlsym(library->handle, "qcc_" #name);
#define QCC_REQUIRE(name)                                                                                                         \
  QCC_LOOK_UP(name)                                                                                                               \
  if (!library->name) {                                                                                                           \
    snprintf(error, size, "%s: not a model compiled by qcc (it lacks qcc_" #name ")", path);                                      \
    model_library_unload(library);                                                                                                \
    return ExitMalformed;                                                                                                         \
  }
  QCC_FUNCTIONS(QCC_REQUIRE)
  QCC_NEWER_FUNCTIONS(QCC_LOOK_UP)
  return ExitSuccess;
}

void model_library_unload(ModelLibrary *library) {
  if (library->handle)
    dlclose(library->handle);
  memset(library, 0, sizeof *library);
}

int model_exit_code(qcc_status status) {
  switch (status) {
  case QCC_OK: return ExitSuccess;
  case QCC_ERROR_FILE: return ExitInput;
  case QCC_ERROR_WEIGHTS: return ExitMalformed;
  case QCC_ERROR_CPU: case QCC_ERROR_DEVICE: return ExitUnsupported;
  case QCC_ERROR_MEMORY: case QCC_ERROR_THREAD: return ExitResource;
  case QCC_ERROR_ARGUMENT: case QCC_ERROR_TOKEN: case QCC_ERROR_CONTEXT: break;
  }
  return ExitCompileError;
}
