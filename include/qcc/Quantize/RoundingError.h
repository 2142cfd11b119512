// What a format would lose of a weight, estimated from some of its rows.
#ifndef QCC_QUANTIZE_ROUNDINGERROR_H
#define QCC_QUANTIZE_ROUNDINGERROR_H
#include "dialects/Quant/Formats/Format.h"
#include <optional>

namespace qcc {
/// Sums over rows r and columns k of costs[k] x[r][k]^2, for x the weight (signal) and what rounding changes of it (noise).
struct RoundingError {
  double signal = 0, noise = 0;
};
/// Of values[rows][K] in the format `element`, rounded to nearest. At most 128 rows, evenly spaced, stand for all. `costs`: [K], finite and >= 0, or empty: 1.
/// Nothing where a row has no encoding. The same number at any number of threads.
std::optional<RoundingError> estimateRoundingError(mlir::Type element, llvm::ArrayRef<float> values, int64_t K, llvm::ArrayRef<double> costs);
} // namespace qcc
#endif
