// What the integer inputs of a program get that is run on token ids alone, for calibration and --verify.
#ifndef QCC_LIB_COMPILER_ROLEVALUES_H
#define QCC_LIB_COMPILER_ROLEVALUES_H
#include "llvm/ADT/StringRef.h"
#include <optional>
namespace qcc {
/// The element of an input of a role (AssignRoles) at a place of a sequence that begins at 0 and has one segment, where `token` stands; nothing where tokens do
/// not tell it.
inline std::optional<int64_t> valueOfRole(llvm::StringRef role, int64_t place, int64_t token) {
  if (role == "tokens")
    return token;
  if (role == "positions")
    return place;
  if (role == "mask")
    return 1;
  if (role == "segments")
    return 0;
  return std::nullopt;
}
} // namespace qcc
#endif
