#include "Tokens.h"
#include "Npy.h"
#include "qcc/Base/ExitCodes.h"
#include <stdio.h>
#include <stdlib.h>

int tokens_read(const char *path, Tokens *tokens, char *error, size_t size) {
  NpyArray array;
  bool missing;
  *tokens = (Tokens){NULL, 0, 0};
  if (!npy_read(path, &array, &missing, error, size))
    return missing ? ExitInput : ExitMalformed;
  int code = ExitSuccess;
  if (array.code > 1 || (array.bits != 64 && array.bits != 32) || array.rank < 1 || array.rank > 2) {
    snprintf(error, size, "%s: tokens must be int32 or int64, [n] or [batch, n]", path);
    code = ExitMalformed;
  } else if (!array.bytes) {
    snprintf(error, size, "%s: there are no tokens", path);
    code = ExitMalformed;
  } else {
    tokens->batch = array.rank == 2 ? array.shape[0] : 1;
    tokens->count = array.shape[array.rank - 1];
    int64_t total = tokens->batch * tokens->count;
    tokens->ids = calloc((size_t)total, sizeof *tokens->ids);
    if (!tokens->ids) {
      snprintf(error, size, "out of memory");
      code = ExitResource;
    }
    for (int64_t i = 0; !code && i < total; i++)
      tokens->ids[i] = array.bits == 64 ? ((int64_t *)array.data)[i] : ((int32_t *)array.data)[i];
  }
  npy_free(&array);
  return code;
}
