// What a compilation leaves: IR or code to read, a library with its weights and header, a plan, reports, a recipe.
#include "lib/Compiler/Compilation.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/ModelHeader.h"
#include "qcc/Target/Target.h"
#include "lib/Compiler/Backend.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/OutputPaths.h"
#include "lib/Compiler/ProgramFiles.h"
#include "lib/Compiler/Recipe.h"
#include "lib/Compiler/Statistics.h"
#include "lib/Compiler/Verification.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
using namespace mlir;
using namespace qcc;
using llvm::Twine;

int qcc::flushScreen() {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return ExitSuccess;
  std::string why = llvm::outs().error().message();
  llvm::outs().clear_error();
  return complain(ExitResource, "cannot write to standard output: " + why);
}

/// --save-temps: the IR after a stage, as <folder>/<stage>.mlir or <output>.<stage>.mlir. Kept even when a later stage fails, so it is no part of `files`.
int Compilation::saveTemps(const Twine &stage, ModuleOp program) {
  if (!options.saveTemps)
    return ExitSuccess;
  llvm::SmallString<128> path(*options.saveTemps);
  if (path.empty())
    (Twine(baseName(options)) + "." + stage + ".mlir").toVector(path);
  else
    llvm::sys::path::append(path, stage + ".mlir");
  OutputFiles one;
  llvm::Error error = one.write(path, [&](llvm::raw_ostream &out) { printProgram(program, *sources, path, out); });
  if (!error)
    error = one.commit();
  return error ? complain(ExitResource, llvm::toString(std::move(error))) : int(ExitSuccess);
}

int Compilation::writeIr() {
  if (options.output.empty() || options.output == "-") {
    module->print(llvm::outs());
    return flushScreen();
  }
  if (llvm::Error error = files.write(options.output, [&](llvm::raw_ostream &out) { printProgram(*module, *sources, options.output, out); }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

/// IR or code for people to read: of the best version.
int Compilation::writeCode() {
  const TargetVersion &version = target.versions.front();
  phases.begin("lowering to kernels");
  OwningOpRef<ModuleOp> lowered = runKernelStage(*module, runner, options, target, version);
  if (!lowered)
    return ExitCompileError;
  module = std::move(lowered);
  if (options.stats)
    printMatmulKernels(*module, version, llvm::errs());
  if (int code = saveTemps("kernel." + version.name, *module))
    return code;
  if (options.compileTo == Stage::Kernel)
    return writeIr();
  if (failed(runLlvmStage(*module, runner, options, *family, version)))
    return ExitCompileError;
  if (int code = saveTemps("llvm." + version.name, *module))
    return code;
  if (options.compileTo == Stage::Llvm || options.emit == Emit::Mlir)
    return writeIr();
  std::string output = outputPath(options, options.emit == Emit::Assembly ? ".s" : ".ll");
  llvm::SmallString<128> scratch;
  bool toScreen = output == "-";
  if (toScreen && llvm::sys::fs::createTemporaryFile("qcc", "txt", scratch))
    return complain(ExitResource, "cannot create a temporary file");
  auto path = toScreen ? llvm::Expected<std::string>(scratch.str().str()) : files.reserve(output);
  if (!path)
    return complain(ExitResource, llvm::toString(path.takeError()));
  phases.begin("generating code");
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
    return complainOf(ExitCompileError, std::move(error), files);
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

/// The shared library (or object), its weights and its header.
int Compilation::writeLibrary() {
  std::string library = outputPath(options, options.emit == Emit::Object ? ".o" : ".so");
  std::string weights = besideLibrary(library, ".weights"), header = besideLibrary(library, ".h");
  bool embed = options.weights == WeightsPlace::Embed;
  if (library == "-")
    return complain(ExitUsage, "-o -: only text goes to standard output, not a library or an object [bad-option]");

  Scratch scratch;
  if (scratch.error)
    return complain(ExitResource, "cannot create a temporary folder: " + scratch.error.message());
  LibraryFiles paths{"", "", "", "", llvm::sys::path::filename(library).str(), files};
  llvm::Expected<std::string> weightsPath = embed ? llvm::Expected<std::string>("") : files.reserve(weights);
  if (!weightsPath)
    return complain(ExitResource, llvm::toString(weightsPath.takeError()));
  llvm::Expected<std::string> libraryPath = files.reserve(library);
  if (!libraryPath)
    return complain(ExitResource, llvm::toString(libraryPath.takeError()));
  paths.weights = *weightsPath;
  paths.weightsName = weights;
  paths.library = *libraryPath;
  paths.libraryName = library;

  int saved = ExitSuccess;
  BuildReport report;
  WeightErrors errors;
  auto save = [&](llvm::StringRef stage, const TargetVersion &version, ModuleOp program) {
    if (stage == "kernel" && options.stats)
      printMatmulKernels(program, version, llvm::errs());
    if (stage == "kernel" && !options.reports.empty() && &version == &target.versions.front())
      report = describeBuild(*module, program, options, target, *sources);
    saved = saved ? saved : saveTemps(stage + "." + version.name, program);
  };
  WrittenWeights written;
  LibraryJob job{*module, *sources, options, target, *family, runner, phases, &encoded, options.reports.empty() ? nullptr : &errors, save};
  if (int code = buildLibrary(job, scratch, paths, written))
    return code;
  if (saved)
    return saved;
  Verified verified;
  if (int code = options.verify ? verify(job, *decided, written, scratch, verified) : int(ExitSuccess))
    return code;
  if (uint64_t bytes; !llvm::sys::fs::file_size(paths.library, bytes))
    report.libraryBytes = int64_t(bytes);
  if (int code = options.evaluation.empty() ? int(ExitSuccess) : evaluateBuild(job, std::move(evaluation), paths.library, written, report.evaluation.emplace()))
    return code;
  addErrors(report, *module, errors);
  addVerified(report, verified.products);
  if (int code = writeReports(report))
    return code;
  if (llvm::Error error = files.write(header, [](llvm::raw_ostream &out) { out << modelHeader; }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  if (!options.quiet)
    llvm::errs() << "qcc: wrote " << library << (embed ? "" : ", " + weights) << ", " << header << " (" << written.bytes / 1000000 << " MB of weights, "
                 << target.name << ")\n";
  return ExitSuccess;
}

int Compilation::writeReports(const BuildReport &report) {
  for (const std::string &path : options.reports) {
    auto print = llvm::StringRef(path).ends_with(".html") ? printReportHtml : printReportJson;
    if (llvm::Error error = files.write(path, [&](llvm::raw_ostream &out) { print(report, out); }))
      return complain(ExitResource, llvm::toString(std::move(error)));
  }
  return ExitSuccess;
}

int Compilation::saveRecipe() {
  if (options.saveRecipe.empty())
    return ExitSuccess;
  CompilerOptions resolved = options;
  resolved.target = target.name;
  if (llvm::Error error = files.write(options.saveRecipe, [&](llvm::raw_ostream &out) { writeRecipe(*module, resolved, out); }))
    return complain(ExitResource, llvm::toString(std::move(error)));
  return ExitSuccess;
}

/// --dry-run: what would be built. The kernel stage of the best version knows how much memory its steps need.
int Compilation::plan() {
  phases.begin("lowering to kernels");
  OwningOpRef<ModuleOp> lowered = runKernelStage(*module, runner, options, target, target.versions.front());
  if (!lowered)
    return ExitCompileError;
  BuildReport report = describeBuild(*module, *lowered, options, target, *sources);
  report.isDryRun = true;
  if (int code = writeReports(report))
    return code;
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)));
  printPlan(report, llvm::outs());
  return flushScreen();
}
