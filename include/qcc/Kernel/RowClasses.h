// The classes of row counts (batch * seq) that a program has an entry for each.
#ifndef QCC_KERNEL_ROWCLASSES_H
#define QCC_KERNEL_ROWCLASSES_H
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <limits>

namespace qcc {
struct RowClass {
  llvm::StringLiteral name;
  int64_t min, max;                // inclusive
};
inline constexpr RowClass rowClasses[] = {{"decode", 1, 1}, {"short", 2, 15}, {"long", 16, std::numeric_limits<int64_t>::max()}};
} // namespace qcc
#endif
