// Numbers and names as text that machines read back: in options, manifests, recipes and reports.
#ifndef QCC_LIB_COMPILER_TEXT_H
#define QCC_LIB_COMPILER_TEXT_H
#include "llvm/ADT/StringRef.h"
#include <string>
namespace qcc {
/// The shortest text that is read as the same number.
std::string shortest(double value);
/// Names come from files and need not be UTF-8, which JSON and HTML are.
std::string utf8(llvm::StringRef name);
} // namespace qcc
#endif
