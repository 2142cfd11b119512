/* SHA-256 (FIPS 180-4), for the identity of weights files: LLVM's cannot be linked into an artifact. About 250 MB/s. */
#ifndef QCC_LIB_RUNTIME_SHA256_H
#define QCC_LIB_RUNTIME_SHA256_H
#include <stddef.h>
#include <stdint.h>

void qccrt_sha256(const void *data, size_t bytes, uint8_t digest[32]);
#endif
