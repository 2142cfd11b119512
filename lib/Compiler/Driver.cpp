// From options to files: read, run the stages, write. The order of passes is in Pipelines.cpp.
#include "qcc/Compiler/Driver.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/TargetInfo.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/Registration.h"
#include "qcc/Frontend/SupportedOps.h"
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Frontend/ImportONNX.h"
#include "qcc/Compiler/ModelHeader.h"
#include "qcc/Quantize/FormatDecisions.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "qcc/Target/Link.h"
#include "qcc/Target/Target.h"
#include "lib/Compiler/Backend.h"
#include "lib/Compiler/Manifest.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/WeightPlan.h"
#include "lib/Compiler/WeightsFile.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <mutex>
using namespace mlir;
using namespace qcc;
using llvm::Twine;

namespace {

int complain(int exitCode, const Twine &message) {
  llvm::errs() << "qcc: error: " << message << "\n";
  return exitCode;
}

/// A folder for intermediate files, removed with what is in it.
struct Scratch {
  Scratch() { error = llvm::sys::fs::createUniqueDirectory("qcc", folder); }
  ~Scratch() {
    if (!error)
      llvm::sys::fs::remove_directories(folder);
  }
  std::string path(const Twine &name) const {
    llvm::SmallString<128> joined(folder);
    llvm::sys::path::append(joined, name);
    return joined.str().str();
  }
  llvm::SmallString<128> folder;
  std::error_code error;
};

/// Beside this program, in the build tree as in an installation: bin/qcc and lib/libqccrt.a.
std::string runtimeArchive() {
  static int here;
  llvm::SmallString<128> path(llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(nullptr, &here)));
  llvm::sys::path::append(path, "..", "lib", "libqccrt.a");
  return path.str().str();
}

/// Standard output may be a full disk.
int flushScreen() {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return ExitSuccess;
  std::string why = llvm::outs().error().message();
  llvm::outs().clear_error();
  return complain(ExitResource, "cannot write to standard output: " + why);
}

class Compilation {
public:
  explicit Compilation(const CompilerOptions &options) : options(options) {}
  int run();

private:
  int loadPlugins(DialectRegistry &registry);
  int attachPasses();
  int stages();
  int findTarget();
  int placeWeights();
  int writeCode();
  int writeLibrary();
  int readInput();
  int readMlir();
  void report(Diagnostic &diagnostic);
  void summarize();
  int runStage(Stage stage, int failureCode, llvm::function_ref<void(OpPassManager &)> build);
  int writeIr();
  int saveTemps(Stage stage);
  /// -o, or the input's name with another extension, in this folder.
  std::string outputPath(llvm::StringRef extension) const {
    if (!options.output.empty())
      return options.output;
    return (options.input == "-" ? "model" : llvm::sys::path::stem(options.input)).str() + extension.str();
  }

  const CompilerOptions &options;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  std::shared_ptr<SourceFiles> sources = std::make_shared<SourceFiles>();  // what the module's references to weights index
  TargetInfo target;
  const Target *family = nullptr;
  OutputFiles files;
  std::mutex reporting;
  int errors = 0, warnings = 0;
};

int Compilation::loadPlugins(DialectRegistry &registry) {
  for (const std::string &path : options.dialectPlugins) {
    auto plugin = DialectPlugin::load(path);
    if (!plugin)
      return complain(ExitUsage, "--load-dialect-plugin: " + llvm::toString(plugin.takeError()));
    plugin->registerDialectRegistryCallbacks(registry);
  }
  for (const std::string &path : options.passPlugins) {
    auto plugin = PassPlugin::load(path);
    if (!plugin)
      return complain(ExitUsage, "--load-pass-plugin: " + llvm::toString(plugin.takeError()));
    plugin->registerPassRegistryCallbacks();
  }
  return ExitSuccess;
}

int Compilation::attachPasses() {
  for (const std::string &pass : options.extraPasses) {
    if (pass == "list") {
      for (const ExtensionPoint &point : extensionPoints())
        llvm::outs() << point.name << "\t" << point.description << "\n";
      continue;
    }
    if (llvm::Error error = addAtExtensionPoint(pass))
      return complain(ExitUsage, "--pass-at: " + llvm::toString(std::move(error)));
  }
  return ExitSuccess;
}

/// Diagnostics may come from several threads; each is printed whole.
void Compilation::report(Diagnostic &diagnostic) {
  std::lock_guard<std::mutex> lock(reporting);
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
    ++errors;
  else if (options.quiet)
    return;
  else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
    ++warnings;
  printDiagnostic(llvm::errs(), diagnostic);
}

void Compilation::summarize() {
  if (!errors && !(warnings && !options.quiet))
    return;
  auto count = [](int n, llvm::StringRef what) { return std::to_string(n) + " " + what.str() + (n == 1 ? "" : "s"); };
  llvm::errs() << "qcc: " << count(errors, "error") << (warnings ? ", " + count(warnings, "warning") : "") << "\n";
}

int Compilation::readInput() {
  StringRef extension = llvm::sys::path::extension(options.input);
  if (extension == ".mlir" || extension == ".mlirbc" || options.input == "-")
    return readMlir();
  ImportOptions import;
  import.shapes = options.shapes;
  ImportedModel imported = importONNX(options.input, *context, import);
  module = std::move(imported.module);
  if (imported.sources)
    sources = std::move(imported.sources);
  return module ? ExitSuccess : imported.code ? imported.code : ExitMalformed;
}

/// A program as text or bytecode. The files that its weights refer to are looked for beside it.
int Compilation::readMlir() {
  if (!options.shapes.empty())
    return complain(ExitUsage, "--shape fixes inputs of ONNX models; '" + options.input + "' is MLIR [bad-option]");
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(options.input);
  if (!buffer)
    return complain(ExitInput, "cannot read '" + options.input + "': " + buffer.getError().message());
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(std::move(*buffer), {});
  module = parseSourceFile<ModuleOp>(manager, context.get());
  if (!module)
    return ExitMalformed;
  if (auto names = module->getOperation()->getAttrOfType<ArrayAttr>("qnt.files"))
    for (auto name : names.getAsRange<StringAttr>()) {
      llvm::SmallString<128> path = llvm::sys::path::parent_path(options.input);
      llvm::sys::path::append(path, name.getValue());
      auto file = mapFile(path, std::numeric_limits<int64_t>::max());
      if (!file)
        return complain(ExitInput, "cannot read '" + path + "', which '" + options.input + "' refers to: " + file.getError().message());
      sources->add(name.str(), std::move(*file));
    }
  return ExitSuccess;
}

int Compilation::runStage(Stage stage, int failureCode, llvm::function_ref<void(OpPassManager &)> build) {
  if (stage > options.compileTo)
    return ExitSuccess;
  PassManager pm(context.get());
  if (failed(applyPassManagerCLOptions(pm)))
    return ExitUsage;
  if (options.timing)
    pm.enableTiming();
  build(pm);
  if (failed(pm.run(*module)))
    return failureCode;
  return saveTemps(stage);
}

/// --save-temps: the IR after a stage, as <folder>/<stage>.mlir. Kept even when a later stage fails, so it is no part of `files`.
int Compilation::saveTemps(Stage stage) {
  if (!options.saveTemps)
    return ExitSuccess;
  static const llvm::StringRef names[] = {"onnx", "graph", "quant", "kernel", "llvm", "link"};
  llvm::SmallString<128> path(*options.saveTemps);
  if (path.empty())
    path = llvm::sys::path::parent_path(options.output);
  llvm::sys::path::append(path, names[int(stage)] + ".mlir");
  OutputFiles one;
  llvm::Error error = one.write(path, [&](llvm::raw_ostream &out) { module->print(out); });
  if (!error)
    error = one.commit();
  return error ? complain(ExitResource, llvm::toString(std::move(error))) : int(ExitSuccess);
}

int Compilation::writeIr() {
  if (options.output.empty() || options.output == "-") {
    module->print(llvm::outs());
    return flushScreen();
  }
  if (llvm::Error error = files.write(options.output, [&](llvm::raw_ostream &out) { module->print(out); }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

static std::vector<const Target *> allTargets() {
  return {
#define QCC_TARGET(Name) &get##Name##Target(),
#include "qcc/Target/AllTargets.def"
  };
}

int Compilation::findTarget() {
  std::vector<const Target *> targets = allTargets();
  llvm::Expected<TargetInfo> found = qcc::findTarget(targets, options.target, options.cpu, options.attributes, options.multiversion);
  if (!found)
    return complain(ExitUsage, llvm::toString(found.takeError()));
  target = std::move(*found);
  family = targetOf(targets, target);
  return ExitSuccess;
}

static void printTargets() {
  for (const Target *target : allTargets())
    for (const TargetInfo &preset : target->presets())
      llvm::outs() << llvm::left_justify(preset.name, 18) << preset.description << "\n";
}

/// After formats are decided and before any kernel: `qnt.weight_decl` gets layout and offset.
int Compilation::placeWeights() {
  PassManager pm(context.get());
  if (failed(applyPassManagerCLOptions(pm)))
    return ExitUsage;
  if (options.timing)
    pm.enableTiming();
  addWeightPlacement(pm, target);
  return succeeded(pm.run(*module)) ? ExitSuccess : ExitCompileError;
}

/// IR or code for people to read: of the best version.
int Compilation::writeCode() {
  const TargetVersion &version = target.versions.front();
  OwningOpRef<ModuleOp> lowered = runKernelStage(*module, options, target, version);
  if (!lowered)
    return ExitCompileError;
  module = std::move(lowered);
  if (options.compileTo == Stage::Kernel)
    return writeIr();
  if (failed(runLlvmStage(*module, options, *family, version)))
    return ExitCompileError;
  if (options.compileTo == Stage::Llvm || options.emit == Emit::Mlir)
    return writeIr();
  std::string output = outputPath(options.emit == Emit::Assembly ? ".s" : ".ll");
  llvm::SmallString<128> scratch;
  bool toScreen = output == "-";
  if (toScreen && llvm::sys::fs::createTemporaryFile("qcc", "txt", scratch))
    return complain(ExitResource, "cannot create a temporary file");
  auto path = toScreen ? llvm::Expected<std::string>(scratch.str().str()) : files.reserve(output);
  if (!path)
    return complain(ExitResource, llvm::toString(path.takeError()));
  std::vector<CompiledVersion> one;
  one.push_back({&version, std::move(module)});
  llvm::Error error = generateCode(one, options, target, options.emit == Emit::Assembly ? CodeKind::Assembly : CodeKind::LlvmIr, {*path});
  if (toScreen) {
    auto text = llvm::MemoryBuffer::getFile(*path);
    llvm::sys::fs::remove(*path);
    if (!error && !text)
      return complain(ExitResource, "cannot read back '" + *path + "': " + text.getError().message());
    if (!error) {
      llvm::outs() << (*text)->getBuffer();
      return flushScreen();
    }
  }
  if (error)
    return complain(ExitCompileError, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

/// The shared library (or object), its weights and its header.
int Compilation::writeLibrary() {
  std::string library = outputPath(options.emit == Emit::Object ? ".o" : ".so");
  llvm::SmallString<128> weights(library), header(library);
  llvm::sys::path::replace_extension(weights, ".weights");
  llvm::sys::path::replace_extension(header, ".h");
  bool embed = options.weights == WeightsPlace::Embed;
  if (library == "-" || library == weights || library == header)
    return complain(ExitUsage, "-o " + library + " cannot name the library: its weights and header lie beside it as .weights and .h [bad-option]");

  FailureOr<ProgramDescription> program = describeProgram(*module);
  if (failed(program))
    return ExitCompileError;
  Scratch scratch;
  if (scratch.error)
    return complain(ExitResource, "cannot create a temporary folder: " + scratch.error.message());

  // Weights first: values that cannot be quantized are found before minutes go into code.
  llvm::Expected<std::string> weightsPath = embed ? llvm::Expected<std::string>(scratch.path("weights")) : files.reserve(weights);
  if (!weightsPath)
    return complain(ExitResource, llvm::toString(weightsPath.takeError()));
  auto file = WeightsFile::create(*weightsPath);
  if (!file)
    return complain(ExitResource, llvm::toString(file.takeError()));
  if (ExitCode code = materializeWeights(*module, *sources, packingOf, **file))
    return code;
  if (llvm::Error error = (*file)->finish())
    return complain(ExitResource, llvm::toString(std::move(error)));
  program->weightsId = (*file)->id();
  program->weightsBytes = (*file)->dataBytes();
  if (embed)
    program->embeddedWeights = *weightsPath;

  auto versions = lowerVersions(*module, options, target, *family, *program);
  if (failed(versions))
    return ExitCompileError;
  CompilerOptions resolved = options;
  resolved.target = target.name;
  program->manifest = buildManifest(*module, resolved, *program, *sources, (*file)->digests());
  LinkInputs link{target.triple, {}, runtimeArchive(), llvm::sys::path::filename(library).str(), scratch.path("")};
  for (const CompiledVersion &version : *versions)
    link.objects.push_back(scratch.path(version.version->name + ".o"));
  if (llvm::Error error = generateCode(*versions, options, target, CodeKind::Object, link.objects))
    return complain(ExitCompileError, llvm::toString(std::move(error)));
  link.objects.push_back(scratch.path("program.o"));
  if (llvm::Error error = generateTable(*program, target, link.objects.back()))
    return complain(ExitCompileError, llvm::toString(std::move(error)));

  auto libraryPath = files.reserve(library);
  if (!libraryPath)
    return complain(ExitResource, llvm::toString(libraryPath.takeError()));
  if (llvm::Error error = options.emit == Emit::Object ? linkObject(link, *libraryPath) : linkSharedLibrary(link, *libraryPath))
    return complain(ExitLink, llvm::toString(std::move(error)));
  if (llvm::Error error = files.write(header, [](llvm::raw_ostream &out) { out << modelHeader; }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (!options.quiet)
    llvm::errs() << "qcc: wrote " << library << (embed ? "" : ", " + weights.str().str()) << ", " << header << " (" << program->weightsBytes / 1000000 << " MB of weights, "
                 << target.name << ")\n";
  return ExitSuccess;
}

/// What was recognised and what compiles through the generic path.
static void printGenericOps(ModuleOp module, llvm::raw_ostream &out) {
  std::map<std::string, int64_t> generic;
  int64_t recognised = 0;
  module.walk([&](Operation *op) {
    if (isa<linalg::LinalgOp>(op))
      ++generic[op->getName().getStringRef().str()];
    recognised += isa<qnt::MatmulOp, qnt::AttentionOp, qnt::NormOp, qnt::GatherOp, qnt::RotaryOp, qnt::GluOp, qnt::ActivateOp>(op);
  });
  out << "recognised operations: " << recognised << " (repeated layers count once)\ngeneric path:";
  for (auto &[name, count] : generic)
    out << " " << name << " x" << count;
  out << (generic.empty() ? " nothing\n" : "\n");
}

int Compilation::stages() {
  if (int code = findTarget())
    return code;
  if (int code = readInput())
    return code;
  if (int code = saveTemps(Stage::Onnx))
    return code;
  if (int code = runStage(Stage::Graph, ExitUnsupported, [&](OpPassManager &pm) { addGraphStage(pm, options); }))
    return code;
  if (options.check) {
    llvm::errs() << "qcc: " << options.input << ": no problems found\n";
    return ExitSuccess;
  }
  if (options.compileTo <= Stage::Graph)
    return writeIr();
  if (ExitCode code = narrowScales(*module, *sources))  // before formats are assigned: it changes what arrives quantized
    return code;
  if (int code = runStage(Stage::Quant, ExitQuantization, [&](OpPassManager &pm) { addQuantStage(pm, options); }))
    return code;
  if (options.stats) {
    printFormatDecisions(*module, llvm::errs());
    printGenericOps(*module, llvm::errs());
  }
  if (options.compileTo == Stage::Quant)
    return writeIr();
  if (int code = placeWeights())
    return code;
  bool readable = options.compileTo != Stage::Link || options.emit == Emit::Assembly || options.emit == Emit::LlvmIr || options.emit == Emit::Mlir;
  return readable ? writeCode() : writeLibrary();
}

int Compilation::run() {
  DialectRegistry registry;
  registerEverything(registry);                        // passes too: --pass-at may name any of them
  if (int code = loadPlugins(registry))
    return code;
  if (int code = attachPasses())
    return code;
  if (options.target == "list") {
    printTargets();
    return ExitSuccess;
  }
  if (options.target == "operators") {
    printSupportedOps(llvm::outs());
    return ExitSuccess;
  }
  if (options.input.empty())
    return ExitSuccess;
  context = std::make_unique<MLIRContext>(registry);
  if (options.jobs) {                                  // one limit for passes, encoding of weights and code generation
    context->disableMultithreading();
    llvm::parallel::strategy = llvm::hardware_concurrency(options.jobs);
  }
  context->printOpOnDiagnostic(options.verbose);       // locations name the node already
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) { report(diagnostic); });
  int code = stages();
  summarize();
  module = {};                                         // before the context that it lives in
  return code;
}

} // namespace

int qcc::runCompiler(const CompilerOptions &options) { return Compilation(options).run(); }
