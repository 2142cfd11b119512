// Codes that select from a table of floats: `scale * table[code]`. NF4 and FP4 with one f16 or f32 scale per group, the largest magnitude;
// MXFP4 with a power of two per 32 values; FP8 with an f32 scale per row or group.
//
// Decoding is exact: one product of two floats, rounded once. What is multiplied is a float, so activations stay floats.
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

static const CodeTable &tableOf(BlockType block) { return *codeTable(block.getTable().getValue()); }

/// What a number of the format is called before `g<N>`, `row` and `s32`; the table; the group and scale that a bare name means.
struct Name {
  StringLiteral text, table;
  int64_t group;
  ScaleKind scale;
};
static constexpr Name names[] = {{"nf4", "nf4", 64, ScaleKind::F16}, {"fp4", "fp4", 64, ScaleKind::F16}, {"mxfp4", "e2m1", 32, ScaleKind::E8M0},
                                 {"fp8e4m3", "e4m3", -1, ScaleKind::F32}, {"fp8e5m2", "e5m2", -1, ScaleKind::F32}};

static const Name *nameOf(BlockType block) {
  return llvm::find_if(names, [&](const Name &n) { return n.table == block.getTable().getValue(); });
}

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
    float best = roundToScale(most / table.largest(), block.getScale());
    if (!thorough || best == 0 || !std::isfinite(best))
      return best;
    float least = errorOf(x, importance, best, table), whole = best;
    for (int step = -2; step <= 12; ++step) {
      float scale = roundToScale(whole * (1.0f - 0.025f * float(step)), block.getScale());
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
      if (n.scale != ScaleKind::E8M0) {
        if (rest.consume_front("row"))
          group = -1;
        else if (rest.consume_front("g") && (rest.consumeInteger(10, group) || group < 1 || group > BlockType::maxGroup))
          return {};
        if (n.scale == ScaleKind::F16 && rest.consume_front("s32"))
          scale = ScaleKind::F32;
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
    return n->text.str() + group + (block.getScale() == ScaleKind::F32 && n->scale == ScaleKind::F16 ? "s32" : "");
  }
  int64_t rowBits(Type element, int64_t K) const override {
    auto block = cast<BlockType>(element);
    return K * block.getBits() + groupsPerRow(block, K) * scaleBits(block.getScale());
  }
  bool hasLinearScales(Type element) const override { return cast<BlockType>(element).getScale() != ScaleKind::E8M0; }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    const QuantizedRows &view = out.view;
    auto block = cast<BlockType>(view.element);
    for (int64_t g = 0; g < view.groups; ++g) {
      int64_t from = g * view.group, n = std::min(view.group, view.K - from);
      ArrayRef<float> importance = options.importance.empty() ? ArrayRef<float>() : options.importance.slice(from, n);
      float scale = groupScale(values.slice(from, n), importance, options.thorough, block, tableOf(block));
      if (!std::isfinite(scale)) {
        why = "the scale of group " + std::to_string(g) + " is too large for " + stringifyScaleKind(block.getScale()).str();
        return failure();
      }
      out.scales[row * view.groups + g] = scale != 0 ? scale : 1.0f; // a group whose scale vanishes is all zeros
    }
    return success();
  }

  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    const QuantizedRows &view = out.view;
    const CodeTable &table = tableOf(cast<BlockType>(view.element));
    for (auto [i, value] : llvm::enumerate(values)) {
      int64_t k = from + int64_t(i);
      out.codes[row * view.K + k] = table.encode(value / view.scales[row * view.groups + k / view.group]);
    }
  }

  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    const CodeTable &table = tableOf(cast<BlockType>(rows.element));
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      int64_t k = from + i;
      values[i] = rows.scales[row * rows.groups + k / rows.group] * table.values[rows.codes[row * rows.K + k]];
    }
  }

  Value decode(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const override {
    const CodeTable &table = tableOf(type);
    auto values = RankedTensorType::get({int64_t(table.values.size())}, builder.getF32Type());
    Value constant = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(values, ArrayRef<float>(table.values)));
    // Codes come from a file, a byte each: one that is wider must not lead out of the table.
    Value mask = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), (int64_t(1) << type.getBits()) - 1);
    Value index = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), arith::AndIOp::create(builder, loc, element.code, mask));
    Value value = tensor::ExtractOp::create(builder, loc, constant, ValueRange{index});
    return arith::MulFOp::create(builder, loc, element.scale, value);
  }
};
} // namespace

const FormatFamily &qcc::qnt::getTableFormat() {
  static const TableFormat format;
  return format;
}
