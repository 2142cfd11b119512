/* An artifact opened at run time: the functions of qcc.h out of one library, by pointers, so that several can be open at once. */
#ifndef QCC_LIB_ARTIFACT_MODELLIBRARY_H
#define QCC_LIB_ARTIFACT_MODELLIBRARY_H
#include "qcc/Runtime/qcc.h"
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif

#define QCC_FUNCTIONS(X)                                                                                                          \
  X(open) X(close) X(error) X(api_version) X(get_info) X(variant_name) X(input_info) X(output_info) X(output_shape) X(run)        \
  X(session_open) X(session_close) X(session_append) X(session_generate) X(session_position) X(session_truncate)

/* Since version 2 of the API, the last since 3: null in artifacts that are older. */
#define QCC_NEWER_FUNCTIONS(X) X(get_profile) X(reset_profile) X(get_region) X(observe)

typedef struct {
  void *handle;
#define QCC_FIELD(name) __typeof__(&qcc_##name) name;
  QCC_FUNCTIONS(QCC_FIELD)
  QCC_NEWER_FUNCTIONS(QCC_FIELD)
#undef QCC_FIELD
} ModelLibrary;

/* Loads the library at `path` (a path, never searched for). On failure the exit code for it (ExitCodes.h: missing or not a library
 * made by qcc) and a message in `error`; 0 on success. */
int model_library_load(ModelLibrary *library, const char *path, char *error, size_t size);
void model_library_unload(ModelLibrary *library);             /* after the last call into it */

/* The tools' exit code for an error of the API. */
int model_exit_code(qcc_status status);
#ifdef __cplusplus
}
#endif
#endif
