// Codes that select from a table of floats: `scale * table[code]`. NF4 and FP4 with one f16 or f32 scale per group, the largest magnitude;
// MXFP4 with a power of two per 32 values; FP8 with an f32 scale per row or group; NVFP4 with an E4M3 scale per 16 values, relative to an f32 number
// of the weight; NF4 with double quantization, scales on the dynamic map relative to two numbers of the weight (bitsandbytes takes 256 scales together).
// Weights that are multiplied together are one here, and share their numbers.
//
// Decoding is exact: one product of two floats, rounded once. What is multiplied is a float, or the integer that it stands for (CodeTable::Integers).
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;


/// What a number of the format is called before `g<N>`, `row` and `s32`; the table; the group and scale that a bare name means.
struct Name {
  StringLiteral text, table;
  int64_t group;
  ScaleKind scale;
};
static constexpr Name names[] = {{"nf4", "nf4", 64, ScaleKind::F16}, {"fp4", "fp4", 64, ScaleKind::F16}, {"mxfp4", "e2m1", 32, ScaleKind::E8M0},
                                 {"nvfp4", "e2m1", 16, ScaleKind::E4M3},
                                 {"fp8e4m3", "e4m3", -1, ScaleKind::F32}, {"fp8e5m2", "e5m2", -1, ScaleKind::F32}};

/// What may follow the name of a format with f16 scales.
static constexpr ScaleKind scaleSuffixes[] = {ScaleKind::F32, ScaleKind::Dynamic8};
static StringRef suffixOf(ScaleKind scale) { return scale == ScaleKind::F32 ? "s32" : "dq"; }

static const Name *nameOf(BlockType block) {
  auto mayHave = [&](const Name &n) {
    return n.scale == block.getScale() || (n.scale == ScaleKind::F16 && llvm::is_contained(scaleSuffixes, block.getScale()));
  };
  return llvm::find_if(names, [&](const Name &n) { return n.table == block.getTable().getValue() && mayHave(n); });
}

/// Of a format whose group the name does not choose.
static bool isFixed(ScaleKind scale) { return scale == ScaleKind::E8M0 || scale == ScaleKind::E4M3; }

static float errorOf(ArrayRef<float> x, ArrayRef<float> importance, float scale, const CodeTable &table) {
  float error = 0;
  for (auto [i, v] : llvm::enumerate(x)) {
    float d = v - scale * table.values[table.encode(v / scale)];
    error += d * d * (importance.empty() ? 1.0f : importance[i]);
  }
  return error;
}

/// The scale of a group, exactly as it is stored; 0 for a group of zeros.
static float groupScale(ArrayRef<float> x, ArrayRef<float> importance, bool thorough, BlockType block, const CodeTable &table) {
  Extent range = extentOf(x.data(), int64_t(x.size()));
  float most = std::max(-range.min, range.max);
  if (most == 0)
    return 0;
  if (block.getScale() != ScaleKind::E8M0) {
    // Scales that are quantized themselves are chosen exactly first.
    ScaleKind kind = scaleStorage(block.getScale()).table ? ScaleKind::F32 : block.getScale();
    float best = roundToScale(most / table.largest(), kind);
    if (!thorough || best == 0 || !std::isfinite(best))
      return best;
    float least = errorOf(x, importance, best, table), whole = best;
    for (int step = -2; step <= 12; ++step) {
      float scale = roundToScale(whole * (1.0f - 0.025f * float(step)), kind);
      float error = scale != 0 && std::isfinite(scale) ? errorOf(x, importance, scale, table) : INFINITY;
      if (error < least)
        least = error, best = scale;
    }
    return best;
  }
  // MX v1.0, section 6.3: the exponent of the largest magnitude less that of the table's largest power of two, so that up to a quarter of the
  // range is clipped. The next one clips nothing; whichever has the smaller error.
  int exponent = std::ilogb(most) - std::ilogb(table.largest());
  float low = roundToScale(std::ldexp(1.0f, exponent), ScaleKind::E8M0), high = roundToScale(std::ldexp(1.0f, exponent + 1), ScaleKind::E8M0);
  return errorOf(x, importance, high, table) < errorOf(x, importance, low, table) ? high : low;
}

namespace {
struct TableFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    for (const Name &n : names) {
      StringRef rest = name;
      if (!rest.consume_front(n.text))
        continue;
      int64_t group = n.group;
      ScaleKind scale = n.scale;
      if (!isFixed(n.scale)) {
        if (rest.consume_front("row"))
          group = -1;
        else if (rest.consume_front("g") && (rest.consumeInteger(10, group) || group < 1 || group > BlockType::maxGroup))
          return {};
        for (ScaleKind other : scaleSuffixes)
          if (n.scale == ScaleKind::F16 && rest.consume_front(suffixOf(other))) {
            scale = other;
            break;
          }
      }
      if (!rest.empty())
        return {};
      return BlockType::get(context, Element::Table, codeTable(n.table)->bits, group, scale, ZeroKind::None, 0, 0, StringAttr::get(context, n.table));
    }
    return {};
  }
  bool owns(Type element) const override {
    auto block = dyn_cast<BlockType>(element);
    return block && block.getElement() == Element::Table && parse(name(element), element.getContext()) == element;
  }
  std::string name(Type element) const override {
    auto block = cast<BlockType>(element);
    const Name *n = nameOf(block);
    if (n == std::end(names))
      return "";
    std::string group = block.getGroup() == n->group ? "" : block.getGroup() < 0 ? "row" : "g" + std::to_string(block.getGroup());
    return n->text.str() + group + (block.getScale() != n->scale ? suffixOf(block.getScale()).str() : "");
  }
  int64_t rowBits(Type element, int64_t K) const override {
    auto block = cast<BlockType>(element);
    return K * block.getBits() + groupsPerRow(block, K) * scaleBits(block.getScale());
  }
  bool hasLinearScales(Type element) const override { return bool(scaleType(element.getContext(), cast<BlockType>(element).getScale())); }
  void measure(Type element, ArrayRef<float> row, WeightExtent &extent) const override {
    auto block = cast<BlockType>(element);
    int64_t K = int64_t(row.size()), group = block.getGroup() < 0 ? K : block.getGroup();
    for (int64_t from = 0; from < K; from += group) {
      Extent range = extentOf(row.data() + from, std::min(group, K - from));
      float most = std::max(-range.min, range.max), scale = most / tableOf(block)->largest();
      extent.largest = std::max(extent.largest, most);
      if (scale == 0)
        continue;
      extent.leastScale = extent.scales ? std::min(extent.leastScale, scale) : scale;
      extent.largestScale = std::max(extent.largestScale, scale);
      extent.sum += scale;
      ++extent.scales;
    }
  }
  /// NVFP4: the largest magnitude of the weight is the table's largest under the largest scale. Double quantization: the mean scale, and how far one is
  /// from it at most.
  std::vector<float> numbersOf(Type element, const WeightExtent &extent) const override {
    auto block = cast<BlockType>(element);
    ScaleStorage storage = scaleStorage(block.getScale());
    if (storage.numbers == 1) {
      float unit = extent.largest / (tableOf(block)->largest() * storage.table->largest());
      return {unit != 0 ? unit : 1.0f};
    }
    float mean = extent.scales ? float(extent.sum / double(extent.scales)) : 1.0f;
    // The map is fine around 0, which is the mean: a scale that is far smaller would drown in it. The map alone spans decades.
    constexpr float far = 8;
    if (extent.scales && extent.leastScale < mean / far)
      return {extent.largestScale, 0.0f};
    return {extent.scales ? std::max(extent.largestScale - mean, mean - extent.leastScale) : 0.0f, mean};
  }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    const QuantizedRows &view = out.view;
    auto block = cast<BlockType>(view.element);
    if (weightNumbers(block) && view.numbers.empty()) {
      assert(view.rows == 1 && "rows of a weight share its numbers");
      setNumbers(values, out);
    }
    if (block.getScale() == ScaleKind::E4M3)
      return fitRelative(values, options, out, row), success();
    for (int64_t g = 0; g < view.groups; ++g) {
      int64_t from = g * view.group, n = std::min(view.group, view.K - from);
      ArrayRef<float> importance = options.importance.empty() ? ArrayRef<float>() : options.importance.slice(from, n);
      float scale = groupScale(values.slice(from, n), importance, options.thorough, block, *tableOf(block));
      if (!std::isfinite(scale)) {
        why = "the scale of group " + std::to_string(g) + " is too large for " + stringifyScaleKind(block.getScale()).str();
        return failure();
      }
      // A group whose scale vanishes is all zeros, whatever the scale.
      out.scales[row * view.groups + g] = scale != 0 ? scale : view.numbers.empty() ? 1.0f : view.numbers.back();
    }
    if (block.getScale() == ScaleKind::Dynamic8)
      quantizeScales(out, row);
    return success();
  }

  static void fitRelative(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row) {
    const QuantizedRows &view = out.view;
    auto block = cast<BlockType>(view.element);
    const CodeTable &table = *tableOf(block), &scaleTable = *scaleStorage(block.getScale()).table;
    for (int64_t g = 0; g < view.groups; ++g) {
      int64_t from = g * view.group, n = std::min(view.group, view.K - from);
      ArrayRef<float> x = values.slice(from, n), importance = options.importance.empty() ? ArrayRef<float>() : options.importance.slice(from, n);
      Extent range = extentOf(x.data(), n);
      // Codes of positive numbers ascend with them; 0 is left to weights of another group's size: a scale is at least 2^-9.
      uint8_t code = std::max<uint8_t>(scaleTable.encode(std::max(-range.min, range.max) / table.largest() / view.numbers[0]), 1), best = code;
      float least = INFINITY;
      for (int step = 0; options.thorough && step <= 5; ++step) {
        auto other = uint8_t(std::clamp(code + 1 - step, 1, 126));
        float error = errorOf(x, importance, decodeScale(block.getScale(), other, view.numbers), table);
        if (error < least)
          least = error, best = other;
      }
      out.scaleCodes[row * view.groups + g] = best;
      out.scales[row * view.groups + g] = decodeScale(block.getScale(), best, view.numbers);
    }
  }

  /// Double quantization: scales less their mean on the dynamic map.
  static void quantizeScales(QuantizedBuffer &out, int64_t row) {
    const QuantizedRows &view = out.view;
    ScaleKind kind = cast<BlockType>(view.element).getScale();
    float most = view.numbers[0], mean = view.numbers[1];
    for (auto [g, scale] : llvm::enumerate(MutableArrayRef(out.scales).slice(row * view.groups, view.groups))) {
      uint8_t code = scaleStorage(kind).table->encode(most != 0 ? (scale - mean) / most : 0.0f);
      out.scaleCodes[row * view.groups + g] = code;
      scale = decodeScale(kind, code, view.numbers);
    }
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    const QuantizedRows &view = out.view;
    const CodeTable &table = *tableOf(cast<BlockType>(view.element));
    for (auto [i, value] : llvm::enumerate(values)) {
      int64_t k = from + int64_t(i);
      float scale = view.scales[row * view.groups + k / view.group];
      out.codes[row * view.K + k] = table.encode(scale != 0 ? value / scale : 0.0f);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    const CodeTable &table = *tableOf(cast<BlockType>(rows.element));
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i;
      values[i] = rows.scales[row * rows.groups + k / rows.group] * table.values[rows.codes[row * rows.K + k]];
    }
  }

  Value integerValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    return lookUp(builder, loc, type, element.code, DenseElementsAttr::get(RankedTensorType::get({16}, builder.getI32Type()), ArrayRef(tableOf(type)->integers->values)));
  }

  Value decode(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    const CodeTable &table = *tableOf(type);
    auto values = RankedTensorType::get({int64_t(table.values.size())}, builder.getF32Type());
    Value value = lookUp(builder, loc, type, element.code, DenseElementsAttr::get(values, ArrayRef<float>(table.values)));
    return arith::MulFOp::create(builder, loc, element.scale, value);
  }

private:
  static Value lookUp(OpBuilder &builder, Location loc, BlockType type, Value code, DenseElementsAttr values) {
    Value table = arith::ConstantOp::create(builder, loc, values);
    // Codes come from a file, a byte each: one that is wider must not lead out of the table.
    Value mask = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), (int64_t(1) << type.getBits()) - 1);
    Value index = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), arith::AndIOp::create(builder, loc, code, mask));
    return tensor::ExtractOp::create(builder, loc, table, ValueRange{index});
  }
};
} // namespace

const FormatFamily &qcc::qnt::getTableFormat() {
  static const TableFormat format;
  return format;
}
