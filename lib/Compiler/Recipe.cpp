#include "lib/Compiler/Recipe.h"
#include "dialects/Quant/Formats/Format.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/Manifest.h"
#include "lib/Compiler/Text.h"
#include "lib/Quantize/WeightUses.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Version.h"
#include "qcc/Quantize/InputScales.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <limits>
using namespace mlir;
using namespace qcc;
namespace json = llvm::json;

//===-- JSON --------------------------------------------------------------------------------------------------------------------===//

namespace qcc {
static bool fromJSON(const json::Value &value, RecipeWeight &weight, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("weight", weight.weight) && map.map("tensors", weight.tensors) && map.map("format", weight.format) && map.map("reason", weight.reason) &&
         map.map("method", weight.method) && map.mapOptional("scaling", weight.scaling) && map.map("input_scale", weight.inputScale);
}

static bool fromJSON(const json::Value &value, Recipe &recipe, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("qcc", recipe.tool) && map.map("model", recipe.model) && map.map("options", recipe.options) && map.map("weights", recipe.weights);
}
} // namespace qcc

static int readVersion(const json::Value &value, const Recipe &recipe, json::Path path) {
  int64_t version = 0;
  json::ObjectMapper map(value, path);
  if (!map || !map.map("recipe", version))
    return ExitMalformed;
  if (version == Recipe::currentVersion)
    return ExitSuccess;
  return complain(ExitUnsupported, "--recipe: '" + recipe.path + "' is of version " + Twine(version) + "; this qcc reads version " + Twine(Recipe::currentVersion) + " [recipe-version]");
}

int qcc::readRecipe(StringRef path, Recipe &recipe) {
  recipe.path = path.str();
  auto buffer = mapFile(path, int64_t(256) << 20);
  if (!buffer)
    return complain(ExitInput, "--recipe: cannot read '" + path + "': " + buffer.getError().message());
  llvm::Expected<json::Value> value = json::parse((*buffer)->getBuffer());
  if (!value)
    return complain(ExitMalformed, "--recipe: '" + path + "' is no JSON: " + llvm::toString(value.takeError()) + " [malformed-recipe]");
  if (const json::Object *object = value->getAsObject(); object && !object->get("recipe"))
    return complain(ExitMalformed, "--recipe: '" + path + "' is no recipe: the key \"recipe\", its version, is missing [malformed-recipe]");
  json::Path::Root root("recipe");
  int code = readVersion(*value, recipe, root);
  if (code == ExitSuccess && fromJSON(*value, recipe, root))
    return ExitSuccess;
  if (code == ExitUnsupported)
    return code;
  return complain(ExitMalformed, "--recipe: '" + path + "': " + llvm::toString(root.getError()) + " [malformed-recipe]");
}

static std::vector<std::string> tensorsOf(qnt::WeightDeclOp decl) {
  std::vector<std::string> names;
  for (auto part : decl.getParts().getAsRange<qnt::PartAttr>())
    if (part.getData())
      names.push_back(utf8(part.getData().getName()));
  return names;
}

void qcc::writeRecipe(ModuleOp decided, const CompilerOptions &options, llvm::raw_ostream &stream) {
  llvm::DenseMap<Operation *, float> inputScales;
  for (const InputScale &scale : findInputScales(decided))
    if (std::optional<float> value = valueOf(scale))
      inputScales[scale.weight] = *value;
  json::OStream out(stream, 1);
  out.object([&] {
    out.attribute("recipe", Recipe::currentVersion);
    out.attribute("qcc", kVersion);
    out.attribute("model", utf8(llvm::sys::path::filename(options.input)));
    out.attributeArray("options", [&] {
      for (const std::string &word : reproducingOptions(options))
        out.value(utf8(word));
    });
    out.attributeArray("weights", [&] {
      for (auto decl : decided.getOps<qnt::WeightDeclOp>()) {
        auto reason = decl->getAttrOfType<StringAttr>("qnt.decided");
        if (!reason)
          continue;
        Type element = cast<RankedTensorType>(decl.getType()).getElementType();
        out.object([&] {
          out.attribute("weight", utf8(decl.getSymName()));
          out.attributeArray("tensors", [&] {
            for (const std::string &name : tensorsOf(decl))
              out.value(name);
          });
          out.attribute("format", qnt::formatName(element));
          out.attribute("reason", utf8(reason.getValue()));
          out.attribute("method", isa<qnt::BlockType>(element) && !decl.arrivesQuantized() ? StringRef(options.method) : StringRef());
          if (decl.getColumnFactors())
            out.attribute("scaling", options.scaling);
          if (auto scale = inputScales.find(decl); scale != inputScales.end())
            out.attribute("input_scale", double(scale->second));   // as many digits as it takes
        });
      }
    });
  });
  stream << "\n";
}

bool Recipe::hasInputScales() const {
  return llvm::any_of(weights, [](const RecipeWeight &weight) { return weight.inputScale.has_value(); });
}

//===-- options -----------------------------------------------------------------------------------------------------------------===//

/// "--name=value", "--name" or "-O3".
static std::pair<StringRef, StringRef> splitOption(StringRef word) {
  if (word.consume_front("-O"))
    return {"O", word};
  auto [name, value] = word.split('=');
  return {name.ltrim('-'), value};
}

std::vector<std::string> Recipe::valuesOf(StringRef option) const {
  std::vector<std::string> values;
  for (const std::string &word : options)
    if (auto [name, value] = splitOption(word); name == option)
      values.push_back(value.str());
  return values;
}

static bool isGivenOption(StringRef name) {
  auto &known = llvm::cl::getRegisteredOptions();
  auto at = known.find(name);
  return at != known.end() && at->second->getNumOccurrences();
}

static bool isSaidAnew(StringRef option) { return option == "tensor-type" || option == "calib"; }

int qcc::addRecipeOptions(const Recipe &recipe) {
  auto &known = llvm::cl::getRegisteredOptions();
  llvm::StringSet<> given;                             // by the command line: a list's first value here must not stop the second
  for (auto &[name, option] : known)
    if (option->getNumOccurrences())
      given.insert(name);
  for (const std::string &word : recipe.options) {
    auto [name, value] = splitOption(word);
    if (isSaidAnew(name) || given.contains(name))
      continue;
    auto at = known.find(name);
    if (!StringRef(word).starts_with("-") || at == known.end())
      return complain(ExitMalformed, "--recipe: '" + recipe.path + "': options: '" + word + "' is no option of this qcc [malformed-recipe]");
    if (at->second->addOccurrence(0, name, value))
      return ExitMalformed;                            // after a message of its own
  }
  return ExitSuccess;
}

int qcc::checkRecipeOptions(const Recipe &recipe, const CompilerOptions &options) {
  auto comparable = [](ArrayRef<std::string> words) {
    std::vector<std::string> kept;
    for (const std::string &word : words)
      if (!isSaidAnew(splitOption(word).first))
        kept.push_back(word);
    return kept;
  };
  int code = ExitSuccess;
  std::vector<std::string> now = comparable(reproducingOptions(options)), then = comparable(recipe.options);
  auto sameOption = [](StringRef word) {
    return [name = splitOption(word).first](StringRef other) { return splitOption(other).first == name; };
  };
  auto contradict = [&](const Twine &what, const Twine &says) {
    code = complain(ExitUsage, what + " contradicts the recipe '" + recipe.path + "', which " + says + " [recipe-option]");
  };
  for (const std::string &word : now) {
    if (llvm::is_contained(then, word))
      continue;
    auto same = llvm::find_if(then, sameOption(word));
    if (same != then.end())
      contradict(word, "says " + *same);
    else if (isGivenOption(splitOption(word).first))
      contradict(word, "has no such option");
    else                                               // a default, or what follows from other options
      code = complain(ExitUsage, "the recipe '" + recipe.path + "' lacks an option that the program depends on; without it, it would be " + word + " [recipe-option]");
  }
  for (const std::string &word : then)                 // defaults, of which there is no word
    if (llvm::none_of(now, sameOption(word)))
      contradict("the command line", "says " + word);
  if (code)
    return code;
  if (recipe.tool != kVersion && !options.quiet)
    llvm::errs() << "qcc: warning: the recipe '" << recipe.path << "' was made with qcc " << recipe.tool << ", this is " << kVersion << ": the bytes may differ\n";
  for (const RecipeWeight &weight : recipe.weights) {
    if (!weight.method.empty() && !findMethod(weight.method))
      return complain(ExitMalformed, "--recipe: '" + recipe.path + "': weight '" + weight.weight + "': '" + weight.method + "' is no method; there are:\n" + listMethods());
    if (!weight.method.empty() && weight.method != options.method)
      return complain(ExitUnsupported, "--recipe: '" + recipe.path + "': weight '" + weight.weight + "' has the method " + weight.method + " and the options say " + options.method +
                                           ": all weights have one method so far [recipe-method]");
    if (!weight.scaling.empty() && !findScalingMethod(weight.scaling))
      return complain(ExitMalformed, "--recipe: '" + recipe.path + "': weight '" + weight.weight + "': '" + weight.scaling + "' is no method of scales; there are:\n" + listMethods());
    if (!weight.scaling.empty() && weight.scaling != options.scaling)
      return complain(ExitUnsupported, "--recipe: '" + recipe.path + "': weight '" + weight.weight + "' has scales of " + weight.scaling + " and the options say " +
                                           options.algorithm() + ": all weights have one method so far [recipe-method]");
  }
  return ExitSuccess;
}

//===-- weights -----------------------------------------------------------------------------------------------------------------===//

int qcc::applyRecipe(const Recipe &recipe, ModuleOp graph) {
  llvm::StringMap<const RecipeWeight *> byName;
  int code = ExitSuccess;
  auto problem = [&](int exitCode, const Twine &message) {
    code = complain(exitCode, "--recipe: '" + recipe.path + "': " + message);
  };
  for (const RecipeWeight &weight : recipe.weights)
    if (!byName.try_emplace(weight.weight, &weight).second)
      problem(ExitMalformed, "weight '" + weight.weight + "' has two entries [malformed-recipe]");
  llvm::StringSet<> found;
  Builder b(graph.getContext());
  for (auto &[op, use] : findWeightUses(graph)) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    std::string name = utf8(decl.getSymName());
    if (!use.matmul && !use.gather)
      continue;
    const RecipeWeight *weight = byName.lookup(name);
    found.insert(name);
    if (!weight) {
      problem(ExitUsage, "it has no entry for the weight '" + name + "' of the model [recipe-weight]");
      continue;
    }
    std::vector<std::string> tensors = tensorsOf(decl);
    if (tensors != weight->tensors) {
      problem(ExitUsage, "weight '" + name + "' is made of [" + llvm::join(weight->tensors, ", ") + "], in the model of [" + llvm::join(tensors, ", ") + "] [recipe-weight]");
      continue;
    }
    Type own = cast<RankedTensorType>(decl.getType()).getElementType();
    Type format = weight->format == qnt::formatName(own) ? own : qnt::parseFormat(weight->format, graph.getContext());
    if (!format) {
      problem(ExitMalformed, "weight '" + name + "': no format is named '" + weight->format + "'; there are:\n" + qnt::listFormats());
      continue;
    }
    decl->setAttr("qnt.recipe", b.getDictionaryAttr({b.getNamedAttr("format", TypeAttr::get(format)), b.getNamedAttr("reason", b.getStringAttr(weight->reason))}));
  }
  for (const RecipeWeight &weight : recipe.weights)
    if (!found.contains(weight.weight))
      problem(ExitUsage, "the model has no weight '" + weight.weight + "' whose format could be chosen [recipe-weight]");
  return code;
}

static std::string numberText(double value) {
  std::string number;
  llvm::raw_string_ostream(number) << llvm::format("%g", value);
  return number;
}

int qcc::applyInputScales(const Recipe &recipe, ModuleOp decided) {
  llvm::StringMap<InputScale> byWeight;
  for (InputScale &scale : findInputScales(decided))
    byWeight[utf8(scale.weight.getSymName())] = scale;
  int code = ExitSuccess;
  auto problem = [&](int exitCode, const RecipeWeight &weight, const Twine &message) {
    code = complain(exitCode, "--recipe: '" + recipe.path + "': weight '" + weight.weight + "' has " + message);
  };
  for (const RecipeWeight &weight : recipe.weights) {
    if (!weight.inputScale)
      continue;
    auto found = byWeight.find(weight.weight);
    float value = float(*weight.inputScale);
    if (found == byWeight.end())
      problem(ExitUsage, weight, "an input scale, but its inputs have none that is static [recipe-weight]");
    else if (!(value >= std::numeric_limits<float>::min()) || !std::isfinite(value))
      problem(ExitMalformed, weight, "the input scale " + numberText(*weight.inputScale) + ", which is no scale [malformed-recipe]");
    else
      setValue(found->second, value);
  }
  return code;
}
