// The scales that are best for given codes.
#ifndef QCC_LIB_QUANTIZE_METHODS_REFITSCALES_H
#define QCC_LIB_QUANTIZE_METHODS_REFITSCALES_H
#include "qcc/Quantize/Method.h"

namespace qcc {
/// Codes and stored scales of a row, to be had back.
struct RowState {
  RowState(const qnt::QuantizedBuffer &buffer, int64_t row);
  void restore(qnt::QuantizedBuffer &buffer, int64_t row) const;
  std::vector<uint8_t> codes;
  std::vector<float> scales;
};

/// The damped second moments H of a weight's inputs, with zeros behind each row: the same for all its formats, and as large as K^2.
struct DampedMoments {
  explicit DampedMoments(const WeightProblem &problem);
  int64_t stride;              // columns and zeros behind them
  std::vector<float> values;   // [K][stride]
};

/// Least squares of a row's outputs: a value is its stored scale times what its code stands for, c. With t_g = H c_g, for the columns g of a scale and
/// the second moments H, damped as `damping` says, the scales s solve sum_h (c_g t_h) s_h = w t_g.
class RefitScales {
public:
  /// `element` is a format that a family owns.
  static bool applies(mlir::Type element);
  RefitScales(const WeightProblem &problem, const DampedMoments &moments);
  /// Replaces the scales of `count` rows, at most feedbackRows, for their codes. A scale without effect, and one whose sign would change, stays.
  void run(int64_t first, int64_t count, qnt::QuantizedBuffer &out) const;
  /// d H d^T of `count` rows, at most feedbackRows, for d what their codes have lost.
  std::vector<double> losses(int64_t first, int64_t count, const qnt::QuantizedBuffer &out) const;

private:
  const WeightProblem &problem;
  const qnt::FormatFamily &family;
  const DampedMoments &moments;
  int64_t span;                // columns of a stored scale
};
} // namespace qcc
#endif
