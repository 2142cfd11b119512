// From options to files: read, run the stages, write. The order of passes is in Pipelines.cpp.
#include "qcc/Compiler/Driver.h"
#include "lib/Compiler/Compilation.h"
#include "lib/Compiler/Plugins.h"
#include "lib/Compiler/Tables.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/Registration.h"
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Frontend/ImportONNX.h"
#include "qcc/Target/Target.h"
#include "lib/Compiler/ActivationScales.h"
#include "lib/Compiler/Backend.h"
#include "lib/Compiler/DescribeProgram.h"
#include "lib/Compiler/Evaluation.h"
#include "lib/Compiler/InternalErrors.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/OutputPaths.h"
#include "lib/Compiler/ProgramFiles.h"
#include "lib/Compiler/Recipe.h"
#include "lib/Compiler/Sensitivity.h"
#include "lib/Compiler/SizeBudget.h"
#include "lib/Compiler/Statistics.h"
#include "lib/Compiler/Verification.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
using namespace mlir;
using namespace qcc;
using llvm::Twine;

Compilation::Compilation(const CompilerOptions &options) : options(options), phases(options), runner(options, phases, baseName(options) + ".repro.mlir") {}

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
    return readProgram(options, *context, *sources, module);
  ImportOptions import;
  import.shapes = options.shapes;
  import.allowAbsentData = options.dryRun;             // a plan needs shapes only
  ImportedModel imported = importONNX(options.input, *context, import);
  module = std::move(imported.module);
  if (imported.sources)
    sources = std::move(imported.sources);
  return module ? ExitSuccess : imported.code ? imported.code : ExitMalformed;
}

int Compilation::runStage(llvm::StringRef stage, int failureCode, llvm::function_ref<void(OpPassManager &)> build) {
  return succeeded(runner.run(*module, build)) ? saveTemps(stage, *module) : failureCode;
}

int Compilation::findTarget() {
  llvm::Expected<TargetInfo> found = qcc::findTarget(allTargets(), options.target, options.cpu, options.attributes, options.multiversion);
  if (!found)
    return complain(ExitUsage, llvm::toString(found.takeError()) + " [bad-option]");
  target = std::move(*found);
  family = targetOf(allTargets(), target);
  return ExitSuccess;
}

/// Before any work, that a library for the target can be linked in the end.
int Compilation::findRuntime() {
  if (options.deviceBinary && !target.isDevice())
    return complain(ExitUsage, "--device-binary is for devices: target '" + target.name + "' is none [bad-option]");
  if (llvm::Error missing = options.deviceBinary ? family->findAssembler().takeError() : llvm::Error::success())
    return complain(ExitLink, llvm::toString(std::move(missing)) + " [device-binary]");
  if (options.check || options.dryRun || options.writesText() || options.emit == Emit::Object || llvm::sys::fs::exists(runtimeArchive(target.linkedTriple())))
    return ExitSuccess;
  return complain(ExitLink, "this build of qcc has no runtime for target '" + target.name + "' (" + llvm::Triple(target.linkedTriple()).getArchName() +
                                "): the C library of that architecture was missing when it was built; --emit=obj needs none");
}

/// Before any work, that the text is there; what is printed or planned needs none of it, and says so.
int Compilation::findText() {
  if (options.calibration.empty())
    return ExitSuccess;
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(options.calibration, status))
    return complain(ExitInput, options.calibration + ": " + code.message() + " [calibration-text]");
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return complain(ExitInput, options.calibration + ": is no regular file [calibration-text]");
  if ((options.dryRun || options.writesText()) && !options.quiet)
    llvm::errs() << "qcc: --calib is read for a library: " << (options.dryRun ? "the plan" : "what is printed") << " has formats" <<
        (options.hasBudget() ? ", chosen on the text," : "") << " but no codes\n";
  return ExitSuccess;
}

/// The quant stage. With a budget, weights are measured first. `graph`: the program as it was before, where there is a text to calibrate on.
int Compilation::decideFormats(ModuleOp graph) {
  CompilerOptions budget = options;
  if (options.hasBudget() && !options.recipe) {
    if (sources->anyAbsent())
      return complain(ExitInput, "--target-bpw, --target-size and --max-kl measure the weights of the model, whose files are missing");
    if (options.targetSize)
      budget.targetBpw = bitsForSize(*module, *options.targetSize);
    double bpw = budget.targetBpw.value_or(4);         // of --max-kl, nobody knows yet
    OwningOpRef<ModuleOp> copy = graph ? OwningOpRef<ModuleOp>(graph.clone()) : OwningOpRef<ModuleOp>();
    if (int code = measureSensitivity({*module, std::move(copy), *sources, options, calibration, bpw, runner, phases}))
      return code;
    if (int code = saveTemps("sensitivity", *module))
      return code;
    if (int code = options.targetSize ? fitSize(*module, budget, target, runner) : int(ExitSuccess))
      return code;
  }
  return runStage("quant", ExitQuantization, [&](OpPassManager &pm) { addQuantStage(pm, budget); });
}

/// Scales of input channels that --algo chooses, folded into the program and into `graph`, the same before formats were decided.
int Compilation::scaleChannels(ModuleOp graph) {
  if (options.scaling.empty() || options.dryRun || options.writesText())
    return ExitSuccess;
  if (int code = chooseChannelScales({OwningOpRef<ModuleOp>(graph.clone()), *module, *sources, options, calibration, runner, phases}, *findScalingMethod(options.scaling)))
    return code;
  for (auto decl : module->getOps<qnt::WeightDeclOp>())
    if (Attribute scales = decl->getAttr("qnt.channel_scales"))
      graph.lookupSymbol(decl.getSymName())->setAttr("qnt.channel_scales", scales);
  if (failed(runner.run(graph, addScaleStage)))
    return ExitQuantization;
  return runStage("scales", ExitQuantization, addScaleStage);
}

/// Static scales of activations, which a recipe has or a text tells; after those of channels, which change the activations. `graph`: see decideFormats.
int Compilation::scaleActivations(ModuleOp graph) {
  if (int code = options.recipe ? applyInputScales(*options.recipe, *module) : int(ExitSuccess))
    return code;
  if (options.dryRun || options.writesText())
    return ExitSuccess;
  OwningOpRef<ModuleOp> copy = graph ? OwningOpRef<ModuleOp>(graph.clone()) : OwningOpRef<ModuleOp>();
  if (int code = chooseActivationScales({std::move(copy), *module, *sources, options, calibration, runner, phases}))
    return code;
  return options.hasStaticActivations() ? saveTemps("activations", *module) : int(ExitSuccess);
}

/// Options of formats are for weights that arrive as floats.
void Compilation::tellKeptCodes() {
  bool asksForFormats = options.weightBits < 16 || options.hasBudget();
  int64_t kept = llvm::count_if(module->getOps<qnt::WeightDeclOp>(), [](qnt::WeightDeclOp decl) { return decl.arrivesQuantized(); });
  if (kept && asksForFormats && !options.quiet)
    llvm::errs() << "qcc: " << kept << " weights arrive quantized and keep their codes; --wbits and its like are for the others\n";
}

/// Codes that the method of --algo chooses. Formats encode the weights that are left as these are written.
int Compilation::chooseCodes(OwningOpRef<ModuleOp> graph) {
  const QuantizationMethod &method = *findMethod(options.method);
  if (options.dryRun || options.writesText() || !method.choosesCodes())
    return ExitSuccess;
  if (!graph || !method.usesMoments())
    return quantizeWithoutText(*module, *sources, phases, method, options.parameters, encoded);
  return quantizeInOrder({std::move(graph), *module, *sources, options, calibration, runner, phases}, method, encoded);
}

/// --check: goes on after a problem where something is left to be looked at. `recognized`: how reading and recognizing the model ended. No weight is read.
int Compilation::check(int recognized) {
  if (recognized)                                      // the options are wrong or right without a model, too
    module = ModuleOp::create(onnxLocation(context.get(), options.input));
  if (options.rotates && !recognized && failed(runner.run(*module, addRotationStage)))
    return ExitQuantization;
  if (int code = options.recipe && !recognized ? applyRecipe(*options.recipe, *module) : int(ExitSuccess))
    return code;
  CompilerOptions rules = options;                     // a budget needs measured weights
  rules.targetBpw = rules.maxKl = std::nullopt;
  bool quantized = succeeded(runner.run(*module, [&](OpPassManager &pm) { addQuantStage(pm, rules); }));
  if (recognized)
    return recognized;
  if (!quantized)
    return ExitQuantization;
  bool isOthers = options.hasBudget() && !options.recipe; // whose formats are not those of `rules`
  if (int code = isOthers ? int(ExitSuccess) : checkMethod(*module, *findMethod(options.method)))
    return code;
  if (failed(runner.run(*module, [&](OpPassManager &pm) { addWeightPlacement(pm, options, target); })))
    return ExitUnsupported;
  // Kernels of one version: what a program is refused for there, all refuse.
  if (failed(describeProgram(*module)))
    return ExitMalformed;
  if (!runKernelStage(*module, runner, options, target, target.versions.front()))
    return ExitCompileError;
  llvm::errs() << "qcc: " << options.input << ": no problems found\n";
  return ExitSuccess;
}

int Compilation::stages() {
  if (int code = findTarget())
    return code;
  if (int code = findRuntime())
    return code;
  if (int code = options.verify ? checkRuns(target, "--verify") : options.evaluation.empty() ? int(ExitSuccess) : checkRuns(target, "--evaluate"))
    return code;
  if (int code = checkOutputPaths(options, *sources))  // before any work; below, with the files that the model refers to
    return code;
  if (int code = findText())
    return code;
  phases.begin("reading the model");
  if (int code = readInput())
    return options.check ? check(code) : code;
  if (int code = checkOutputPaths(options, *sources))
    return code;
  if (int code = saveTemps("onnx", *module))
    return code;
  if (options.compileTo == Stage::Onnx && !options.check)
    return writeIr();
  if (!options.evaluation.empty())
    evaluation.model = module->clone();
  phases.begin("recognizing the model");
  int recognized = runStage("graph", ExitUnsupported, [&](OpPassManager &pm) { addGraphStage(pm, options); });
  if (options.check)
    return check(recognized);
  if (recognized)
    return recognized;
  if (options.compileTo == Stage::Graph)
    return writeIr();
  if (int code = options.evaluation.empty() ? int(ExitSuccess) : readEvaluationText(options, *module, evaluation.text))
    return code;                                       // before any work
  if (int code = options.rotates ? runStage("rotation", ExitQuantization, addRotationStage) : int(ExitSuccess))
    return code;                                       // before anything is measured or decided: everything later sees the rotated program
  OwningOpRef<ModuleOp> graph = options.calibration.empty() ? OwningOpRef<ModuleOp>() : OwningOpRef<ModuleOp>(module->clone());
  phases.begin("choosing formats");
  if (ExitCode code = sources->anyAbsent() ? ExitSuccess : narrowScales(*module, *sources))  // before formats are assigned: it changes what arrives quantized
    return code;
  if (int code = options.recipe ? applyRecipe(*options.recipe, *module) : int(ExitSuccess))
    return code;
  if (int code = decideFormats(graph.get()))
    return code;
  if (int code = checkMethod(*module, *findMethod(options.method)))
    return code;
  if (options.stats) {
    printStatistics(*module, llvm::errs());
    if (options.kernels == Kernels::Reference)
      llvm::errs() << "kernels: none, every operation by its reference lowering (slow)\n";
  }
  tellKeptCodes();
  if (options.compileTo == Stage::Quant)
    return writeIr();
  if (int code = scaleChannels(graph.get()))
    return code;
  if (int code = scaleActivations(graph.get()))
    return code;
  if (int code = saveRecipe())
    return code;
  if (int code = chooseCodes(std::move(graph)))
    return code;
  if (int code = calibration.close(options))           // before the rest: it is of use even where that fails
    return code;
  if (options.verify)
    decided = module->clone();
  // After formats are decided and before any kernel: `qnt.weight_decl` gets layout and offset. Formats that no kernel reads are refused here.
  if (failed(runner.run(*module, [&](OpPassManager &pm) { addWeightPlacement(pm, options, target); })))
    return ExitUnsupported;
  return options.dryRun ? plan() : options.writesText() ? writeCode() : writeLibrary();
}

int Compilation::run() {
  DialectRegistry registry;
  registerEverything(registry);                        // passes too: --pass-at may name any of them
  if (int code = loadPlugins(options, registry))
    return code;
  if (int code = attachPasses(options))
    return code;
  if (options.print != Table::None) {
    printTable(options.print, llvm::outs());
    return flushScreen();
  }
  context = std::make_unique<MLIRContext>(registry);
  if (options.jobs) {                                  // one limit for passes, encoding of weights and code generation
    context->disableMultithreading();
    llvm::parallel::strategy = llvm::hardware_concurrency(options.jobs);
    if (options.jobs > 1)
      context->setThreadPool(pool.emplace(llvm::parallel::strategy));
  }
  context->printOpOnDiagnostic(options.verbose);       // locations name the node already
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) { report(diagnostic); });
  if (PassManager probe(context.get()); failed(applyPassManagerCLOptions(probe)))
    return ExitUsage;
  int code = stages();
  summarize();
  if (runner.sawInternalError()) {
    (void)decided.release();
    (void)evaluation.model.release();
    (void)module.release();                            // what a pass has broken cannot be taken apart safely
    (void)context.release();
    return ExitInternal;
  }
  decided = {};
  evaluation = {};
  module = {};                                         // before the context that it lives in
  return code;
}

int qcc::runCompiler(const CompilerOptions &options) { return Compilation(options).run(); }
