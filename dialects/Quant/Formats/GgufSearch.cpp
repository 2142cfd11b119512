// See the header. Compiled without contraction of products and sums (-ffp-contract=off).
#include "dialects/Quant/Formats/GgufSearch.h"
#include <algorithm>
#include <cmath>
using namespace qcc::qnt;

static constexpr float tiny = 1e-15f;    // a group of smaller values is all zeros

/// The code nearest to x (ties to even), within its range.
static float nearest(float x, float low, float high) { return std::nearbyint(std::min(std::max(x, low), high)); }

static float signedMaximum(const float *x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(most))
      most = x[i];
  return most;
}

float qcc::qnt::ggufSymmetricScale(const float *x, const float *weights, int64_t n, int half) {
  float most = signedMaximum(x, n), low = float(-half), high = float(half - 1), scale = 0, best = 0;
  if (std::fabs(most) < tiny)
    return 0;
  auto attempt = [&](float inverse, bool isFirst) {
    float xq = 0, qq = 0;
    for (int64_t i = 0; i < n; ++i) {
      float q = nearest(inverse * x[i], low, high);
      xq += weights[i] * x[i] * q;
      qq += weights[i] * q * q;
    }
    if (isFirst ? qq != 0 : qq > 0 && xq * xq > best * qq) {
      scale = xq / qq;
      best = scale * xq;
    }
  };
  attempt(low / most, true);
  for (int step = -9; step <= 9; ++step)
    if (step != 0)
      attempt(-(float(half) + 0.1f * float(step)) / most, false);
  return scale;
}

float qcc::qnt::ggufRefinedScale(const float *x, int64_t n, int half) {
  float most = signedMaximum(x, n), low = float(-half), high = float(half - 1), codes[32], xq = 0, qq = 0;
  if (std::fabs(most) < tiny)
    return 0;
  for (int64_t i = 0; i < n; ++i) {
    float q = codes[i] = nearest(low / most * x[i], low, high), w = x[i] * x[i];
    xq += w * x[i] * q;
    qq += w * q * q;
  }
  bool changed = true;
  for (int round = 0; round < 5 && changed; ++round) {
    changed = false;
    for (int64_t i = 0; i < n; ++i) {
      float w = x[i] * x[i], others = xq - w * x[i] * codes[i];
      if (!(others > 0))
        continue;
      float squares = qq - w * codes[i] * codes[i], q = nearest(x[i] * squares / others, low, high);
      if (q == codes[i])
        continue;
      others += w * x[i] * q;
      squares += w * q * q;
      if (squares > 0 && others * others * qq > xq * xq * squares) {
        codes[i] = q;
        xq = others;
        qq = squares;
        changed = true;
      }
    }
  }
  return qq > 0 ? xq / qq : 0;
}

GgufAffine qcc::qnt::ggufAffineScale(const float *x, const float *weights, int64_t n, int top, const GgufRanges &ranges) {
  float min = x[0], max = x[0], sumW = weights[0], sumX = weights[0] * x[0];
  for (int64_t i = 1; i < n; ++i) {
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
    sumW += weights[i];
    sumX += weights[i] * x[i];
  }
  min = std::min(min, 0.0f);
  float width = max - min;
  if (width <= 0 || !std::isfinite(float(top) / width))
    return {0, -min};
  float codes[256];
  auto encode = [&](float inverse) {
    for (int64_t i = 0; i < n; ++i)
      codes[i] = nearest(inverse * (x[i] - min), 0, float(top));
  };
  auto errorOf = [&](float scale, float offset) {
    float error = 0;
    for (int64_t i = 0; i < n; ++i) {
      float d = scale * codes[i] + offset - x[i];
      error += weights[i] * (ranges.absolute ? std::fabs(d) : d * d);
    }
    return error;
  };
  float inverse = float(top) / width, scale = 1 / inverse;
  encode(inverse);
  float best = errorOf(scale, min);
  for (int step = 0; step <= ranges.count; ++step) {
    // Codes of later ranges start at the minimum found so far.
    encode((ranges.first + ranges.step * float(step) + float(top)) / (max - min));
    float q = 0, qq = 0, xq = 0;
    for (int64_t i = 0; i < n; ++i) {
      q += weights[i] * codes[i];
      qq += weights[i] * codes[i] * codes[i];
      xq += weights[i] * codes[i] * x[i];
    }
    float determinant = sumW * qq - q * q;
    if (!(determinant > 0))
      continue;
    float newScale = (sumW * xq - sumX * q) / determinant, newMin = (qq * sumX - q * xq) / determinant;
    if (newMin > 0) {
      newMin = 0;
      newScale = xq / qq;
    }
    float error = errorOf(newScale, newMin);
    if (error < best) {
      best = error;
      scale = newScale;
      min = newMin;
    }
  }
  return {scale, -min};
}
