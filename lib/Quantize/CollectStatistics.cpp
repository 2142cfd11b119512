// The work is in the second moments: K^2 / 2 products for each input.
#include "qcc/Quantize/CollectStatistics.h"
#include "SecondMoments.h"
#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <cmath>
using namespace qcc;

StatisticsCollector::StatisticsCollector(int64_t K, bool withMoments) {
  sums.K = K;
  sums.absMax.resize(K);
  sums.meanAbs.resize(K);
  if (withMoments)
    sums.moments.resize(K * K);
}

void StatisticsCollector::add(const float *values, int64_t rows) {
  int64_t K = sums.K, strips = (K + 63) / 64;
  llvm::parallelFor(0, strips, [&](size_t strip) {
    int64_t from = int64_t(strip) * 64, to = std::min(K, from + 64);
    std::vector<double> total(to - from);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t k = from; k < to; ++k) {
        float magnitude = std::fabs(values[r * K + k]);
        total[k - from] += magnitude;
        sums.absMax[k] = std::max(sums.absMax[k], magnitude);
      }
    for (int64_t k = from; k < to; ++k)
      sums.meanAbs[k] += float(total[k - from]);
  });
  if (sums.hasMoments())
    for (int64_t r = 0; r < rows; r += momentRows)
      addMoments(values + r * K, std::min(momentRows, rows - r));
  sums.rows += rows;
}

void StatisticsCollector::addMoments(const float *values, int64_t rows) {
  int64_t K = sums.K, panels = (K + momentLanes - 1) / momentLanes;
  std::vector<float> packed(panels * momentLanes * momentRows);
  llvm::parallelFor(0, panels, [&](size_t panel) { packMoments(values, rows, K, int64_t(panel), packed.data()); });
  llvm::parallelFor(0, panels, [&](size_t panel) { addMomentRows(packed.data(), K, int64_t(panel), sums.moments.data()); });
}

InputStatistics StatisticsCollector::finish() {
  int64_t K = sums.K;
  float scale = sums.rows ? 1.0f / float(sums.rows) : 0;
  for (float &mean : sums.meanAbs)
    mean *= scale;
  if (sums.hasMoments())
    for (int64_t i = 0; i < K; ++i)
      for (int64_t j = i; j < K; ++j)
        sums.moments[i * K + j] = sums.moments[j * K + i] = sums.moments[i * K + j] * scale;
  return std::move(sums);
}
