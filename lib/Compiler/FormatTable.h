// --print-formats: what each weight format costs and what makes and reads it.
#ifndef QCC_LIB_COMPILER_FORMATTABLE_H
#define QCC_LIB_COMPILER_FORMATTABLE_H
#include "llvm/Support/raw_ostream.h"
namespace qcc {
/// The examples of every family (Formats.def), the grammars of all names, and what numbers of bits mean.
void printFormatTable(llvm::raw_ostream &out);
} // namespace qcc
#endif
