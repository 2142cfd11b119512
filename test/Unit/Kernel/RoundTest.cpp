// Activations to bf16 tiles: every element in its place, rounded to nearest even; zeros past both ends.
#include "CompiledKernels.h"
#include "lib/Kernel/Kernels.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>
using namespace qcc;
using namespace qcc::test;

static uint32_t bitsOf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

// The nearest of the two neighbours, by distance.
static uint16_t nearest(float x) {
  uint32_t below = bitsOf(x) & 0xffff0000, above = below + 0x10000;
  float low, high;
  std::memcpy(&low, &below, 4);
  std::memcpy(&high, &above, 4);
  double toLow = std::abs(double(x) - low), toHigh = std::abs(double(high) - x);
  bool up = toLow == toHigh ? below >> 16 & 1 : toHigh < toLow;
  return uint16_t((up ? above : below) >> 16);
}

static void check(unsigned lanes, int64_t rows, Columns columns, int64_t stride, int64_t threads) {
  if (!CompiledKernels::canRun(lanes))
    GTEST_SKIP() << "this machine lacks the instructions";
  std::string name;
  CompiledKernels kernels(lanes, [&](KernelLibrary &library) { name = roundKernel(library, columns, stride).getValue().str(); });
  std::mt19937 random(1);
  std::vector<float> input(rows * columns.stride);
  for (size_t i = 0; i < input.size(); ++i)          // every third on a tie
    input[i] = std::ldexp(float(int(random() % 65536) - 32768) * (i % 3 ? 1.0f : 1 / 128.0f), i % 3 ? -10 : 0);
  int64_t whole = (rows + 15) / 16 * 16;
  std::vector<uint16_t> tiles(whole * stride, 0xffff);
  kernels.run(name, Call(), threads, {{input.data(), {rows, columns.stride}}, {tiles.data(), {whole, stride}}});
  for (int64_t row = 0; row < whole; ++row)
    for (int64_t k = 0; k < stride; ++k) {
      bool inside = row < rows && k < columns.width;
      uint16_t want = inside ? nearest(input[row * columns.stride + columns.offset + k]) : 0;
      ASSERT_EQ(tiles[row / 16 * 16 * stride + k / 32 * 512 + row % 16 * 32 + k % 32], want) << "row " << row << ", k " << k << ", " << columns.name();
    }
}

TEST(RoundTest, wholeTiles) { check(16, 32, 64, 64, 1); }
TEST(RoundTest, paddedEnds) { check(16, 17, 67, 128, 3); }
TEST(RoundTest, slice) { check(16, 5, Columns(33, 40, 100), 64, 2); }
TEST(RoundTest, eightLanes) { check(8, 31, 127, 160, 2); }

TEST(RoundTest, specialValues) {
  if (!CompiledKernels::canRun(16))
    GTEST_SKIP() << "this machine lacks the instructions";
  std::string name;
  CompiledKernels kernels(16, [&](KernelLibrary &library) { name = roundKernel(library, 32, 32).getValue().str(); });
  std::vector<uint32_t> bits = {0x7f800000, 0xff800000, 0x7fffffff, 0xff800001, 0x7f7fffff, 0x80000000, 0x3f808000, 0x3f818000};
  std::vector<float> input(32, 0);
  std::memcpy(input.data(), bits.data(), bits.size() * 4);
  std::vector<uint16_t> tiles(512, 0xffff);
  kernels.run(name, Call(), 1, {{input.data(), {1, 32}}, {tiles.data(), {16, 32}}});
  // Infinities stay, NaN stay NaN, the largest number becomes infinite, ties go to even.
  std::vector<uint16_t> want = {0x7f80, 0xff80, 0x7fff, 0xffc0, 0x7f80, 0x8000, 0x3f80, 0x3f82};
  EXPECT_EQ(std::vector<uint16_t>(tiles.begin(), tiles.begin() + 8), want);
}
