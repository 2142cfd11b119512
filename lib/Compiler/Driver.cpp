// From options to files: read, run the stages, write. The order of passes is in Pipelines.cpp.
#include "qcc/Compiler/Driver.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/TargetInfo.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/Registration.h"
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Frontend/ImportONNX.h"
#include "lib/Compiler/OutputFiles.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>
using namespace mlir;
using namespace qcc;
using llvm::Twine;

namespace {

int complain(int exitCode, const Twine &message) {
  llvm::errs() << "qcc: error: " << message << "\n";
  return exitCode;
}

class Compilation {
public:
  explicit Compilation(const CompilerOptions &options) : options(options) {}
  int run();

private:
  int loadPlugins(DialectRegistry &registry);
  int attachPasses();
  int stages();
  int readInput();
  int readMlir();
  void report(Diagnostic &diagnostic);
  void summarize();
  int runStage(Stage stage, int failureCode, llvm::function_ref<void(OpPassManager &)> build);
  int writeIr();

  const CompilerOptions &options;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  std::shared_ptr<SourceFiles> sources = std::make_shared<SourceFiles>();  // what the module's references to weights index
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
  ImportedModel imported = importONNX(options.input, *context);
  module = std::move(imported.module);
  if (imported.sources)
    sources = std::move(imported.sources);
  return module ? ExitSuccess : imported.code ? imported.code : ExitMalformed;
}

/// A program as text or bytecode. The files that its weights refer to are looked for beside it.
int Compilation::readMlir() {
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
  build(pm);
  return succeeded(pm.run(*module)) ? ExitSuccess : failureCode;
}

int Compilation::writeIr() {
  if (options.output.empty() || options.output == "-") {
    module->print(llvm::outs());
    llvm::outs().flush();
    if (llvm::outs().has_error()) {
      std::string why = llvm::outs().error().message();
      llvm::outs().clear_error();
      return complain(ExitResource, "cannot write to standard output: " + why);
    }
    return ExitSuccess;
  }
  if (llvm::Error error = files.write(options.output, [&](llvm::raw_ostream &out) { module->print(out); }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

int Compilation::stages() {
  if (int code = readInput())
    return code;
  if (int code = runStage(Stage::Graph, ExitUnsupported, [&](OpPassManager &pm) { addGraphStage(pm, options); }))
    return code;
  if (options.check) {
    llvm::errs() << "qcc: " << options.input << ": no problems found\n";
    return ExitSuccess;
  }
  if (int code = runStage(Stage::Quant, ExitQuantization, [&](OpPassManager &pm) { addQuantStage(pm, options); }))
    return code;
  return writeIr();
}

int Compilation::run() {
  DialectRegistry registry;
  registerEverything(registry);                        // passes too: --pass-at may name any of them
  if (int code = loadPlugins(registry))
    return code;
  if (int code = attachPasses())
    return code;
  if (options.input.empty())
    return ExitSuccess;
  context = std::make_unique<MLIRContext>(registry);
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) { report(diagnostic); });
  int code = stages();
  summarize();
  module = {};                                         // before the context that it lives in
  return code;
}

} // namespace

int qcc::runCompiler(const CompilerOptions &options) { return Compilation(options).run(); }
