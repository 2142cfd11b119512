// f32, f16 and bf16 weights: values rounded to the type, nothing else.
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "dialects/Quant/Formats/Half.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
using namespace mlir;
using namespace qcc::qnt;

namespace {
struct FloatFormat : FormatFamily {
  Type parse(StringRef name, MLIRContext *context) const override {
    // bf16 is not offered by name: weights keep it when they arrive in it.
    return llvm::StringSwitch<Type>(name).Case("f32", Float32Type::get(context)).Case("f16", Float16Type::get(context)).Default({});
  }
  bool owns(Type element) const override { return isa<Float32Type, Float16Type, BFloat16Type>(element); }
  std::string name(Type element) const override { return element.isF32() ? "f32" : element.isF16() ? "f16" : "bf16"; }
  int64_t rowBits(Type element, int64_t K) const override { return K * element.getIntOrFloatBitWidth(); }

  static float rounded(Type element, float value) {
    return element.isF32() ? value : element.isF16() ? halfToFloat(floatToHalf(value)) : bfloatToFloat(floatToBfloat(value));
  }

  LogicalResult fitRow(ArrayRef<float> values, const FitOptions &, QuantizedBuffer &out, int64_t row, std::string &why) const override {
    Extent range = extentOf(values.data(), int64_t(values.size()));
    if (std::isfinite(rounded(out.view.element, range.min)) && std::isfinite(rounded(out.view.element, range.max)))
      return success();
    why = "a value is too large for " + name(out.view.element);
    return failure();
  }
  void encodeColumns(ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const override {
    float *to = out.values.data() + row * out.view.K + from, limit = out.view.element.isF16() ? 65504.0f : 0x1.fep127f;
    if (out.view.element.isF32())
      std::copy(values.begin(), values.end(), to);
    else // what the row had been fitted for may have moved past the largest value since
      for (auto [i, value] : llvm::enumerate(values))
        to[i] = rounded(out.view.element, std::min(std::max(value, -limit), limit));
  }
  void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, MutableArrayRef<float> values) const override {
    llvm::copy(rows.values.slice(row * rows.K + from, values.size()), values.begin());
  }
};
} // namespace

const FormatFamily &qcc::qnt::getFloatFormat() {
  static const FloatFormat format;
  return format;
}
