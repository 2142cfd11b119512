// What formats would lose of a weight, estimated from some of its rows.
#ifndef QCC_QUANTIZE_ROUNDINGERROR_H
#define QCC_QUANTIZE_ROUNDINGERROR_H
#include "qcc/Quantize/Method.h"
#include <optional>

namespace qcc {
/// Sums over rows x of x H x^T, for x of the weight (signal) and of what encoding changes of it (noise). H are the second moments of the inputs, so that these
/// are mean squares of outputs; without finite ones it is 1.
struct RoundingError {
  double signal = 0, noise = 0;
};
/// Of `problem`, whose format does not matter, in each of `formats` when `method` encodes it. At most 128 rows (32 with inputs), evenly spaced, stand for all. Nothing where a row
/// has no encoding. The same numbers at any number of threads.
std::vector<std::optional<RoundingError>> estimateRoundingErrors(const QuantizationMethod &method, const WeightProblem &problem, llvm::ArrayRef<mlir::Type> formats);
} // namespace qcc
#endif
