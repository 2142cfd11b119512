// Streaming of weights from input bytes to a sink: what arrives, in which order, and what is refused.
#include "qcc/Quantize/WeightPipeline.h"
#include "dialects/Quant/Formats/Half.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <mutex>
using namespace mlir;
using namespace qcc;

namespace {
/// Collects everything.
struct MemorySink : WeightSink {
  llvm::Expected<int64_t> begin(StringRef symbol, StringRef name, int64_t size) override {
    names.push_back(name.str());
    bytes.resize((bytes.size() + 63) / 64 * 64);
    return int64_t(bytes.size());
  }
  llvm::Error append(ArrayRef<uint8_t> more) override {
    if (isFull)
      return llvm::createStringError("no space left");
    bytes.insert(bytes.end(), more.begin(), more.end());
    return llvm::Error::success();
  }
  llvm::Error end() override { return llvm::Error::success(); }
  std::vector<std::string> names;
  std::vector<uint8_t> bytes;
  bool isFull = false;
};

/// A packing that shows everything of a row: codes, scales, zeros, values. Panels of 4 rows.
FailureOr<WeightPacking> plainPacking(qnt::WeightDeclOp decl) {
  auto type = cast<RankedTensorType>(decl.getType());
  int64_t K = type.getNumElements() / type.getDimSize(0);
  qnt::QuantizedBuffer row;
  row.reset(type.getElementType(), 0, 1, K);
  int64_t rowBytes = int64_t(row.codes.size() + row.zeros.size() + row.subScales.size() + row.raw.size() + 4 * (row.scales.size() + row.floatZeros.size() + row.values.size()));
  WeightPacking packing;
  packing.rowsPerPanel = 4;
  packing.panelBytes = 4 * rowBytes;
  packing.pack = [=](const qnt::QuantizedRows &rows, uint8_t *out) {
    memset(out, 0, (rows.rows + 3) / 4 * 4 * rowBytes);
    for (int64_t r = 0; r < rows.rows; ++r) {
      uint8_t *to = out + r * rowBytes;
      auto put = [&](auto values) {
        size_t count = values.size() / rows.rows;
        memcpy(to, values.data() + r * count, count * sizeof(values[0]));
        to += count * sizeof(values[0]);
      };
      put(rows.codes), put(rows.zeros), put(rows.subScales), put(rows.raw), put(rows.scales), put(rows.floatZeros), put(rows.values);
    }
  };
  return packing;
}

struct WeightPipelineTest : testing::Test {
  WeightPipelineTest() {
    context.loadDialect<qnt::QntDialect, func::FuncDialect>();
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) { message += diagnostic.str() + "\n"; });
  }
  /// Appends `values` to the input file and returns their offset.
  template <typename T> int64_t put(const std::vector<T> &values) {
    int64_t at = int64_t(file.size());
    file.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
    return at;
  }
  ExitCode run(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << message;
    sources = SourceFiles();
    sources.add("model.onnx", llvm::MemoryBuffer::getMemBufferCopy(file));
    sink = MemorySink();
    errors = WeightErrors();
    return materializeWeights(*module, sources, plainPacking, sink, nullptr, &errors);
  }
  qnt::WeightDeclOp decl(StringRef symbol) { return cast<qnt::WeightDeclOp>(module->lookupSymbol(symbol)); }
  template <typename T> std::vector<T> read(int64_t offset, int64_t count) {
    std::vector<T> values(count);
    EXPECT_LE(offset + count * sizeof(T), sink.bytes.size());
    memcpy(values.data(), sink.bytes.data() + offset, count * sizeof(T));
    return values;
  }

  MLIRContext context;
  std::string file, message;
  OwningOpRef<ModuleOp> module;
  SourceFiles sources;
  MemorySink sink;
  WeightErrors errors;
};
} // namespace

TEST_F(WeightPipelineTest, FloatWeightsAreCopiedTransposedAndMerged) {
  put<float>({1, 2, 3, 4, 5, 6});                   // [2, 3]
  put<float>({10, 20, 11, 21, 12, 22});             // [K = 3, rows = 2]
  ASSERT_EQ(run(R"(
    qnt.weight_decl @qk : tensor<4x3xf32> [
      #qnt.part<rows = 2, transposed = false, data = <"q", file 0, offset 0, length 24> : tensor<2x3xf32>>,
      #qnt.part<rows = 2, transposed = true, data = <"k", file 0, offset 24, length 24> : tensor<3x2xf32>>]
    qnt.weight_decl @ids : tensor<2xi64> [#qnt.part<rows = 2, transposed = false, values = dense<[7, 8]> : tensor<2xi64>>]
    qnt.weight_decl @half : tensor<1x2xf16> [#qnt.part<rows = 1, transposed = false, values = dense<0.1> : tensor<1x2xf32>>]
    )"), ExitSuccess) << message;
  EXPECT_EQ(sink.names, (std::vector<std::string>{"q+k", "ids", "half"}));
  EXPECT_EQ(read<float>(0, 12), (std::vector<float>{1, 2, 3, 4, 5, 6, 10, 11, 12, 20, 21, 22}));
  EXPECT_EQ(read<int64_t>(64, 2), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(read<float>(128, 2), std::vector<float>(2, qnt::halfToFloat(0x2e66)));
  std::vector<int64_t> offsets;
  for (auto decl : module->getOps<qnt::WeightDeclOp>())
    offsets.push_back(*decl.getOffset());
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 64, 128}));
}

// Factors of rows and columns multiply what the parts say, before anything is encoded.
TEST_F(WeightPipelineTest, FactorsMultiplyRowsAndColumns) {
  put<float>({1, 2, 3, 4, 5, 6});                   // [2, 3]
  put<float>({10, 20, 11, 21, 12, 22});             // [K = 3, rows = 2]
  std::string parts = R"([
      #qnt.part<rows = 2, transposed = false, data = <"q", file 0, offset 0, length 24> : tensor<2x3xf32>>,
      #qnt.part<rows = 2, transposed = true, data = <"k", file 0, offset 24, length 24> : tensor<3x2xf32>>]
      {column_factors = dense<[1.0, 0.5, 2.0]> : tensor<3xf32>, row_factors = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>})";
  ASSERT_EQ(run("qnt.weight_decl @qk : tensor<4x3xf32> " + parts + R"(
    qnt.weight_decl @norm : tensor<3xf32> [#qnt.part<rows = 3, transposed = false, data = <"n", file 0, offset 0, length 12> : tensor<3xf32>>] {row_factors = dense<[2.0, 4.0, 8.0]> : tensor<3xf32>})"),
            ExitSuccess) << message;
  std::vector<float> expected = {1, 1, 6, 8, 5, 24, 30, 16.5f, 72, 80, 42, 176};
  EXPECT_EQ(read<float>(0, 12), expected);
  EXPECT_EQ(read<float>(64, 3), (std::vector<float>{2, 8, 24}));
  std::vector<float> values;
  EXPECT_EQ(readWeight(*module->getOps<qnt::WeightDeclOp>().begin(), sources, values), ExitSuccess);
  EXPECT_EQ(values, expected);
  // What is lost counts from the multiplied values.
  ASSERT_EQ(run("qnt.weight_decl @qk : tensor<4x3xf16> " + parts), ExitSuccess) << message;
  EXPECT_EQ(errors.find(*module->getOps<qnt::WeightDeclOp>().begin())->noise, 0);
}

TEST_F(WeightPipelineTest, FactorsThatDoNotApplyAreRefused) {
  EXPECT_EQ(run(R"(qnt.weight_decl @ids : tensor<2xi64> [#qnt.part<rows = 2, transposed = false, values = dense<[7, 8]> : tensor<2xi64>>] {row_factors = dense<1.0> : tensor<2xf32>})"), ExitMalformed);
  EXPECT_EQ(message, "weight 'ids' has factors, gains or rotations, but its values are no floats\n");
  message.clear();
  put<float>({1, 3e38f});
  EXPECT_EQ(run(R"(qnt.weight_decl @w : tensor<1x2xf32> [#qnt.part<rows = 1, transposed = false, data = <"w", file 0, offset 0, length 8> : tensor<1x2xf32>>] {row_factors = dense<10.0> : tensor<1xf32>})"), ExitQuantization);
  EXPECT_EQ(message, "tensor 'w': value [0, 1] is infinite [unencodable-value]\n");
}

// Gains multiply columns, then every row is rotated, then every column, across parts; factors come last. All of it in double, rounded once.
TEST_F(WeightPipelineTest, GainsAndRotations) {
  put<float>({1, 2, 3, 4});                         // [2, 2]
  put<float>({5, 7, 6, 8});                         // [K = 2, rows = 2]: the rows 5 6 and 7 8
  put<float>({1, 3});                               // the gains
  put<float>({1, INFINITY});
  std::string parts = R"([
      #qnt.part<rows = 2, transposed = false, data = <"a", file 0, offset 0, length 16> : tensor<2x2xf32>>,
      #qnt.part<rows = 2, transposed = true, data = <"b", file 0, offset 16, length 16> : tensor<2x2xf32>>])";
  std::string gains = R"(column_gains = [#qnt.part<rows = 2, transposed = false, data = <"g", file 0, offset 32, length 8> : tensor<2xf32>>])";
  ASSERT_EQ(run("qnt.weight_decl @columns : tensor<4x2xf32> " + parts + " {" + gains + ", column_rotation = #qnt.rotation<block = 2>}\n" +
                "qnt.weight_decl @both : tensor<4x2xf32> " + parts + " {" + gains + R"(, column_rotation = #qnt.rotation<block = 2>, row_rotation = #qnt.rotation<block = 4>,
                  row_factors = dense<[1.0, 1.0, 10.0, 1.0]> : tensor<4xf32>})"), ExitSuccess) << message;
  auto root = [](double value) { return float(value / std::sqrt(2.0)); };
  EXPECT_EQ(read<float>(0, 8), (std::vector<float>{root(7), root(-5), root(15), root(-9), root(23), root(-13), root(31), root(-17)}));
  // Columns 7 15 23 31 and -5 -9 -13 -17: sums and differences of four, halved.
  std::vector<float> both = read<float>(64, 8);
  std::vector<float> want = {root(38), root(-22), root(-8), root(4), root(-160), root(80), 0, 0};
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(both[i], want[i], 1e-6) << i;
  std::vector<float> values;
  EXPECT_EQ(readWeight(decl("both"), sources, values), ExitSuccess);
  EXPECT_EQ(values, both);
  // A value that is not finite is named where it is, not where a rotation takes it.
  for (std::string side : {"row", "column"}) {
    message.clear();
    EXPECT_EQ(run(R"(qnt.weight_decl @w : tensor<1x2xf32> [#qnt.part<rows = 1, transposed = false, data = <"w", file 0, offset 40, length 8> : tensor<1x2xf32>>] {)" + side +
                  "_rotation = #qnt.rotation<block = 1>}"), ExitQuantization);
    EXPECT_EQ(message, "tensor 'w': value [0, 1] is infinite [unencodable-value]\n");
  }
}

// Two parts of which one is transposed, in w8 per row: the scale is 127 / 127, codes are the values rounded.
TEST_F(WeightPipelineTest, ErrorsAreThoseOfDecodedRows) {
  put<float>({127, 0.25f, -3});
  put<float>({-0.5f, 127, 2});
  ASSERT_EQ(run(R"(
    qnt.weight_decl @qk : tensor<2x3x!qnt.block<bits = 8, group = -1>> [
      #qnt.part<rows = 1, transposed = false, data = <"q", file 0, offset 0, length 12> : tensor<1x3xf32>>,
      #qnt.part<rows = 1, transposed = true, data = <"k", file 0, offset 12, length 12> : tensor<3x1xf32>>]
    qnt.weight_decl @plain : tensor<1x3xf32> [#qnt.part<rows = 1, transposed = false, data = <"p", file 0, offset 0, length 12> : tensor<1x3xf32>>]
    qnt.weight_decl @ids : tensor<2xi64> [#qnt.part<rows = 2, transposed = false, values = dense<[7, 8]> : tensor<2xi64>>]
    )"), ExitSuccess) << message;
  std::optional<WeightError> merged = errors.find(decl("qk")), plain = errors.find(decl("plain"));
  ASSERT_TRUE(merged && plain);
  EXPECT_DOUBLE_EQ(merged->signal, 2 * 127.0 * 127.0 + 0.0625 + 9 + 0.25 + 4);
  EXPECT_DOUBLE_EQ(merged->noise, 0.0625 + 0.25);
  EXPECT_EQ(plain->noise, 0);
  EXPECT_TRUE(std::isinf(plain->sqnr()));
  EXPECT_FALSE(errors.find(decl("ids")));
}

// One square tensor, read as it is and transposed, is two weights; another node that reads it the same way is not a third.
TEST_F(WeightPipelineTest, WeightsAreTheSameWhenTheirValuesAre) {
  put<float>({127, 0.5f, 1, 63.5f});
  ASSERT_EQ(run(R"(
    qnt.weight_decl @plain : tensor<2x2x!qnt.block<bits = 8, group = -1>> [
      #qnt.part<rows = 2, transposed = false, data = <"w", file 0, offset 0, length 16> : tensor<2x2xf32>, node = "first">]
    qnt.weight_decl @again : tensor<2x2x!qnt.block<bits = 8, group = -1>> [
      #qnt.part<rows = 2, transposed = false, data = <"w", file 0, offset 0, length 16> : tensor<2x2xf32>, node = "second">]
    qnt.weight_decl @transposed : tensor<2x2x!qnt.block<bits = 8, group = -1>> [
      #qnt.part<rows = 2, transposed = true, data = <"w", file 0, offset 0, length 16> : tensor<2x2xf32>, node = "first">]
    qnt.weight_decl @wide : tensor<2x2xf32> [
      #qnt.part<rows = 2, transposed = false, data = <"w", file 0, offset 0, length 16> : tensor<2x2xf32>, node = "first">])"), ExitSuccess) << message;
  EncodedWeights encoded;
  encoded.add(decl("plain"));
  EXPECT_TRUE(encoded.find(decl("plain")));
  EXPECT_EQ(encoded.find(decl("plain")), encoded.find(decl("again")));
  EXPECT_FALSE(encoded.find(decl("transposed")));
  EXPECT_FALSE(encoded.find(decl("wide")));
  EXPECT_EQ(errors.find(decl("plain"))->noise, 0.25);           // scales 1 and 0.5
  EXPECT_EQ(errors.find(decl("transposed"))->noise, 0);
}

// Golden vector: codes 0..15 are bytes 10 32 54 76 98 BA DC FE. K = 18 with blocks of 16: the second block is mostly padding.
TEST_F(WeightPipelineTest, MatMulNBitsCodesAreKept) {
  put<uint8_t>({0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, /*tail*/ 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  put<float>({0.1f, -0.3f});
  put<uint8_t>({0x95});
  ASSERT_EQ(run(R"(
    qnt.weight_decl @w : tensor<1x18x!qnt.block<bits = 4, group = 16, scale = f32, zero = int>> [
      #qnt.part<rows = 1, transposed = false, data = <"b", file 0, offset 0, length 16> : tensor<1x2x8xui8>, scales = <"s", file 0, offset 16, length 8> : tensor<1x2xf32>,
                zeros = <"z", file 0, offset 24, length 1> : tensor<1xui8>>])"), ExitSuccess) << message;
  EXPECT_EQ(read<uint8_t>(0, 20), (std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 3, /*zeros*/ 5, 9}));
  EXPECT_EQ(read<float>(20, 2), (std::vector<float>{0.1f, -0.3f}));
}

TEST_F(WeightPipelineTest, MatMulNBitsOfTwoAndEightBitsAndFloatZeroPoints) {
  put<uint8_t>({0xe4, 0x1b, 0xe4, 0xe4});           // 2 bits: 0 1 2 3, 3 2 1 0, ...
  put<uint16_t>({0x3c00});                          // 1.0
  put<float>({1.5f});
  put<uint8_t>(std::vector<uint8_t>(16, 200));
  ASSERT_EQ(run(R"(
    qnt.weight_decl @two : tensor<1x16x!qnt.block<bits = 2, group = 16, zero = float>> [
      #qnt.part<rows = 1, transposed = false, data = <"b", file 0, offset 0, length 4> : tensor<1x1x4xui8>, scales = <"s", file 0, offset 4, length 2> : tensor<1xf16>,
                zeros = <"z", file 0, offset 6, length 4> : tensor<1x1xf32>>]
    qnt.weight_decl @eight : tensor<1x16x!qnt.block<bits = 8, group = 16>> [
      #qnt.part<rows = 1, transposed = false, data = <"c", file 0, offset 10, length 16> : tensor<1x1x16xui8>, scales = <"s", file 0, offset 4, length 2> : tensor<1xf16>>]
    )"), ExitSuccess) << message;
  EXPECT_EQ(read<uint8_t>(0, 8), (std::vector<uint8_t>{0, 1, 2, 3, 3, 2, 1, 0}));
  EXPECT_EQ(read<float>(16, 2), (std::vector<float>{1.0f, 1.5f}));
  EXPECT_EQ(read<uint8_t>(128, 16), std::vector<uint8_t>(16, 200));
}

TEST_F(WeightPipelineTest, RotaryTablesAreComputed) {
  ASSERT_EQ(run(R"(qnt.weight_decl @cos : tensor<3x2xf32> [#qnt.part<rows = 3, transposed = false, rotary = <cos, 2.0 : f32, dense<[1.0, 0.5]> : tensor<2xf32>>>])"), ExitSuccess) << message;
  std::vector<float> values = read<float>(0, 6);
  for (int p = 0; p < 3; ++p)
    for (int i = 0; i < 2; ++i)
      EXPECT_FLOAT_EQ(values[2 * p + i], 2 * std::cos(p * (i ? 0.5f : 1.0f)));
}

// Thousands of rows: several batches and pieces, with a short last panel.
TEST_F(WeightPipelineTest, BytesDoNotDependOnThreads) {
  std::vector<float> values(3001 * 100);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(float(i) * 0.37f) * float(i % 13);
  put(values);
  std::string text = R"(
    qnt.weight_decl @w : tensor<3001x100x!qnt.block<bits = 4, group = 32>> [
      #qnt.part<rows = 3001, transposed = true, data = <"w", file 0, offset 0, length 1200400> : tensor<100x3001xf32>>]
    qnt.weight_decl @v : tensor<3001x100x!qnt.block<bits = 4, group = 32, super = 256, subBits = 4>> [
      #qnt.part<rows = 3001, transposed = false, data = <"w", file 0, offset 0, length 1200400> : tensor<3001x100xf32>>])";
  std::vector<std::vector<uint8_t>> results;
  auto before = llvm::parallel::strategy;
  for (unsigned threads : {1u, 2u, 5u}) {
    llvm::parallel::strategy = llvm::hardware_concurrency(threads);
    ASSERT_EQ(run(text), ExitSuccess) << message;
    results.push_back(sink.bytes);
  }
  llvm::parallel::strategy = before;
  EXPECT_EQ(results[0].size(), (3004 * (100 + 16) + 63) / 64 * 64 + 3004 * (100 + 4 + 4));
  EXPECT_TRUE(results[0] == results[1] && results[0] == results[2]);
}

TEST_F(WeightPipelineTest, ValuesThatCannotBeEncodedAreNamed) {
  put<float>({1, 2, NAN, 4});
  EXPECT_EQ(run(R"(qnt.weight_decl @w : tensor<2x2x!qnt.block<bits = 4, group = 32>> [
    #qnt.part<rows = 2, transposed = true, data = <"up.weight", file 0, offset 0, length 16> : tensor<2x2xf32>, node = "/mlp/MatMul">])"), ExitQuantization);
  EXPECT_EQ(message, "tensor 'up.weight' of node '/mlp/MatMul': value [1, 0] is NaN [unencodable-value]\n");
  message.clear();
  file.clear();
  put<uint8_t>(std::vector<uint8_t>(16));
  put<float>({1, INFINITY});
  EXPECT_EQ(run(R"(qnt.weight_decl @w : tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>> [
    #qnt.part<rows = 2, transposed = false, data = <"b", file 0, offset 0, length 16> : tensor<2x1x8xui8>, scales = <"b_scales", file 0, offset 16, length 8> : tensor<2x1xf32>, node = "n">])"),
            ExitQuantization);
  EXPECT_EQ(message, "tensor 'b_scales' of node 'n': value [1, 0] is infinite [unencodable-value]\n");
  message.clear();
  file.clear();
  put<float>({1, 1e7f});
  EXPECT_EQ(run(R"(qnt.weight_decl @w : tensor<1x2xf16> [#qnt.part<rows = 1, transposed = false, data = <"w", file 0, offset 0, length 8> : tensor<1x2xf32>>])"), ExitQuantization);
  EXPECT_EQ(message, "tensor 'w', row 0: a value is too large for f16 [unencodable-value]\n");
}

TEST_F(WeightPipelineTest, PartsThatContradictTheirTypeAreRefused) {
  put<float>({1, 2, 3, 4});
  struct Case {
    const char *part, *message;
  } cases[] = {
      {R"(data = <"w", file 0, offset 8, length 16> : tensor<2x2xf32>)", "tensor 'w' lies outside its file\n"},
      {R"(data = <"w", file 1, offset 0, length 16> : tensor<2x2xf32>)", "tensor 'w' lies outside its file\n"},
      {R"(data = <"w", file 0, offset 0, length 12> : tensor<2x2xf32>)", "tensor 'w' has 12 bytes, expected 16\n"},
      {R"(data = <"w", file 0, offset 0, length 12> : tensor<3xf32>)", "tensor 'w' has 12 bytes, expected 16\n"},
      {R"(data = <"w", file 0, offset 0, length 4> : tensor<2x2xi8>)", "tensor 'w' holds i8, which cannot be stored as f32\n"},
      {R"(data = <"w", file 0, offset 0, length 4> : tensor<2x2xui8>, scales = <"s", file 0, offset 0, length 8> : tensor<2xf32>)",
       "tensor 'w' arrives quantized, but the weight's type is not that of its codes\n"},
  };
  for (const Case &c : cases) {
    message.clear();
    EXPECT_EQ(run("qnt.weight_decl @w : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, " + std::string(c.part) + ">]"), ExitMalformed) << c.part;
    EXPECT_EQ(message, c.message);
  }
}

TEST_F(WeightPipelineTest, SinkErrorsAreResourceErrors) {
  struct FullSink : MemorySink {
    FullSink() { isFull = true; }
  } full;
  put<float>({1, 2});
  ASSERT_EQ(run(R"(qnt.weight_decl @w : tensor<1x2xf32> [#qnt.part<rows = 1, transposed = false, data = <"w", file 0, offset 0, length 8> : tensor<1x2xf32>>])"), ExitSuccess);
  (*module->getOps<qnt::WeightDeclOp>().begin()).removeOffsetAttr();
  EXPECT_EQ(materializeWeights(*module, sources, plainPacking, full), ExitResource);
  EXPECT_EQ(message, "no space left\n");
}

TEST_F(WeightPipelineTest, ScalesAreNarrowedOnlyWhenAllAreExact) {
  put<uint8_t>(std::vector<uint8_t>(32));
  put<float>({0.5f, 0.25f});
  put<float>({0.1f});
  std::string exact = R"(
    qnt.weight_decl @a : tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>> [
      #qnt.part<rows = 2, transposed = false, data = <"a", file 0, offset 0, length 16> : tensor<2x1x8xui8>, scales = <"as", file 0, offset 32, length 8> : tensor<2x1xf32>>]
    func.func private @layer(%x: tensor<?x16xf32>, %w: tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>>) -> tensor<?x2xf32> {
      %y = qnt.matmul %x, %w : tensor<?x16xf32>, tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>> -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    }
    func.func @main(%x: tensor<?x16xf32>) -> tensor<?x2xf32> {
      %w = qnt.weight @a : tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>>
      %y = call @layer(%x, %w) : (tensor<?x16xf32>, tensor<2x16x!qnt.block<bits = 4, group = 16, scale = f32>>) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })";
  auto scaleKindOfA = [&]() {
    auto type = cast<ShapedType>(cast<qnt::WeightDeclOp>(module->lookupSymbol("a")).getType());
    return cast<qnt::BlockType>(type.getElementType()).getScale();
  };
  ASSERT_EQ(run(exact), ExitSuccess) << message;
  ASSERT_EQ(narrowScales(*module, sources), ExitSuccess) << message;
  EXPECT_EQ(scaleKindOfA(), qnt::ScaleKind::F16);
  EXPECT_TRUE(succeeded(module->verify()));

  ASSERT_EQ(run(exact + R"(
    qnt.weight_decl @b : tensor<1x16x!qnt.block<bits = 4, group = 16, scale = f32>> [
      #qnt.part<rows = 1, transposed = false, data = <"b", file 0, offset 0, length 8> : tensor<1x1x8xui8>, scales = <"bs", file 0, offset 40, length 4> : tensor<1x1xf32>>])"), ExitSuccess);
  ASSERT_EQ(narrowScales(*module, sources), ExitSuccess);
  EXPECT_EQ(scaleKindOfA(), qnt::ScaleKind::F32);
}
