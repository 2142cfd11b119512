// The ONNX operators that qcc compiles, from the tables that do it.
#ifndef QCC_FRONTEND_SUPPORTEDOPS_H
#define QCC_FRONTEND_SUPPORTEDOPS_H
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace qcc {
/// Writes docs/SupportedOps.md: every operator with its domain, the version since which its handler holds, and what becomes of it.
void printSupportedOps(llvm::raw_ostream &out);
/// Operators of `domain` ("" is ONNX's own) that have a row, in alphabetical order.
std::vector<std::string> supportedOps(llvm::StringRef domain);
} // namespace qcc
#endif
