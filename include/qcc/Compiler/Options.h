// What a user can ask of qcc: one struct, filled from the command line. Everything else in the compiler sees only this.
#ifndef QCC_COMPILER_OPTIONS_H
#define QCC_COMPILER_OPTIONS_H
#include "qcc/Frontend/InputShape.h"
#include "qcc/Quantize/ActivationRange.h"
#include "qcc/Quantize/MethodParameters.h"
#include "qcc/Quantize/RequiredFormats.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qcc {
struct Recipe;

/// The stages, in order; `--compile-to=` names the last one to run.
enum class Stage { Onnx, Graph, Quant, Kernel, Llvm, Link };
enum class Emit { Library, Object, Assembly, LlvmIr, Mlir };
/// What computes a recognised operation: a generated kernel, or its reference lowering (slow, the oracle of tests).
enum class Kernels { Fast, Reference };
enum class WeightsPlace { Auto, Embed, File };
/// What a weight's formats are compared by under a budget, where there is a text: divergence of predictions, errors of outputs, or the first where the model
/// has a head.
enum class Sensitivity { Default, Kl, Hessian };
/// A table that is printed instead of compiling.
enum class Table { None, Targets, Operators, Formats, Methods, ExtensionPoints };

struct CompilerOptions {
  std::string input;                          // .onnx, .mlir, .mlirbc, or - for MLIR on standard input
  std::string output;                         // empty: derived from the input and `emit`

  Table print = Table::None;

  // Target.
  std::string target = "host";
  std::string cpu, attributes;                // LLVM's -mcpu and -mattr; refine the preset
  bool multiversion = true;
  bool deviceBinary = false;                  // machine code of a device beside what its driver translates
  Kernels kernels = Kernels::Fast;

  // Output.
  Emit emit = Emit::Library;
  Stage compileTo = Stage::Link;
  WeightsPlace weights = WeightsPlace::Auto;
  std::optional<std::string> saveTemps;       // folder; "" means beside the output
  /// IR or code for people to read, instead of a library or an object.
  bool writesText() const { return compileTo != Stage::Link || emit == Emit::Assembly || emit == Emit::LlvmIr || emit == Emit::Mlir; }

  // Quantization.
  unsigned weightBits = 16, activationBits = 0, headBits = 0, kvBits = 0;  // 0: the documented default for weightBits
  int64_t groupSize = 32, activationGroup = 32;             // -1: the whole row
  bool symmetric = true;
  bool defaultFormat = false;                 // weights and head in the formats that Defaults.def has for their bits, whatever the two say
  bool staticActivations = false;             // one scale for all that a norm makes, from calibration; else scales are found at run time
  std::vector<std::string> activationTypes;   // regex=float|dynamic|static, first match wins
  RangeRule activationRange;                  // of static scales
  /// Whether the rules above may ask for static scales.
  bool hasStaticActivations() const;
  std::optional<double> targetBpw;            // bits per layer weight, at most: formats are chosen weight by weight
  std::optional<int64_t> targetSize;          // the same by the bytes of all weights
  std::optional<double> maxKl;                // KL divergence, in nats, that all layer weights together are expected to cause, at most: the fewest bits
  bool clampsBudget = false;                  // targetBpw is a default: the least possible where it is impossible
  bool hasBudget() const { return targetBpw || targetSize || maxKl; }
  Sensitivity sensitivity = Sensitivity::Default;
  std::vector<std::string> tensorTypes;       // regex=format, first match wins
  std::shared_ptr<const Recipe> recipe;       // what was decided before; null: nothing. The other options are its own, but for tensorTypes
  std::string recipeCalibration;              // the name of the text that it was made with, where none is read again
  std::vector<std::string> recipeTensorTypes; // the tensorTypes that it was made with: no rules any more
  std::string saveRecipe;                     // file to write one to; empty: none
  std::string method;                         // how codes are chosen (findMethod)
  std::string scaling;                        // how scales of input channels are chosen before (findScalingMethod); empty: not at all
  bool rotates = false;                       // before both: the residual stream, and what down projections read
  std::string algorithm() const;              // as --algo says it
  ParameterValues parameters;                 // of both
  /// Whether one of the two reads the parameter `name`.
  bool algorithmReads(llvm::StringRef name) const;
  std::optional<RequiredFormats> requiredFormats;  // of the method; none: any
  double outlierThreshold = 0;                // of the method: channels with such activations are multiplied as floats; 0: none
  std::string calibration;                    // token ids (.npy) or text; empty: no calibration
  std::string calibrationCache;               // file of what calibration has collected; empty: none
  std::string tokenizer;                      // tokenizer.json for a text; empty: beside the model
  int64_t calibrationSamples = 128, calibrationLength = 512;  // windows, and tokens of each

  // Shapes and state.
  std::vector<InputShape> shapes;             // extents of inputs that are fixed
  bool kvState = true;
  int64_t maxContext = 0;                     // 0: what the model says, else 4096

  // Work.
  unsigned optLevel = 3, jobs = 0;
  bool dryRun = false;                        // print the plan and write no code
  std::vector<std::string> reports;           // files to write one to, .json or .html
  bool verify = false;                        // run what was built, and compare it with its reference lowering
  std::string evaluation;                     // token ids (.npy) or text on which it is compared with the float model; empty: none
  bool check = false, stats = false, timing = false, verbose = false, quiet = false;
  std::vector<std::string> passPlugins, dialectPlugins;
  std::vector<std::string> extraPasses;       // point:pipeline
};

/// Parses the command line (with @response files, --config-file and QCC_FLAGS). Either options, or the exit code to stop with:
/// after --help and the like 0, after a diagnostic ExitUsage.
struct ParsedCommandLine {
  std::optional<CompilerOptions> options;
  int exitCode = 0;
};
ParsedCommandLine parseCommandLine(int argc, const char *const *argv);

} // namespace qcc
#endif
