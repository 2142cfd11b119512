// Every decision of a build as a file that reproduces it: --save-recipe and --recipe (docs/CommandLine.md).
#ifndef QCC_LIB_COMPILER_RECIPE_H
#define QCC_LIB_COMPILER_RECIPE_H
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>
namespace qcc {
struct CompilerOptions;

struct RecipeWeight {
  std::string weight;                   // its symbol, which is unique
  std::vector<std::string> tensors;     // what it is made of, in the model file; empty: computed by the compiler
  std::string format, reason;           // as in FormatDecision
  std::string method;                   // how its codes were chosen; empty: there was nothing to choose
  std::string scaling;                  // method of its scales of input channels, which --calib finds again; empty: none, or not chosen yet (--dry-run)
  std::optional<double> inputScale;     // static, of what it is multiplied with; none: there is none, or another weight that reads the same has it
};

struct Recipe {
  static constexpr int64_t currentVersion = 2; // 2: input scales
  std::string path;
  std::string tool, model;              // the version of qcc and the name of the model that it was made with: for people
  std::vector<std::string> options;     // as reproducingOptions lists them
  std::vector<RecipeWeight> weights;

  bool hasInputScales() const;
  /// Values of options that may be given several times.
  std::vector<std::string> valuesOf(llvm::StringRef option) const;
};

/// Fails after a message: ExitInput, ExitMalformed (no JSON, or not of this form), ExitUnsupported (another version).
int readRecipe(llvm::StringRef path, Recipe &recipe);
/// Of a program whose formats are decided.
void writeRecipe(mlir::ModuleOp decided, const CompilerOptions &options, llvm::raw_ostream &out);

/// Gives the options that the command line does not name the recipe's values; parsed before, CompilerOptions made after. What a user always says
/// anew is left out: --tensor-type, which overrides, and --calib, whose text may lie elsewhere.
int addRecipeOptions(const Recipe &recipe);
/// Whether `options` are the recipe's. ExitUsage, or ExitUnsupported for methods that differ among weights, after a message.
int checkRecipeOptions(const Recipe &recipe, const CompilerOptions &options);

/// Notes on every weight of `graph` what the recipe says of it, for AssignFormats (`qnt.recipe`). ExitUsage, after a message for each, where the
/// recipe names weights that the model does not have or misses some; ExitMalformed for names that are no formats.
int applyRecipe(const Recipe &recipe, mlir::ModuleOp graph);

/// Gives the input scales of a program whose formats are decided the recipe's values, where it has one. ExitUsage, after a message, for a value that
/// belongs to inputs without a static scale; ExitMalformed for one that is no scale.
int applyInputScales(const Recipe &recipe, mlir::ModuleOp decided);

} // namespace qcc
#endif
