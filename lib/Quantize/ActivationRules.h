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
  Floats8,  // 8-bit floats under scales that are found at run time
};

struct ActivationChoice {
  Activations kind = Activations::Float;
  qnt::BlockType format;  // of Floats8
};

class ActivationRules {
public:
  /// Reads `regex=float|dynamic|static|<format>`. Fails after a diagnostic for each that is something else.
  mlir::LogicalResult read(llvm::ArrayRef<std::string> texts, mlir::MLIRContext *context, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
  bool empty() const { return rules.empty(); }
  /// What the first rule that names a part of the weight says of what it is multiplied with. Those that say int8 pass over weights without integers
  /// to multiply.
  std::optional<ActivationChoice> find(qnt::WeightDeclOp weight, bool multipliesIntegers);
  struct Rule {
    std::string text;
    llvm::Regex regex;
    ActivationChoice activations;
    bool matched = false;

    bool isForIntegers() const { return activations.kind == Activations::Dynamic || activations.kind == Activations::Static; }
  };
  const std::vector<Rule> &all() const { return rules; }

private:
  std::vector<Rule> rules;
};
} // namespace qcc
#endif
