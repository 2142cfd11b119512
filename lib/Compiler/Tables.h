// --print-targets, --print-operators and the like: what this build has.
#ifndef QCC_LIB_COMPILER_TABLES_H
#define QCC_LIB_COMPILER_TABLES_H
#include "qcc/Compiler/Options.h"
#include "llvm/Support/raw_ostream.h"
namespace qcc {
void printTable(Table table, llvm::raw_ostream &out);
} // namespace qcc
#endif
