// From a declaration's layout to bytes.
#include "lib/Compiler/WeightPlan.h"
#include "dialects/Quant/Formats/Half.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
using namespace mlir;
using namespace qcc;

namespace {
struct WeightPlanTest : testing::Test {
  WeightPlanTest() { context.loadDialect<qnt::QntDialect>(); }
  FailureOr<WeightPacking> packing(const std::string &type, const std::string &layout) {
    module = parseSourceString<ModuleOp>("qnt.weight_decl @w : " + type + " [#qnt.part<rows = 1, transposed = false>]" + (layout.empty() ? "" : " {layout = #qnt.layout<" + layout + ">}"), &context);
    return packingOf(*module->getOps<qnt::WeightDeclOp>().begin());
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(WeightPlanTest, PlainTensorsKeepTheirBytes) {
  auto f32 = packing("tensor<1x3xf32>", "plain, bytes = 12");
  ASSERT_TRUE(succeeded(f32));
  EXPECT_EQ(f32->panelBytes, 12);
  qnt::QuantizedBuffer buffer;
  buffer.reset(Float16Type::get(&context), 0, 1, 3);
  buffer.values = {1.0f, -2.0f, 0.5f};
  buffer.view.values = buffer.values;
  auto f16 = packing("tensor<1x3xf16>", "rows, bytes = 6");
  uint16_t out[3];
  f16->pack(buffer.view, reinterpret_cast<uint8_t *>(out));
  EXPECT_EQ(ArrayRef<uint16_t>(out), (ArrayRef<uint16_t>{0x3c00, 0xc000, 0x3800}));
}

// 3-bit codes cross byte borders: 7 codes are 21 bits, padded to 4 bytes, then two f16 scales and two zero points.
TEST_F(WeightPlanTest, QuantizedRowsAreBitStreams) {
  auto rows = packing("tensor<1x7x!qnt.block<bits = 3, group = 4, zero = int>>", "rows, bytes = 12");
  ASSERT_TRUE(succeeded(rows));
  ASSERT_EQ(rows->panelBytes, 12);
  qnt::QuantizedBuffer buffer;
  buffer.reset(cast<ShapedType>((*module->getOps<qnt::WeightDeclOp>().begin()).getType()).getElementType(), 0, 1, 7);
  uint8_t codes[] = {1, 2, 3, 4, 5, 6, 7}, zeros[] = {3, 4};
  float scales[] = {1.0f, 2.0f};
  buffer.view.codes = codes;
  buffer.view.scales = scales;
  buffer.view.zeros = zeros;
  std::vector<uint8_t> out(12, 0xff);
  rows->pack(buffer.view, out.data());
  uint32_t stream = 0;
  for (int i = 0; i < 7; ++i)
    stream |= uint32_t(codes[i]) << (3 * i);
  std::vector<uint8_t> expected = {uint8_t(stream), uint8_t(stream >> 8), uint8_t(stream >> 16), 0, 0x00, 0x3c, 0x00, 0x40, 3, 4, 0, 0};
  EXPECT_EQ(out, expected);
}

TEST_F(WeightPlanTest, WithoutLayoutIsRefused) {
  std::string message;
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_TRUE(failed(packing("tensor<1x3xf32>", "")));
  EXPECT_EQ(message, "'qnt.weight_decl' op has no layout");
}
