// The integer blocks of GGUF (llama.cpp): q4_0 .. q8_0 with an f16 scale, and perhaps a minimum, per 32 values; k-quants with two levels of them per 256.
// What a block stands for and which codes a value gets are llama.cpp's, bit for bit (ggml-quants.c, revision d99724f2); how it lies in memory is ours.
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GgufSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <array>
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

namespace {
struct GgufBlock {
  StringLiteral name;
  unsigned bits;
  int64_t group, super;
  unsigned subBits;
  bool signedSub, hasMin;
  GgufRanges ranges;                     // of the search, where there are minima and two levels
};
} // namespace
static constexpr GgufBlock blocks[] = {{"q4_0", 4, 32, 0, 0, false, false, {}},
                                   {"q4_1", 4, 32, 0, 0, false, true, {}},
                                   {"q5_0", 5, 32, 0, 0, false, false, {}},
                                   {"q5_1", 5, 32, 0, 0, false, true, {}},
                                   {"q8_0", 8, 32, 0, 0, false, false, {}},
                                   {"q2_k", 2, 16, 256, 4, false, true, {-0.5f, 0.1f, 15, true}},
                                   {"q3_k", 3, 16, 256, 6, true, false, {}},
                                   {"q4_k", 4, 32, 256, 6, false, true, {-1.0f, 0.1f, 20, false}},
                                   {"q5_k", 5, 32, 256, 6, false, true, {-0.5f, 0.1f, 15, false}},
                                   {"q6_k", 6, 16, 256, 8, true, false, {}}};
/// With an importance of columns.
static constexpr GgufRanges importantRanges{-0.9f, 0.05f, 36, false};
static constexpr int64_t maxGroups = 16, maxGroup = 32;

static const GgufBlock &blockOf(Type element) {
  return *llvm::find_if(blocks, [&](const GgufBlock &b) { return b.name == cast<BlockType>(element).getRule().getValue(); });
}
static float half(float x) { return roundToScale(x, ScaleKind::F16); }
static float clampedRound(float x, float low, float high) { return std::nearbyint(std::min(std::max(x, low), high)); }

namespace {
struct Affine {
  float scale, min;                      // value = scale * code + min
};
} // namespace

/// What llama.cpp's plain quantizers take for the group, before it is rounded to f16.
static Affine plainScale(const GgufBlock &block, ArrayRef<float> x) {
  auto [least, greatest] = std::minmax_element(x.begin(), x.end());
  if (block.hasMin)
    return {(*greatest - *least) / float((1 << block.bits) - 1), *least};
  float most = 0;
  for (float value : x)
    if (std::fabs(value) > std::fabs(most))
      most = value;
  return {block.bits == 8 ? std::fabs(most) / 127 : most / float(-(1 << (block.bits - 1))), 0};
}

/// The codes of values of one group. llama.cpp multiplies by the inverse in legacy blocks and rounds halves away from 0 or up; in k-quants it divides and rounds
/// halves to even.
static void roundGroup(const GgufBlock &block, Affine group, ArrayRef<float> x, uint8_t *codes) {
  float top = float((1 << block.bits) - 1), zero = block.hasMin ? 0.0f : float(1 << (block.bits - 1)), least = block.bits == 8 ? 1.0f : 0.0f;
  float inverse = group.scale != 0 ? 1 / group.scale : 0.0f;
  if (!std::isfinite(inverse))                       // of a scale that f16 takes for 0
    inverse = 0;
  for (auto [i, value] : llvm::enumerate(x)) {
    float moved = value - group.min, code;
    if (block.super)
      code = group.scale != 0 ? std::nearbyint(std::min(std::max(moved / group.scale, -zero), top - zero)) + zero : zero;
    else
      code = block.bits == 8 ? std::round(moved * inverse) + zero : std::trunc(moved * inverse + (zero + 0.5f));
    codes[i] = uint8_t(std::min(std::max(code, least), top));
  }
}

namespace {
struct GgufFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    for (const GgufBlock &b : blocks)
      if (b.name == name)
        return BlockType::get(context, Element::Int, b.bits, b.group, ScaleKind::F16, b.hasMin ? ZeroKind::Min : ZeroKind::None, b.super, b.subBits, StringAttr(),
                              b.signedSub, StringAttr::get(context, name));
    return {};
  }
  bool owns(Type element) const override {
    auto block = dyn_cast<BlockType>(element);
    return block && block.getRule() && parse(block.getRule().getValue(), element.getContext()) == element;
  }
  std::string name(Type element) const override { return cast<BlockType>(element).getRule().str(); }
  int64_t rowBits(Type element, int64_t K) const override {
    auto type = cast<BlockType>(element);
    int64_t numbers = type.getZero() == ZeroKind::Min ? 2 : 1, scales = type.getSuper() ? superBlocksPerRow(type, K) : groupsPerRow(type, K);
    return K * type.getBits() + numbers * (scales * 16 + groupsPerRow(type, K) * type.getSubBits());
  }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    const QuantizedRows &view = out.view;
    const GgufBlock &block = blockOf(view.element);
    int64_t span = block.super ? block.super : block.group, scales = (view.K + span - 1) / span;
    for (int64_t s = 0; s < scales; ++s) {
      int64_t from = s * span, n = std::min(span, view.K - from);
      ArrayRef<float> x = values.slice(from, n), importance = options.importance.empty() ? ArrayRef<float>() : options.importance.slice(from, n);
      Affine chosen = block.super ? fitSuperBlock(block, x, importance, out, row, s) : fitBlock(block, x, importance);
      float scale = half(chosen.scale), min = half(chosen.min);
      if (!std::isfinite(scale) || !std::isfinite(min)) {
        why = "the scale of " + std::string(block.super ? "super-block " : "group ") + std::to_string(s) + " is too large for f16";
        return failure();
      }
      out.scales[row * scales + s] = scale;
      if (block.hasMin)
        out.mins[row * scales + s] = min;
    }
    return success();
  }

  /// llama.cpp rounds values to the codes of legacy blocks before it rounds the scale.
  LogicalResult encodeRow(ArrayRef<float> values, QuantizedBuffer &out, int64_t row, std::string &why, const FitOptions &options) const override {
    const QuantizedRows &view = out.view;
    const GgufBlock &block = blockOf(view.element);
    if (block.super || !options.importance.empty())
      return FormatFamily::encodeRow(values, out, row, why, options);
    if (failed(fitRow(values, options, out, row, why)))
      return failure();
    for (int64_t from = 0; from < view.K; from += block.group) {
      ArrayRef<float> x = values.slice(from, std::min(block.group, view.K - from));
      roundGroup(block, plainScale(block, x), x, out.codes.data() + row * view.K + from);
    }
    return success();
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    const QuantizedRows &view = out.view;
    const GgufBlock &block = blockOf(view.element);
    for (int64_t k = from, end = from + int64_t(values.size()), n; k < end; k += n) {
      n = std::min(end, (k / block.group + 1) * block.group) - k;
      roundGroup(block, groupAt(view, block, row, k), values.slice(k - from, n), out.codes.data() + row * view.K + k);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    const GgufBlock &block = blockOf(rows.element);
    int zero = block.hasMin ? 0 : 1 << (block.bits - 1);
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i;
      Affine group = groupAt(rows, block, row, k);   // products with an f16 are exact: 11 bits, 8 and 6
      values[i] = group.scale * float(int(rows.codes[row * rows.K + k]) - zero) + group.min;
    }
  }

  Value integerValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    Value code = element.code;
    if (type.getZero() == ZeroKind::None)
      code = arith::SubIOp::create(builder, loc, code, arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), int64_t(1) << (type.getBits() - 1)));
    return code;
  }

private:
  /// The scale and minimum of the group that k is in, as stored.
  static Affine groupAt(const QuantizedRows &rows, const GgufBlock &block, int64_t row, int64_t k) {
    int64_t group = row * rows.groups + k / block.group, stored = block.super ? row * rows.superBlocks + k / block.super : group;
    Affine found{rows.scales[stored], block.hasMin ? rows.mins[stored] : 0.0f};
    if (!block.super)
      return found;
    found.scale *= float(int(rows.subScales[group]) - (block.signedSub ? 1 << (block.subBits - 1) : 0));
    if (block.hasMin)
      found.min *= float(rows.subMins[group]);
    return found;
  }

  /// How much errors count beside `importance`: large values more.
  static void weigh(ArrayRef<float> x, ArrayRef<float> importance, float meanSquare, float *weights) {
    for (auto [i, value] : llvm::enumerate(x))
      weights[i] = importance[i] * std::sqrt(2 * meanSquare + value * value);
  }
  static float meanSquare(ArrayRef<float> x) {
    float sum = 0;
    for (float value : x)
      sum += value * value;
    return sum / float(x.size());
  }

  static Affine fitBlock(const GgufBlock &block, ArrayRef<float> x, ArrayRef<float> importance) {
    if (importance.empty())
      return plainScale(block, x);
    float weights[maxGroup];
    weigh(x, importance, meanSquare(x), weights);
    if (!block.hasMin)
      return {ggufSymmetricScale(x.data(), weights, int64_t(x.size()), 1 << (block.bits - 1)), 0};
    GgufAffine found = ggufAffineScale(x.data(), weights, int64_t(x.size()), (1 << block.bits) - 1, importantRanges);
    return {found.scale, -found.min};
  }

  /// Sub-scales and sub-minima of super-block `s`; returns the scale and minimum that they count.
  static Affine fitSuperBlock(const GgufBlock &block, ArrayRef<float> x, ArrayRef<float> importance, QuantizedBuffer &out, int64_t row, int64_t s) {
    int64_t groups = (int64_t(x.size()) + block.group - 1) / block.group, first = row * out.view.groups + s * (block.super / block.group);
    std::array<GgufAffine, maxGroups> found{};
    GgufAffine most{0, 0};                           // of largest magnitude
    float square = importance.empty() ? 0 : meanSquare(x);
    for (int64_t g = 0; g < groups; ++g) {
      int64_t from = g * block.group, n = std::min(block.group, int64_t(x.size()) - from);
      found[g] = fitGroup(block, x.slice(from, n), importance.empty() ? importance : importance.slice(from, n), square);
      if (block.hasMin ? found[g].scale > most.scale : std::fabs(found[g].scale) > std::fabs(most.scale))
        most.scale = found[g].scale;
      most.min = std::max(most.min, found[g].min);
    }
    // Signed sub-scales: the largest is on the most negative one, which has a code more.
    float zero = block.signedSub ? float(1 << (block.subBits - 1)) : 0.0f, top = block.signedSub ? zero - 1 : float((1 << block.subBits) - 1);
    float reach = block.signedSub ? -zero : top, inverse = 0, inverseMin = most.min > 0 ? reach / most.min : 0;
    if (block.hasMin ? most.scale > 0 : std::fabs(most.scale) >= 1e-15f)
      inverse = reach / most.scale;
    for (int64_t g = 0; g < groups; ++g) {
      out.subScales[first + g] = uint8_t(clampedRound(inverse * found[g].scale, -zero, top) + zero);
      if (block.hasMin)
        out.subMins[first + g] = uint8_t(clampedRound(inverseMin * found[g].min, 0, top));
    }
    if (block.hasMin)
      return {inverse != 0 ? most.scale / top : 0.0f, -(most.min / top)};
    return {inverse != 0 ? 1 / inverse : 0.0f, 0};
  }

  static GgufAffine fitGroup(const GgufBlock &block, ArrayRef<float> x, ArrayRef<float> importance, float square) {
    auto n = int64_t(x.size());
    int top = (1 << block.bits) - 1, codes = 1 << (block.bits - 1);
    float weights[maxGroup];
    if (!importance.empty()) {
      weigh(x, importance, square, weights);
      return block.hasMin ? ggufAffineScale(x.data(), weights, n, top, importantRanges) : GgufAffine{ggufSymmetricScale(x.data(), weights, n, codes), 0};
    }
    if (block.bits == 3)
      return {ggufRefinedScale(x.data(), n, codes), 0};
    float typical = block.group == 32 ? std::sqrt(meanSquare(x)) : 0.0f;
    for (auto [i, value] : llvm::enumerate(x))
      weights[i] = block.hasMin ? typical + std::fabs(value) : value * value;
    return block.hasMin ? ggufAffineScale(x.data(), weights, n, top, block.ranges) : GgufAffine{ggufSymmetricScale(x.data(), weights, n, codes), 0};
  }
};
} // namespace

const FormatFamily &qcc::qnt::getGgufFormat() {
  static const GgufFormat format;
  return format;
}
