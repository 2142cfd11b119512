// What the methods share.
#ifndef QCC_LIB_QUANTIZE_METHODS_METHODS_H
#define QCC_LIB_QUANTIZE_METHODS_METHODS_H
#include "qcc/Quantize/Method.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace qcc {
#define QCC_METHOD(Class, Summary) const QuantizationMethod &get##Class();
#include "Methods.def"
#undef QCC_METHOD

/// Runs `body` for all rows, several at a time. Fails with the message of the first row, in order, for which it did.
mlir::LogicalResult forEachRow(const WeightProblem &problem, std::string &why, llvm::function_ref<mlir::LogicalResult(int64_t row, std::string &why)> body);

/// Mean squares of the inputs, a weight for the error of each column; empty without second moments.
std::vector<float> inputEnergies(const WeightProblem &problem);
} // namespace qcc
#endif
