// Two levels of scales: codes of 2 to 4 bits, a 4-bit unsigned sub-scale per 32 values and one f16 `d` per 256.
// Symmetric: `d * sub * (code - 2^(bits-1))`; `d` may be negative: it decides which side of a super-block gets the extra code.
// Shifted: `d * (sub * (code - 2^(bits-1)) + shift)`, where 4 more bits per group move the zero by up to an eighth of the range of codes, in units of `d`.
//
// All that stands beside `d` fits int8, so integer kernels fold it into the weight and rescale once per 256 values. A shift in units of another number, as
// a minimum is, could not be folded.
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <array>
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

static constexpr int64_t superK = 256, groupK = 32, maxGroups = superK / groupK;
static constexpr int topSub = 15, midShift = 8, topShift = 15;

namespace {
/// One super-block, its groups padded for the search.
struct SuperBlock {
  const float *group[maxGroups], *importance[maxGroups];  // importance: all null where columns are alike and codes symmetric
  int64_t groups;
  int bits;
  bool thorough;

  float lowest() const { return -float(1 << (bits - 1)); }
  float highest() const { return float((1 << (bits - 1)) - 1); }
};
struct Choice {
  float d = 0, error = INFINITY;
  std::array<uint8_t, maxGroups> sub{}, shift{};
};
} // namespace

/// The best sub-scales for a given `d`: of each group's ideal scale, the neighbours on the grid of multiples of `d`.
static Choice chooseSubScales(const SuperBlock &block, const float *ideal, float d) {
  Choice choice;
  choice.d = d;
  choice.error = 0;
  for (int64_t g = 0; g < block.groups; ++g) {
    float wanted = ideal[g] / d;
    int from = std::min(std::max(int(wanted), 0), topSub), to = std::min(from + 1, topSub);
    float best = INFINITY;
    for (int sub = from; sub <= to; ++sub) {
      float scale = d * float(sub);
      float error = squaredError(block.group[g], block.importance[g], groupK, sub ? 1.0f / scale : 0.0f, scale, block.lowest(), block.highest());
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
      // The least squares scale of this orientation: on the side of the sign there is one code more.
      Extent range = extentOf(block.group[g], groupK);
      float reach = std::max((sign > 0 ? -range.min : range.max) / -block.lowest(), (sign > 0 ? range.max : -range.min) / (0.5f - block.lowest() - 1));
      float least = INFINITY;
      ideal[g] = 0;
      for (int step = 0; reach > 0 && step < (block.thorough ? 20 : 6); ++step) {
        float scale = sign * reach * (1.0f - (block.thorough ? 0.02f : 0.05f) * float(step)), error = squaredError(block.group[g], block.importance[g], groupK, 1.0f / scale, scale, block.lowest(), block.highest());
        if (error < least) {
          least = error;
          ideal[g] = scale;
        }
      }
      largest = std::max(largest, std::fabs(ideal[g]));
    }
    for (int step = 0; step < (block.thorough ? 16 : 5); ++step) {
      float d = roundToScale(sign * largest / (float(topSub) - (block.thorough ? 0.25f : 0.75f) * float(step)), ScaleKind::F16);
      if (d == 0 || !std::isfinite(d))
        continue;
      Choice choice = chooseSubScales(block, ideal, d);
      if (choice.error < best.error)
        best = choice;
    }
  }
  return best;
}

/// What the shift of a group stands for, in units of `d`.
static int shiftedBy(int bits, int sub, int shift) { return (sub * (shift - midShift)) >> (6 - bits); }
static bool fitsByte(const SuperBlock &block, int sub, int moved) { return sub * int(block.lowest()) + moved >= -128 && sub * int(block.highest()) + moved <= 127; }

/// The best sub-scale and shift of group `g` for a given `d`: of the line that fits it best, the neighbours on the grid that fit a byte.
static void chooseShift(const SuperBlock &block, int64_t g, Line ideal, float d, Choice &choice) {
  float best = INFINITY, wanted = ideal.scale / d;
  auto attempt = [&](int sub, int shift) {
    int moved = shiftedBy(block.bits, sub, shift);
    if (!fitsByte(block, sub, moved))
      return;
    float scale = d * float(sub), offset = d * float(moved);
    float error = squaredErrorOfLine(block.group[g], block.importance[g], groupK, sub ? 1.0f / scale : 0.0f, scale, offset, block.lowest(), block.highest());
    if (error < best) {
      best = error;
      choice.sub[g] = uint8_t(sub);
      choice.shift[g] = uint8_t(shift);
    }
  };
  auto around = [&](int sub) {
    if (sub == 0)
      return attempt(0, midShift);
    float moved = ideal.offset / (d * float(sub)) * float(1 << (6 - block.bits)); // in steps of the shift
    int from = std::min(std::max(int(std::floor(moved)) + midShift, 0), topShift);
    attempt(sub, from);
    attempt(sub, std::min(from + 1, topShift));
  };
  int sub = std::min(std::max(int(wanted), 0), topSub);
  around(std::min(sub + 1, topSub));
  for (; sub >= 0; --sub) {
    around(sub);
    if (best < INFINITY)
      break;
  }
  choice.error += best;
}

/// The line through a group; of one whose values are all the same, one that has them as a code.
static Line lineOf(const SuperBlock &block, int64_t g) {
  Line line = searchLine(block.group[g], block.importance[g], groupK, block.bits, block.thorough);
  if (line.scale > 0)
    return line;
  return {line.offset / (line.offset < 0 ? block.lowest() : block.highest()), 0};
}

/// The least squared error over a grid of sizes of `d`, which is positive: around the smallest in which all lines fit a byte, such that the steepest line's
/// sub-scale is a whole number (thorough: or a half).
static Choice searchShiftedSuperBlock(const SuperBlock &block) {
  Line ideal[maxGroups];
  float smallest = 0, steepest = 0;
  for (int64_t g = 0; g < block.groups; ++g) {
    ideal[g] = lineOf(block, g);
    float low = ideal[g].scale * block.lowest() + ideal[g].offset, high = ideal[g].scale * block.highest() + ideal[g].offset;
    smallest = std::max({smallest, -low / 128, high / 127});
    steepest = std::max(steepest, ideal[g].scale);
  }
  Choice best;
  float most = std::min(float(topSub), std::ceil(steepest / smallest) + 1);
  for (int step = 0, steps = block.thorough ? 14 : 6; step < steps; ++step) {
    float sub = most - float(step) * (block.thorough ? 0.5f : 1.0f), d = roundToScale(steepest / std::max(sub, 1.0f), ScaleKind::F16);
    if (d == 0 || !std::isfinite(d))
      continue;
    Choice choice;
    choice.d = d;
    choice.error = 0;
    for (int64_t g = 0; g < block.groups; ++g)
      chooseShift(block, g, ideal[g], d, choice);
    if (choice.error < best.error)
      best = choice;
  }
  return best;
}

namespace {
struct TwoLevelFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    unsigned bits;
    if (!name.consume_front("w") || name.consumeInteger(10, bits) || bits < 2 || bits > 4 || !name.consume_front("t") || !(name.empty() || name == "asym"))
      return {};
    return BlockType::get(context, Element::Int, bits, groupK, ScaleKind::F16, name.empty() ? ZeroKind::None : ZeroKind::Shift, superK, 4, StringAttr());
  }
  bool owns(Type element) const override {
    auto block = dyn_cast<BlockType>(element);
    return block && block.getBits() >= 2 && block.getBits() <= 4 && (element == parse(name(element), element.getContext()));
  }
  void addCandidates(MLIRContext *context, SmallVectorImpl<Type> &formats) const override {
    for (const char *name : {"w2t", "w2tasym", "w3t", "w3tasym", "w4t", "w4tasym"})
      formats.push_back(parse(name, context));
  }
  std::string name(Type element) const override {
    auto block = cast<BlockType>(element);
    return "w" + std::to_string(block.getBits()) + "t" + (block.getZero() == ZeroKind::Shift ? "asym" : "");
  }
  int64_t rowBits(Type element, int64_t K) const override {
    auto block = cast<BlockType>(element);
    int64_t ofGroup = block.getSubBits() * (hasSubMinima(block) ? 2 : 1);
    return K * block.getBits() + groupsPerRow(block, K) * ofGroup + superBlocksPerRow(block, K) * scaleBits(block.getScale());
  }
  bool hasLinearScales(Type element) const override { return true; }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    const QuantizedRows &view = out.view;
    auto type = cast<BlockType>(view.element);
    bool isShifted = type.getZero() == ZeroKind::Shift;
    for (int64_t s = 0; s < view.superBlocks; ++s) {
      int64_t from = s * superK, n = std::min<int64_t>(superK, view.K - from);
      float padded[superK] = {}, importance[superK] = {};
      std::copy_n(values.data() + from, n, padded);
      if (!options.importance.empty())
        std::copy_n(options.importance.data() + from, n, importance);
      else
        std::fill_n(importance, n, 1.0f);
      SuperBlock block;
      block.groups = (n + groupK - 1) / groupK;
      block.bits = int(type.getBits());
      block.thorough = options.thorough;
      for (int64_t g = 0; g < block.groups; ++g) {
        block.group[g] = padded + groupK * g;
        block.importance[g] = options.importance.empty() && !isShifted ? nullptr : importance + groupK * g;
      }
      Extent range = extentOf(padded, superK);
      Choice choice;
      if (range.min != 0 || range.max != 0)
        choice = isShifted ? searchShiftedSuperBlock(block) : searchSuperBlock(block);
      if (choice.d == 0) { // all zeros, or too small for any f16 scale
        if (std::max(-range.min, range.max) > 1) {
          why = "the scale of super-block " + std::to_string(s) + " is too large for f16";
          return failure();
        }
        choice = Choice();
        choice.d = 1;
        choice.shift.fill(midShift);
      }
      out.scales[row * view.superBlocks + s] = choice.d;
      std::copy_n(choice.sub.begin(), block.groups, out.subScales.begin() + row * view.groups + s * maxGroups);
      if (isShifted)
        std::copy_n(choice.shift.begin(), block.groups, out.subMins.begin() + row * view.groups + s * maxGroups);
    }
    return success();
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    const QuantizedRows &view = out.view;
    float half = float(1 << (cast<BlockType>(view.element).getBits() - 1));
    float moved[groupK];
    for (int64_t k = from, end = from + int64_t(values.size()), n; k < end; k += n) {
      n = std::min(end, (k / groupK + 1) * groupK) - k;
      int64_t group = row * view.groups + k / groupK;
      float d = view.scales[row * view.superBlocks + k / superK], scale = d * float(view.subScales[group]);
      uint8_t *codes = out.codes.data() + row * view.K + k;
      const float *x = values.data() + (k - from);
      if (scale == 0) {
        std::fill_n(codes, n, uint8_t(half));
        continue;
      }
      if (int by = movedBy(view, group)) {
        for (int64_t i = 0; i < n; ++i)
          moved[i] = x[i] - d * float(by);
        x = moved;
      }
      encodeGroup(x, n, scale, -half, half - 1, codes);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    int half = 1 << (cast<BlockType>(rows.element).getBits() - 1);
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i, group = row * rows.groups + k / groupK;
      // The integer part first and exactly: the same product as in integer kernels.
      int code = (int(rows.codes[row * rows.K + k]) - half) * int(rows.subScales[group]) + movedBy(rows, group);
      values[i] = rows.scales[row * rows.superBlocks + k / superK] * float(code);
    }
  }

  Value integerValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    if (type.getZero() == ZeroKind::Shift)             // in the minimum (shiftedMinimum)
      return element.code;
    Value half = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), int64_t(1) << (type.getBits() - 1));
    return arith::SubIOp::create(builder, loc, element.code, half);
  }

private:
  static int movedBy(const QuantizedRows &rows, int64_t group) {
    return rows.subMins.empty() ? 0 : shiftedBy(int(cast<BlockType>(rows.element).getBits()), rows.subScales[group], rows.subMins[group]);
  }
};
} // namespace

const FormatFamily &qcc::qnt::getTwoLevelFormat() {
  static const TwoLevelFormat format;
  return format;
}
