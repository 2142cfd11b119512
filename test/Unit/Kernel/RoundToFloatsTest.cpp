// Activations to 8-bit floats under a scale per row or group: every bit as LLVM's APFloat rounds x / scale, on rows of awkward sizes.
#include "CompiledKernels.h"
#include "dialects/Quant/Formats/CodeTables.h"
#include "lib/Kernel/Kernels.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>
using namespace qcc;
using namespace qcc::test;

static float nearest(float x, const llvm::fltSemantics &semantics, float largest) {
  if (std::isnan(x))
    return x;
  llvm::APFloat rounded(std::copysign(std::min(std::fabs(x), largest), x));
  bool losesInfo;
  rounded.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.convertToFloat();
}

/// A group, rounded by the definition.
static void roundGroup(const float *x, float *out, int64_t n, const llvm::fltSemantics &semantics, float largest) {
  float most = 0;
  for (int64_t k = 0; k < n; ++k)
    most = std::isnan(x[k]) || std::isnan(most) ? NAN : std::max(most, std::fabs(x[k]));
  float scale = most / largest;
  for (int64_t k = 0; k < n; ++k)
    out[k] = scale * nearest(scale == 0 ? x[k] : x[k] / scale, semantics, largest);
}

/// Magnitudes of many sizes, some halfway between two codes; rows of zeros, of tiny and huge numbers, with NaN and infinity.
static std::vector<float> rowsOfInputs(int64_t rows, const Columns &columns) {
  std::mt19937 random(1);
  std::vector<float> input(rows * columns.stride);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < columns.stride; ++k) {
      float x = std::ldexp(float(int(random() % 65536) - 32768), -int(random() % 24));
      if (row % 8 == 1)
        x = k == columns.offset ? 448.0f : std::ldexp(float(int(random() % 511) - 255), -10 + int(random() % 8));
      if (row % 8 == 2)
        x = k % 2 ? 0.0f : -0.0f;
      if (row % 8 == 3)
        x = llvm::bit_cast<float>(uint32_t(random() % 2000));                        // denormal: the scale has few bits, or vanishes
      if (row % 8 == 4)
        x *= 1e34f;
      if (row % 8 == 5 && k == columns.offset + columns.width - 1)
        x = NAN;
      if (row % 8 == 6 && k == columns.offset)
        x = -INFINITY;
      input[row * columns.stride + k] = x;
    }
  return input;
}

static void check(unsigned lanes, llvm::StringRef format, int64_t rows, Columns columns, int64_t threads) {
  if (!CompiledKernels::canRun(lanes))
    GTEST_SKIP() << "this machine lacks the instructions";
  std::string name;
  int64_t group = columns.width;
  float largest = 0;
  CompiledKernels kernels(lanes, [&](KernelLibrary &library) {
    auto block = mlir::cast<qnt::BlockType>(qnt::parseFormat(format, library.context()));
    group = block.getGroup() < 0 ? columns.width : block.getGroup();
    largest = qnt::floatTableOf(block)->largest();
    name = roundToFloatsKernel(library, columns, block).getValue().str();
  });
  const llvm::fltSemantics &semantics = format.starts_with("fp8e4m3") ? llvm::APFloat::Float8E4M3FN() : llvm::APFloat::Float8E5M2();
  std::vector<float> input = rowsOfInputs(rows, columns), output(rows * columns.width, -7), want(columns.width);
  kernels.run(name, Call(), threads, {{input.data(), {rows, columns.stride}}, {output.data(), {rows, columns.width}}});
  for (int64_t row = 0; row < rows; ++row) {
    const float *x = &input[row * columns.stride + columns.offset];
    for (int64_t k = 0; k < columns.width; k += group)
      roundGroup(x + k, &want[k], std::min(group, columns.width - k), semantics, largest);
    for (int64_t k = 0; k < columns.width; ++k) {
      float found = output[row * columns.width + k];
      ASSERT_EQ(std::isnan(found), std::isnan(want[k])) << format.str() << ", row " << row << ", k " << k;
      if (!std::isnan(found))
        ASSERT_EQ(llvm::bit_cast<uint32_t>(found), llvm::bit_cast<uint32_t>(want[k]))
            << format.str() << ", row " << row << ", k " << k << ": " << found << " instead of " << want[k] << " for " << x[k];
    }
  }
}

TEST(RoundToFloatsTest, awkwardRows) {
  for (unsigned lanes : {16u, 8u})
    for (const char *format : {"fp8e4m3", "fp8e5m2", "fp8e4m3g32", "fp8e5m2g64"})
      for (int64_t width : {1, 7, 31, 33, 64, 127, 331})
        check(lanes, format, 17, width, 3);
}
TEST(RoundToFloatsTest, slice) { check(16, "fp8e4m3", 9, Columns(33, 40, 100), 2); }
