#include "ActivationRules.h"
#include "WeightNames.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace qcc;

LogicalResult ActivationRules::read(ArrayRef<std::string> texts, function_ref<InFlightDiagnostic()> emitError) {
  bool good = true;
  auto refuse = [&](StringRef text) {
    good = false;
    return emitError() << "--act-type=" << text << " ";
  };
  for (StringRef text : texts) {
    auto [pattern, name] = text.rsplit('=');
    auto activations = llvm::StringSwitch<std::optional<Activations>>(name)
                           .Case("float", Activations::Float)
                           .Case("dynamic", Activations::Dynamic)
                           .Case("static", Activations::Static)
                           .Default(std::nullopt);
    llvm::Regex regex(pattern);
    if (std::string why; pattern.empty() || !text.contains('='))
      refuse(text) << "is not of the form regex=type";
    else if (!regex.isValid(why))
      refuse(text) << "has a bad regular expression: " << why;
    else if (!activations)
      refuse(text) << "has the type '" << name << "'; there are: float, dynamic, static";
    else
      rules.push_back({text.str(), std::move(regex), *activations});
  }
  return success(good);
}

std::optional<Activations> ActivationRules::find(qnt::WeightDeclOp weight) {
  for (Rule &rule : rules)
    for (auto part : weight.getParts().getAsRange<qnt::PartAttr>())
      if (matchesName(rule.regex, weight, part)) {
        rule.matched = true;
        return rule.activations;
      }
  return std::nullopt;
}

std::vector<std::string> ActivationRules::unmatched() const {
  std::vector<std::string> texts;
  for (const Rule &rule : rules)
    if (!rule.matched)
      texts.push_back(rule.text);
  return texts;
}
