// What is wrong with a model: a list, so that all problems are told at once. Plain data, shared by the files that are compiled with exceptions
// (they talk to ONNX's library) and those that are not (they talk to MLIR).
#ifndef QCC_LIB_FRONTEND_ONNX_PROBLEMS_H
#define QCC_LIB_FRONTEND_ONNX_PROBLEMS_H
#include "qcc/Base/ExitCodes.h"
#include <cstdint>
#include <string>
#include <vector>

namespace qcc::importer {
enum class Rule {
#define QCC_RULE(Id, Name, Code) Id,
#include "lib/Frontend/ONNX/Rules.def"
};
const char *ruleName(Rule rule);
ExitCode exitCode(Rule rule);

/// What a problem is about. `kind`: "com.microsoft.MatMulNBits v1" for a node, "initializer", "input", "output"; empty for the whole file.
struct Subject {
  std::string kind;
  std::string name;
  int64_t index = 0;
};

struct Problem {
  Rule rule;
  Subject subject;
  std::string message; // lower case, no full stop
  std::vector<std::string> notes;
};

class Problems {
public:
  /// A million broken nodes need no million messages; the rest is counted.
  static constexpr size_t limit = 1000;

  void add(Rule rule, Subject subject, std::string message, std::vector<std::string> notes = {}) {
    if (list.size() < limit)
      list.push_back({rule, std::move(subject), std::move(message), std::move(notes)});
    else
      ++dropped;
  }
  bool any() const { return !list.empty(); }

  std::vector<Problem> list;
  int64_t dropped = 0;
};
} // namespace qcc::importer
#endif
