// The command line of qcc. Options are members of one object that lives while they are parsed: nothing is registered by merely linking.
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Registration.h"
#include "lib/Compiler/Recipe.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Quantize/Method.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
namespace cl = llvm::cl;
using namespace qcc;
using llvm::StringRef;

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

struct CommandLine {
  cl::OptionCategory targetCategory{"Target"}, outputCategory{"Output"}, quantCategory{"Quantization"}, shapeCategory{"Shapes and state"}, workCategory{"Work"};

  cl::opt<std::string> input{cl::Positional, cl::desc("<model.onnx | program.mlir | ->"), cl::cat(outputCategory)};

  cl::opt<std::string> target{"target", cl::desc("Preset, a floor (default host); --print-targets lists them"), cl::value_desc("preset"), cl::init("host"), cl::cat(targetCategory)};
  cl::opt<bool> printOperators{"print-operators", cl::desc("List the ONNX operators that are supported"), cl::cat(targetCategory)};
  cl::opt<bool> printTargets{"print-targets", cl::desc("List the presets and what they need"), cl::cat(targetCategory)};
  cl::opt<std::string> cpu{"mcpu", cl::desc("LLVM CPU, refines the preset"), cl::value_desc("name"), cl::cat(targetCategory)};
  cl::list<std::string> attributes{"mattr", cl::desc("LLVM features, refine the preset"), cl::value_desc("+f,-g"), cl::CommaSeparated, cl::cat(targetCategory)};
  cl::opt<std::string> multiversion{"multiversion", cl::desc("Carry faster versions above the floor (default on)"), cl::init("on"), cl::cat(targetCategory),
                                    cl::value_desc("on|off"), cl::ValueOptional};
  cl::opt<std::string> kernels{"kernels", cl::desc("fast (generated, default) or reference (every operation's specification: slow, to compare with)"), cl::value_desc("kind"),
                               cl::init("fast"), cl::cat(targetCategory)};

  cl::opt<std::string> output{"o", cl::desc("Output file; - is standard output for text"), cl::value_desc("path"), cl::cat(outputCategory)};
  cl::opt<Emit> emit{"emit", cl::desc("What to write (default lib)"), cl::init(Emit::Library), cl::cat(outputCategory),
                     cl::values(clEnumValN(Emit::Library, "lib", "shared library, weights and header"), clEnumValN(Emit::Object, "obj", "object file and weights"),
                                clEnumValN(Emit::Assembly, "asm", "assembly"), clEnumValN(Emit::LlvmIr, "llvm", "LLVM IR"), clEnumValN(Emit::Mlir, "mlir", "MLIR of --compile-to"))};
  cl::opt<Stage> compileTo{"compile-to", cl::desc("Stop after a stage and print its IR"), cl::init(Stage::Link), cl::cat(outputCategory),
                           cl::values(clEnumValN(Stage::Onnx, "onnx", "a checked mirror of the file"), clEnumValN(Stage::Graph, "graph", "what the model is"),
                                      clEnumValN(Stage::Quant, "quant", "formats decided"), clEnumValN(Stage::Kernel, "kernel", "regions, buffers, kernels"),
                                      clEnumValN(Stage::Llvm, "llvm", "LLVM dialect"))};
  cl::opt<WeightsPlace> weights{"weights", cl::desc("Where weights go (default auto: a file beside the library)"), cl::init(WeightsPlace::Auto), cl::cat(outputCategory),
                                cl::values(clEnumValN(WeightsPlace::Auto, "auto", ""), clEnumValN(WeightsPlace::Embed, "embed", ""), clEnumValN(WeightsPlace::File, "file", ""))};
  cl::opt<std::string> saveTemps{"save-temps", cl::desc("Keep the IR of every stage"), cl::value_desc("folder"), cl::ValueOptional, cl::cat(outputCategory)};

  cl::opt<unsigned> weightBits{"wbits", cl::desc("Bits of a weight: 2 3 4 5 6 8 16 32 (default 16)"), cl::value_desc("n"), cl::init(16), cl::cat(quantCategory)};
  cl::opt<unsigned> activationBits{"abits", cl::desc("Bits of an activation: 8, 16 (bf16 on matrix units), 32 (default: 8 below 16-bit weights)"), cl::value_desc("n"), cl::init(0), cl::cat(quantCategory)};
  cl::opt<int64_t> actGroupSize{"act-group-size", cl::desc("8-bit activations per scale, -1 for the whole row (default 32); more: faster, less exact"), cl::value_desc("n"), cl::init(32), cl::cat(quantCategory)};
  cl::opt<std::string> actScales{"act-scales", cl::desc("Scales of 8-bit activations: dynamic (default), or static: one from --calib for all that a norm makes"), cl::value_desc("kind"), cl::init("dynamic"), cl::cat(quantCategory)};
  cl::list<std::string> actTypes{"act-type", cl::desc("float, dynamic or static for inputs of weights whose name matches; repeatable, first match wins"), cl::value_desc("regex=type"), cl::cat(quantCategory)};
  cl::opt<std::string> actRange{"act-range", cl::desc("Range of static scales: absmax (default), percentile, entropy"), cl::value_desc("rule"), cl::init("absmax"), cl::cat(quantCategory)};
  cl::opt<double> actPercentile{"act-percentile", cl::desc("Percent of the values within the range of --act-range=percentile (default 99.99)"), cl::value_desc("p"), cl::init(99.99), cl::cat(quantCategory)};
  cl::opt<unsigned> headBits{"head-bits", cl::desc("Bits of the output head and its embedding (default 8 below 16-bit weights)"), cl::value_desc("n"), cl::init(0), cl::cat(quantCategory)};
  cl::opt<int64_t> groupSize{"group-size", cl::desc("Weights per scale, -1 for the whole row (default 32)"), cl::value_desc("n"), cl::init(32), cl::cat(quantCategory)};
  cl::opt<std::string> algo{"algo", cl::desc("How codes are chosen: rtn (default), mse, hqq, gptq (default with --calib), llm-int8; awq or smoothquant before them: awq+gptq"), cl::value_desc("method"), cl::cat(quantCategory)};
  cl::opt<std::string> calib{"calib", cl::desc("Text to calibrate on (UTF-8), or its token ids (.npy)"), cl::value_desc("file"), cl::cat(quantCategory)};
  cl::opt<std::string> tokenizer{"tokenizer", cl::desc("tokenizer.json for --calib (default: beside the model)"), cl::value_desc("file"), cl::cat(quantCategory)};
  cl::opt<double> smoothAlpha{"smooth-alpha", cl::desc("SmoothQuant: how much of the inputs' range moves into weights, 0 to 1 (default 0.5)"), cl::value_desc("x"), cl::init(0.5), cl::cat(quantCategory)};
  cl::opt<int64_t> calibSamples{"calib-samples", cl::desc("Windows of the text to use (default 128)"), cl::value_desc("n"), cl::init(128), cl::cat(quantCategory)};
  cl::opt<int64_t> calibLength{"calib-length", cl::desc("Tokens of a window (default 512)"), cl::value_desc("n"), cl::init(512), cl::cat(quantCategory)};
  cl::opt<std::string> recipe{"recipe", cl::desc("Decide as --save-recipe has written; --tensor-type overrides"), cl::value_desc("file"), cl::cat(quantCategory)};
  cl::opt<std::string> saveRecipe{"save-recipe", cl::desc("Write every decision to a .json file, which --recipe repeats"), cl::value_desc("file"), cl::cat(quantCategory)};
  cl::opt<bool> sym{"sym", cl::desc("Symmetric weights (default)"), cl::cat(quantCategory)};
  cl::opt<bool> asym{"asym", cl::desc("Weights with a zero point"), cl::cat(quantCategory)};
  cl::opt<double> targetBpw{"target-bpw", cl::desc("Choose the format of every layer weight, for so many bits per weight on average, scales included"), cl::value_desc("bits"), cl::cat(quantCategory)};
  cl::opt<std::string> targetSize{"target-size", cl::desc("The same for so many bytes of all weights; K, M, G: powers of 1000"), cl::value_desc("bytes"), cl::cat(quantCategory)};
  cl::list<std::string> tensorTypes{"tensor-type", cl::desc("Format of the weights whose name matches; repeatable, first match wins"), cl::value_desc("regex=format"), cl::cat(quantCategory)};
  cl::opt<unsigned> kvBits{"kv-bits", cl::desc("Bits of a cached key or value: 4 8 16 32 (default 16; 32 with --wbits=32 --abits=32)"), cl::value_desc("n"), cl::init(0), cl::cat(quantCategory)};

  cl::list<std::string> shapes{"shape", cl::desc("Fix extents of inputs, ? leaves one open"), cl::value_desc("name:AxB,..."), cl::CommaSeparated, cl::cat(shapeCategory)};
  cl::opt<std::string> kvCache{"kv-cache", cl::desc("state (kept inside, default) or io (inputs and outputs)"), cl::value_desc("form"), cl::init("state"), cl::cat(shapeCategory)};
  cl::opt<int64_t> maxContext{"max-context", cl::desc("Longest sequence (default: the model's, else 4096)"), cl::value_desc("n"), cl::init(0), cl::cat(shapeCategory)};

  cl::opt<unsigned> optLevel{"O", cl::desc("Optimization level 0 to 3 (default 3)"), cl::Prefix, cl::init(3), cl::cat(workCategory)};
  cl::opt<unsigned> jobs{"j", cl::desc("Threads of the compiler (default: all)"), cl::Prefix, cl::init(0), cl::cat(workCategory)};
  cl::opt<bool> check{"check", cl::desc("Only list all problems of the model and its formats"), cl::cat(workCategory)};
  cl::opt<bool> dryRun{"dry-run", cl::desc("Print the plan: formats, sizes, memory of a run; write no code"), cl::cat(workCategory)};
  cl::list<std::string> reports{"report", cl::desc("Write formats, sizes and what quantization lost to a .json or .html file; repeatable"), cl::value_desc("file"), cl::cat(workCategory)};
  cl::opt<bool> verify{"verify", cl::desc("Run what was built on a sample; fail where a layer differs from its reference lowering"), cl::cat(workCategory)};
  cl::opt<bool> stats{"stats", cl::desc("Say what was decided and which paths are slow"), cl::cat(workCategory)};
  cl::opt<bool> timing{"timing", cl::desc("Time every pass (--mlir-timing)"), cl::cat(workCategory)};
  cl::opt<bool> verbose{"v", cl::desc("More messages"), cl::cat(workCategory)};
  cl::opt<bool> quiet{"q", cl::desc("Only errors"), cl::cat(workCategory)};
  cl::list<std::string> passPlugins{"load-pass-plugin", cl::desc("Load passes from a shared library; repeatable"), cl::value_desc("file"), cl::cat(workCategory)};
  cl::list<std::string> dialectPlugins{"load-dialect-plugin", cl::desc("Load dialects from a shared library; repeatable"), cl::value_desc("file"), cl::cat(workCategory)};
  cl::list<std::string> extraPasses{"pass-at", cl::desc("Run a pipeline at an extension point; --pass-at=list names them"), cl::value_desc("point:passes"), cl::cat(workCategory)};
  cl::opt<std::string> configFile{"config-file", cl::desc("Read options from a file (as @file)"), cl::value_desc("file"), cl::cat(workCategory)};

  llvm::SmallVector<const cl::OptionCategory *> categories() { return {&targetCategory, &outputCategory, &quantCategory, &shapeCategory, &workCategory}; }
};

/// --config-file=f is LLVM's @f.
std::string asResponseFile(StringRef arg) {
  if (arg.consume_front("--config-file=") || arg.consume_front("-config-file="))
    return ("@" + arg).str();
  return arg.str();
}

bool oneOf(unsigned value, std::initializer_list<unsigned> allowed, StringRef option) {
  if (llvm::is_contained(allowed, value))
    return true;
  llvm::errs() << "qcc: error: --" << option << "=" << value << " is not supported [bad-option]\n  note: supported: ";
  llvm::interleave(allowed, llvm::errs(), " ");
  llvm::errs() << "\n";
  return false;
}

/// "input_ids:4x?": the extents after the last colon, since names may have colons. Returns what is wrong, or nothing.
std::string parseShape(StringRef text, InputShape &shape) {
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

/// --act-scales and what belongs to it. `isStatic` of `o` is known afterwards; whether there is a text and int8 activations, checkActivations asks.
void readActivations(CommandLine &line, CompilerOptions &o, bool hasRecipe, llvm::function_ref<void(const llvm::Twine &)> refuse) {
  o.staticActivations = line.actScales == "static";
  o.activationTypes.assign(line.actTypes.begin(), line.actTypes.end());
  o.activationRange.kind = line.actRange == "entropy" ? RangeRule::Entropy : line.actRange == "percentile" ? RangeRule::Percentile : RangeRule::AbsMax;
  o.activationRange.percentile = line.actPercentile;
  if (!llvm::is_contained({"dynamic", "static"}, line.actScales.getValue()))
    refuse("--act-scales=" + line.actScales + " is neither dynamic nor static");
  if (!llvm::is_contained({"absmax", "percentile", "entropy"}, line.actRange.getValue()))
    refuse("--act-range=" + line.actRange + " is no rule; there are: absmax, percentile, entropy");
  if (!(line.actPercentile > 0 && line.actPercentile <= 100))
    refuse("--act-percentile is above 0 and at most 100");
  if (!hasRecipe && line.actPercentile.getNumOccurrences() && o.activationRange.kind != RangeRule::Percentile)
    refuse("--act-percentile is for --act-range=percentile");
  if (line.actRange.getNumOccurrences() && !o.hasStaticActivations())
    refuse("--act-range is for static scales: --act-scales=static, or --act-type=<regex>=static");
}

/// Whether the other options leave room for what readActivations has read.
void checkActivations(const CompilerOptions &o, const Recipe *recipe, llvm::function_ref<void(const llvm::Twine &)> refuse) {
  if (!o.staticActivations && o.activationTypes.empty())
    return;
  if (o.activationBits != 8)
    refuse("--act-scales and --act-type are for activations of 8 bits, not " + llvm::Twine(o.activationBits) + ": --abits=8");
  if (o.outlierThreshold > 0)
    refuse("--algo=" + o.method + " finds scales of activations at run time: it excludes --act-scales=static and --act-type");
  if (o.hasStaticActivations() && o.calibration.empty() && !(recipe && recipe->hasInputScales()))
    refuse("static scales of activations need a text to calibrate on: --calib=<file>");
}

/// "48M": bytes, or nothing where it is no positive number.
std::optional<int64_t> parseSize(StringRef text) {
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

} // namespace

bool CompilerOptions::hasStaticActivations() const {
  return staticActivations || llvm::any_of(activationTypes, [](StringRef type) { return type.ends_with("=static"); });
}

ParsedCommandLine qcc::parseCommandLine(int argc, const char *const *argv) {
  makeRoom({"stats", "check", "v", "q", "weights", "timing", "target", "sym", "asym", "verify"});
  CommandLine &line = *new CommandLine;                    // LLVM's registry, which lld resets, keeps the positional one for ever
  // The named ones make room: lld registers an -mcpu of its own.
  llvm::scope_exit forget([&] {
    std::vector<cl::Option *> ours;
    for (auto &entry : cl::getRegisteredOptions())
      if (llvm::any_of(entry.second->Categories, [&](cl::OptionCategory *c) { return llvm::is_contained(line.categories(), c); }))
        ours.push_back(entry.second);
    for (cl::Option *option : ours)
      option->removeArgument();
  });
  mlir::registerMLIRContextCLOptions();
  mlir::registerAsmPrinterCLOptions();
  registerPasses();                                        // before the options that take their names (--mlir-print-ir-after)
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  // LLVM's and MLIR's options stay behind --help-hidden (cl::HideUnrelatedOptions would hide them from that as well).
  for (auto &entry : cl::getRegisteredOptions())
    if (llvm::none_of(entry.second->Categories, [&](cl::OptionCategory *c) { return llvm::is_contained(line.categories(), c) || c->getName() == "Generic Options"; }))
      entry.second->setHiddenFlag(cl::Hidden);

  std::vector<std::string> words;
  for (int i = 0; i < argc; ++i)
    words.push_back(i ? asResponseFile(argv[i]) : argv[i]);
  std::vector<const char *> args;
  for (const std::string &word : words)
    args.push_back(word.c_str());
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  ParsedCommandLine result;
  if (!cl::ParseCommandLineOptions(args.size(), args.data(), "qcc: compiles a quantized transformer to native code\n", &errorStream, nullptr, "QCC_FLAGS")) {
    llvm::errs() << errors;
    result.exitCode = ExitUsage;
    return result;
  }

  std::shared_ptr<Recipe> recipe;
  if (line.recipe.getNumOccurrences()) {
    recipe = std::make_shared<Recipe>();
    result.exitCode = readRecipe(line.recipe, *recipe);
    if (!result.exitCode)
      result.exitCode = addRecipeOptions(*recipe);
    if (result.exitCode)
      return result;
  }

  CompilerOptions o;
  bool good = oneOf(line.weightBits, {2, 3, 4, 5, 6, 8, 16, 32}, "wbits");
  good &= !line.activationBits.getNumOccurrences() || oneOf(line.activationBits, {8, 16, 32}, "abits");
  good &= !line.headBits.getNumOccurrences() || oneOf(line.headBits, {2, 3, 4, 5, 6, 8, 16, 32}, "head-bits");
  good &= !line.kvBits.getNumOccurrences() || oneOf(line.kvBits, {4, 8, 16, 32}, "kv-bits");
  auto refuse = [&](const llvm::Twine &message) {
    llvm::errs() << "qcc: error: " << message << " [bad-option]\n";
    good = false;
  };
  if (line.targetBpw.getNumOccurrences() && !(line.targetBpw > 0 && line.targetBpw <= 32))
    refuse("--target-bpw is above 0 and at most 32");
  std::optional<int64_t> targetSize = parseSize(line.targetSize);
  if (line.targetSize.getNumOccurrences() && !targetSize)
    refuse("--target-size=" + line.targetSize + " is no number of bytes (48000000, 48M, 1.5G)");
  bool hasBudget = line.targetBpw.getNumOccurrences() || line.targetSize.getNumOccurrences();
  if (line.targetBpw.getNumOccurrences() && line.targetSize.getNumOccurrences())
    refuse("--target-bpw and --target-size exclude each other");
  if (hasBudget && !recipe && (line.weightBits.getNumOccurrences() || line.groupSize.getNumOccurrences() || line.sym || line.asym))
    refuse("--target-bpw and --target-size choose formats: they exclude --wbits, --group-size, --sym and --asym");
  if (line.sym && line.asym)
    refuse("--sym and --asym exclude each other");
  if (!llvm::is_contained({"on", "off", ""}, line.multiversion.getValue()))
    refuse("--multiversion=" + line.multiversion + " is neither on nor off");
  if (line.kvCache != "state" && line.kvCache != "io")
    refuse("--kv-cache=" + line.kvCache + " is neither state nor io");
  if (line.kvCache == "io" && line.kvBits.getNumOccurrences() && line.kvBits < 16)
    refuse("--kv-bits=" + llvm::Twine(line.kvBits) + " is for a cache that the program keeps; with --kv-cache=io keys and values are float inputs and outputs");
  if (line.kernels != "fast" && line.kernels != "reference")
    refuse("--kernels=" + line.kernels + " is neither fast nor reference");
  if (line.groupSize != -1 && (line.groupSize < 16 || line.groupSize % 16 || line.groupSize > qnt::BlockType::maxGroup))
    refuse("--group-size=" + llvm::Twine(line.groupSize) + " is neither -1 nor a multiple of 16 up to " + llvm::Twine(qnt::BlockType::maxGroup));
  if (line.actGroupSize != -1 && (line.actGroupSize < 32 || line.actGroupSize % 32 || line.actGroupSize > 65536))
    refuse("--act-group-size=" + llvm::Twine(line.actGroupSize) + " is neither -1 nor a multiple of 32 up to 65536");
  readActivations(line, o, recipe != nullptr, refuse);
  o.calibration = line.calib;
  std::string algo = !line.algo.empty() ? line.algo.getValue() : o.calibration.empty() ? "rtn" : "gptq";
  auto [first, second] = StringRef(algo).split('+');
  const ScalingMethod *scaling = findScalingMethod(first);
  o.scaling = scaling ? first.str() : "";
  o.method = !scaling ? algo : algo == first ? scaling->codes().str() : second.str();
  const QuantizationMethod *method = findMethod(o.method);
  if (!method)
    refuse("--algo=" + algo + " is no method; there are:\n" + listMethods());
  else if ((scaling || method->needsInputs()) && o.calibration.empty())
    refuse("--algo=" + algo + " needs a text to calibrate on: --calib=<file>");
  else if (!scaling && !method->usesMoments() && !o.hasStaticActivations() && !o.calibration.empty())
    refuse("--algo=" + algo + " reads no calibration text");
  o.smoothQuantAlpha = line.smoothAlpha;
  if (!(line.smoothAlpha >= 0 && line.smoothAlpha <= 1))
    refuse("--smooth-alpha is outside 0 .. 1");
  else if (!recipe && line.smoothAlpha.getNumOccurrences() && o.scaling != "smoothquant")
    refuse("--smooth-alpha is SmoothQuant's: --algo=smoothquant");
  o.outlierThreshold = method ? method->outlierThreshold() : 0;
  if (o.outlierThreshold > 0) {                            // its options are all of one kind: said otherwise, they contradict it
    auto only = [&](cl::Option &option, int64_t value, int64_t wanted) {
      if (option.getNumOccurrences() && value != wanted)
        refuse("--algo=" + o.method + " is for --" + option.ArgStr + "=" + llvm::Twine(wanted) + ", not " + llvm::Twine(value));
    };
    only(line.weightBits, line.weightBits, 8);
    only(line.activationBits, line.activationBits, 8);
    only(line.groupSize, line.groupSize, -1);
    only(line.actGroupSize, line.actGroupSize, -1);
    if (line.asym)
      refuse("--algo=" + o.method + " is for symmetric weights: --asym contradicts it");
  }
  o.weightBits = o.outlierThreshold > 0 ? 8 : line.weightBits.getValue();
  // Below 16-bit weights activations default to int8 per 32 values, as llama.cpp's do; wider weights keep float activations.
  o.activationBits = line.activationBits ? line.activationBits.getValue() : o.weightBits < 16 || hasBudget ? 8 : 32;
  checkActivations(o, recipe.get(), refuse);
  if (line.calibSamples < 1 || line.calibLength < 1)
    refuse("--calib-samples and --calib-length are at least 1");
  bool readsText = scaling || (method && method->usesMoments()) || !recipe || !recipe->hasInputScales();
  if (recipe && o.calibration.empty())
    for (const std::string &name : recipe->valuesOf("calib")) {
      o.recipeCalibration = name;
      if (readsText)
        refuse("the recipe '" + line.recipe + "' was made with --calib=" + name + ": say where that text is");
    }
  if (!recipe && o.calibration.empty() && (line.calibSamples.getNumOccurrences() || line.calibLength.getNumOccurrences()))
    refuse("--calib-samples and --calib-length say how much of a text is read: --calib=<file>");
  if (!line.tokenizer.empty() && o.calibration.empty())
    refuse("--tokenizer is for a text to calibrate on: --calib=<file>");
  if (line.maxContext < 0 || line.maxContext > (int64_t(1) << 24))
    refuse("--max-context=" + llvm::Twine(line.maxContext) + " is outside 1 .. 16777216");
  for (StringRef text : line.shapes) {
    InputShape &shape = o.shapes.emplace_back();
    if (std::string problem = parseShape(text, shape); !problem.empty())
      refuse("--shape=" + text + " " + problem);
    for (const InputShape &other : llvm::ArrayRef(o.shapes).drop_back())
      if (other.input == shape.input)
        refuse("--shape names '" + shape.input + "' twice");
  }
  if (line.optLevel > 3)
    refuse("-O" + llvm::Twine(line.optLevel) + " is outside -O0 .. -O3");
  for (StringRef path : line.reports)
    if (!path.ends_with(".json") && !path.ends_with(".html"))
      refuse("--report=" + path + " ends neither in .json nor in .html");
  bool writesText = line.compileTo != Stage::Link || llvm::is_contained({Emit::Assembly, Emit::LlvmIr, Emit::Mlir}, line.emit.getValue());
  if (line.dryRun && (writesText || line.check || line.emit != Emit::Library))
    refuse("--dry-run writes no code: it excludes --compile-to, --emit and --check");
  if (!line.dryRun && !line.reports.empty() && (writesText || line.check))
    refuse("--report is about a library: it excludes --compile-to, --check and --emit=asm, llvm or mlir");
  if (line.verify && (writesText || line.check || line.dryRun))
    refuse("--verify runs a library: it excludes --compile-to, --check, --dry-run and --emit=asm, llvm or mlir");
  if (line.verify && line.kernels == "reference")
    refuse("--verify compares kernels with reference lowerings: --kernels=reference has none");
  if (line.saveRecipe.getNumOccurrences() && (line.saveRecipe.empty() || (!line.dryRun && (writesText || line.check))))
    refuse("--save-recipe names a file, and goes with a library: it excludes --compile-to, --check and --emit=asm, llvm or mlir");
  bool listsOnly = line.printTargets || line.printOperators || llvm::is_contained(line.extraPasses, "list");
  if (line.printTargets && line.printOperators)
    refuse("--print-targets and --print-operators exclude each other");
  if (line.input.empty() && !listsOnly)
    refuse("no input file; qcc --help shows the use");
  if (!good) {
    result.exitCode = ExitUsage;
    return result;
  }

  o.input = line.input;
  o.output = line.output;
  o.print = line.printTargets ? Table::Targets : line.printOperators ? Table::Operators : Table::None;
  o.target = line.target;
  o.cpu = line.cpu;
  o.attributes = llvm::join(line.attributes, ",");
  o.multiversion = line.multiversion != "off";
  o.kernels = line.kernels == "reference" ? Kernels::Reference : Kernels::Fast;
  o.emit = line.emit;
  o.compileTo = line.compileTo;
  o.weights = line.weights;
  if (line.saveTemps.getNumOccurrences())
    o.saveTemps = line.saveTemps.getValue();
  o.headBits = line.headBits ? line.headBits.getValue() : hasBudget ? 8 : std::max(8u, o.weightBits);
  o.kvBits = line.kvBits ? line.kvBits.getValue() : o.weightBits == 32 && o.activationBits == 32 ? 32 : 16;
  o.groupSize = o.outlierThreshold > 0 ? -1 : line.groupSize.getValue();
  o.activationGroup = o.outlierThreshold > 0 ? -1 : line.actGroupSize.getValue();
  o.symmetric = !line.asym;
  if (line.targetBpw.getNumOccurrences())
    o.targetBpw = line.targetBpw;
  o.targetSize = targetSize;
  o.tensorTypes.assign(line.tensorTypes.begin(), line.tensorTypes.end());
  o.tokenizer = line.tokenizer;
  o.calibrationSamples = line.calibSamples;
  o.calibrationLength = line.calibLength;
  o.kvState = line.kvCache == "state";
  o.maxContext = line.maxContext;
  o.optLevel = line.optLevel;
  o.jobs = line.jobs;
  o.dryRun = line.dryRun;
  o.reports.assign(line.reports.begin(), line.reports.end());
  o.verify = line.verify;
  o.check = line.check;
  o.stats = line.stats;
  o.timing = line.timing;
  o.verbose = line.verbose;
  o.quiet = line.quiet;
  o.passPlugins.assign(line.passPlugins.begin(), line.passPlugins.end());
  o.dialectPlugins.assign(line.dialectPlugins.begin(), line.dialectPlugins.end());
  o.extraPasses.assign(line.extraPasses.begin(), line.extraPasses.end());
  o.saveRecipe = line.saveRecipe;
  if (recipe) {
    o.recipeTensorTypes = recipe->valuesOf("tensor-type");
    result.exitCode = checkRecipeOptions(*recipe, o);
    if (result.exitCode)
      return result;
    o.recipe = std::move(recipe);
  }
  result.options = std::move(o);
  return result;
}
