// A compilation never replaces what it reads, and writes no file twice.
#include "lib/Compiler/OutputPaths.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/Recipe.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Compiler/Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <vector>
using namespace qcc;
using llvm::StringRef;
namespace path = llvm::sys::path;

/// `name` without the extension, if it is one of those.
static StringRef withoutExtension(StringRef name, llvm::ArrayRef<StringRef> extensions) {
  StringRef extension = path::extension(name);
  return llvm::is_contained(extensions, extension) && path::stem(name) != name ? name.drop_back(extension.size()) : name;
}

std::string qcc::baseName(const CompilerOptions &options) {
  if (!options.output.empty() && options.output != "-")
    return withoutExtension(options.output, {".so", ".o", ".s", ".ll", ".mlir"}).str();
  return options.input == "-" ? "model" : withoutExtension(path::filename(options.input), {".onnx", ".mlir", ".mlirbc"}).str();
}

std::string qcc::outputPath(const CompilerOptions &options, StringRef extension) {
  return options.output.empty() ? baseName(options) + extension.str() : options.output;
}

std::string qcc::besideLibrary(StringRef library, StringRef extension) { return (withoutExtension(library, {".so", ".o"}) + extension).str(); }

/// What is written, in the order of messages; standard output is no file.
static std::vector<std::string> outputs(const CompilerOptions &options) {
  std::vector<std::string> all(options.reports);
  if (!options.saveRecipe.empty())
    all.push_back(options.saveRecipe);
  if (!options.calibrationCache.empty())
    all.push_back(options.calibrationCache);
  if (options.dryRun || options.check)
    return all;
  if (options.writesText()) {
    if (!options.output.empty() && options.output != "-")
      all.push_back(options.output);
    return all;
  }
  std::string library = outputPath(options, options.emit == Emit::Object ? ".o" : ".so");
  all.push_back(library);
  if (options.weights != WeightsPlace::Embed)
    all.push_back(besideLibrary(library, ".weights"));
  all.push_back(besideLibrary(library, ".h"));
  return all;
}

static bool areSame(StringRef a, StringRef b) {
  bool same = false;
  if (!llvm::sys::fs::equivalent(a, b, same))
    return same;
  llvm::SmallString<128> first(a), second(b);          // one is not there yet
  for (llvm::SmallString<128> *name : {&first, &second}) {
    llvm::sys::fs::make_absolute(*name);
    path::remove_dots(*name, /*remove_dot_dot=*/true);
  }
  return first == second;
}

int qcc::checkOutputPaths(const CompilerOptions &options, const SourceFiles &sources) {
  std::vector<std::string> inputs = {options.input, options.calibration, options.evaluation, options.tokenizer, options.recipe ? options.recipe->path : ""};
  for (int64_t i = 0; i < sources.count(); ++i)
    inputs.push_back(sources.name(i).str());
  llvm::erase_if(inputs, [](StringRef input) { return input.empty() || input == "-"; });
  int code = ExitSuccess;
  std::vector<std::string> written = outputs(options);
  for (auto [i, output] : llvm::enumerate(written)) {
    for (const std::string &input : inputs)
      if (areSame(output, input)) {
        code = complain(ExitUsage, "the output '" + output + "' would replace the input '" + input + "' [bad-option]");
        break;
      }
    for (const std::string &other : llvm::ArrayRef(written).take_front(i))
      if (areSame(output, other))
        code = complain(ExitUsage, "two outputs would be '" + output + "' [bad-option]");
  }
  return code;
}
