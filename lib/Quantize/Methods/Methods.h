// What the methods share.
#ifndef QCC_LIB_QUANTIZE_METHODS_METHODS_H
#define QCC_LIB_QUANTIZE_METHODS_METHODS_H
#include "qcc/Quantize/Method.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace qcc {
#define QCC_METHOD(Class, Default, Summary) const QuantizationMethod &get##Class();
#include "Methods.def"
#undef QCC_METHOD
#define QCC_SCALING(Class, Summary) const ScalingMethod &get##Class();
#include "Methods.def"
#undef QCC_SCALING

/// Of those that read second moments as a whole: what makes X^T X definite where a text leaves it singular. 0.01 is GPTQ's authors'.
inline constexpr MethodParameter damping = {"damping", 0.01, 1e-6, 1, "GPTQ, and scales fitted to X^T X: so much of its mean diagonal is added to all of it"};

/// Runs `body` for all rows, several at a time. Fails with the message of the first row, in order, for which it did.
mlir::LogicalResult forEachRow(const WeightProblem &problem, std::string &why, llvm::function_ref<mlir::LogicalResult(int64_t row, std::string &why)> body);

/// How much the error of each column counts: mean squares of the inputs, up to a common factor. Empty where all columns count alike: without second
/// moments, when all are 0, and when they are not finite, which `remark` then says.
std::vector<float> columnImportance(const WeightProblem &problem, std::string &remark);

/// The same from what a squared error of each column costs: finite, not negative.
std::vector<float> normalizedImportance(llvm::ArrayRef<double> costs);

/// What formats do by themselves, for all rows: scales, then the nearest codes.
mlir::LogicalResult encodeRows(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why);
/// Chooses scales for all rows, thoroughly.
mlir::LogicalResult fitRows(const WeightProblem &problem, llvm::ArrayRef<float> importance, qnt::QuantizedBuffer &out, std::string &why);
/// The nearest codes for all rows, under scales that are chosen.
void roundRows(const WeightProblem &problem, qnt::QuantizedBuffer &out);
} // namespace qcc
#endif
