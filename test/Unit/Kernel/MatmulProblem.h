// A random matrix product in one weight format: packed weights, activations, and the reference result in plain scalar C++.
#ifndef QCC_TEST_UNIT_KERNEL_MATMULPROBLEM_H
#define QCC_TEST_UNIT_KERNEL_MATMULPROBLEM_H
#include "CompiledMatmul.h"
#include <cmath>
#include <map>
#include <random>
namespace qcc::test {

struct MatmulProblem {
  kernel::PanelLayout layout;
  int64_t m, n, k;
  qnt::QuantizedBuffer rows;                         // the weight, not packed
  std::vector<uint8_t> packed;                       // 64-byte aligned at `weights`
  uint8_t *weights = nullptr;
  std::vector<float> floats;                         // [m][k]
  std::vector<uint16_t> tiles;                       // `floats` as bf16 [m/16][padded k/32][16][32], zeros past both ends
  std::vector<int8_t> codes;                         // [m][padded k]
  int64_t activationGroup;
  std::vector<float> scales;                         // [m][padded k / activationGroup, rounded up]
  std::vector<float> bias, addend;                   // [n], [m][n]

  MatmulProblem(mlir::Type element, unsigned lanes, int64_t m, int64_t n, int64_t k, int64_t activationGroup = 32, unsigned seed = 1);
  MatmulCall call(const kernel::MatmulSpec &spec, float *output) const;
  /// y[m][n] for integer activations, in exactly the order that MatmulKernels.h fixes.
  float integerResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column) const;
  /// y[m][n] for float activations in double, and the sum of |x| * |w| that bounds its error.
  double floatResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column, double &magnitude) const;
  /// The same of factors rounded as spec.bf16 says.
  double roundedResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column, double &magnitude) const;
  /// Sums of `group` codes: [m][padded k / group, rounded up].
  const std::vector<int32_t> &sums(int64_t group) const;
  int64_t paddedK() const { return codes.size() / m; }

private:
  mutable std::map<int64_t, std::vector<int32_t>> sumsOf;
  struct Together {
    std::vector<int8_t> codes;
    std::vector<float> scales;
  };
  mutable std::map<unsigned, Together> togetherOf;
  /// Codes and scales of rows of which `length` k lie together.
  const Together &together(unsigned length) const;
  double result(const kernel::MatmulSpec &spec, int64_t row, int64_t column, bool rounded, double &magnitude) const;
  double weight(int64_t column, int64_t i) const;    // exact: (code - zero) * scale * sub-scale, or code * scale * sub-scale + minimum * sub-minimum
  int64_t subScale(int64_t group) const;             // as a number
  int64_t shiftedMinimum(int64_t group) const;         // zero = shift: what code 0 stands for, in units of the stored scale
};
} // namespace qcc::test
#endif
