// Inner loop of GPTQ. No MLIR here: compiled with full optimization.
#ifndef QCC_LIB_QUANTIZE_METHODS_ERRORFEEDBACK_H
#define QCC_LIB_QUANTIZE_METHODS_ERRORFEEDBACK_H
#include <cstdint>

namespace qcc {
constexpr int64_t feedbackRows = 4;  // rows worked on together: a row of `u` is read once for all of them

/// rows[r * stride + j] -= errors[r] * u[j] for j < n, r < count <= feedbackRows.
void feedBack(float *rows, int64_t stride, int64_t count, const float *errors, const float *u, int64_t n);
} // namespace qcc
#endif
