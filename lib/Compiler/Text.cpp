// See the header.
#include "lib/Compiler/Text.h"
#include "llvm/Support/JSON.h"
#include <charconv>
using namespace qcc;

std::string qcc::shortest(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

std::string qcc::utf8(llvm::StringRef name) { return llvm::json::isUTF8(name) ? name.str() : llvm::json::fixUTF8(name); }
