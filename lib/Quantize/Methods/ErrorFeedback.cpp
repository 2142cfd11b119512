// The same bits on every machine: each element has one product and one difference at a time, never contracted.
#include "ErrorFeedback.h"
#include "qcc/Base/Clones.h"

typedef float Lanes __attribute__((vector_size(4 * qcc::feedbackLanes), aligned(4)));

QCC_CLONES("avx512f", "avx2", "default") void qcc::feedBack(float *rows, int64_t stride, const float *errors, const float *u, int64_t n) {
  float *a = rows, *b = rows + stride, *c = rows + 2 * stride, *d = rows + 3 * stride;
  for (int64_t j = 0; j < n; ++j) {
    a[j] -= errors[0] * u[j];
    b[j] -= errors[1] * u[j];
    c[j] -= errors[2] * u[j];
    d[j] -= errors[3] * u[j];
  }
}

QCC_CLONES("avx512f", "avx2", "default") void qcc::feedBackBlock(float *rows, int64_t stride, const float *errors, int64_t count, const float *u, int64_t n) {
  for (int64_t j = 0; j < n; j += feedbackLanes) {
    Lanes *a = reinterpret_cast<Lanes *>(rows + j), *b = reinterpret_cast<Lanes *>(rows + stride + j);
    Lanes *c = reinterpret_cast<Lanes *>(rows + 2 * stride + j), *d = reinterpret_cast<Lanes *>(rows + 3 * stride + j);
    Lanes ra = *a, rb = *b, rc = *c, rd = *d;
    for (int64_t i = 0; i < count; ++i) {
      Lanes v = *reinterpret_cast<const Lanes *>(u + i * stride + j);
      const float *e = errors + i * feedbackRows;
      ra -= v * e[0];
      rb -= v * e[1];
      rc -= v * e[2];
      rd -= v * e[3];
    }
    *a = ra, *b = rb, *c = rc, *d = rd;
  }
}
