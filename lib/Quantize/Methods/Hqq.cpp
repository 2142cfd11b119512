// HQQ (half-quadratic quantization; Badri and Shaji, 2023): under the scale of the whole range, the zero point of a group is chosen so that the error's
// l_p norm, p = 0.7, is small: most values exact, a few far off. Alternates between a shrunk error and the mean that fits it. Needs no data.
//
// The zero point is a real number; a format with integer ones rounds it in the end (as the reference does for 4 bits). In f32, but for the proximal step.
#include "Methods.h"
#include "ProximalStep.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

static constexpr int iterations = 20;

/// The zero point for codes 0..top of `x` under `scale`.
static float chooseZero(ArrayRef<float> x, float scale, float zero, float top) {
  float inverse = 1.0f / scale, best = zero;
  double least = INFINITY;
  for (int i = 0; i < iterations; ++i) {
    double sum = 0, error = 0;
    for (float value : x) {
      float code = std::nearbyint(std::min(std::max(value * inverse + zero, 0.0f), top)), decoded = (code - zero) * scale;
      error += std::fabs(value - decoded);
      sum += code - (value - proximalStep(value - decoded)) * inverse;
    }
    if (error > least * 1.00001)
      break; // the mean error rises: the zero point before this one stays. It may be level for a while, up to rounding, with as many values above as below
    least = std::min(least, error);
    best = zero;
    zero = float(sum / double(x.size()));
  }
  return best;
}

namespace {
struct Hqq : QuantizationMethod {
  StringRef name() const override { return "hqq"; }
  StringRef hint() const override { return "hqq chooses zero points: --asym, or --tensor-type with a format that has them"; }
  bool handles(qnt::BlockType format) const override { return format.getZero() == qnt::ZeroKind::Int || format.getZero() == qnt::ZeroKind::Float; }
  LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const override {
    auto block = cast<qnt::BlockType>(problem.element);
    const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
    return forEachRow(problem, why, [&](int64_t row, std::string &why) {
      ArrayRef<float> values = problem.values.slice(row * problem.K, problem.K);
      if (failed(family.fitRow(values, {}, out, row, why)))
        return failure();
      for (int64_t g = 0; g < out.view.groups; ++g)
        fitGroup(block, values.slice(g * out.view.group, std::min(out.view.group, problem.K - g * out.view.group)), row * out.view.groups + g, out);
      family.encodeColumns(values, 0, out, row);
      return success();
    });
  }

private:
  static void fitGroup(qnt::BlockType block, ArrayRef<float> x, int64_t at, qnt::QuantizedBuffer &out) {
    auto [low, high] = std::minmax_element(x.begin(), x.end());
    float top = float((1 << block.getBits()) - 1), scale = qnt::roundToScale((*high - *low) / top, block.getScale());
    if (scale < 1e-7f || !std::isfinite(scale))
      return; // constant, or nearly: the format's own choice reproduces it
    float zero = chooseZero(x, scale, -*low / scale, top);
    if (block.getZero() == qnt::ZeroKind::Int) {
      float nearest = std::nearbyint(zero);
      if (nearest < 0 || nearest > top)
        return; // a range that does not include 0 has no integer zero point
      out.zeros[at] = uint8_t(nearest);
    } else {
      float rounded = qnt::roundToScale(zero, block.getScale());
      if (!std::isfinite(rounded))
        return; // far from 0, compared with the range
      out.floatZeros[at] = rounded;
    }
    out.scales[at] = scale;
  }
};
} // namespace

const QuantizationMethod &qcc::getHqq() {
  static const Hqq method;
  return method;
}
