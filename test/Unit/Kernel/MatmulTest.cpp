// Every matmul kernel against plain scalar code: integer activations bit for bit, float activations within 2 K eps sum |x||w|.
#include "MatmulProblem.h"
#include "llvm/ADT/StringSet.h"
#include "gtest/gtest.h"
using namespace qcc;
using namespace qcc::kernel;
using namespace qcc::test;

namespace {
struct Size {
  int64_t m, n, k;
};

class MatmulTest : public testing::Test {
protected:
  MatmulTest() { context.loadDialect<qnt::QntDialect>(); }
  mlir::MLIRContext context;
};

void check(const MatmulProblem &problem, const MatmulSpec &spec, const CompiledMatmul &kernels, size_t which, int64_t prefetch = 0) {
  constexpr float guard = -12345.5f;
  std::vector<float> output(problem.m * problem.n + 64, guard);
  MatmulCall call = problem.call(spec, output.data());
  call.prefetch = prefetch;
  kernels.run(which, call);
  int64_t bad = 0;
  for (int64_t row = 0; row < problem.m; ++row)
    for (int64_t column = 0; column < problem.n; ++column) {
      float got = output[row * problem.n + column];
      bool right;
      double want, bound = 0;
      if (spec.intActivations) {
        want = problem.integerResult(spec, row, column);
        right = got == float(want);
      } else if (spec.bf16) {                        // the sum alone, then what rounding the factors adds to it
        constexpr double sum = 2 * 0x1p-24, factors = 0x1p-7 + 0x1p-16;
        want = problem.roundedResult(spec, row, column, bound);
        bound *= sum * problem.k;
        double exactBound, exact = problem.floatResult(spec, row, column, exactBound);
        right = std::abs(got - want) <= bound && std::abs(got - exact) <= exactBound * (factors + sum * problem.k);
      } else {
        want = problem.floatResult(spec, row, column, bound);
        bound *= 2.0 * problem.k * std::numeric_limits<float>::epsilon();
        right = std::abs(got - want) <= bound;
      }
      if (!right && bad++ < 3)
        ADD_FAILURE() << spec.name() << " m=" << problem.m << " n=" << problem.n << " k=" << problem.k << ": y[" << row << "][" << column << "] = " << got
                      << ", not " << want << " (bound " << bound << ")";
    }
  EXPECT_EQ(bad, 0);
  for (size_t i = problem.m * problem.n; i < output.size(); ++i)
    ASSERT_EQ(output[i], guard) << "wrote past the end";
}

// A product with activations in groups; its sums are as long as the kernel can use, or 32.
MatmulSpec productOf(mlir::Type element, unsigned lanes, RowClass rows, int64_t activationGroup = 32, bool longSums = true) {
  MatmulSpec spec;
  spec.weight = *PanelLayout::get(element, lanes, nullptr);
  spec.rows = rows;
  spec.activationGroup = activationGroup;
  spec.sumGroup = longSums ? spec.sumK() : std::gcd(spec.sumK(), int64_t(32));
  return spec;
}

// Every row class of every format in the list, on one version; skipped where this machine cannot run it.
void checkFormats(mlir::MLIRContext &context, llvm::StringRef presetName, llvm::StringRef versionName, std::vector<llvm::StringRef> formats, bool intActivations,
                  int64_t activationGroup = 32, llvm::StringRef attributes = "") {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, presetName, "", attributes, true);
  ASSERT_TRUE(bool(info));
  const TargetVersion &version = *llvm::find_if(info->versions, [&](const TargetVersion &v) { return v.name == versionName; });
  if (!canRun(version))
    GTEST_SKIP() << "this machine has no " << versionName.str();
  std::vector<MatmulSpec> specs;
  std::vector<mlir::Type> elements;
  for (llvm::StringRef format : formats) {
    elements.push_back(format == "bf16" ? mlir::BFloat16Type::get(&context) : qnt::parseFormat(format, &context));
    ASSERT_TRUE(elements.back()) << format.str();
    for (RowClass rows : {RowClass::Decode, RowClass::Short, RowClass::Long}) {
      specs.push_back(productOf(elements.back(), info->panelLanes, rows, activationGroup, elements.size() % 2));
      specs.back().intActivations = intActivations;
    }
  }
  auto kernels = CompiledMatmul::compile(specs, target, *info, version);
  ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
  for (size_t i = 0; i < elements.size(); ++i) {
    for (Size size : {Size{1, 1, 1}, Size{1, 7, 31}, Size{1, 127, 33}, Size{1, 33, 127}, Size{1, 67, 4095}, Size{1, 4095, 7}}) {
      MatmulProblem problem(elements[i], info->panelLanes, size.m, size.n, size.k, activationGroup);
      for (size_t c = 0; c < 3; ++c)
        check(problem, specs[3 * i + c], *kernels, 3 * i + c);
      check(problem, specs[3 * i], *kernels, 3 * i, /*prefetch=*/2304);
    }
    for (Size size : {Size{2, 7, 1}, Size{7, 1, 33}, Size{31, 33, 127}, Size{33, 127, 31}, Size{13, 31, 4095}, Size{15, 67, 1031}, Size{3, 127, 521}, Size{127, 17, 521}, Size{4095, 1, 7}}) {
      MatmulProblem problem(elements[i], info->panelLanes, size.m, size.n, size.k, activationGroup);
      for (size_t c = size.m <= 16 ? 1 : 2; c < 3; ++c)
        check(problem, specs[3 * i + c], *kernels, 3 * i + c);
    }
  }
}

/// And every format that the registry shows, where products of integer activations have it: one for each layout, which is all that kernels see.
std::vector<llvm::StringRef> withExamples(mlir::MLIRContext &context, std::vector<llvm::StringRef> formats) {
  auto layoutOf = [&](llvm::StringRef name) {
    return PanelLayout::get(qnt::parseFormat(name, &context), 16, nullptr)->name();
  };
  llvm::StringSet<> layouts;
  for (llvm::StringRef name : formats)
    layouts.insert(layoutOf(name));
  for (llvm::StringRef name : qnt::exampleFormats()) {
    auto block = mlir::dyn_cast<qnt::BlockType>(qnt::parseFormat(name, &context));
    if (block && qnt::hasIntegers(block) && layouts.insert(layoutOf(name)).second)
      formats.push_back(name);
  }
  return formats;
}

// Code sizes, groups and zero points that differ in layout.
const std::vector<llvm::StringRef> intFormats = {"w2g32",    "w3g64",     "w4g16",      "w4g32",      "w4g48",        "w4g128", "w4row", "w5g32", "w6g32", "w7g32",
                                      "w8g32",    "w8row",     "w2g16asym",  "w4g32asym",  "w4rowasym",    "w8g64asym", "w4g32zf", "w8rowzf", "w3g32zfs32", "w4t", "w4tasym", "w3tasym", "w2t",
                                      "q4_1",     "q5_1",      "q2_k",       "q3_k",       "q4_k",       "q5_k",     "q6_k", "nf4", "fp4rows32", "mxfp4", "nvfp4", "nf4dq", "fp4g16dq"};
const std::vector<llvm::StringRef> floatFormats = {"f32", "f16", "bf16", "w3g16", "w4g32", "w4g32asym", "w4g128zf", "w4t", "w4tasym", "w3t", "w2tasym", "w5rows32", "w8row", "nf4",
                                        "fp4rows32", "mxfp4", "nvfp4", "nf4dq", "fp4g16dq", "fp8e4m3", "fp8e5m2g16", "q4_1", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"};
const std::vector<llvm::StringRef> narrowFormats = {"w2g32", "w3g64", "w4g16", "w4g32", "w5g32", "w6g32asym", "w7g48", "w8g32", "w4rowzf", "w4t", "w4tasym", "q4_1", "q2_k", "q3_k", "q4_k", "q6_k", "nf4", "fp4g48", "mxfp4", "nvfp4"};
const std::vector<llvm::StringRef> fewFormats = {"w4g32", "w8g32asym", "w4g16", "w4t", "w4tasym", "q4_1", "q4_k", "q6_k", "nf4", "mxfp4"};
const std::vector<llvm::StringRef> narrowFloatFormats = {"f16", "w4g32", "w3g64zf", "w8row", "nf4g32", "mxfp4", "nvfp4", "nf4dq", "fp8e4m3g32", "q4_1", "q4_k", "q6_k"};

const TargetVersion &versionNamed(const TargetInfo &info, llvm::StringRef name) {
  return *llvm::find_if(info.versions, [&](const TargetVersion &v) { return v.name == name; });
}

// The version with tiles, as it would be if they paid for sums of 32 k.
TargetVersion withInt8Tiles(const TargetInfo &info) {
  TargetVersion amx = versionNamed(info, "amx");
  amx.tileInt8MinK = 32;
  return amx;
}

// Codes of other tables than these would be decoded as something that they are not.
TEST(PanelLayoutTest, tablesThatKernelsDecode) {
  for (const char *name : {"nf4", "fp4", "e2m1", "e4m3", "e5m2"})
    EXPECT_TRUE(PanelLayout::decodes(*qnt::codeTable(name))) << name;
  const std::vector<float> numbers(256, 1.0f);
  EXPECT_FALSE(PanelLayout::decodes(qnt::CodeTable("three bits", 3, 0, false, llvm::ArrayRef(numbers).take_front(8))));
  EXPECT_FALSE(PanelLayout::decodes(qnt::CodeTable("six bits", 6, 2, true, llvm::ArrayRef(numbers).take_front(64))));
  EXPECT_FALSE(PanelLayout::decodes(qnt::CodeTable("eight bits, no float", 8, 0, false, numbers)));
  EXPECT_FALSE(PanelLayout::decodes(qnt::CodeTable("eight bits, four of exponent less", 8, 4, true, numbers)));
}

// The kernels for a matrix unit, with its tiles emulated: the same loops and sums, so the same bits, on a machine without one.
TEST_F(MatmulTest, matrixTilesEmulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion amx = withInt8Tiles(*info);
  const TargetVersion &floor = versionNamed(*info, "avx512");
  if (!canRun(floor))
    GTEST_SKIP() << "this machine has no AVX-512";
  // Runs shorter than a tile, of one or several, with a half at the end, longer than a chunk, and whole rows.
  struct Case {
    const char *format;
    int64_t activationGroup;
  };
  bool longSums = false;
  for (auto [format, activationGroup] : {Case{"w4g32", 32}, {"w8row", 32}, {"w4t", 32}, {"w4tasym", 32}, {"w4g32zf", 32}, {"w8row", 64}, {"w4g64asym", 128}, {"w4g96", 96}, {"w4t", 128},
                                         {"w4t", -1}, {"w4tasym", -1}, {"w3tasym", 128}, {"w8g128asym", 256}, {"w4g64zf", -1}, {"q4_1", 32}, {"w8row", 1024}, {"w8row", -1}, {"w4rowasym", -1}, {"w8rowasym", -1}, {"w8rowzf", -1}, {"mxfp4", 32}, {"nf4", 64}}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec spec = productOf(element, info->panelLanes, RowClass::Long, activationGroup, longSums = !longSums);
    auto kernels = CompiledMatmul::compile(spec, target, *info, amx, nullptr, &floor);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    for (Size size : {Size{1, 1, 1}, Size{31, 33, 127}, Size{33, 127, 31}, Size{64, 48, 1100}, Size{127, 17, 521}, Size{41, 293, 1551}, Size{293, 41, 607}})
      check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k, activationGroup), spec, *kernels, 0);
  }
}

// What sizes a cache holds no more of: several blocks of rows; activations a segment of K after the other, whose results wait by the group; runs
// that are longer than a segment.
TEST_F(MatmulTest, matrixTilesInSegments) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion amx = withInt8Tiles(*info);
  amx.l2Bytes = 128 << 10;
  const TargetVersion &floor = versionNamed(*info, "avx512");
  if (!canRun(floor))
    GTEST_SKIP() << "this machine has no AVX-512";
  struct Case {
    const char *format;
    int64_t activationGroup;
  };
  for (auto [format, activationGroup] : {Case{"w4t", -1}, {"w4tasym", -1}, {"w4g96", 96}, {"w8g128asym", 256}, {"w8row", 256}, {"w8row", 640}, {"w8row", -1}}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec spec = productOf(element, info->panelLanes, RowClass::Long, activationGroup, true);
    auto kernels = CompiledMatmul::compile(spec, target, *info, amx, nullptr, &floor);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    for (Size size : {Size{300, 33, 521}, Size{131, 561, 1100}, Size{121, 33, 530}, Size{40, 48, 2100}})
      check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k, activationGroup), spec, *kernels, 0);
  }
}

// The kernels for products of two rows at a time, with these emulated: odd rows, single rows, every kind of zero point.
TEST_F(MatmulTest, rowPairsEmulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion pairs = versionNamed(*info, "avx512");
  if (!canRun(pairs))
    GTEST_SKIP() << "this machine has no AVX-512";
  pairs.dot8x2 = true;
  for (const char *format : {"w4g32", "w8row", "w4g16", "w4g64asym", "w4t", "w4tasym", "w4g32zf", "q4_1", "q4_k", "q6_k", "nf4", "mxfp4", "nvfp4"}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec spec;
    spec.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
    spec.rows = RowClass::Long;
    spec.sumGroup = spec.sumK();
    auto kernels = CompiledMatmul::compile(spec, target, *info, pairs);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    for (Size size : {Size{1, 7, 31}, Size{31, 33, 127}, Size{33, 127, 31}, Size{64, 48, 1100}, Size{127, 17, 521}})
      check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k), spec, *kernels, 0);
  }
}

// Four rows whose activations lie together, by dot4 and by pairs of rows: whole fours and rows past them, runs of a block, several, more than a chunk, and a whole
// row.
TEST_F(MatmulTest, rowsTogetherEmulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion version = versionNamed(*info, "avx512");
  if (!canRun(version))
    GTEST_SKIP() << "this machine has no AVX-512";
  version.laneBroadcast = version.rowsTogether = version.signedDot4 = version.slowConversion = true;
  struct Case {
    const char *format;
    int64_t activationGroup;
  };
  for (bool pairs : {false, true})
    for (auto [format, activationGroup] : {Case{"w4g32", 32}, {"w4g16", 32}, {"w2g16asym", 32}, {"w4t", 32}, {"w4tasym", 128}, {"w8row", 1024}, {"w8rowasym", -1}, {"q4_k", 32}, {"q6_k", -1}, {"mxfp4", 32}}) {
      version.dot8x2 = pairs;
      mlir::Type element = qnt::parseFormat(format, &context);
      MatmulSpec spec = productOf(element, info->panelLanes, RowClass::Long, activationGroup, true);
      spec.together = rowsTogether(spec, version);
      ASSERT_EQ(spec.together, pairs ? 8u : 4u);
      auto kernels = CompiledMatmul::compile(spec, target, *info, version);
      ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
      for (Size size : {Size{1, 7, 31}, Size{4, 33, 127}, Size{33, 127, 31}, Size{64, 48, 1100}, Size{127, 17, 1400}})
        check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k, activationGroup), spec, *kernels, 0);
    }
}

// Panels of several registers, of which tiles of many rows take parts: whole ones, those past the last column, runs of a part of a chunk and of several.
TEST_F(MatmulTest, panelsOfSeveralRegisters) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion version = versionNamed(*info, "avx512");
  if (!canRun(version))
    GTEST_SKIP() << "this machine has no AVX-512";
  const TargetVersion machine = version;
  version.laneBroadcast = version.rowsTogether = version.signedDot4 = version.slowConversion = version.dot8x2 = true;
  struct Case {
    const char *format;
    int64_t activationGroup;
  };
  for (unsigned bits : {128, 256})
    for (RowClass rows : {RowClass::Decode, RowClass::Short, RowClass::Long})
      for (auto [format, activationGroup] : {Case{"w4g32", 32}, {"w2g16asym", 32}, {"w4tasym", 128}, {"w8row", 1024}, {"w8rowasym", -1}, {"q4_k", 32}, {"q6_k", -1}, {"mxfp4", 32}, {"nvfp4", 32}}) {
        version.vectorBits = bits;
        mlir::Type element = qnt::parseFormat(format, &context);
        MatmulSpec spec = productOf(element, info->panelLanes, rows, activationGroup, true);
        spec.together = rowsTogether(spec, version);
        auto kernels = CompiledMatmul::compile(spec, target, *info, version, nullptr, &machine);
        ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
        for (Size size : {Size{1, 7, 31}, Size{11, 33, 127}, Size{33, 127, 31}, Size{127, 81, 1400}})
          if (rows == RowClass::Long || size.m == 1 || (rows == RowClass::Short && size.m < 16))
            check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k, activationGroup), spec, *kernels, 0);
      }
}

// What products of lanes and of signed bytes change in every kernel, and sums that start off zero, with these emulated: runs that keep the sums within 22
// bits and runs that don't, rows past tiles.
TEST_F(MatmulTest, signedBytesAndOffsetSumsEmulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion version = versionNamed(*info, "avx512");
  if (!canRun(version))
    GTEST_SKIP() << "this machine has no AVX-512";
  version.laneBroadcast = version.signedDot4 = version.slowConversion = true;
  struct Case {
    const char *format;
    int64_t activationGroup;
  };
  for (RowClass rows : {RowClass::Decode, RowClass::Short, RowClass::Long})
    for (auto [format, activationGroup] : {Case{"w4g32", 32}, {"w8g128", 128}, {"w8g256", 256}, {"w4g64asym", 32}, {"w4t", 32}, {"w8row", 32}, {"w8row", -1}, {"nf4", 32}}) {
      mlir::Type element = qnt::parseFormat(format, &context);
      MatmulSpec spec = productOf(element, info->panelLanes, rows, activationGroup, true);
      auto kernels = CompiledMatmul::compile(spec, target, *info, version);
      ASSERT_TRUE(bool(kernels)) << format << llvm::toString(kernels.takeError());
      for (Size size : {Size{1, 33, 521}, Size{7, 33, 521}, Size{33, 17, 300}})
        if (size.m <= (rows == RowClass::Decode ? 1 : rows == RowClass::Short ? 16 : 4096))
          check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k, activationGroup), spec, *kernels, 0);
    }
}

// Rounded factors, in every kind of weights; rows and columns past tiles, chunks and groups of panels.
TEST_F(MatmulTest, bf16TilesEmulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  const TargetVersion &amx = versionNamed(*info, "amx"), &floor = versionNamed(*info, "avx512");
  if (!canRun(floor))
    GTEST_SKIP() << "this machine has no AVX-512";
  for (const char *format : {"w4g32", "w4t", "w2g16asym", "w3g64", "w4g48", "w4rowasym", "w5g32", "w6g32", "w7g32", "w8row", "w8rowzf", "w3g32zfs32", "nf4", "mxfp4", "nvfp4", "nf4g32dq", "fp8e4m3", "q5_1", "q4_k", "q6_k", "f32", "f16", "bf16"}) {
    mlir::Type element = format == llvm::StringRef("bf16") ? mlir::BFloat16Type::get(&context) : qnt::parseFormat(format, &context);
    ASSERT_TRUE(element) << format;
    MatmulSpec spec;
    spec.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
    spec.intActivations = false;
    spec.bf16 = spec.bias = spec.addend = true;
    spec.rows = RowClass::Long;
    auto kernels = CompiledMatmul::compile(spec, target, *info, amx, nullptr, &floor);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    for (Size size : {Size{1, 1, 1}, Size{7, 31, 33}, Size{31, 33, 127}, Size{33, 127, 31}, Size{127, 17, 521}, Size{41, 293, 67}, Size{293, 41, 37}})
      check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k), spec, *kernels, 0);
  }
}

// Rows that no cache holds with all of K: groups of panels share a chunk of them.
TEST_F(MatmulTest, bf16TilesInGroups) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  TargetVersion amx = versionNamed(*info, "amx");
  amx.l2Bytes = 128 << 10;
  const TargetVersion &floor = versionNamed(*info, "avx512");
  if (!canRun(floor))
    GTEST_SKIP() << "this machine has no AVX-512";
  for (const char *format : {"w4g32", "f16"}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec spec;
    spec.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
    spec.intActivations = false;
    spec.bf16 = true;
    spec.rows = RowClass::Long;
    auto kernels = CompiledMatmul::compile(spec, target, *info, amx, nullptr, &floor);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    for (Size size : {Size{41, 293, 1100}, Size{293, 305, 530}})
      check(MatmulProblem(element, info->panelLanes, size.m, size.n, size.k), spec, *kernels, 0);
  }
}

// The real thing: configured once, all rows on it. Codes are signed without their zero point, but for 8 bits with a stored one. Runs where there
// is a matrix unit.
TEST_F(MatmulTest, matrixTilesAreAmx) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  bool run = canRun(versionNamed(*info, "amx"));
  for (auto [format, instruction] : {std::pair("w4t", "tdpbssd"), {"w8g128asym", "tdpbsud"}}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec spec = productOf(element, info->panelLanes, RowClass::Long, -1);
    std::string assembly;
    auto kernels = CompiledMatmul::compile(spec, target, *info, versionNamed(*info, "amx"), &assembly);
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    EXPECT_TRUE(llvm::StringRef(assembly).contains(instruction));
    EXPECT_EQ(llvm::StringRef(assembly).count("ldtilecfg"), 1u) << "once per function";
    EXPECT_FALSE(llvm::StringRef(assembly).contains("vpdpbusd"));
    if (run)
      check(MatmulProblem(element, info->panelLanes, 127, 33, 521, -1), spec, *kernels, 0);
  }
  if (!run)
    GTEST_SKIP() << "this machine has no AMX";
}

TEST_F(MatmulTest, bf16TilesAreAmx) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  MatmulSpec spec;
  mlir::Type element = qnt::parseFormat("w4g32", &context);
  spec.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
  spec.intActivations = false;
  spec.bf16 = true;
  spec.rows = RowClass::Long;
  std::string assembly;
  auto kernels = CompiledMatmul::compile(spec, target, *info, versionNamed(*info, "amx"), &assembly);
  ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
  EXPECT_TRUE(llvm::StringRef(assembly).contains("tdpbf16ps"));
  EXPECT_EQ(llvm::StringRef(assembly).count("ldtilecfg"), 1u) << "once per function";
  EXPECT_FALSE(llvm::StringRef(assembly).contains("vpermt2w")) << "pairs are joined by shift and ternlog";
  if (!canRun(versionNamed(*info, "amx")))
    GTEST_SKIP() << "this machine has no AMX";
  check(MatmulProblem(element, info->panelLanes, 127, 33, 521), spec, *kernels, 0);
}

// The default for int8 activations, whose sums are 32 k long: no tiles.
TEST_F(MatmulTest, shortSumsTakeDot4) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  MatmulSpec spec;
  spec.weight = *PanelLayout::get(qnt::parseFormat("w4g32", &context), info->panelLanes, nullptr);
  spec.rows = RowClass::Long;
  std::string assembly;
  auto kernels = CompiledMatmul::compile(spec, target, *info, versionNamed(*info, "amx"), &assembly);
  ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
  EXPECT_FALSE(llvm::StringRef(assembly).contains("tdpb"));
  EXPECT_TRUE(llvm::StringRef(assembly).contains("vpdpbusd"));
}

// The epilogue, in place, and any division of the panels: the same bits.
TEST_F(MatmulTest, epilogueAndShares) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "host", "", "", true);
  if (!info) {
    llvm::consumeError(info.takeError());
    GTEST_SKIP() << "not an x86 machine";
  }
  mlir::Type element = qnt::parseFormat("w4g32", &context);
  std::vector<MatmulSpec> specs;
  for (RowClass rows : {RowClass::Decode, RowClass::Short, RowClass::Long}) {
    specs.emplace_back();
    specs.back().weight = *PanelLayout::get(element, info->panelLanes, nullptr);
    specs.back().rows = rows;
    specs.back().bias = specs.back().addend = true;
  }
  auto kernels = CompiledMatmul::compile(specs, target, *info, info->versions.front());
  ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
  for (size_t c = 0; c < specs.size(); ++c)
    for (int64_t shares : {1, 2, 3, 5}) {
      MatmulProblem problem(element, info->panelLanes, c == 0 ? 1 : c == 1 ? 11 : 37, 333, 2500);
      std::vector<float> output = problem.addend;
      MatmulCall call = problem.call(specs[c], output.data());
      call.addend = output.data();
      int64_t panels = call.panelEnd;
      for (int64_t share = 0; share < shares; ++share) {
        call.panelBegin = panels * share / shares;
        call.panelEnd = panels * (share + 1) / shares;
        kernels->run(c, call);
      }
      for (int64_t i = 0; i < problem.m * problem.n; ++i)
        ASSERT_EQ(output[i], problem.integerResult(specs[c], i / problem.n, i % problem.n)) << specs[c].name() << " in " << shares << " shares, element " << i;
    }
}

// Float activations of few rows: each row is what it is alone, to the bit, in any division of the panels.
TEST_F(MatmulTest, floatRowsAreIndependent) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "host", "", "", true);
  if (!info) {
    llvm::consumeError(info.takeError());
    GTEST_SKIP() << "not an x86 machine";
  }
  for (const char *format : {"f32", "f16", "w4g32", "w5g64", "w8row", "w4t"}) {
    mlir::Type element = qnt::parseFormat(format, &context);
    MatmulSpec alone, together;
    alone.weight = together.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
    alone.intActivations = together.intActivations = false;
    together.rows = RowClass::Short;
    auto kernels = CompiledMatmul::compile({alone, together}, target, *info, info->versions.front());
    ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    constexpr int64_t n = 333, k = 2501;
    for (int64_t m : {2, 5, 15}) {
      MatmulProblem problem(element, info->panelLanes, m, n, k);
      std::vector<float> rows(m * n), output(m * n);
      for (int64_t row = 0; row < m; ++row) {
        MatmulCall call = problem.call(alone, &rows[row * n]);
        call.input = &problem.floats[row * k];
        call.m = 1;
        kernels->run(0, call);
      }
      for (int64_t shares : {1, 3}) {
        MatmulCall call = problem.call(together, output.data());
        int64_t panels = call.panelEnd;
        for (int64_t share = 0; share < shares; ++share) {
          call.panelBegin = panels * share / shares;
          call.panelEnd = panels * (share + 1) / shares;
          kernels->run(1, call);
        }
        EXPECT_EQ(output, rows) << together.name() << ", " << m << " rows in " << shares << " shares";
      }
    }
  }
}

// Facts and names of targets.
TEST_F(MatmulTest, targets) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", false);
  ASSERT_TRUE(bool(info));
  ASSERT_EQ(info->versions.size(), 1u);
  EXPECT_EQ(info->versions[0].name, "avx512");
  EXPECT_FALSE(info->versions[0].dot4);
  info = findTarget({&target}, "x86-avx512", "", "+avx512vnni", false);
  ASSERT_TRUE(bool(info));
  EXPECT_TRUE(info->versions[0].dot4);
  auto message = [&](llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef features) { return llvm::toString(findTarget({&target}, name, cpu, features, true).takeError()); };
  EXPECT_EQ(message("x86-avx51", "", ""), "unknown target 'x86-avx51'; did you mean x86-avx512, x86-avx2, x86-amx?");
  EXPECT_EQ(message("arm", "", ""), "unknown target 'arm'; known targets: host, x86-avx2, x86-avx512, x86-avx512vnni, x86-amx");
  EXPECT_EQ(message("x86-avx512", "sapphirerapid", ""), "target 'x86-avx512' has no CPU 'sapphirerapid'; did you mean sapphirerapids?");
  EXPECT_EQ(message("x86-avx512", "", "+avx512vnn"), "target 'x86-avx512' has no feature 'avx512vnn'; did you mean avx512vnni, avx512vl, avx512bw?");
  EXPECT_EQ(message("x86-avx512", "", "avx512vnni"), "--mattr wants +feature or -feature, not 'avx512vnni'");
  EXPECT_EQ(message("x86-avx512", "", "-avx512bw"), "target 'x86-avx512' needs AVX-512 F, BW, DQ and VL, which --mcpu or --mattr take away");
}

// Runs of a block, several, more than a chunk, and a whole row.
const std::vector<llvm::StringRef> longFormats = {"w4g32", "w8g128", "w4rowasym", "w8row", "w4t", "w4tasym", "w8rowzf", "w4g48", "q5_1", "q2_k", "q4_k", "q6_k", "nf4", "nf4g512", "fp4row", "mxfp4"};
const std::vector<llvm::StringRef> fewLongFormats = {"w4g32", "w4rowasym", "w8row", "w4tasym", "q2_k", "q4_k", "nf4g512"};
const std::vector<llvm::StringRef> narrowLongFormats = {"w4g64asym", "w8row", "w4t"};
TEST_F(MatmulTest, groupsOf96Avx512Vnni) { checkFormats(context, "x86-avx512", "avx512vnni", fewLongFormats, true, 96); }
TEST_F(MatmulTest, groupsOf1024Avx512Vnni) { checkFormats(context, "x86-avx512", "avx512vnni", fewLongFormats, true, 1024); }
TEST_F(MatmulTest, wholeRowsAvx512Vnni) { checkFormats(context, "x86-avx512", "avx512vnni", longFormats, true, -1); }
TEST_F(MatmulTest, groupsOf128Avx2) { checkFormats(context, "x86-avx2", "avx2", narrowLongFormats, true, 128); }
TEST_F(MatmulTest, wholeRowsAvx2) { checkFormats(context, "x86-avx2", "avx2", narrowLongFormats, true, -1); }
TEST_F(MatmulTest, integerAvx512Vnni) { checkFormats(context, "x86-avx512", "avx512vnni", withExamples(context, intFormats), true); }
// Activations that formats share have the sums that the shortest runs need.
TEST_F(MatmulTest, sumsOf16ForLongerRuns) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-avx512", "", "", true);
  ASSERT_TRUE(bool(info));
  const TargetVersion &version = versionNamed(*info, "avx512");
  if (!canRun(version))
    GTEST_SKIP() << "this machine has no AVX-512";
  for (const char *format : {"w4g32", "w4g128asym", "q4_k", "w8row", "nvfp4"})
    for (RowClass rows : {RowClass::Decode, RowClass::Short, RowClass::Long}) {
      mlir::Type element = qnt::parseFormat(format, &context);
      MatmulSpec spec = productOf(element, info->panelLanes, rows, 128);
      spec.sumGroup = 16;
      auto kernels = CompiledMatmul::compile(spec, target, *info, version);
      ASSERT_TRUE(bool(kernels)) << format << llvm::toString(kernels.takeError());
      for (int64_t m : {1, 7, 33})
        if (m <= (rows == RowClass::Decode ? 1 : rows == RowClass::Short ? 16 : 4096))
          check(MatmulProblem(element, info->panelLanes, m, 33, 521, 128), spec, *kernels, 0);
    }
}

// Look-ups of unmasked codes, and tables of two bytes.
TEST_F(MatmulTest, integerAvx512Vbmi) {
  checkFormats(context, "x86-avx512vnni", "avx512vnni", {"mxfp4", "nvfp4", "nf4", "nf4dq", "fp4g16dq", "fp4row", "w4g32"}, true, 32, "+avx512vbmi");
}
TEST_F(MatmulTest, integerAvx512) { checkFormats(context, "x86-avx512", "avx512", fewFormats, true); }
TEST_F(MatmulTest, integerAvxVnni) { checkFormats(context, "x86-avx2", "avxvnni", fewFormats, true); }
TEST_F(MatmulTest, integerAvx2) { checkFormats(context, "x86-avx2", "avx2", narrowFormats, true); }
TEST_F(MatmulTest, floatAvx512) { checkFormats(context, "x86-avx512", "avx512", floatFormats, false); }
TEST_F(MatmulTest, floatAvx2) { checkFormats(context, "x86-avx2", "avx2", narrowFloatFormats, false); }
} // namespace
