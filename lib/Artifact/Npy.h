/* NumPy's .npy files: dense little-endian arrays of bool, integers and floats, up to 8 dimensions. The reader trusts nothing. */
#ifndef QCC_LIB_ARTIFACT_NPY_H
#define QCC_LIB_ARTIFACT_NPY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NpyMaxRank = 8 };
typedef struct {
  uint8_t code, bits;                                         /* DLPack's: 0 int, 1 uint, 2 float, 6 bool */
  int rank;
  int64_t shape[NpyMaxRank];
  void *data;                                                 /* malloc'ed; npy_free */
  size_t bytes;
} NpyArray;

/* False with a message in `error` when the file is missing (*missing = true), damaged, or holds something else. */
bool npy_read(const char *path, NpyArray *array, bool *missing, char *error, size_t size);
/* Writes to a temporary name beside `path` and renames it when complete. */
bool npy_write(const char *path, const NpyArray *array, char *error, size_t size);
void npy_free(NpyArray *array);
#ifdef __cplusplus
}
#endif
#endif
