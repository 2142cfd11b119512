// Every matmul kernel against plain scalar code: integer activations bit for bit, float activations within 2 K eps sum |x||w|.
#include "MatmulProblem.h"
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

void check(const MatmulProblem &problem, const MatmulSpec &spec, const CompiledMatmul &kernels, size_t which) {
  constexpr float guard = -12345.5f;
  std::vector<float> output(problem.m * problem.n + 64, guard);
  kernels.run(which, problem.call(spec, output.data()));
  int64_t bad = 0;
  for (int64_t row = 0; row < problem.m; ++row)
    for (int64_t column = 0; column < problem.n; ++column) {
      float got = output[row * problem.n + column];
      bool right;
      double want, bound = 0;
      if (spec.intActivations) {
        want = problem.integerResult(spec, row, column);
        right = got == float(want);
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

TEST_F(MatmulTest, firstKernel) {
  const Target &target = getX86Target();
  for (const TargetInfo &info : target.presets())
    for (const TargetVersion &version : info.versions) {
      if (!canRun(version) || (info.name != "x86-avx512" && info.name != "x86-avx2"))
        continue;
      mlir::Type element = qnt::parseFormat("w4g32", &context);
      std::vector<MatmulSpec> specs(3);
      for (int i = 0; i < 3; ++i) {
        specs[i].weight = *PanelLayout::get(element, info.panelLanes, nullptr);
        specs[i].rows = RowClass(i);
      }
      auto kernels = CompiledMatmul::compile(specs, target, info, version);
      ASSERT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
      for (Size size : {Size{1, 16, 32}, Size{1, 7, 33}, Size{1, 64, 256}, Size{1, 127, 4095}}) {
        MatmulProblem problem(element, info.panelLanes, size.m, size.n, size.k);
        check(problem, specs[0], *kernels, 0);
      }
      for (Size size : {Size{2, 16, 32}, Size{7, 7, 33}, Size{31, 64, 256}, Size{33, 127, 4095}}) {
        MatmulProblem problem(element, info.panelLanes, size.m, size.n, size.k);
        check(problem, specs[1], *kernels, 1);
        check(problem, specs[2], *kernels, 2);
      }
    }
}
} // namespace
