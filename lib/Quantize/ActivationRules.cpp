#include "ActivationRules.h"
#include "WeightNames.h"
#include "dialects/Quant/Formats/Format.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace qcc;

/// A format of 8-bit floats, in groups that kernels take.
static std::optional<ActivationChoice> floatsNamed(StringRef name, MLIRContext *context) {
  auto block = dyn_cast_if_present<qnt::BlockType>(qnt::parseFormat(name, context));
  if (!block || !qnt::isActivationFormat(block) || !qnt::floatTableOf(block) || (block.getGroup() >= 0 && block.getGroup() % 32))
    return std::nullopt;
  return ActivationChoice{Activations::Floats8, block};
}

LogicalResult ActivationRules::read(ArrayRef<std::string> texts, MLIRContext *context, function_ref<InFlightDiagnostic()> emitError) {
  bool good = true;
  auto refuse = [&](StringRef text) {
    good = false;
    return emitError() << "--act-type=" << text << " ";
  };
  for (StringRef text : texts) {
    auto [pattern, name] = text.rsplit('=');
    auto activations = llvm::StringSwitch<std::optional<ActivationChoice>>(name)
                           .Case("float", ActivationChoice{Activations::Float, {}})
                           .Case("dynamic", ActivationChoice{Activations::Dynamic, {}})
                           .Case("static", ActivationChoice{Activations::Static, {}})
                           .Default(floatsNamed(name, context));
    llvm::Regex regex(pattern);
    if (std::string why; pattern.empty() || !text.contains('='))
      refuse(text) << "is not of the form regex=type";
    else if (!regex.isValid(why))
      refuse(text) << "has a bad regular expression: " << why;
    else if (!activations)
      refuse(text) << "has the type '" << name << "'; there are: float, dynamic, static, fp8e4m3, fp8e5m2 (or these with g<N>, N a multiple of 32)";
    else
      rules.push_back({text.str(), std::move(regex), *activations});
  }
  return success(good);
}

std::optional<ActivationChoice> ActivationRules::find(qnt::WeightDeclOp weight, bool multipliesIntegers) {
  for (Rule &rule : rules) {
    if (rule.isForIntegers() && !multipliesIntegers)
      continue;
    for (auto part : weight.getParts().getAsRange<qnt::PartAttr>())
      if (matchesName(rule.regex, weight, part)) {
        rule.matched = true;
        return rule.activations;
      }
  }
  return std::nullopt;
}
