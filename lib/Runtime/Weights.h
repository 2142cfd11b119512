/* Packed weights: a mapped file, or the same bytes embedded in the artifact. Checked before anything reads them. */
#ifndef QCC_LIB_RUNTIME_WEIGHTS_H
#define QCC_LIB_RUNTIME_WEIGHTS_H
#include "Memory.h"
#include "qcc/Runtime/WeightsFile.h"

typedef struct {
  const uint8_t *image;                                       /* the whole file */
  uint64_t imageBytes;
  const uint8_t *data;                                        /* its data region, or the copy of it in huge pages */
  bool mapped;                                                /* image is ours to unmap */
  qccrt_block copy;
} qccrt_weights;

/* Both check header, lengths, section table, footer, and that the table has the identity in the header; on failure they say what
 * is wrong in `error` (size bytes) and leave `weights` empty. Section contents are not read. `path` names the weights in messages. */
bool qccrt_weights_map(qccrt_weights *weights, const char *path, char *error, size_t size);
bool qccrt_weights_use(qccrt_weights *weights, const uint8_t *image, uint64_t bytes, const char *path, char *error, size_t size);
void qccrt_weights_free(qccrt_weights *weights);

/* SHA-256 of every section against the table. */
bool qccrt_weights_verify(const qccrt_weights *weights, const char *path, char *error, size_t size);
/* Copies the data region into huge pages and gives the mapping back. */
bool qccrt_weights_copy(qccrt_weights *weights);

const qcc_weights_header *qccrt_weights_header(const qccrt_weights *weights);
const qcc_weights_section *qccrt_weights_sections(const qccrt_weights *weights);
#endif
