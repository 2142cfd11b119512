// The table of methods, and their common tools.
#include "Methods.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

static ArrayRef<const QuantizationMethod *> methods() {
  static const QuantizationMethod *const all[] = {
#define QCC_METHOD(Class, Summary) &get##Class(),
#include "Methods.def"
#undef QCC_METHOD
  };
  return all;
}

const QuantizationMethod *qcc::findMethod(StringRef name) {
  auto found = llvm::find_if(methods(), [&](const QuantizationMethod *method) { return method->name() == name; });
  return found == methods().end() ? nullptr : *found;
}

std::string qcc::listMethods() {
  std::string text;
#define QCC_METHOD(Class, Summary) text += std::string(Summary) + "\n";
#include "Methods.def"
#undef QCC_METHOD
  return text;
}

LogicalResult qcc::forEachRow(const WeightProblem &problem, std::string &why, llvm::function_ref<LogicalResult(int64_t, std::string &)> body) {
  constexpr int64_t piece = 16;
  int64_t pieces = (problem.rows + piece - 1) / piece;
  std::vector<std::string> messages(pieces);
  llvm::parallelFor(0, pieces, [&](size_t i) {
    for (int64_t row = int64_t(i) * piece, end = std::min(problem.rows, row + piece); row < end && messages[i].empty(); ++row) {
      std::string problemOfRow;
      if (failed(body(row, problemOfRow)))
        messages[i] = "row " + std::to_string(row) + ": " + problemOfRow;
    }
  });
  for (const std::string &message : messages)
    if (!message.empty()) {
      why = message;
      return failure();
    }
  return success();
}

std::vector<float> qcc::inputEnergies(const WeightProblem &problem) {
  std::vector<float> energies;
  if (problem.inputs && problem.inputs->hasMoments())
    for (int64_t k = 0; k < problem.K; ++k)
      energies.push_back(problem.inputs->energy(k));
  return energies;
}
