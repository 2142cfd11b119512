// Extents of an input that the user fixes (`--shape`).
#ifndef QCC_FRONTEND_INPUTSHAPE_H
#define QCC_FRONTEND_INPUTSHAPE_H
#include <cstdint>
#include <string>
#include <vector>

namespace qcc {
struct InputShape {
  static constexpr int64_t asInFile = -1;
  std::string input;
  std::vector<int64_t> extents;    // each at least 1, or asInFile
};
} // namespace qcc
#endif
