// The same bits on every machine: each element has one product and one difference, never contracted.
#include "ErrorFeedback.h"
#if defined(__x86_64__)
#define QCC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define QCC_CLONES
#endif

QCC_CLONES void qcc::feedBack(float *rows, int64_t stride, int64_t count, const float *errors, const float *u, int64_t n) {
  if (count == feedbackRows) {
    float *a = rows, *b = rows + stride, *c = rows + 2 * stride, *d = rows + 3 * stride;
    for (int64_t j = 0; j < n; ++j) {
      a[j] -= errors[0] * u[j];
      b[j] -= errors[1] * u[j];
      c[j] -= errors[2] * u[j];
      d[j] -= errors[3] * u[j];
    }
    return;
  }
  for (int64_t r = 0; r < count; ++r)
    for (int64_t j = 0; j < n; ++j)
      rows[r * stride + j] -= errors[r] * u[j];
}
