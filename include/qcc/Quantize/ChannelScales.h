// AWQ's search (Lin et al., arXiv 2306.00978): factors per input channel under which quantized weights do less harm. The weights' columns are multiplied
// by them, and what makes the inputs divides; folding them in is someone else's work.
#ifndef QCC_QUANTIZE_CHANNELSCALES_H
#define QCC_QUANTIZE_CHANNELSCALES_H
#include "qcc/Quantize/Method.h"

namespace qcc {
struct ChannelScaleOptions {
  int64_t steps = 20;          // exponents 0, 1 / steps, .. are tried; 0 is first, and leaves weights as they are unless `duo`
  bool duo = false;            // divides by the weights' magnitude to the power of one minus the exponent, as AutoAWQ's duo_scaling
  bool weighted = false;       // ranges of groups as methods with second moments choose them: of least error in outputs, finely searched
  int64_t sampledRows = 256;   // errors are measured on so many rows of each weight, evenly spaced
};

struct ChannelScales {
  std::vector<float> scales;   // [K] > 0, finite; all 1 where nothing beats the weights as they are
  double error = 0;            // tr(E H E^T) summed over the weights, H the inputs' second moments, E the decoded weights' errors; estimated from the sample
  double plainError = 0;       // the same with all scales 1; never less than `error`
};

/// Factors for all weights that read the same inputs (query, key and value; gate and up): `readers` have the same K and the same statistics, with second
/// moments. A channel's is the mean |x| of its inputs to the power of the exponent with the least error when formats round to nearest; channels far below
/// the others' mean count as a thousandth of it, so that those that were 0 stay in range. The same bits at any number of threads
/// (llvm::parallel::strategy). Fails when a row has no encoding as it is; `why` says which and why.
llvm::FailureOr<ChannelScales> searchChannelScales(llvm::ArrayRef<WeightProblem> readers, const ChannelScaleOptions &options, std::string &why);
} // namespace qcc
#endif
