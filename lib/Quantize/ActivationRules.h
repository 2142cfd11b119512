// How the inputs of each linear layer are quantized, as `--act-type` says it: rules that find weights by name.
#ifndef QCC_LIB_QUANTIZE_ACTIVATIONRULES_H
#define QCC_LIB_QUANTIZE_ACTIVATIONRULES_H
#include "dialects/Quant/Quant.h"
#include "llvm/Support/Regex.h"
#include <optional>
#include <string>
#include <vector>

namespace qcc {
enum class Activations {
  Float,
  Dynamic,  // int8 under scales that are found at run time
  Static,   // int8 under one scale that calibration finds
};

class ActivationRules {
public:
  /// Reads `regex=float|dynamic|static`. Fails after a diagnostic for each that is something else.
  mlir::LogicalResult read(llvm::ArrayRef<std::string> texts, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
  bool empty() const { return rules.empty(); }
  /// What the first rule that names a part of the weight says of what it is multiplied with.
  std::optional<Activations> find(qnt::WeightDeclOp weight);
  /// Rules that have found nothing so far.
  std::vector<std::string> unmatched() const;

private:
  struct Rule {
    std::string text;
    llvm::Regex regex;
    Activations activations;
    bool matched = false;
  };
  std::vector<Rule> rules;
};
} // namespace qcc
#endif
