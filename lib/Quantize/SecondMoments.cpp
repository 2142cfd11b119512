// Vectors run over columns, and products are never contracted, so every machine gets the same sums (as in GroupSearch.cpp).
#include "SecondMoments.h"
#include "qcc/Base/Clones.h"
#include <cstring>
using namespace qcc;

typedef float Lanes __attribute__((vector_size(64), aligned(4)));

void qcc::packMoments(const float *values, int64_t rows, int64_t K, int64_t panel, float *packed) {
  int64_t first = panel * momentLanes, n = K - first < momentLanes ? K - first : momentLanes;
  float *out = packed + panel * momentRows * momentLanes;
  memset(out, 0, momentRows * momentLanes * sizeof *out);
  for (int64_t r = 0; r < rows; ++r)
    memcpy(out + r * momentLanes, values + r * K + first, n * sizeof *out);
}

QCC_CLONES("avx512f", "avx2", "default") void qcc::addMomentRows(const float *packed, int64_t K, int64_t panel, float *moments) {
  int64_t panels = (K + momentLanes - 1) / momentLanes;
  const float *left = packed + panel * momentRows * momentLanes;
  for (int64_t other = panel; other < panels; ++other) {
    const float *right = packed + other * momentRows * momentLanes;
    int64_t columns = K - other * momentLanes < momentLanes ? K - other * momentLanes : momentLanes;
    for (int64_t i0 = 0; i0 < momentLanes; i0 += 4) {
      Lanes a = {}, b = {}, c = {}, d = {};
      for (int64_t r = 0; r < momentRows; ++r) {
        Lanes x = *reinterpret_cast<const Lanes *>(right + r * momentLanes);
        const float *y = left + r * momentLanes + i0;
        a += x * y[0];
        b += x * y[1];
        c += x * y[2];
        d += x * y[3];
      }
      Lanes sums[4] = {a, b, c, d};
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t j = 0, row = panel * momentLanes + i0 + i; row < K && j < columns; ++j)
          moments[row * K + other * momentLanes + j] += sums[i][j];
    }
  }
}
