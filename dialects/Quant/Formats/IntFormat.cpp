// Integers with one scale per group: `scale * (code - zero)`. Symmetric codes have the implicit zero 2^(bits-1).
//
// Scales: below 8 bits the range is searched for the least squared error, starting from the signed maximum, since a grid of
// +-(2^(bits-1)-1) would waste a code (at 4 bits: KL 38 against 30). At 8 bits absmax/127, as everywhere.
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

/// A group's scale after rounding; a group whose scale vanishes is all zeros: scale 1, every code at the zero point.
static float storableScale(float scale, ScaleKind kind) {
  float rounded = roundToScale(scale, kind);
  return rounded == 0 ? 1.0f : rounded;
}

static float symmetricScale(const float *x, int64_t n, unsigned bits) {
  if (bits < 8)
    return searchSymmetricScale(x, n, bits);
  Extent range = extentOf(x, n);
  return std::max(-range.min, range.max) / 127.0f;
}

/// The affine scale and zero point of least squared error among ranges shrunk towards 0; the range always includes 0.
static std::pair<float, float> affineScale(const float *x, int64_t n, unsigned bits, ScaleKind kind) {
  Extent range = extentOf(x, n);
  float top = float((1 << bits) - 1), best = INFINITY, full = storableScale((range.max - range.min) / top, kind);
  if (!std::isfinite(full))
    return {full, 0.0f}; // the caller refuses it
  std::pair<float, float> found{1.0f, 0.0f};
  int steps = bits >= 8 ? 1 : 8;
  float shrink = bits <= 2 ? 0.06f : bits == 3 ? 0.04f : 0.02f;
  for (int step = 0; step < steps; ++step) {
    float keep = 1.0f - shrink * float(step), scale = storableScale((range.max - range.min) * keep / top, kind);
    float zero = std::min(std::max(std::nearbyint(-range.min * keep / scale), 0.0f), top);
    float error = squaredError(x, n, 1.0f / scale, scale, -zero, top - zero);
    if (error < best) {
      best = error;
      found = {scale, zero};
    }
  }
  return found;
}

namespace {
struct IntFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    unsigned bits;
    int64_t group = 32;
    if (!name.consume_front("w") || name.consumeInteger(10, bits) || bits < 2 || bits > 8)
      return {};
    if (name.consume_front("row"))
      group = -1;
    else if (name.consume_front("g") && (name.consumeInteger(10, group) || group < 1))
      return {};
    ZeroKind zero = name.consume_front("asym") ? ZeroKind::Int : name.consume_front("zf") ? ZeroKind::Float : ZeroKind::None;
    ScaleKind scale = name.consume_front("s32") ? ScaleKind::F32 : ScaleKind::F16;
    if (!name.empty())
      return {};
    return BlockType::get(context, Element::Int, bits, group, scale, zero, 0, 0, StringAttr());
  }
  bool owns(Type element) const override {
    auto block = dyn_cast<BlockType>(element);
    return block && block.getElement() == Element::Int && !block.getSuper() && block.getBits() >= 2 && llvm::is_contained({ScaleKind::F16, ScaleKind::F32}, block.getScale());
  }
  std::string name(Type element) const override {
    auto block = cast<BlockType>(element);
    std::string group = block.getGroup() < 0 ? "row" : "g" + std::to_string(block.getGroup());
    StringRef zero = block.getZero() == ZeroKind::Int ? "asym" : block.getZero() == ZeroKind::Float ? "zf" : "";
    return ("w" + Twine(block.getBits()) + group + zero + (block.getScale() == ScaleKind::F32 ? "s32" : "")).str();
  }
  int64_t rowBits(Type element, int64_t K) const override {
    auto block = cast<BlockType>(element);
    int64_t scale = scaleBits(block.getScale());
    int64_t zero = block.getZero() == ZeroKind::Int ? block.getBits() : block.getZero() == ZeroKind::Float ? scale : 0;
    return K * block.getBits() + groupsPerRow(block, K) * (scale + zero);
  }

  LogicalResult encodeRow(ArrayRef<float> values, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    auto block = cast<BlockType>(out.view.element);
    const QuantizedRows &view = out.view;
    SmallVector<float, 256> padded;
    for (int64_t g = 0; g < view.groups; ++g) {
      int64_t from = g * view.group, n = std::min(view.group, view.K - from);
      padded.assign(paddedToLanes(n), 0.0f);
      std::copy_n(values.data() + from, n, padded.data());
      float scale, zero;
      bool symmetric = block.getZero() == ZeroKind::None;
      if (symmetric) {
        scale = storableScale(symmetricScale(padded.data(), padded.size(), block.getBits()), block.getScale());
        zero = float(view.implicitZero());
      } else {
        std::tie(scale, zero) = affineScale(padded.data(), padded.size(), block.getBits(), block.getScale());
      }
      if (!std::isfinite(scale)) {
        why = "the scale of group " + std::to_string(g) + " is too large for f16";
        return failure();
      }
      // At 8 bits -128 is not used: +-127 is symmetric, and -128 * -128 is the one product that pairwise int16 sums cannot hold.
      float lo = -zero, top = float((1 << block.getBits()) - 1) - zero;
      uint8_t *codes = out.codes.data() + row * view.K + from;
      encodeGroup(padded.data(), n, scale, lo, top, codes);
      if (symmetric && block.getBits() == 8)
        for (int64_t i = 0; i < n; ++i)
          codes[i] = std::max<uint8_t>(codes[i], 1);
      out.scales[row * view.groups + g] = scale;
      if (block.getZero() == ZeroKind::Int)
        out.zeros[row * view.groups + g] = uint8_t(zero);
      else if (block.getZero() == ZeroKind::Float)
        out.floatZeros[row * view.groups + g] = zero;
    }
    return success();
  }

  void decodeRow(const QuantizedRows &rows, int64_t row, MutableArrayRef<float> values) const override {
    for (int64_t k = 0; k < rows.K; ++k) {
      int64_t g = row * rows.groups + k / rows.group;
      float zero = !rows.zeros.empty() ? float(rows.zeros[g]) : !rows.floatZeros.empty() ? rows.floatZeros[g] : float(rows.implicitZero());
      values[k] = rows.scales[g] * (float(rows.codes[row * rows.K + k]) - zero);
    }
  }

  Value integerValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    if (type.getZero() == ZeroKind::Float)
      return element.code;
    Value zero = element.side;
    if (type.getZero() == ZeroKind::None)
      zero = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), int64_t(1) << (type.getBits() - 1));
    return arith::SubIOp::create(builder, loc, element.code, zero);
  }
};
} // namespace

const FormatFamily &qcc::qnt::getIntFormat() {
  static const IntFormat format;
  return format;
}
