// Format families: names, sizes, every code point there and back, degenerate groups, and pinned encodings.
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Defaults.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/Half.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include <cmath>
#include <gtest/gtest.h>
using namespace mlir;
using namespace qcc::qnt;

namespace {
struct FormatTest : testing::Test {
  FormatTest() { context.loadDialect<QntDialect>(); }
  Type format(StringRef name) { return parseFormat(name, &context); }

  /// Encodes `values` as rows of `K` and decodes them again.
  std::vector<float> roundTrip(Type element, const std::vector<float> &values, int64_t K) {
    int64_t rows = int64_t(values.size()) / K;
    buffer.reset(element, 0, rows, K);
    setNumbers(values, buffer);
    std::vector<float> decoded(values.size());
    for (int64_t r = 0; r < rows; ++r) {
      std::string why;
      EXPECT_TRUE(succeeded(familyOf(element)->encodeRow(ArrayRef(values).slice(r * K, K), buffer, r, why))) << why;
      familyOf(element)->decodeRow(buffer.view, r, MutableArrayRef(decoded).slice(r * K, K));
    }
    return decoded;
  }

  MLIRContext context;
  QuantizedBuffer buffer;
};
} // namespace

/// The input of methods.md's digests: a linear congruential generator, values in [-4, 4).
static std::vector<float> pseudoRandom(int64_t n) {
  std::vector<float> values(n);
  uint32_t s = 1;
  for (float &value : values) {
    s = s * 1664525u + 1013904223u;
    value = float(int32_t(s >> 16) - 32768) / 8192.0f;
  }
  return values;
}

static double squaredError(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (auto [x, y] : llvm::zip(a, b))
    sum += (double(x) - y) * (double(x) - y);
  return sum;
}

TEST_F(FormatTest, ArithmeticOfThePage) { // docs/Quantization.md
  std::vector<float> values{1.2f, -0.5f, -4.3f, 1.2f, -3.1f, 0.8f, 2.4f, 5.4f};
  roundTrip(format("w8rows32"), values, 8);
  std::vector<int> codes;
  for (uint8_t code : buffer.codes)
    codes.push_back(int(code) - 128);
  EXPECT_EQ(codes, (std::vector<int>{28, -12, -101, 28, -73, 19, 56, 127}));
  std::vector<float> decoded = roundTrip(format("w8rows32"), {0.1f, 3.2f}, 2);
  EXPECT_EQ(int(buffer.codes[0]) - 128, 4);
  EXPECT_NEAR(decoded[0], 0.1008, 5e-5);
}

TEST_F(FormatTest, NamesComeBack) {
  for (StringRef bits : {"2", "3", "4", "5", "6", "7", "8"})
    for (StringRef group : {"g16", "g32", "g128", "row"})
      for (StringRef zero : {"", "asym", "zf"})
        for (StringRef scale : {"", "s32"}) {
          std::string name = ("w" + bits + group + zero + scale).str();
          ASSERT_TRUE(format(name)) << name;
          EXPECT_EQ(formatName(format(name)), name);
        }
  for (StringRef name : {"f32", "f16", "w2t", "w3t", "w4t", "w2tasym", "w3tasym", "w4tasym"})
    EXPECT_EQ(formatName(format(name)), name);
  for (StringRef name : {"nf4", "nf4g32", "nf4rows32", "fp4s32", "fp4row", "mxfp4", "fp8e4m3", "fp8e4m3g128", "fp8e5m2", "nvfp4", "nf4dq", "nf4g128dq", "fp4rowdq"})
    EXPECT_EQ(formatName(format(name)), name);
  for (StringRef name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"})
    EXPECT_EQ(formatName(format(name)), name);
  EXPECT_EQ(format("w4"), format("w4g32"));
  EXPECT_NE(format("q4_0"), format("w4g32"));
  EXPECT_EQ(format("nf4"), format("nf4g64"));
  EXPECT_EQ(format("fp8e4m3"), format("fp8e4m3row"));
  for (StringRef name : {"", "w", "w1", "w9", "w4g0", "w4g", "w4g32x", "q4_2", "q4_K", "q7_k", "f64", "w4t2", "w5t", "w1tasym", "w4tzf", "W4", "nf4g0", "nf3", "mxfp4g32", "nvfp4g32", "nvfp4s32", "fp8", "fp8e4m3s32", "fp8e4m3dq", "nf4s32dq", "w4g1048577", "w4g9223372036854775807", "nf4g1048592"})
    EXPECT_FALSE(format(name)) << name.str();
}

TEST_F(FormatTest, DefaultsAreFormatsOfTheirBits) {
  for (const DefaultFormats &row : defaultFormats()) {
    Type layers = format(row.layers), head = format(row.head);
    ASSERT_TRUE(layers && head) << row.bits;
    EXPECT_EQ(int64_t(bitsPerWeight(layers, 4096)), row.bits);
    EXPECT_EQ(int64_t(bitsPerWeight(head, 4096)), row.bits);
  }
  EXPECT_EQ(listBits(), "2 3 4 5 6 8 16 32");
  EXPECT_EQ(integerBits(), (SmallVector<unsigned>{2, 3, 4, 5, 6, 8}));
  EXPECT_FALSE(formatOfBits(&context, 7, 32, false));
}

TEST_F(FormatTest, BitsPerWeight) {
  EXPECT_EQ(bitsPerWeight(format("w4g32"), 256), 4.5);
  EXPECT_EQ(bitsPerWeight(format("w4g32asym"), 256), 4.625);
  EXPECT_EQ(bitsPerWeight(format("w4g32s32"), 256), 5.0);
  EXPECT_EQ(bitsPerWeight(format("w8row"), 256), 8 + 16.0 / 256);
  EXPECT_EQ(bitsPerWeight(format("w4t"), 256), 4.1875);
  EXPECT_EQ(bitsPerWeight(format("w4tasym"), 256), 4.3125);
  EXPECT_EQ(bitsPerWeight(format("w3t"), 256), 3.1875);
  EXPECT_EQ(bitsPerWeight(format("f16"), 7), 16);
  EXPECT_EQ(bitsPerWeight(format("nf4s32"), 256), 4.5);
  EXPECT_EQ(bitsPerWeight(format("mxfp4"), 256), 4.25);
  EXPECT_EQ(bitsPerWeight(format("fp8e4m3"), 256), 8 + 32.0 / 256);
  EXPECT_EQ(bitsPerWeight(format("nvfp4"), 256), 4.5);  // and a number of the weight
  EXPECT_EQ(bitsPerWeight(format("nf4dq"), 16384), 4.125);
}

TEST_F(FormatTest, EveryCodePointComesBack) {
  for (unsigned bits = 2; bits <= 8; ++bits)
    for (StringRef zero : {"", "asym", "zf"}) {
      int top = (1 << bits) - 1, first = zero.empty() && bits == 8 ? 1 : 0, middle = zero.empty() ? 1 << (bits - 1) : top / 3;
      std::vector<float> values; // all codes of the grid with scale 1/4
      for (int code = first; code <= top; ++code)
        values.push_back(0.25f * float(code - middle));
      int64_t K = int64_t(values.size());
      Type element = format("w" + std::to_string(bits) + "row" + zero.str());
      EXPECT_EQ(roundTrip(element, values, K), values) << formatName(element);
      for (int64_t k = 0; k < K; ++k)
        ASSERT_EQ(buffer.codes[k], first + k) << formatName(element);
      EXPECT_EQ(buffer.scales[0], 0.25f);
    }
}

TEST_F(FormatTest, TwoLevelCodePointsComeBack) {
  std::vector<float> values(256);
  for (int k = 0; k < 256; ++k) // group g has sub-scale 15 - g; codes 0..15 twice
    values[k] = 0.125f * float(15 - k / 32) * float(k % 16 - 8);
  EXPECT_EQ(roundTrip(format("w4t"), values, 256), values);
  EXPECT_EQ(buffer.scales[0], 0.125f);
  EXPECT_EQ(buffer.subScales, (std::vector<uint8_t>{15, 14, 13, 12, 11, 10, 9, 8}));
  EXPECT_EQ(buffer.codes[33], 1);
}

// Group g: sub-scale 12 - g, zero moved by g - 4 64ths of the range of codes.
TEST_F(FormatTest, ShiftedCodePointsComeBack) {
  for (int bits : {2, 3, 4}) {
    std::vector<float> values(256);
    for (int k = 0; k < 256; ++k) {
      int g = k / 32, sub = 12 - g, codes = 1 << bits;
      values[k] = 0.125f * float(sub * (k % codes - codes / 2) + int(std::floor(sub * (g - 4) * codes / 64.0)));
    }
    EXPECT_EQ(roundTrip(format("w" + std::to_string(bits) + "tasym"), values, 256), values);
    EXPECT_EQ(buffer.scales[0], 0.125f);
    EXPECT_EQ(buffer.subScales, (std::vector<uint8_t>{12, 11, 10, 9, 8, 7, 6, 5}));
  }
}

// Kernels multiply such integers as bytes.
TEST_F(FormatTest, ShiftedIntegersFitBytes) {
  for (StringRef name : {"w4tasym", "w3tasym", "w2tasym"})
    for (bool thorough : {false, true}) {
      std::vector<float> values = pseudoRandom(1024);
      for (int k = 0; k < 1024; ++k)
        values[k] += k < 256 ? 0 : k < 512 ? 2 : k < 768 ? -3 : k % 64 == 0 ? 40 : 0;
      auto element = cast<BlockType>(format(name));
      FitOptions options;
      options.thorough = thorough;
      std::string why;
      buffer.reset(element, 0, 1, 1024);
      ASSERT_TRUE(succeeded(familyOf(element)->encodeRow(values, buffer, 0, why, options))) << why;
      int bits = int(element.getBits()), half = 1 << (bits - 1);
      for (int k = 0; k < 1024; ++k) {
        int sub = buffer.subScales[k / 32], moved = (sub * (buffer.subMins[k / 32] - 8)) >> (6 - bits);
        for (int code : {0, 2 * half - 1}) {
          EXPECT_GE(sub * (code - half) + moved, -128);
          EXPECT_LE(sub * (code - half) + moved, 127);
        }
      }
    }
}

TEST_F(FormatTest, TwoLevelUsesBothSidesOfTheGrid) {
  std::vector<float> values(32);
  for (int k = 0; k < 32; ++k)
    values[k] = 0.5f * 15.0f * float(8 - k % 16); // 8 on the positive side: needs a negative scale
  EXPECT_EQ(roundTrip(format("w4t"), values, 32), values);
  EXPECT_EQ(buffer.scales[0], -0.5f);
}

TEST_F(FormatTest, TableCodePointsComeBack) {
  for (StringRef name : {"nf4row", "fp4rows32", "mxfp4", "fp8e4m3", "fp8e5m2"}) {
    const CodeTable &table = *codeTable(cast<BlockType>(format(name)).getTable().getValue());
    std::vector<float> values; // all numbers of the table with scale 1/4
    std::vector<uint8_t> codes;
    for (unsigned code = 0; code < table.values.size(); ++code)
      if (std::isfinite(table.values[code]) && !(table.values[code] == 0 && std::signbit(table.values[code]))) {
        values.push_back(0.25f * table.values[code]);
        codes.push_back(uint8_t(code));
      }
    EXPECT_EQ(roundTrip(format(name), values, int64_t(values.size())), values) << name.str();
    EXPECT_EQ(buffer.codes, codes) << name.str();
    EXPECT_EQ(buffer.scales[0], 0.25f) << name.str();
  }
}

TEST_F(FormatTest, TablesRoundToTheNearestValue) {
  // The boundaries that bitsandbytes lists for NF4, and codes on both sides of each.
  const float nf4[] = {-.84809640f, -.61063293f, -.45999527f, -.33967943f, -.23460741f, -.13791173f, -.04552502f, .03979015f,
                       .12025525f,  .20352125f,  .29201377f,  .38931254f,  .50166342f,  .64278692f,  .86147842f};
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(codeTable("nf4")->encode(nf4[i] - 1e-6f), i);
    EXPECT_EQ(codeTable("nf4")->encode(nf4[i] + 1e-6f), i + 1);
  }
  // E2M1: halves go to the even code; past 6 it is 6.
  for (auto [x, code] : {std::pair(0.25f, 0), {0.26f, 1}, {0.75f, 2}, {1.25f, 2}, {1.75f, 4}, {2.5f, 4}, {3.5f, 6}, {5.0f, 6}, {5.1f, 7}, {100.0f, 7}, {-0.25f, 0}, {-5.0f, 14}, {-7.0f, 15}})
    EXPECT_EQ(codeTable("e2m1")->encode(x), code) << x;
}

TEST_F(FormatTest, Float8IsLlvms) {
  for (auto [name, semantics] : {std::pair("e4m3", &llvm::APFloat::Float8E4M3FN()), {"e5m2", &llvm::APFloat::Float8E5M2()}}) {
    const CodeTable &table = *codeTable(name);
    for (unsigned code = 0; code < 256; ++code) {
      llvm::APFloat exact(*semantics, llvm::APInt(8, code));
      float expected = exact.convertToFloat();
      ASSERT_TRUE(std::isnan(expected) ? std::isnan(table.values[code]) : table.values[code] == expected) << name << " " << code;
    }
    for (float x : pseudoRandom(4096)) {
      llvm::APFloat rounded(x * x * x);
      bool losesInfo;
      rounded.convert(*semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      ASSERT_EQ(table.values[table.encode(x * x * x)], rounded.convertToFloat()) << name << " " << x * x * x;
    }
  }
}

TEST_F(FormatTest, MxScaleIsAPowerOfTwo) {
  // 7.9 in a group of halves: the exponent of the largest, 2^2, less that of the table, 2^2. Alone, it is better off with the next one.
  std::vector<float> values(32, 0.5f);
  values[3] = 7.9f;
  EXPECT_EQ(roundTrip(format("mxfp4"), values, 32)[3], 6.0f);
  EXPECT_EQ(buffer.scales[0], 1.0f);
  EXPECT_EQ(roundTrip(format("mxfp4"), std::vector<float>(32, 7.9f), 32)[3], 8.0f);
  EXPECT_EQ(buffer.scales[0], 2.0f);
  for (float tiny : {0x1p-126f, 0x1p-140f})
    EXPECT_EQ(roundTrip(format("mxfp4"), std::vector<float>(32, tiny), 32)[0], tiny > 0x1p-130f ? tiny : 0.0f);
}

static constexpr const char *ggufFormats[] = {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"};

/// What sha256 begins with.
static std::string digestOf(ArrayRef<uint8_t> bytes) {
  llvm::SHA256 hash;
  hash.update(bytes);
  return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
}

static double signalToNoise(const std::vector<float> &values, const std::vector<float> &decoded) {
  return 10 * std::log10(squaredError(values, std::vector<float>(values.size())) / squaredError(values, decoded));
}

/// Bits of GGUF's blocks: ggml-quants.c of llama.cpp, revision d99724f2, has encoded pseudoRandom(1024) to these.
TEST_F(FormatTest, Nvfp4IsGgmls) {
  std::vector<float> values = pseudoRandom(1024), decoded(1024);
  std::string why;
  buffer.reset(format("nvfp4"), 0, 1, 1024);
  buffer.setNumbers(1.0f);                           // ggml has none
  ASSERT_TRUE(succeeded(familyOf(format("nvfp4"))->encodeRow(values, buffer, 0, why))) << why;
  std::vector<uint8_t> blocks;                       // 64 values: 4 scales, codes j and j + 8 of 16 in a byte
  for (int64_t k = 0; k < 1024; k += 64) {
    blocks.insert(blocks.end(), buffer.scaleCodes.begin() + k / 16, buffer.scaleCodes.begin() + k / 16 + 4);
    for (int64_t group = k; group < k + 64; group += 16)
      for (int64_t j = 0; j < 8; ++j)
        blocks.push_back(uint8_t(buffer.codes[group + j] | buffer.codes[group + j + 8] << 4));
  }
  EXPECT_EQ(digestOf(blocks), "5e41c34be71bc13e");
  familyOf(format("nvfp4"))->decodeRow(buffer.view, 0, decoded);
  EXPECT_NEAR(signalToNoise(values, decoded), 20.0056, 1e-4);
}

/// Blocks as GGUF lays them out, of one encoded row.
namespace {
struct GgufWriter {
  const QuantizedBuffer &buffer;
  std::vector<uint8_t> bytes;
  unsigned bits, zero;

  explicit GgufWriter(const QuantizedBuffer &buffer) : buffer(buffer) {
    auto block = cast<BlockType>(buffer.view.element);
    bits = block.getBits();
    zero = block.getZero() == ZeroKind::Min ? 0 : 1u << (bits - 1);
  }
  void half(float value) {
    uint16_t stored = floatToHalf(value);
    bytes.push_back(uint8_t(stored));
    bytes.push_back(uint8_t(stored >> 8));
  }
  /// Codes are one or more low bits here, others there: `fields` values from `from` on, `stride` apart, make a byte.
  void plane(int64_t from, int64_t count, int64_t stride, int64_t fields, unsigned shift, unsigned width) {
    for (int64_t i = 0; i < count; ++i) {
      unsigned byte = 0;
      for (int64_t f = 0; f < fields; ++f)
        byte |= (buffer.codes[from + i + f * stride] >> shift & ((1u << width) - 1)) << (f * width);
      bytes.push_back(uint8_t(byte));
    }
  }
  void legacy(int64_t g) {
    int64_t from = 32 * g;
    half(buffer.scales[g]);
    if (!buffer.mins.empty())
      half(buffer.mins[g]);
    if (bits == 8) {
      for (int64_t k = from; k < from + 32; ++k)
        bytes.push_back(uint8_t(buffer.codes[k] - 128));
      return;
    }
    uint32_t high = 0;
    for (int64_t j = 0; j < 32; ++j)
      high |= uint32_t(buffer.codes[from + j] >> 4) << j;
    for (int byte = 0; bits == 5 && byte < 4; ++byte)
      bytes.push_back(uint8_t(high >> (8 * byte)));
    plane(from, 16, 16, 2, 0, 4);
  }
  /// Eight sub-scales and sub-minima of 6 bits in 12 bytes.
  void scales12(const uint8_t *scale, const uint8_t *min) {
    uint8_t packed[12];
    for (int j = 0; j < 4; ++j) {
      packed[j] = uint8_t(scale[j] | scale[j + 4] >> 4 << 6);
      packed[j + 4] = uint8_t(min[j] | min[j + 4] >> 4 << 6);
      packed[j + 8] = uint8_t((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
    bytes.insert(bytes.end(), packed, packed + 12);
  }
  void superBlock(int64_t s) {
    int64_t from = 256 * s;
    const uint8_t *scale = buffer.subScales.data() + s * 256 / buffer.view.group, *min = buffer.subMins.data() + s * 256 / buffer.view.group;
    if (bits == 4 || bits == 5) {
      half(buffer.scales[s]);
      half(-buffer.mins[s]);
      scales12(scale, min);
      if (bits == 5)
        plane(from, 32, 32, 8, 4, 1);
      for (int64_t chunk = 0; chunk < 256; chunk += 64)
        plane(from + chunk, 32, 32, 2, 0, 4);
    } else if (bits == 2) {
      for (int j = 0; j < 16; ++j)
        bytes.push_back(uint8_t(scale[j] | min[j] << 4));
      for (int64_t chunk = 0; chunk < 256; chunk += 128)
        plane(from + chunk, 32, 32, 4, 0, 2);
      half(buffer.scales[s]);
      half(-buffer.mins[s]);
    } else if (bits == 3) {
      plane(from, 32, 32, 8, 2, 1);
      for (int64_t chunk = 0; chunk < 256; chunk += 128)
        plane(from + chunk, 32, 32, 4, 0, 2);
      for (int j = 0; j < 8; ++j)
        bytes.push_back(uint8_t((scale[j] & 15) | (scale[j + 8] & 15) << 4));
      for (int j = 0; j < 4; ++j)
        bytes.push_back(uint8_t(scale[j] >> 4 | scale[j + 4] >> 4 << 2 | scale[j + 8] >> 4 << 4 | scale[j + 12] >> 4 << 6));
      half(buffer.scales[s]);
    } else {
      for (int64_t chunk = 0; chunk < 256; chunk += 128)
        plane(from + chunk, 64, 64, 2, 0, 4);
      for (int64_t chunk = 0; chunk < 256; chunk += 128)
        plane(from + chunk, 32, 32, 4, 4, 2);
      for (int j = 0; j < 16; ++j)
        bytes.push_back(uint8_t(scale[j] - 128));
      half(buffer.scales[s]);
    }
  }
};
} // namespace

TEST_F(FormatTest, GgufBlocksAreGgmls) {
  struct Golden {
    const char *name, *digest;
    double bits, signalToNoise;
  };
  std::vector<float> values = pseudoRandom(1024);
  for (auto [name, digest, bits, ratio] : {Golden{"q4_0", "2bcdf938e6e5c91c", 4.5, 23.3345}, {"q4_1", "baeff091158149c8", 5, 24.2064}, {"q5_0", "368a2b956d49c171", 5.5, 30.0738},
                                           {"q5_1", "6160d58e97dd7253", 6, 30.5527}, {"q8_0", "090c198c986b5d87", 8.5, 48.2501}, {"q2_k", "9542811af56c0cbb", 2.625, 12.7461},
                                           {"q3_k", "9bea520fbba24667", 3.4375, 17.8876}, {"q4_k", "008a9f902a918269", 4.5, 25.0692}, {"q5_k", "5e33225f49c37586", 5.5, 31.2395},
                                           {"q6_k", "d4bbc3ea2de8c397", 6.5625, 37.5961}}) {
    std::vector<float> decoded = roundTrip(format(name), values, 1024);
    GgufWriter writer(buffer);
    if (cast<BlockType>(format(name)).getSuper())
      for (int64_t s = 0; s < 4; ++s)
        writer.superBlock(s);
    else
      for (int64_t g = 0; g < 32; ++g)
        writer.legacy(g);
    EXPECT_EQ(digestOf(writer.bytes), digest) << name;
    EXPECT_NEAR(signalToNoise(values, decoded), ratio, 1e-4) << name;
    EXPECT_EQ(bitsPerWeight(format(name), 1024), bits) << name;
    EXPECT_EQ(double(writer.bytes.size()) * 8 / 1024, bits) << name;
  }
}

TEST_F(FormatTest, GgufRowsMayEndAnywhere) {
  std::vector<float> values = pseudoRandom(2 * 317), whole = pseudoRandom(2 * 317);
  for (StringRef name : ggufFormats) {
    std::vector<float> decoded = roundTrip(format(name), values, 317);
    EXPECT_GT(signalToNoise(values, decoded), 12) << name.str();
    // Zeros, constants, values too small for an f16 scale: never a NaN, and no code out of range.
    for (float constant : {0.0f, 1.0f, -3.0f, 1e-30f, -1e-30f, 1e-12f})
      for (float value : roundTrip(format(name), std::vector<float>(40, constant), 40))
        EXPECT_NEAR(value, constant, std::fabs(constant) * 0.1 + 1e-7) << name.str();
    std::string why;
    buffer.reset(format(name), 0, 1, 32);
    EXPECT_TRUE(failed(familyOf(format(name))->encodeRow(std::vector<float>(32, -1e9f), buffer, 0, why))) << name.str();
    EXPECT_NE(StringRef(why).find("too large for f16"), StringRef::npos) << why;
  }
}

TEST_F(FormatTest, GgufImportantColumnsAreFittedBetter) {
  constexpr int64_t K = 512;
  std::vector<float> values = pseudoRandom(K), importance(K, 0.01f), decoded(K);
  for (int64_t k = 0; k < K; ++k) {
    values[k] = values[k] * values[k] * values[k];
    if (k % 5 == 2)
      importance[k] = 100.0f;
  }
  for (StringRef name : ggufFormats) {
    auto weighted = [&](ArrayRef<float> weights) {
      std::string why;
      FitOptions options;
      options.importance = weights;
      buffer.reset(format(name), 0, 1, K);
      EXPECT_TRUE(succeeded(familyOf(format(name))->encodeRow(values, buffer, 0, why, options))) << why;
      familyOf(format(name))->decodeRow(buffer.view, 0, decoded);
      double error = 0;
      for (int64_t k = 0; k < K; ++k)
        error += importance[k] * (values[k] - decoded[k]) * (values[k] - decoded[k]);
      return error;
    };
    if (name != "q8_0") // all of its range is needed
      EXPECT_LT(weighted(importance), weighted({})) << name.str();
  }
}

TEST_F(FormatTest, Nvfp4ScalesAreRelativeToTheWeight) {
  // The largest value of the weight is exact; a row of small ones has the same unit, not a finer one.
  std::vector<float> values(64, 0.01f);
  values[0] = 5.25f;
  std::vector<float> decoded = roundTrip(format("nvfp4"), values, 32);
  EXPECT_EQ(buffer.numbers, std::vector<float>{5.25f / (6 * 448)});
  EXPECT_EQ(buffer.scaleCodes[0], 126);              // 448
  EXPECT_NEAR(decoded[0], 5.25f, 1e-6);
  EXPECT_EQ(buffer.scaleCodes[1], buffer.scaleCodes[2]);
  // Groups of zeros have the least scale, whose values are zeros still.
  roundTrip(format("nvfp4"), std::vector<float>(32), 32);
  EXPECT_EQ(buffer.scaleCodes[0], 1);
}

TEST_F(FormatTest, ScalesAreStoredLowByteFirst) {
  auto stored = [](ScaleKind kind, float value) {
    std::vector<uint8_t> bytes(scaleBits(kind) / 8 + 1, 0xaa);
    storeScale(kind, value, bytes.data());
    EXPECT_EQ(bytes.back(), 0xaa) << "one byte too many";
    bytes.pop_back();
    return bytes;
  };
  EXPECT_EQ(stored(ScaleKind::F16, 1.5f), (std::vector<uint8_t>{0x00, 0x3e}));
  EXPECT_EQ(stored(ScaleKind::BF16, 1.5f), (std::vector<uint8_t>{0xc0, 0x3f}));
  EXPECT_EQ(stored(ScaleKind::F32, 1.5f), (std::vector<uint8_t>{0x00, 0x00, 0xc0, 0x3f}));
  EXPECT_EQ(stored(ScaleKind::E8M0, 4.0f), (std::vector<uint8_t>{129}));
}

TEST_F(FormatTest, E4m3ScalesRoundToTheNearest) {
  // All codes of positive numbers come back, those above 256 too; halves go to the even code.
  const CodeTable &table = *scaleStorage(ScaleKind::E4M3).table;
  for (unsigned code = 0; code < 127; ++code)
    EXPECT_EQ(table.encode(table.values[code]), code);
  EXPECT_EQ(table.encode(264), table.encode(256));
  EXPECT_EQ(table.encode(1000), 126);
}

TEST_F(FormatTest, DynamicMapOfDoubleQuantization) {
  const CodeTable &table = *scaleStorage(ScaleKind::Dynamic8).table;
  for (unsigned code = 1; code < 256; ++code)
    EXPECT_LT(table.values[code - 1], table.values[code]) << code;
  EXPECT_EQ(table.values[127], 0);
  EXPECT_EQ(table.values[255], 1);
  for (int p = 1; p < 128; ++p) {
    int decade = std::ilogb(float(p));
    double exact = std::pow(10.0, decade - 6) * (0.1 + 0.9 * (p - (1 << decade) + 0.5) / (1 << decade));
    EXPECT_NEAR(table.values[127 + p], exact, exact * 0x1p-19) << p;
    EXPECT_EQ(table.values[127 - p], -table.values[127 + p]) << p;
  }
}

TEST_F(FormatTest, DoubleQuantizationLosesLittle) {
  std::vector<float> values = pseudoRandom(4096);
  double once = squaredError(values, roundTrip(format("nf4s32"), values, 1024));
  EXPECT_LT(squaredError(values, roundTrip(format("nf4dq"), values, 1024)), 1.02 * once);
  // Scales that are all the same are their mean.
  EXPECT_EQ(roundTrip(format("nf4dq"), std::vector<float>(128, -3.0f), 128), std::vector<float>(128, -3.0f));
  EXPECT_EQ(roundTrip(format("nf4dq"), std::vector<float>(128), 128), std::vector<float>(128));
}

TEST_F(FormatTest, DoubleQuantizationKeepsSmallParts) {
  std::vector<float> values = pseudoRandom(4096), small(values.begin() + 2048, values.end());
  for (size_t i = 2048; i < values.size(); ++i)
    values[i] /= 100;
  std::vector<float> decoded = roundTrip(format("nf4dq"), values, 1024);
  for (size_t i = 2048; i < decoded.size(); ++i)
    decoded[i] *= 100;
  double alone = squaredError(small, roundTrip(format("nf4s32"), small, 1024));
  EXPECT_LT(squaredError(small, std::vector<float>(decoded.begin() + 2048, decoded.end())), 1.05 * alone);
}

TEST_F(FormatTest, DoubleQuantizationLeavesOutGroupsOfZeros) {
  std::vector<float> values = pseudoRandom(4096);
  roundTrip(format("nf4dq"), values, 1024);
  std::vector<float> numbers = buffer.numbers;
  values.resize(2 * values.size());                  // rows of zeros
  std::vector<float> decoded = roundTrip(format("nf4dq"), values, 1024);
  EXPECT_EQ(buffer.numbers, numbers);
  EXPECT_EQ(std::vector<float>(decoded.begin() + 4096, decoded.end()), std::vector<float>(4096));
}

TEST_F(FormatTest, DegenerateGroups) {
  for (StringRef name : {"w2g32", "w4g32", "w8g32", "w4g32asym", "w8rowasym", "w4g32zf", "w4t", "nf4"}) {
    // Zeros: scale 1, codes at the zero point.
    EXPECT_EQ(roundTrip(format(name), std::vector<float>(64), 64), std::vector<float>(64)) << name.str();
    EXPECT_EQ(buffer.scales[0], 1.0f);
    // Too small for an f16 scale: zeros as well.
    EXPECT_EQ(roundTrip(format(name), std::vector<float>(64, 1e-30f), 64), std::vector<float>(64)) << name.str();
    // Constants, either sign: exact up to the scale's rounding.
    for (float constant : {1.0f, -3.0f})
      for (float value : roundTrip(format(name), std::vector<float>(64, constant), 64))
        EXPECT_NEAR(value, constant, 0.004) << name.str();
  }
  // At 4 bits or fewer the constant lies on the most negative code: exact.
  EXPECT_EQ(roundTrip(format("w4g32"), std::vector<float>(32, 1.0f), 32), std::vector<float>(32, 1.0f));
}

TEST_F(FormatTest, LastGroupMayBeShort) {
  std::vector<float> values = pseudoRandom(2 * 40);
  for (StringRef name : {"w4g32", "w4g32asym", "w8g32", "w4t", "w3g128"}) {
    std::vector<float> decoded = roundTrip(format(name), values, 40);
    EXPECT_LT(squaredError(values, decoded), 80 * 0.3) << name.str();
  }
  roundTrip(format("w4g32"), values, 40);
  EXPECT_EQ(buffer.view.groups, 2);
  EXPECT_EQ(buffer.scales.size(), 4u);
}

TEST_F(FormatTest, ScaleThatOverflowsIsRefused) {
  std::vector<float> values(32, 1e7f);
  for (StringRef name : {"w4g32", "w4g32asym", "w8row", "w4t", "f16"}) {
    std::string why;
    buffer.reset(format(name), 0, 1, 32);
    EXPECT_TRUE(failed(familyOf(format(name))->encodeRow(values, buffer, 0, why))) << name.str();
    EXPECT_NE(StringRef(why).find("too large for f16"), StringRef::npos) << why;
  }
  EXPECT_NEAR(roundTrip(format("w4g32s32"), values, 32)[5], 1e7f, 1);
  std::string why;
  buffer.reset(format("w4g32asyms32"), 0, 1, 32);
  values[0] = 3e38f, values[1] = -3e38f;
  EXPECT_TRUE(failed(familyOf(buffer.view.element)->encodeRow(values, buffer, 0, why)));
  EXPECT_EQ(why, "the scale of group 0 is too large for f32");
}

TEST_F(FormatTest, SearchBeatsTheSymmetricGrid) {
  std::vector<float> values = pseudoRandom(1024);
  for (float &value : values)
    value = value * value * value; // heavy tails, as weights have
  for (int bits : {2, 3, 4, 5, 6}) {
    std::vector<float> plain(values.size());
    float top = float((1 << (bits - 1)) - 1);
    for (size_t g = 0; g < values.size(); g += 32) {
      float most = 0;
      for (size_t k = g; k < g + 32; ++k)
        most = std::max(most, std::fabs(values[k]));
      for (size_t k = g; k < g + 32; ++k)
        plain[k] = std::nearbyint(values[k] / (most / top)) * (most / top);
    }
    double searched = squaredError(values, roundTrip(format("w" + std::to_string(bits)), values, 1024));
    EXPECT_LT(searched, 0.85 * squaredError(values, plain)) << bits;
  }
  // 4.19 bits are about as good as 4.5.
  EXPECT_LT(squaredError(values, roundTrip(format("w4t"), values, 1024)), 1.15 * squaredError(values, roundTrip(format("w4g32"), values, 1024)));
  EXPECT_LT(squaredError(values, roundTrip(format("w4tasym"), values, 1024)), 1.15 * squaredError(values, roundTrip(format("w4g32"), values, 1024)));
}

TEST_F(FormatTest, ColumnsMayBeEncodedApart) {
  constexpr int64_t K = 317;
  std::vector<float> values = pseudoRandom(2 * K);
  for (StringRef name : exampleFormats()) {
    buffer = QuantizedBuffer();
    std::vector<float> whole = roundTrip(format(name), values, K);
    if (auto block = dyn_cast<BlockType>(format(name)); block && block.getRule())  // rounds rows in a way of its own; columns are rounded to nearest
      for (int64_t r = 0; r < 2; ++r) {
        familyOf(block)->encodeColumns(ArrayRef(values).slice(r * K, K), 0, buffer, r);
        familyOf(block)->decodeRow(buffer.view, r, MutableArrayRef(whole).slice(r * K, K));
      }
    std::vector<uint8_t> codes = buffer.codes;
    llvm::fill(buffer.codes, 0xff);
    llvm::fill(buffer.values, NAN);
    for (int64_t r = 0; r < 2; ++r)
      for (int64_t to = K, from; to > 0; to = from) { // from the end, in pieces across the borders of groups
        from = std::max<int64_t>(0, to - 1 - to % 45);
        familyOf(format(name))->encodeColumns(ArrayRef(values).slice(r * K + from, to - from), from, buffer, r);
        std::vector<float> piece(to - from);
        familyOf(format(name))->decodeColumns(buffer.view, r, from, piece);
        EXPECT_TRUE(llvm::equal(piece, ArrayRef(whole).slice(r * K + from, to - from))) << name.str() << " " << from;
      }
    EXPECT_EQ(buffer.codes, codes) << name.str();
  }
}

TEST_F(FormatTest, ValuesFollowLinearScales) {
  constexpr int64_t K = 300;
  std::vector<float> values = pseudoRandom(K), decoded(K);
  for (StringRef name : exampleFormats()) {
    Type element = format(name);
    // Scales that are codes or powers of two are not free to be fitted, nor are those that belong to a rounding of its own (GGUF).
    auto block = dyn_cast<BlockType>(element);
    EXPECT_EQ(familyOf(element)->hasLinearScales(element), block && scaleType(&context, block.getScale()) && !block.getRule()) << name.str();
    if (!familyOf(element)->hasLinearScales(element))
      continue;
    std::vector<float> before = roundTrip(element, values, K);
    for (float &scale : buffer.scales)
      scale *= 0.5f;
    familyOf(element)->decodeRow(buffer.view, 0, decoded);
    for (int64_t k = 0; k < K; ++k)
      ASSERT_EQ(decoded[k], 0.5f * before[k]) << name.str() << " " << k;
  }
}

TEST_F(FormatTest, ColumnsOutsideTheFittedRangeSaturate) {
  std::vector<float> values = pseudoRandom(64);
  for (StringRef name : exampleFormats()) {
    if (name == "f32")
      continue;
    roundTrip(format(name), values, 64);
    for (float far : {1e9f, -1e9f, 1e38f, -1e38f}) {
      float decoded;
      familyOf(format(name))->encodeColumns(far, 5, buffer, 0);
      familyOf(format(name))->decodeColumns(buffer.view, 0, 5, decoded);
      EXPECT_TRUE(std::isfinite(decoded)) << name.str() << " " << far;
      EXPECT_TRUE(name == "w4t" || decoded * far >= 0) << name.str() << " " << far;
    }
  }
}

TEST_F(FormatTest, ImportantColumnsAreFittedBetter) {
  constexpr int64_t K = 256;
  std::vector<float> values = pseudoRandom(K), importance(K, 0.01f);
  for (int64_t k = 0; k < K; ++k) {
    values[k] = values[k] * values[k] * values[k];
    if (k % 5 == 2)
      importance[k] = 100.0f;
  }
  for (StringRef name : {"w2g32", "w4g32", "w4g32asym", "w4t", "nf4", "mxfp4", "nvfp4"}) {
    auto weighted = [&](ArrayRef<float> weights) {
      std::string why;
      std::vector<float> decoded(K);
      buffer.reset(format(name), 0, 1, K);
      EXPECT_TRUE(succeeded(familyOf(format(name))->fitRow(values, {weights, /*thorough=*/true}, buffer, 0, why))) << why;
      familyOf(format(name))->encodeColumns(values, 0, buffer, 0);
      familyOf(format(name))->decodeRow(buffer.view, 0, decoded);
      double error = 0;
      for (int64_t k = 0; k < K; ++k)
        error += importance[k] * (values[k] - decoded[k]) * (values[k] - decoded[k]);
      return error;
    };
    EXPECT_LT(weighted(importance), 0.9 * weighted({})) << name.str();
    // Columns of equal importance are columns without.
    weighted(std::vector<float>(K, 1.0f));
    QuantizedBuffer ones = buffer;
    weighted({});
    EXPECT_EQ(ones.codes, buffer.codes) << name.str();
    EXPECT_EQ(ones.scales, buffer.scales) << name.str();
  }
}

TEST_F(FormatTest, ThoroughSearchIsBetter) {
  constexpr int64_t K = 2048;
  std::vector<float> values = pseudoRandom(K), decoded(K);
  for (float &value : values)
    value = value * value * value;
  // 8-bit integers, MX scales and formats without scales have nothing more to try.
  for (StringRef name : {"w2g32", "w3g128", "w4g32", "w4g32asym", "w4t", "nf4", "nf4dq", "nvfp4", "fp8e4m3g64"}) {
    double quick = squaredError(values, roundTrip(format(name), values, K));
    std::string why;
    ASSERT_TRUE(succeeded(familyOf(format(name))->fitRow(values, {{}, /*thorough=*/true}, buffer, 0, why))) << why;
    familyOf(format(name))->encodeColumns(values, 0, buffer, 0);
    familyOf(format(name))->decodeRow(buffer.view, 0, decoded);
    EXPECT_LT(squaredError(values, decoded), quick) << name.str();
  }
}

// Weights compiled yesterday and today are the same bytes. A change here changes every artifact: say so in the commit.
TEST_F(FormatTest, EncodingsArePinned) {
  std::vector<float> values = pseudoRandom(2048);
  auto digest = [&](StringRef name) {
    roundTrip(format(name), values, 1024);
    llvm::SHA256 hash;
    for (const auto *bytes : {&buffer.codes, &buffer.scaleCodes, &buffer.subScales, &buffer.zeros})
      hash.update(*bytes);
    for (const auto *floats : {&buffer.scales, &buffer.floatZeros, &buffer.values})
      hash.update(ArrayRef(reinterpret_cast<const uint8_t *>(floats->data()), floats->size() * 4));
    return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
  };
  EXPECT_EQ(digest("w2g32"), "aa288a1859328de0");
  EXPECT_EQ(digest("w3g128"), "92506a6e88cebac2");
  EXPECT_EQ(digest("w4g32"), "8754984869931822");
  EXPECT_EQ(digest("w4g32asym"), "30b5787b64c0ddc2");
  EXPECT_EQ(digest("w4g64zf"), "34bcd2c12dc10316");
  EXPECT_EQ(digest("w8g32"), "8681c402822d5591");
  EXPECT_EQ(digest("w4t"), "ac0cb3dea5fc71c7");
  EXPECT_EQ(digest("nf4"), "71e1ff40f0d31da0");
  EXPECT_EQ(digest("mxfp4"), "bfb497fa630b4782");
  EXPECT_EQ(digest("fp8e4m3"), "738641cd35a55414");
  EXPECT_EQ(digest("f16"), "deed7c77f3ecf733");
  EXPECT_EQ(digest("nf4dq"), "248e204f36950562");
}
