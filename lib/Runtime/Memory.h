/* Blocks for arena and state: zeroed, 64-byte aligned at least, in huge pages where the system gives them. */
#ifndef QCC_LIB_RUNTIME_MEMORY_H
#define QCC_LIB_RUNTIME_MEMORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *data;                                              /* null while empty */
  size_t bytes;
  void *mapping;                                              /* what munmap takes back: alignment makes it start earlier */
  size_t mappingBytes;
} qccrt_block;

/* Replaces an empty or smaller block by one of at least `bytes`, zeroed (the content is not kept). Pages are taken from the system
 * when they are first touched. False: no memory; the block is then empty. */
bool qccrt_block_reserve(qccrt_block *block, size_t bytes);
void qccrt_block_free(qccrt_block *block);
#endif
