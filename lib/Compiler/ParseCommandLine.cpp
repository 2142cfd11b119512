// From words to CompilerOptions: the command line, files and the environment through LLVM's parser, then a recipe, then what is wrong.
#include "lib/Compiler/OptionGroups.h"
#include "lib/Compiler/Recipe.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Registration.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
using namespace qcc;
using namespace qcc::commandline;

namespace {
/// LLVM registers options of its own under names that qcc gives a meaning (`--stats`). They stay reachable with a prefix.
void makeRoom(llvm::ArrayRef<StringRef> names) {
  auto &registered = cl::getRegisteredOptions();
  for (StringRef name : names)
    if (auto it = registered.find(name); it != registered.end()) {
      cl::Option *option = it->second;
      option->setArgStr(StringRef(*new std::string(("llvm-" + name).str())));   // the registry keeps a reference for the program's life
    }
}

/// --config-file=f, in one word or two, is LLVM's @f, which takes a name that is no file for an argument. False after a message.
bool readConfigFiles(std::vector<std::string> &words) {
  std::vector<std::string> replaced;
  for (size_t i = 0; i < words.size(); ++i) {
    StringRef file = words[i];
    bool isWhole = file.consume_front("--config-file=") || file.consume_front("-config-file=");
    bool isFirst = !isWhole && (file == "--config-file" || file == "-config-file") && i + 1 < words.size();
    if (!isWhole && !isFirst) {
      replaced.push_back(words[i]);
      continue;
    }
    file = isFirst ? StringRef(words[++i]) : file;
    if (!llvm::sys::fs::is_regular_file(file)) {
      llvm::errs() << "qcc: error: --config-file=" << file << " is no file\n";
      return false;
    }
    replaced.push_back(("@" + file).str());
  }
  words = std::move(replaced);
  return true;
}

/// MLIR's options, and LLVM's, which stay behind --help-hidden (cl::HideUnrelatedOptions would hide them from that as well).
void registerHiddenOptions(const CommandLine &line) {
  mlir::registerMLIRContextCLOptions();
  mlir::registerAsmPrinterCLOptions();
  registerPasses();                                        // before the options that take their names (--mlir-print-ir-after)
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  auto isHelp = [](cl::OptionCategory *category) { return category->getName() == "Generic Options"; };
  for (auto &entry : cl::getRegisteredOptions())
    if (!line.owns(*entry.second) && llvm::none_of(entry.second->Categories, isHelp))
      entry.second->setHiddenFlag(cl::Hidden);
}

void forgetOptions(const CommandLine &line) {
  std::vector<cl::Option *> ours;
  for (auto &entry : cl::getRegisteredOptions())
    if (line.owns(*entry.second))
      ours.push_back(entry.second);
  for (cl::Option *option : ours)
    option->removeArgument();
}

/// Gives options their values. Fails after a message.
int parseWords(int argc, const char *const *argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (!readConfigFiles(words))
    return ExitInput;
  return parseOptions("qcc", words, "qcc: compiles a quantized transformer to native code\n", "QCC_FLAGS") ? ExitSuccess : ExitUsage;
}

/// Options that the command line does not name get the recipe's values.
int readRecipeOptions(const RecipeOptions &options, std::shared_ptr<Recipe> &recipe) {
  if (!isGiven(options.recipe))
    return ExitSuccess;
  recipe = std::make_shared<Recipe>();
  if (int code = readRecipe(options.recipe, *recipe))
    return code;
  return addRecipeOptions(*recipe);
}

} // namespace

bool CompilerOptions::hasStaticActivations() const {
  return staticActivations || llvm::any_of(activationTypes, [](StringRef type) { return type.ends_with("=static"); });
}

std::string CompilerOptions::algorithm() const {
  return (rotates ? rotationName() + "+" : llvm::Twine()).str() + (scaling.empty() ? "" : scaling + "+") + method;
}

bool CompilerOptions::algorithmReads(StringRef name) const {
  return llvm::any_of(methodsReading(name), [&](StringRef reader) { return reader == scaling || reader == method; });
}

ParsedCommandLine qcc::parseCommandLine(int argc, const char *const *argv) {
  makeRoom({"stats", "check", "v", "q", "weights", "timing", "target", "sym", "asym", "verify"});
  CommandLine &line = *new CommandLine;                    // LLVM's registry, which lld resets, keeps the positional one for ever
  llvm::scope_exit forget([&] { forgetOptions(line); });   // the named ones make room: lld registers an -mcpu of its own
  registerHiddenOptions(line);
  if (int code = parseWords(argc, argv))
    return {std::nullopt, code};
  std::shared_ptr<Recipe> recipe;
  if (int code = readRecipeOptions(line.recipes, recipe))
    return {std::nullopt, code};
  CompilerOptions options;
  Problems problems;
  line.read(options, problems);
  refuseContradictions(line, options, recipe.get(), problems);
  if (problems.any())
    return {std::nullopt, ExitUsage};
  if (StringRef(options.input).starts_with("@") && !llvm::sys::fs::exists(options.input)) {   // LLVM takes it for an argument
    llvm::errs() << "qcc: error: " << options.input << ": there is no file of options of this name, nor a model with the @ in its own\n";
    return {std::nullopt, ExitInput};
  }
  if (recipe) {
    if (std::vector<std::string> texts = recipe->valuesOf("calib"); options.calibration.empty() && !texts.empty())
      options.recipeCalibration = texts.front();
    options.recipeTensorTypes = recipe->valuesOf("tensor-type");
    if (int code = checkRecipeOptions(*recipe, options))
      return {std::nullopt, code};
    options.recipe = std::move(recipe);
  }
  return {std::move(options), ExitSuccess};
}
