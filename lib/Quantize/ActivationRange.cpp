// Source of the entropy rule: Migacz, "8-bit inference with TensorRT" (GTC 2017), with the treatment of zeros of NVIDIA's pytorch-quantization: they are
// exact in any range, so the first bin counts as its neighbour.
#include "qcc/Quantize/ActivationRange.h"
#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
using namespace qcc;

static constexpr int64_t pieceValues = 1 << 16;

bool MagnitudeHistogram::add(const float *values, int64_t count) {
  int64_t pieces = (count + pieceValues - 1) / pieceValues;
  std::vector<float> largest(pieces);
  llvm::parallelFor(0, pieces, [&](size_t piece) {
    float size = 0;
    bool finite = true;
    for (int64_t i = int64_t(piece) * pieceValues, end = std::min(count, i + pieceValues); i < end; ++i) {
      finite &= std::isfinite(values[i]);
      size = std::max(size, std::fabs(values[i]));
    }
    largest[piece] = finite ? size : std::numeric_limits<float>::infinity();
  });
  for (float size : largest)
    if (std::isinf(size))
      return false;
  for (float size : largest)
    most = std::max(most, size);
  if (bins.empty())
    return true;
  while (std::ldexp(1.0, exponent) <= double(most))
    widen();
  std::mutex merging;
  double perUnit = std::ldexp(double(numBins), -exponent);
  llvm::parallelFor(0, pieces, [&](size_t piece) {
    std::vector<uint32_t> own(numBins);
    for (int64_t i = int64_t(piece) * pieceValues, end = std::min(count, i + pieceValues); i < end; ++i)
      ++own[int64_t(std::fabs(values[i]) * perUnit)];
    std::lock_guard<std::mutex> lock(merging);
    for (int64_t bin = 0; bin < numBins; ++bin)
      bins[bin] += own[bin];
  });
  return true;
}

void MagnitudeHistogram::widen() {
  ++exponent;
  for (int64_t bin = 0; bin < numBins / 2; ++bin)
    bins[bin] = bins[2 * bin] + bins[2 * bin + 1];
  std::fill(bins.begin() + numBins / 2, bins.end(), 0);
}

float MagnitudeHistogram::edge(int64_t bin) const { return std::min(most, float(std::ldexp(double(bin) / numBins, exponent))); }

float MagnitudeHistogram::range(const RangeRule &rule) const {
  switch (rule.kind) {
  case RangeRule::AbsMax:
    return most;
  case RangeRule::Percentile:
    return edge(endOfPercentile(rule.percentile));
  case RangeRule::Entropy:
    return edge(endOfEntropy());
  }
  return most;
}

int64_t MagnitudeHistogram::endOfPercentile(double percentile) const {
  uint64_t total = 0, below = 0;
  for (uint64_t count : bins)
    total += count;
  for (int64_t bin = 0; bin < numBins; ++bin)
    if (double(below += bins[bin]) >= percentile / 100 * double(total))
      return bin + 1;
  return numBins;
}

/// KL divergence of the first `end` bins, with all that lies beyond in the last of them, from what 128 levels make of them: the bins of a level that
/// hold anything share its values evenly.
static double divergenceAt(const std::vector<double> &bins, int64_t end, double beyond) {
  constexpr int64_t levels = 128;
  constexpr double none = 1e-4;                        // what a last bin counts that is empty but for what lies beyond: else its divergence is infinite
  double inside = 0, divergence = 0;
  for (int64_t bin = 0; bin < end; ++bin)
    inside += bins[bin];
  auto term = [&](double p, double q) { return p > 0 ? p / (inside + beyond) * std::log(p / (inside + beyond) * inside / q) : 0; };
  for (int64_t level = 0; level < levels; ++level) {
    int64_t from = level * end / levels, to = (level + 1) * end / levels, used = 0;
    double count = 0;
    for (int64_t bin = from; bin < to; ++bin) {
      count += bins[bin];
      used += bins[bin] > 0;
    }
    for (int64_t bin = from; bin < to; ++bin)
      divergence += term(bins[bin] + (bin == end - 1 ? beyond : 0), bins[bin] > 0 ? count / double(used) : none);
  }
  return divergence;
}

int64_t MagnitudeHistogram::endOfEntropy() const {
  std::vector<double> counts(bins.begin(), bins.end());
  counts[0] = counts[1];
  int64_t last = numBins;
  while (last > 128 && counts[last - 1] == 0)
    --last;
  std::vector<double> divergences(last + 1, std::numeric_limits<double>::infinity()), beyond(last + 1);
  for (int64_t end = last; end-- > 0;)
    beyond[end] = beyond[end + 1] + counts[end];
  llvm::parallelFor(128, last + 1, [&](size_t end) { divergences[end] = divergenceAt(counts, int64_t(end), beyond[end]); });
  int64_t best = last;                                 // of equal ones the widest
  for (int64_t end = last; end >= 128; --end)
    if (divergences[end] < divergences[best])
      best = end;
  return best;
}
