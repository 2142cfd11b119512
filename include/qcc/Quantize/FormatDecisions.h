// What AssignFormats decided, read back from the program: for --stats, dry runs and manifests.
#ifndef QCC_QUANTIZE_FORMATDECISIONS_H
#define QCC_QUANTIZE_FORMATDECISIONS_H
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace qcc {
struct FormatDecision {
  std::string weight;               // symbol
  std::string tensors;              // names of the tensors it is made of, joined by '+'
  std::string format, reason;       // "w4g32"; "wbits", "head-bits", "tensor-types: <regex>", "arrives quantized", ...
  int64_t rows = 0, columns = 0;    // columns: product of all dimensions but the first
  double bits = 0;                  // per weight, padding excluded
};

/// One per weight that was looked at, in module order.
std::vector<FormatDecision> formatDecisions(mlir::ModuleOp module);
/// A table of them and the average bits per weight.
void printFormatDecisions(mlir::ModuleOp module, llvm::raw_ostream &os);
} // namespace qcc
#endif
