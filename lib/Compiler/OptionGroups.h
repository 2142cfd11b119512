// The options of qcc, a structure for each concern. They are members of one object that lives while they are parsed: nothing is registered by merely linking.
// Which options exclude or need each other is OptionRules.cpp's, how words become values ParseCommandLine.cpp's.
#ifndef QCC_LIB_COMPILER_OPTIONGROUPS_H
#define QCC_LIB_COMPILER_OPTIONGROUPS_H
#include "lib/Compiler/Text.h"
#include "dialects/Quant/Formats/Defaults.h"
#include "qcc/Base/CommandLine.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Quantize/Method.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"
#include <cmath>
#include <deque>
namespace qcc::commandline {
namespace cl = llvm::cl;
using llvm::StringRef;

/// What is wrong with a command line: all of it is printed.
class Problems {
public:
  bool any() const { return found; }
  void refuse(const llvm::Twine &message, const llvm::Twine &note = "") {
    found = refuseOption(message, note);
  }
  void refuseIf(bool wrong, const llvm::Twine &message) {
    if (wrong)
      refuse(message);
  }
  void unlessOneOf(const cl::opt<unsigned> &option, llvm::ArrayRef<unsigned> allowed) {
    if (!llvm::is_contained(allowed, option))
      refuse("--" + option.ArgStr + "=" + llvm::Twine(option) + " is not supported",
             "  note: supported: " + llvm::join(llvm::map_range(allowed, [](unsigned value) { return std::to_string(value); }), " ") + "\n");
  }
  /// Of "regex=value" rules.
  void unlessRules(const cl::list<std::string> &option) {
    for (StringRef rule : option) {
      auto [pattern, value] = rule.rsplit('=');
      std::string why;
      refuseIf(!rule.contains('=') || value.empty(), "--" + option.ArgStr + "=" + rule + " is no " + option.ValueStr);
      refuseIf(!llvm::Regex(pattern).isValid(why), "--" + option.ArgStr + "=" + rule + ": '" + pattern + "' is no regular expression: " + why);
    }
  }
  /// What the option's value is called in `values`; the first one after a refusal.
  template <typename T> T valueOf(const cl::opt<std::string> &option, llvm::ArrayRef<std::pair<StringRef, T>> values) {
    for (auto [name, value] : values)
      if (option == name)
        return value;
    refuse("--" + option.ArgStr + "=" + option.getValue() + " is no " + option.ValueStr,
           "  note: there are: " + llvm::join(llvm::make_first_range(values), ", ") + "\n");
    return values.front().second;
  }
  void unlessEither(const cl::opt<std::string> &option, StringRef one, StringRef other) {
    refuseIf(option != one && option != other, "--" + option.ArgStr + "=" + option.getValue() + " is neither " + one + " nor " + other);
  }

private:
  bool found = false;
};

inline bool isGiven(const cl::Option &option) { return option.getNumOccurrences() > 0; }

/// "input_ids:4x?": the extents after the last colon, since names may have colons. Returns what is wrong, or nothing.
inline std::string parseShape(StringRef text, InputShape &shape) {
  auto [name, extents] = text.rsplit(':');
  if (name.empty() || extents.empty())
    return "is no name:AxB";
  shape.input = name.str();
  llvm::SmallVector<StringRef> parts;
  extents.split(parts, 'x');
  for (StringRef part : parts) {
    int64_t extent = InputShape::asInFile;
    if (part != "?" && (part.getAsInteger(10, extent) || extent < 1 || extent > (int64_t(1) << 31)))
      return "has the extent '" + part.str() + "', which is neither ? nor a number from 1 to 2147483648";
    shape.extents.push_back(extent);
  }
  return "";
}

/// "48M": bytes, or nothing where it is no positive number.
inline std::optional<int64_t> parseSize(StringRef text) {
  static constexpr std::pair<StringRef, int64_t> units[] = {{"K", 1000}, {"M", 1000'000}, {"G", 1000'000'000}};
  int64_t unit = 1;
  for (auto [name, bytes] : units)
    if (text.consume_back(name)) {
      unit = bytes;
      break;
    }
  double number = 0;
  if (text.getAsDouble(number) || !(number * double(unit) >= 1) || number * double(unit) > 1e18)
    return std::nullopt;
  return int64_t(number * double(unit));
}

// A structure for each concern: a member declares an option; `read` checks its value alone and passes it on.

//===-- target -----------------------------------------------------------------------------------------------------------------===//

struct TargetOptions {
  cl::OptionCategory category{"Target"};

  Opt<std::string> target{"target",
      cl::desc("Preset, a floor (default host); --print-targets lists them"), cl::value_desc("preset"), cl::init("host"), cl::cat(category)};
  Opt<bool> printOperators{"print-operators", cl::desc("List the ONNX operators that are supported"), cl::Hidden, cl::cat(category)};
  Opt<bool> printTargets{"print-targets", cl::desc("List the presets and what they need"), cl::cat(category)};
  Opt<bool> printFormats{"print-formats", cl::desc("List the weight formats, what they cost, and what makes and reads them"), cl::Hidden, cl::cat(category)};
  Opt<bool> printMethods{"print-methods", cl::desc("List the methods that --algo names"), cl::Hidden, cl::cat(category)};
  Opt<std::string> cpu{"mcpu", cl::desc("LLVM CPU, refines the preset"), cl::value_desc("name"), cl::Hidden, cl::cat(category)};
  cl::list<std::string> attributes{"mattr",
      cl::desc("LLVM features, refine the preset"), cl::value_desc("+f,-g"), cl::CommaSeparated, cl::Hidden, cl::cat(category)};
  Opt<std::string> multiversion{"multiversion", cl::desc("Carry faster versions above the floor (default on)"), cl::init("on"), cl::Hidden, cl::cat(category),
                                    cl::value_desc("on|off"), cl::ValueOptional};
  Opt<bool> deviceBinary{"device-binary",
      cl::desc("Carry a device's machine code too, which its vendor's assembler makes: nothing is translated when a model is opened"), cl::Hidden, cl::cat(category)};
  Opt<std::string> kernels{"kernels",
      cl::desc("fast (generated, default) or reference (every operation's specification: slow, to compare with)"), cl::value_desc("kind"),
                               cl::init("fast"), cl::Hidden, cl::cat(category)};

  bool isReference() const { return kernels == "reference"; }
  void read(CompilerOptions &o, Problems &problems) const {
    readTables(o, problems);
    o.target = target;
    o.cpu = cpu;
    o.attributes = llvm::join(attributes, ",");
    if (!multiversion.empty())                             // --multiversion alone is on
      problems.unlessEither(multiversion, "on", "off");
    o.multiversion = multiversion != "off";
    o.deviceBinary = deviceBinary;
    problems.unlessEither(kernels, "fast", "reference");
    o.kernels = isReference() ? Kernels::Reference : Kernels::Fast;
  }

private:
  void readTables(CompilerOptions &o, Problems &problems) const {
    std::pair<const cl::opt<bool> *, Table> tables[] = {{&printTargets, Table::Targets}, {&printOperators, Table::Operators}, {&printFormats, Table::Formats}, {&printMethods, Table::Methods}};
    const cl::opt<bool> *asked = nullptr;
    for (auto [option, table] : tables) {
      if (!*option)
        continue;
      problems.refuseIf(asked, "--" + (asked ? asked->ArgStr : "") + " and --" + option->ArgStr + " exclude each other");
      asked = option;
      o.print = table;
    }
  }
};

//===-- output -----------------------------------------------------------------------------------------------------------------===//

struct OutputOptions {
  cl::OptionCategory category{"Output"};

  Opt<std::string> input{cl::Positional, cl::desc("<model.onnx | program.mlir | ->"), cl::cat(category)};
  Opt<std::string> output{"o", cl::desc("Output file; - is standard output for text"), cl::value_desc("path"), cl::cat(category)};
  Opt<std::string> emit{"emit", cl::desc("lib (shared library, weights, header; default), obj, asm, llvm, or mlir (of --compile-to)"),
      cl::value_desc("kind"), cl::init("lib"), cl::cat(category)};
  Opt<std::string> compileTo{"compile-to", cl::desc("Stop after a stage and print its IR: onnx, graph, quant, kernel, llvm"),
      cl::value_desc("stage"), cl::cat(category)};
  Opt<std::string> weights{"weights", cl::desc("Where weights go: auto (default: a file beside the library), embed, file"),
      cl::value_desc("place"), cl::init("auto"), cl::cat(category)};
  Opt<std::string> saveTemps{"save-temps",
      cl::desc("Keep the IR of every stage"), cl::value_desc("folder"), cl::ValueOptional, cl::Hidden, cl::cat(category)};

  void read(CompilerOptions &o, Problems &problems) const {
    o.input = input;
    o.output = output;
    o.emit = problems.valueOf<Emit>(emit, {{"lib", Emit::Library}, {"obj", Emit::Object}, {"asm", Emit::Assembly}, {"llvm", Emit::LlvmIr}, {"mlir", Emit::Mlir}});
    if (isGiven(compileTo))
      o.compileTo = problems.valueOf<Stage>(compileTo, {{"onnx", Stage::Onnx}, {"graph", Stage::Graph}, {"quant", Stage::Quant}, {"kernel", Stage::Kernel},
                                                        {"llvm", Stage::Llvm}});
    o.weights = problems.valueOf<WeightsPlace>(weights, {{"auto", WeightsPlace::Auto}, {"embed", WeightsPlace::Embed}, {"file", WeightsPlace::File}});
    if (isGiven(saveTemps))
      o.saveTemps = saveTemps.getValue();
  }
};

//===-- quantization: methods and what they read -------------------------------------------------------------------------------===//

/// The option of one parameter.
struct ParameterOption {
  ParameterOption(const MethodParameter &parameter, cl::OptionCategory &category)
      : parameter(parameter), help((parameter.summary + ", " + shortest(parameter.least) + " to " + shortest(parameter.most) + " (default " + shortest(parameter.value) + ")").str()),
        value(parameter.name, cl::desc(help), cl::value_desc("x"), cl::init(parameter.value), cl::Hidden, cl::cat(category)) {}
  MethodParameter parameter;
  std::string help;
  Opt<double> value;
};

struct MethodOptions {
  cl::OptionCategory &category;

  std::string algoHelp = "How codes are chosen: " + methodNames();
  Opt<std::string> algo{"algo",
      cl::desc(algoHelp),
      cl::value_desc("method"), cl::cat(category)};
  Opt<std::string> calib{"calib", cl::desc("Text to calibrate on (UTF-8), or its token ids (.npy)"), cl::value_desc("file"), cl::cat(category)};
  Opt<std::string> calibCache{"calib-cache",
      cl::desc("Keep what calibration finds in a file, and read it where it is there"), cl::value_desc("file"), cl::cat(category)};
  Opt<std::string> tokenizer{"tokenizer",
      cl::desc("tokenizer.json for --calib (default: beside the model)"), cl::value_desc("file"), cl::Hidden, cl::cat(category)};
  Opt<int64_t> calibSamples{"calib-samples",
      cl::desc("Windows of the text to use (default 128)"), cl::value_desc("n"), cl::init(128), cl::Hidden, cl::cat(category)};
  Opt<int64_t> calibLength{"calib-length", cl::desc("Tokens of a window (default 512)"), cl::value_desc("n"), cl::init(512), cl::Hidden, cl::cat(category)};

  std::deque<ParameterOption> parameters = declareParameters();

  bool samplesText() const { return isGiven(calibSamples) || isGiven(calibLength); }
  void read(CompilerOptions &o, Problems &problems) const {
    o.calibration = calib;
    o.calibrationCache = calibCache;
    problems.refuseIf(isGiven(calibCache) && (calibCache.empty() || calibCache == "-"), "--calib-cache names a file");
    o.tokenizer = tokenizer;
    o.calibrationSamples = calibSamples;
    o.calibrationLength = calibLength;
    problems.refuseIf(calibSamples < 1 || calibLength < 1, "--calib-samples and --calib-length are at least 1");
    for (auto &[parameter, help, value] : parameters) {
      problems.refuseIf(!(value >= parameter.least && value <= parameter.most),
                        "--" + parameter.name + " is outside " + shortest(parameter.least) + " .. " + shortest(parameter.most));
      o.parameters.set(parameter.name, value);
    }
    readAlgorithm(o, problems);
  }

private:
  std::deque<ParameterOption> declareParameters() {
    std::deque<ParameterOption> options;
    for (const MethodParameter &parameter : allParameters())
      options.emplace_back(parameter, category);
    return options;
  }

  static std::string nearest(StringRef name) {
    std::vector<std::string> known = {rotationName().str()};
    for (const QuantizationMethod *method : allMethods())
      known.push_back(method->name().str());
    for (const ScalingMethod *method : allScalingMethods())
      known.push_back(method->name().str());
    std::string text = didYouMean(name, known);
    return text.empty() ? "" : "  note: " + text + "\n";
  }

  /// "gptq", "awq" or "awq+gptq", each also behind a rotation ("rotate+gptq"), or the rotation alone.
  void readAlgorithm(CompilerOptions &o, Problems &problems) const {
    StringRef byDefault = defaultMethod(!calib.empty()).name(), rest = algo.empty() ? byDefault : StringRef(algo);
    std::string name = rest.str();
    auto [first, second] = rest.split('+');
    o.rotates = first == rotationName();
    if (o.rotates) {
      rest = rest == first ? byDefault : second;
      std::tie(first, second) = rest.split('+');
    }
    const ScalingMethod *scaling = findScalingMethod(first);
    o.scaling = scaling ? first.str() : "";
    o.method = !scaling ? rest.str() : rest == first ? scaling->codes().str() : second.str();
    const QuantizationMethod *method = findMethod(o.method);
    if (!method)
      return problems.refuse("--algo=" + name + " is no method", nearest(name) + "  note: there are:\n" + listMethods());
    o.outlierThreshold = method->outlierThreshold();
    o.requiredFormats = method->requiredFormats();
    problems.refuseIf((scaling || method->needsInputs()) && calib.empty(), "--algo=" + name + " needs a text to calibrate on: --calib=<file>");
  }
};

//===-- quantization: formats --------------------------------------------------------------------------------------------------===//

struct FormatOptions {
  cl::OptionCategory &category;

  std::string weightBitsHelp = "Bits of a weight: " + qnt::listBits() + " (default 16)";
  Opt<unsigned> weightBits{"wbits",
      cl::desc(weightBitsHelp), cl::value_desc("n"), cl::init(16), cl::cat(category)};
  Opt<int64_t> groupSize{"group-size",
      cl::desc("Weights per scale, -1 for the whole row (default 32; below 5 bits two levels)"), cl::value_desc("n"), cl::init(32), cl::cat(category)};
  Opt<bool> sym{"sym", cl::desc("Symmetric weights (default, but for two levels)"), cl::cat(category)};
  Opt<bool> asym{"asym", cl::desc("Weights with a zero point"), cl::cat(category)};
  Opt<unsigned> headBits{"head-bits",
      cl::desc("Bits of the output head and its embedding (default 8 below 16-bit weights)"), cl::value_desc("n"), cl::init(0), cl::cat(category)};
  cl::list<std::string> tensorTypes{"tensor-type",
      cl::desc("Format of the weights whose name matches; repeatable, first match wins"), cl::value_desc("regex=format"), cl::cat(category)};
  Opt<double> targetBpw{"target-bpw",
      cl::desc("Choose the format of every layer weight, for so many bits per weight on average, scales included"),
      cl::value_desc("bits"), cl::cat(category)};
  Opt<std::string> targetSize{"target-size",
      cl::desc("The same for so many bytes of all weights; K, M, G: powers of 1000"), cl::value_desc("bytes"), cl::cat(category)};
  Opt<double> maxKl{"max-kl",
      cl::desc("The smallest formats whose KL divergence is expected to stay below x nats"), cl::value_desc("x"), cl::cat(category)};
  Opt<std::string> sensitivity{"sensitivity",
      cl::desc("What formats are compared by: kl (default; predictions with one weight quantized), hessian (outputs of the weight)"),
      cl::value_desc("measure"), cl::Hidden, cl::cat(category)};
  Opt<unsigned> activationBits{"abits",
      cl::desc("Bits of an activation: 8, 16 (bf16 on matrix units), 32 (default: 8 below 16-bit weights)"),
      cl::value_desc("n"), cl::init(0), cl::cat(category)};
  Opt<int64_t> actGroupSize{"act-group-size",
      cl::desc("8-bit activations per scale, -1 for the whole row (default 32); more: faster, less exact"),
      cl::value_desc("n"), cl::init(32), cl::cat(category)};
  Opt<unsigned> kvBits{"kv-bits",
      cl::desc("Bits of a cached key or value: 4 8 16 32 (default 16; 32 with --wbits=32 --abits=32)"),
      cl::value_desc("n"), cl::init(0), cl::cat(category)};

  bool hasBudget() const { return isGiven(targetBpw) || isGiven(targetSize) || isGiven(maxKl); }
  bool hasUniformFormat() const { return isGiven(weightBits) || isGiven(groupSize) || sym || asym; }

  /// After the method, which may need formats of one kind.
  void read(CompilerOptions &o, Problems &problems) const {
    checkValues(problems);
    readBudget(o, problems);
    const std::optional<RequiredFormats> &required = o.requiredFormats;
    o.weightBits = required ? required->weightBits : weightBits.getValue();
    // Below 16-bit weights activations default to int8 per 32 values, as llama.cpp's do; wider weights keep float activations.
    o.activationBits = required ? required->activationBits : activationBits ? activationBits.getValue() : o.weightBits < 16 || hasBudget() ? 8 : 32;
    o.headBits = headBits ? headBits.getValue() : hasBudget() ? 8 : std::max(8u, o.weightBits);
    o.kvBits = kvBits ? kvBits.getValue() : o.weightBits == 32 && o.activationBits == 32 ? 32 : 16;
    o.groupSize = required ? required->groupSize : groupSize.getValue();
    o.activationGroup = required ? required->activationGroup : actGroupSize.getValue();
    o.symmetric = required ? required->symmetric : !asym;
    o.defaultFormat = !required && !isGiven(groupSize) && !sym && !asym;
    problems.unlessRules(tensorTypes);
    o.tensorTypes.assign(tensorTypes.begin(), tensorTypes.end());
  }

  /// Other values than the method is for.
  void refuseUnless(const RequiredFormats &required, StringRef method, Problems &problems) const {
    auto only = [&](const cl::Option &option, int64_t value, int64_t wanted) {
      problems.refuseIf(isGiven(option) && value != wanted,
                        "--algo=" + method + " is for --" + option.ArgStr + "=" + llvm::Twine(wanted) + ", not " + llvm::Twine(value));
    };
    only(weightBits, weightBits, required.weightBits);
    only(activationBits, activationBits, required.activationBits);
    only(groupSize, groupSize, required.groupSize);
    only(actGroupSize, actGroupSize, required.activationGroup);
    problems.refuseIf(required.symmetric && asym, "--algo=" + method + " is for symmetric weights: --asym contradicts it");
    problems.refuseIf(!required.symmetric && sym, "--algo=" + method + " is for weights with zero points: --sym contradicts it");
  }

private:
  void checkValues(Problems &problems) const {
    problems.unlessOneOf(weightBits, qnt::supportedBits());
    if (isGiven(activationBits))
      problems.unlessOneOf(activationBits, {8, 16, 32});
    if (isGiven(headBits))
      problems.unlessOneOf(headBits, qnt::supportedBits());
    if (isGiven(kvBits))
      problems.unlessOneOf(kvBits, {4, 8, 16, 32});
    constexpr int64_t longest = qnt::BlockType::maxGroup;
    problems.refuseIf(groupSize != -1 && (groupSize < 16 || groupSize % 16 || groupSize > longest),
                      "--group-size=" + llvm::Twine(groupSize) + " is neither -1 nor a multiple of 16 up to " + llvm::Twine(longest));
    problems.refuseIf(actGroupSize != -1 && (actGroupSize < 32 || actGroupSize % 32 || actGroupSize > 65536),
                      "--act-group-size=" + llvm::Twine(actGroupSize) + " is neither -1 nor a multiple of 32 up to 65536");
  }
  void readBudget(CompilerOptions &o, Problems &problems) const {
    problems.refuseIf(isGiven(targetBpw) && !(targetBpw > 0 && targetBpw <= 32), "--target-bpw is above 0 and at most 32");
    if (isGiven(targetBpw))
      o.targetBpw = targetBpw;
    problems.refuseIf(isGiven(maxKl) && !(maxKl > 0 && std::isfinite(maxKl)), "--max-kl is above 0");
    if (isGiven(maxKl))
      o.maxKl = maxKl;
    if (isGiven(sensitivity))
      o.sensitivity = problems.valueOf<Sensitivity>(sensitivity, {{"kl", Sensitivity::Kl}, {"hessian", Sensitivity::Hessian}});
    o.targetSize = parseSize(targetSize);
    problems.refuseIf(isGiven(targetSize) && !o.targetSize, "--target-size=" + targetSize + " is no number of bytes (48000000, 48M, 1.5G)");
  }
};

//===-- quantization: scales of activations ------------------------------------------------------------------------------------===//

struct ActivationOptions {
  cl::OptionCategory &category;

  Opt<std::string> scales{"act-scales",
      cl::desc("Scales of 8-bit activations: dynamic (default), or static: of what norms make, from --calib"),
      cl::value_desc("kind"), cl::init("dynamic"), cl::cat(category)};
  cl::list<std::string> types{"act-type",
      cl::desc("float, dynamic, static, fp8e4m3 or fp8e5m2 inputs of the weights whose name matches; repeatable, first match wins"),
      cl::value_desc("regex=type"), cl::Hidden, cl::cat(category)};
  Opt<std::string> range{"act-range",
      cl::desc("Range of static scales: absmax (default), percentile, entropy"), cl::value_desc("rule"), cl::init("absmax"), cl::Hidden, cl::cat(category)};
  Opt<double> percentile{"act-percentile",
      cl::desc("Percent of the values that --act-range=percentile holds (default 99.99)"), cl::value_desc("p"), cl::init(99.99), cl::Hidden, cl::cat(category)};

  void read(CompilerOptions &o, Problems &problems) const {
    problems.unlessEither(scales, "dynamic", "static");
    o.staticActivations = scales == "static";
    problems.unlessRules(types);
    o.activationTypes.assign(types.begin(), types.end());
    auto kind = problems.valueOf<RangeRule::Kind>(range, {{"absmax", RangeRule::AbsMax}, {"percentile", RangeRule::Percentile}, {"entropy", RangeRule::Entropy}});
    problems.refuseIf(!(percentile > 0 && percentile <= 100), "--act-percentile is above 0 and at most 100");
    o.activationRange = {kind, percentile};
  }
};

//===-- recipes ----------------------------------------------------------------------------------------------------------------===//

struct RecipeOptions {
  cl::OptionCategory &category;

  Opt<std::string> recipe{"recipe",
      cl::desc("Decide as --save-recipe has written; --tensor-type overrides"), cl::value_desc("file"), cl::cat(category)};
  Opt<std::string> saveRecipe{"save-recipe",
      cl::desc("Write every decision to a .json file, which --recipe repeats"), cl::value_desc("file"), cl::cat(category)};

  void read(CompilerOptions &o, Problems &problems) const {
    o.saveRecipe = saveRecipe;
    problems.refuseIf(isGiven(saveRecipe) && saveRecipe.empty(), "--save-recipe names a file");
  }
};

//===-- shapes and state -------------------------------------------------------------------------------------------------------===//

struct ShapeOptions {
  cl::OptionCategory category{"Shapes and state"};

  cl::list<std::string> shapes{"shape",
      cl::desc("Fix extents of inputs, ? leaves one open"), cl::value_desc("name:AxB,..."), cl::CommaSeparated, cl::cat(category)};
  Opt<std::string> kvCache{"kv-cache",
      cl::desc("state (kept inside, default) or io (inputs and outputs)"), cl::value_desc("form"), cl::init("state"), cl::cat(category)};
  Opt<int64_t> maxContext{"max-context",
      cl::desc("Longest sequence (default: the model's, else 4096)"), cl::value_desc("n"), cl::init(0), cl::cat(category)};

  void read(CompilerOptions &o, Problems &problems) const {
    problems.refuseIf(llvm::is_contained(shapes, ""), "--shape has a comma that nothing stands beside: it is name:AxB,...");
    for (StringRef text : shapes) {
      InputShape shape;
      if (text.empty())
        continue;
      if (std::string problem = parseShape(text, shape); !problem.empty()) {
        problems.refuse("--shape=" + text + " " + problem);
        continue;
      }
      problems.refuseIf(llvm::any_of(o.shapes, [&](const InputShape &other) { return other.input == shape.input; }), "--shape names '" + shape.input + "' twice");
      o.shapes.push_back(std::move(shape));
    }
    problems.unlessEither(kvCache, "state", "io");
    o.kvState = kvCache == "state";
    problems.refuseIf(maxContext < 0 || (isGiven(maxContext) && maxContext == 0) || maxContext > (int64_t(1) << 24), "--max-context=" + llvm::Twine(maxContext) + " is outside 1 .. 16777216");
    o.maxContext = maxContext;
  }
};

//===-- how to work, and what to say -------------------------------------------------------------------------------------------===//

struct WorkOptions {
  cl::OptionCategory category{"Work"};

  Opt<unsigned> optLevel{"O", cl::desc("Optimization level 0 to 3 (default 3)"), cl::Prefix, cl::init(3), cl::cat(category)};
  Opt<unsigned> jobs{"j", cl::desc("Threads of the compiler (default: all)"), cl::Prefix, cl::init(0), cl::cat(category)};
  Opt<bool> check{"check", cl::desc("Only list all problems of the model and its formats"), cl::cat(category)};
  Opt<bool> dryRun{"dry-run", cl::desc("Print the plan: formats, sizes, memory of a run; write no code"), cl::cat(category)};
  cl::list<std::string> reports{"report",
      cl::desc("Write formats, sizes and what quantization lost to a .json or .html file; repeatable"), cl::value_desc("file"), cl::cat(category)};
  Opt<bool> verify{"verify",
      cl::desc("Run what was built on a sample; fail where a layer differs from its reference lowering"), cl::cat(category)};
  Opt<std::string> evaluate{"evaluate",
      cl::desc("Compare predictions for a text, or its token ids (.npy), with the float model's"), cl::value_desc("file"), cl::cat(category)};
  Opt<bool> stats{"stats", cl::desc("Say what was decided and which paths are slow"), cl::cat(category)};
  Opt<bool> timing{"timing", cl::desc("Time every pass (--mlir-timing)"), cl::Hidden, cl::cat(category)};
  Opt<bool> verbose{"v", cl::desc("More messages"), cl::cat(category)};
  Opt<bool> quiet{"q", cl::desc("Only errors"), cl::cat(category)};
  cl::list<std::string> passPlugins{"load-pass-plugin",
      cl::desc("Load passes from a shared library; repeatable"), cl::value_desc("file"), cl::Hidden, cl::cat(category)};
  cl::list<std::string> dialectPlugins{"load-dialect-plugin",
      cl::desc("Load dialects from a shared library; repeatable"), cl::value_desc("file"), cl::Hidden, cl::cat(category)};
  cl::list<std::string> extraPasses{"pass-at",
      cl::desc("Run a pipeline at an extension point; --pass-at=list names them"), cl::value_desc("point:passes"), cl::Hidden, cl::cat(category)};
  Opt<std::string> configFile{"config-file", cl::desc("Read options from a file (as @file)"), cl::value_desc("file"), cl::Hidden, cl::cat(category)};

  void read(CompilerOptions &o, Problems &problems) const {
    problems.refuseIf(optLevel > 3, "-O" + llvm::Twine(optLevel) + " is outside -O0 .. -O3");
    o.optLevel = optLevel;
    o.jobs = jobs;
    o.check = check;
    o.dryRun = dryRun;
    for (StringRef path : reports)
      problems.refuseIf(!path.ends_with(".json") && !path.ends_with(".html"), "--report=" + path + " ends neither in .json nor in .html");
    o.reports.assign(reports.begin(), reports.end());
    o.verify = verify;
    o.evaluation = evaluate;
    problems.refuseIf(isGiven(evaluate) && evaluate.empty(), "--evaluate names a file");
    o.stats = stats;
    o.timing = timing;
    o.verbose = verbose;
    o.quiet = quiet;
    o.passPlugins.assign(passPlugins.begin(), passPlugins.end());
    o.dialectPlugins.assign(dialectPlugins.begin(), dialectPlugins.end());
    if (llvm::is_contained(extraPasses, "list"))
      o.print = Table::ExtensionPoints;
    o.extraPasses.assign(extraPasses.begin(), extraPasses.end());
  }
};

//===-- all --------------------------------------------------------------------------------------------------------------------===//

/// Bits per layer weight of `--wbits=4 --calib=<text>`, where nothing else is said of formats: the best that is known at the size of the 4-bit files
/// that people use (docs/Quantization.md). Weights that need more than 4.31 get it; tiny ones may have scales that take more.
constexpr double bpwOfText = 4.75;

struct CommandLine {
  TargetOptions target;
  OutputOptions output;
  cl::OptionCategory quantization{"Quantization"};
  MethodOptions methods{quantization};
  FormatOptions formats{quantization};
  ActivationOptions activations{quantization};
  RecipeOptions recipes{quantization};
  ShapeOptions shapes;
  WorkOptions work;

  bool owns(const cl::Option &option) const {
    const cl::OptionCategory *categories[] = {&target.category, &output.category, &quantization, &shapes.category, &work.category};
    return llvm::any_of(option.Categories, [&](const cl::OptionCategory *category) { return llvm::is_contained(categories, category); });
  }
  void read(CompilerOptions &o, Problems &problems) const {
    target.read(o, problems);
    output.read(o, problems);
    methods.read(o, problems);
    formats.read(o, problems);
    activations.read(o, problems);
    recipes.read(o, problems);
    shapes.read(o, problems);
    work.read(o, problems);
    if (!isGiven(recipes.recipe) && !isGiven(methods.algo) && o.defaultFormat && o.weightBits == 4 && !o.calibration.empty() && !o.hasBudget()) {
      o.targetBpw = bpwOfText;
      o.clampsBudget = true;
    }
  }
};

/// Refuses options that exclude or need each other, of one concern or several. `recipe`: its options count as given; null without one.
void refuseContradictions(const CommandLine &line, const CompilerOptions &o, const Recipe *recipe, Problems &problems);
} // namespace qcc::commandline
#endif
