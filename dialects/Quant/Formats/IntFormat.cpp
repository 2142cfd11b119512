// Integers with one scale per group: `scale * (code - zero)`. Symmetric codes have the implicit zero 2^(bits-1).
//
// Scales: below 8 bits the range is searched for the least squared error, starting from the signed maximum, since a grid of
// +-(2^(bits-1)-1) would waste a code (at 4 bits: KL 38 against 30). At 8 bits absmax/127, as everywhere.
#include "dialects/Quant/Formats/Defaults.h"
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

namespace {
/// A group and its columns' importance (or null), both padded with zeros to whole lanes.
struct Group {
  const float *x, *importance;
  int64_t n;
  bool thorough;
};
} // namespace

static float symmetricScale(const Group &group, unsigned bits) {
  if (bits < 8)
    return searchSymmetricScale(group.x, group.importance, group.n, int(bits), group.thorough);
  Extent range = extentOf(group.x, group.n);
  return std::max(-range.min, range.max) / 127.0f;
}

/// The affine scale and zero point of least squared error among ranges shrunk towards 0, both ends alike or (thorough) each on its own; the range
/// always includes 0.
static std::pair<float, float> affineScale(const Group &group, unsigned bits, ScaleKind kind) {
  Extent range = extentOf(group.x, group.n);
  float top = float((1 << bits) - 1), best = INFINITY, full = storableScale((range.max - range.min) / top, kind);
  if (!std::isfinite(full))
    return {full, 0.0f}; // the caller refuses it
  std::pair<float, float> found{1.0f, 0.0f};
  auto attempt = [&](float width, float low) {
    float scale = storableScale(width / top, kind), zero = std::min(std::max(std::nearbyint(-low / scale), 0.0f), top);
    float error = squaredError(group.x, group.importance, group.n, 1.0f / scale, scale, -zero, top - zero);
    if (error < best) {
      best = error;
      found = {scale, zero};
    }
  };
  float shrink = bits <= 2 ? 0.06f : bits == 3 ? 0.04f : 0.02f;
  auto kept = [&](int step) { return 1.0f - shrink * float(step); };
  if (group.thorough && bits < 8) {
    for (int low = 0; low < 12; ++low)
      for (int high = 0; high < 12; ++high)
        attempt(range.max * kept(high) - range.min * kept(low), range.min * kept(low));
    return found;
  }
  for (int step = 0, steps = bits >= 8 ? 1 : 8; step < steps; ++step)
    attempt((range.max - range.min) * kept(step), range.min * kept(step));
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
    else if (name.consume_front("g") && (name.consumeInteger(10, group) || group < 1 || group > BlockType::maxGroup))
      return {};
    ZeroKind zero = name.consume_front("asym") ? ZeroKind::Int : name.consume_front("zf") ? ZeroKind::Float : ZeroKind::None;
    ScaleKind scale = name.consume_front("s32") ? ScaleKind::F32 : ScaleKind::F16;
    if (!name.empty())
      return {};
    return BlockType::get(context, Element::Int, bits, group, scale, zero, 0, 0, StringAttr());
  }
  bool owns(Type element) const override {
    auto block = dyn_cast<BlockType>(element);
    return block && block.getElement() == Element::Int && !block.getSuper() && block.getBits() >= 2 && block.getZero() != ZeroKind::Min && !block.getRule() &&
           llvm::is_contained({ScaleKind::F16, ScaleKind::F32}, block.getScale());
  }
  void addCandidates(MLIRContext *context, SmallVectorImpl<Type> &formats) const override {
    for (unsigned bits : integerBits())
      for (int64_t group : {-1, 128, 64, 32})
        for (ZeroKind zero : {ZeroKind::None, ZeroKind::Int})
          if (zero == ZeroKind::None || bits <= 4)     // with more bits, half a bit for zero points gains less than another bit
            formats.push_back(BlockType::get(context, Element::Int, bits, group, ScaleKind::F16, zero, 0, 0, StringAttr()));
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
  bool hasLinearScales(Type element) const override { return true; }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    auto block = cast<BlockType>(out.view.element);
    const QuantizedRows &view = out.view;
    SmallVector<float, 256> padded, importance;
    for (int64_t g = 0; g < view.groups; ++g) {
      int64_t from = g * view.group, n = std::min(view.group, view.K - from);
      padded.assign(paddedToLanes(n), 0.0f);
      std::copy_n(values.data() + from, n, padded.data());
      if (!options.importance.empty()) {
        importance.assign(padded.size(), 0.0f);
        std::copy_n(options.importance.data() + from, n, importance.data());
      }
      Group group{padded.data(), importance.empty() ? nullptr : importance.data(), int64_t(padded.size()), options.thorough};
      float scale, zero = 0;
      if (block.getZero() == ZeroKind::None)
        scale = storableScale(symmetricScale(group, block.getBits()), block.getScale());
      else
        std::tie(scale, zero) = affineScale(group, block.getBits(), block.getScale());
      if (!std::isfinite(scale)) {
        why = "the scale of group " + std::to_string(g) + " is too large for " + stringifyScaleKind(block.getScale()).str();
        return failure();
      }
      out.scales[row * view.groups + g] = scale;
      if (block.getZero() == ZeroKind::Int)
        out.zeros[row * view.groups + g] = uint8_t(zero);
      else if (block.getZero() == ZeroKind::Float)
        out.floatZeros[row * view.groups + g] = zero;
    }
    return success();
  }

  static float zeroOf(const QuantizedRows &rows, int64_t g) {
    return !rows.zeros.empty() ? float(rows.zeros[g]) : !rows.floatZeros.empty() ? rows.floatZeros[g] : float(rows.implicitZero());
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    auto block = cast<BlockType>(out.view.element);
    const QuantizedRows &view = out.view;
    float top = float((1 << block.getBits()) - 1);
    for (int64_t k = from, end = from + int64_t(values.size()), n; k < end; k += n) {
      n = std::min(end, (k / view.group + 1) * view.group) - k;
      int64_t g = row * view.groups + k / view.group;
      float zero = zeroOf(view, g);
      uint8_t *codes = out.codes.data() + row * view.K + k;
      if (block.getZero() == ZeroKind::Float)        // between codes: rounded after it is added
        for (int64_t i = 0; i < n; ++i)
          codes[i] = uint8_t(std::nearbyint(std::min(std::max(values[k - from + i] / view.scales[g] + zero, 0.0f), top)));
      else
        encodeGroup(values.data() + (k - from), n, view.scales[g], -zero, top - zero, codes);
      // At 8 bits -128 is not used: +-127 is symmetric, and -128 * -128 is the one product that pairwise int16 sums cannot hold.
      if (block.getZero() == ZeroKind::None && block.getBits() == 8)
        for (int64_t i = 0; i < n; ++i)
          codes[i] = std::max<uint8_t>(codes[i], 1);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i, g = row * rows.groups + k / rows.group;
      values[i] = rows.scales[g] * (float(rows.codes[row * rows.K + k]) - zeroOf(rows, g));
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
