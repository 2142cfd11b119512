// Inner loops of x^T x for a block of rows. No MLIR here: compiled with full optimization. A library's matrix product would do, but none that
// chooses its instructions at run time is at hand, and plain SSE2 takes four times as long.
#ifndef QCC_LIB_QUANTIZE_SECONDMOMENTS_H
#define QCC_LIB_QUANTIZE_SECONDMOMENTS_H
#include <cstdint>

namespace qcc {
constexpr int64_t momentLanes = 16, momentRows = 128;  // columns of a panel; rows of a block: two panels fit the first cache

/// Copies columns [16 panel, 16 panel + 16) of values[rows][K], zeros beyond both ends, to panel `panel` of packed[panels][momentRows][momentLanes].
void packMoments(const float *values, int64_t rows, int64_t K, int64_t panel, float *packed);
/// Adds the block's products to rows [16 panel, 16 panel + 16) of moments[K][K], from column 16 panel on. Each is a sum over rows in order.
void addMomentRows(const float *packed, int64_t K, int64_t panel, float *moments);
} // namespace qcc
#endif
