// Format families: names, sizes, every code point there and back, degenerate groups, and pinned encodings.
#include "dialects/Quant/Formats/Format.h"
#include "mlir/IR/MLIRContext.h"
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

TEST_F(FormatTest, NamesComeBack) {
  for (StringRef bits : {"2", "3", "4", "5", "6", "7", "8"})
    for (StringRef group : {"g16", "g32", "g128", "row"})
      for (StringRef zero : {"", "asym", "zf"})
        for (StringRef scale : {"", "s32"}) {
          std::string name = ("w" + bits + group + zero + scale).str();
          ASSERT_TRUE(format(name)) << name;
          EXPECT_EQ(formatName(format(name)), name);
        }
  for (StringRef name : {"f32", "f16", "w4t"})
    EXPECT_EQ(formatName(format(name)), name);
  EXPECT_EQ(format("w4"), format("w4g32"));
  for (StringRef name : {"", "w", "w1", "w9", "w4g0", "w4g", "w4g32x", "q4_0", "f64", "w4t2", "W4"})
    EXPECT_FALSE(format(name)) << name.str();
}

TEST_F(FormatTest, BitsPerWeight) {
  EXPECT_EQ(bitsPerWeight(format("w4g32"), 256), 4.5);
  EXPECT_EQ(bitsPerWeight(format("w4g32asym"), 256), 4.625);
  EXPECT_EQ(bitsPerWeight(format("w4g32s32"), 256), 5.0);
  EXPECT_EQ(bitsPerWeight(format("w8row"), 256), 8 + 16.0 / 256);
  EXPECT_EQ(bitsPerWeight(format("w4t"), 256), 4.1875);
  EXPECT_EQ(bitsPerWeight(format("f16"), 7), 16);
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

TEST_F(FormatTest, TwoLevelUsesBothSidesOfTheGrid) {
  std::vector<float> values(32);
  for (int k = 0; k < 32; ++k)
    values[k] = 0.5f * 15.0f * float(8 - k % 16); // 8 on the positive side: needs a negative scale
  EXPECT_EQ(roundTrip(format("w4t"), values, 32), values);
  EXPECT_EQ(buffer.scales[0], -0.5f);
}

TEST_F(FormatTest, DegenerateGroups) {
  for (StringRef name : {"w2g32", "w4g32", "w8g32", "w4g32asym", "w8rowasym", "w4g32zf", "w4t"}) {
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
}

// Weights compiled yesterday and today are the same bytes. A change here changes every artifact: say so in the commit.
TEST_F(FormatTest, EncodingsArePinned) {
  std::vector<float> values = pseudoRandom(2048);
  auto digest = [&](StringRef name) {
    roundTrip(format(name), values, 1024);
    llvm::SHA256 hash;
    for (const auto *bytes : {&buffer.codes, &buffer.subScales, &buffer.zeros})
      hash.update(*bytes);
    hash.update(ArrayRef(reinterpret_cast<const uint8_t *>(buffer.scales.data()), buffer.scales.size() * 4));
    return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
  };
  EXPECT_EQ(digest("w2g32"), "aa288a1859328de0");
  EXPECT_EQ(digest("w3g128"), "92506a6e88cebac2");
  EXPECT_EQ(digest("w4g32"), "8754984869931822");
  EXPECT_EQ(digest("w4g32asym"), "30b5787b64c0ddc2");
  EXPECT_EQ(digest("w8g32"), "8681c402822d5591");
  EXPECT_EQ(digest("w4t"), "ac0cb3dea5fc71c7");
}
