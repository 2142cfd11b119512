// Two-level 4-bit: `d * sub * (code - 8)`, a 4-bit unsigned sub-scale per 32 values and one f16 `d` per 256: 4 + 4/32 + 16/256 = 4.1875 bits.
//
// |sub * (code - 8)| <= 120 fits int8, so integer kernels fold the sub-scale into the weight and rescale once per 256 values.
// `d` may be negative: it decides which side of a super-block gets the extra code -8.
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <array>
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

static constexpr int64_t maxGroups = 8;
static constexpr float lowest = -8, highest = 7;

namespace {
/// One super-block, its groups padded for the search.
struct SuperBlock {
  const float *group[maxGroups], *importance[maxGroups];  // importance: all null where columns are alike
  int64_t groups, padded;
  bool thorough;
};
struct Choice {
  float d = 0, error = INFINITY;
  std::array<uint8_t, maxGroups> sub{};
};
} // namespace

/// The best sub-scales for a given `d`: of each group's ideal scale, the neighbours on the grid of multiples of `d`.
static Choice chooseSubScales(const SuperBlock &block, const float *ideal, float d) {
  Choice choice;
  choice.d = d;
  choice.error = 0;
  for (int64_t g = 0; g < block.groups; ++g) {
    float wanted = ideal[g] / d;
    int from = std::min(std::max(int(wanted), 0), 15), to = std::min(from + 1, 15);
    float best = INFINITY;
    for (int sub = from; sub <= to; ++sub) {
      float scale = d * float(sub);
      float error = squaredError(block.group[g], block.importance[g], block.padded, sub ? 1.0f / scale : 0.0f, scale, lowest, highest);
      if (error < best) {
        best = error;
        choice.sub[g] = uint8_t(sub);
      }
    }
    choice.error += best;
  }
  return choice;
}

/// The least squared error over both signs of `d` and a grid of its size.
static Choice searchSuperBlock(const SuperBlock &block) {
  Choice best;
  for (float sign : {1.0f, -1.0f}) {
    float ideal[maxGroups], largest = 0;
    for (int64_t g = 0; g < block.groups; ++g) {
      // The least squares scale of this orientation: on the side of the sign 8 codes, on the other 7.
      Extent range = extentOf(block.group[g], block.padded);
      float reach = std::max((sign > 0 ? -range.min : range.max) / 8.0f, (sign > 0 ? range.max : -range.min) / 7.5f);
      float least = INFINITY;
      ideal[g] = 0;
      for (int step = 0; reach > 0 && step < (block.thorough ? 20 : 6); ++step) {
        float scale = sign * reach * (1.0f - (block.thorough ? 0.02f : 0.05f) * float(step)), error = squaredError(block.group[g], block.importance[g], block.padded, 1.0f / scale, scale, lowest, highest);
        if (error < least) {
          least = error;
          ideal[g] = scale;
        }
      }
      largest = std::max(largest, std::fabs(ideal[g]));
    }
    for (int step = 0; step < (block.thorough ? 16 : 5); ++step) {
      float d = roundToScale(sign * largest / (15.0f - (block.thorough ? 0.25f : 0.75f) * float(step)), ScaleKind::F16);
      if (d == 0 || !std::isfinite(d))
        continue;
      Choice choice = chooseSubScales(block, ideal, d);
      if (choice.error < best.error)
        best = choice;
    }
  }
  return best;
}

namespace {
struct TwoLevelFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    if (name != "w4t")
      return {};
    return BlockType::get(context, Element::Int, 4, 32, ScaleKind::F16, ZeroKind::None, 256, 4, StringAttr());
  }
  bool owns(Type element) const override { return element == parse("w4t", element.getContext()); }
  void addCandidates(MLIRContext *context, SmallVectorImpl<Type> &formats) const override { formats.push_back(parse("w4t", context)); }
  std::string name(Type element) const override { return "w4t"; }
  int64_t rowBits(Type element, int64_t K) const override {
    auto block = cast<BlockType>(element);
    return K * 4 + groupsPerRow(block, K) * 4 + superBlocksPerRow(block, K) * scaleBits(block.getScale());
  }
  bool hasLinearScales(Type element) const override { return true; }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    const QuantizedRows &view = out.view;
    for (int64_t s = 0; s < view.superBlocks; ++s) {
      int64_t from = s * 256, n = std::min<int64_t>(256, view.K - from);
      float padded[256] = {}, importance[256] = {};
      std::copy_n(values.data() + from, n, padded);
      if (!options.importance.empty())
        std::copy_n(options.importance.data() + from, n, importance);
      SuperBlock block;
      block.groups = (n + 31) / 32;
      block.padded = 32;
      block.thorough = options.thorough;
      for (int64_t g = 0; g < block.groups; ++g) {
        block.group[g] = padded + 32 * g;
        block.importance[g] = options.importance.empty() ? nullptr : importance + 32 * g;
      }
      Extent range = extentOf(padded, 256);
      Choice choice;
      if (range.min != 0 || range.max != 0)
        choice = searchSuperBlock(block);
      if (choice.d == 0) { // all zeros, or too small for any f16 scale
        if (std::max(-range.min, range.max) > 1) {
          why = "the scale of super-block " + std::to_string(s) + " is too large for f16";
          return failure();
        }
        choice.d = 1;
      }
      out.scales[row * view.superBlocks + s] = choice.d;
      std::copy_n(choice.sub.begin(), block.groups, out.subScales.begin() + row * view.groups + s * maxGroups);
    }
    return success();
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    const QuantizedRows &view = out.view;
    for (int64_t k = from, end = from + int64_t(values.size()), n; k < end; k += n) {
      n = std::min(end, (k / 32 + 1) * 32) - k;
      float scale = view.scales[row * view.superBlocks + k / 256] * float(view.subScales[row * view.groups + k / 32]);
      uint8_t *codes = out.codes.data() + row * view.K + k;
      if (scale == 0)
        std::fill_n(codes, n, uint8_t(8));
      else
        encodeGroup(values.data() + (k - from), n, scale, lowest, highest, codes);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i;
      // The integer part first and exactly: the same product as in integer kernels.
      int code = (int(rows.codes[row * rows.K + k]) - 8) * int(rows.subScales[row * rows.groups + k / 32]);
      values[i] = rows.scales[row * rows.superBlocks + k / 256] * float(code);
    }
  }

  Value integerValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    Value eight = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), 8);
    return arith::SubIOp::create(builder, loc, element.code, eight);
  }
};
} // namespace

const FormatFamily &qcc::qnt::getTwoLevelFormat() {
  static const TwoLevelFormat format;
  return format;
}
