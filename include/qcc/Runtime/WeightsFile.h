/* model.weights: header, section table, page-aligned data region, footer. Written by lib/Compiler, mapped read-only by lib/Runtime.
 * All integers little endian. Section names are the ONNX initializer's (merged weights: joined by '+'). */
#ifndef QCC_RUNTIME_WEIGHTS_FILE_H
#define QCC_RUNTIME_WEIGHTS_FILE_H
#include <stdint.h>

#define QCC_WEIGHTS_MAGIC "QCCWTS1\n"
#define QCC_WEIGHTS_FOOTER "QCCEND1\n"
#define QCC_WEIGHTS_ALIGN 4096

typedef struct {
  char magic[8];                                              /* QCC_WEIGHTS_MAGIC */
  uint32_t version, num_sections;                             /* version 1 */
  uint64_t file_bytes;                                        /* total length, footer included */
  uint64_t table_offset, table_bytes;                         /* qcc_weights_section[num_sections], then their names */
  uint64_t data_offset, data_bytes;                           /* data_offset is a multiple of QCC_WEIGHTS_ALIGN */
  uint8_t id[32];                                             /* SHA-256 of the table_bytes at table_offset */
} qcc_weights_header;

typedef struct {
  uint64_t offset, bytes;                                     /* in the data region; offset is a multiple of 64 */
  uint64_t name_offset, name_bytes;                           /* in the table, after the sections */
  uint8_t sha256[32];
} qcc_weights_section;
#endif
