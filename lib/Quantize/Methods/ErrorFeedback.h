// Inner loops of GPTQ. No MLIR here: compiled with full optimization.
#ifndef QCC_LIB_QUANTIZE_METHODS_ERRORFEEDBACK_H
#define QCC_LIB_QUANTIZE_METHODS_ERRORFEEDBACK_H
#include <cstdint>

namespace qcc {
constexpr int64_t feedbackRows = 4;       // rows worked on together
constexpr int64_t feedbackLanes = 16;     // the many columns that feedBackBlock takes are a multiple of this
constexpr int64_t feedbackColumns = 128;  // of a block: the rest of the row sees their errors all at once, which reads it once and not 128 times

/// rows[r][j] -= errors[r] * u[j] for j < n and feedbackRows rows, `stride` elements apart.
void feedBack(float *rows, int64_t stride, const float *errors, const float *u, int64_t n);

/// The same for `count` columns' errors[count][feedbackRows] and u[count][n], its rows `stride` elements apart too: each element of `rows` has the products
/// subtracted in order, so that the result is that of `count` calls of feedBack. `n` is a multiple of feedbackLanes.
void feedBackBlock(float *rows, int64_t stride, const float *errors, int64_t count, const float *u, int64_t n);
} // namespace qcc
#endif
