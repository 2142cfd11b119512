/* Token ids out of .npy files. */
#ifndef QCC_LIB_ARTIFACT_TOKENS_H
#define QCC_LIB_ARTIFACT_TOKENS_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t *ids, batch, count;                                 /* [batch][count], malloc'ed */
} Tokens;

/* Reads int32 or int64 ids, [n] or [batch, n], at least one. 0, or an exit code (ExitCodes.h) with a message in `error`. */
int tokens_read(const char *path, Tokens *tokens, char *error, size_t size);
#ifdef __cplusplus
}
#endif
#endif
