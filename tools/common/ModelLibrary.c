#include "ModelLibrary.h"
#include "qcc/Base/ExitCodes.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int model_library_load(ModelLibrary *library, const char *path, char *error, size_t size) {
  memset(library, 0, sizeof *library);
  char *absolute = realpath(path, NULL);                      /* dlopen would search for a name without a slash */
  if (!absolute) {
    snprintf(error, size, "%s: %s", path, strerror(errno));
    return ExitInput;
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
  case QCC_ERROR_WEIGHTS: return ExitMalformed;
  case QCC_ERROR_CPU: case QCC_ERROR_DEVICE: return ExitUnsupported;
  case QCC_ERROR_MEMORY: case QCC_ERROR_THREAD: return ExitResource;
  case QCC_ERROR_ARGUMENT: case QCC_ERROR_TOKEN: case QCC_ERROR_CONTEXT: break;
  }
  return ExitCompileError;
}
