#include "lib/Compiler/Evaluation.h"
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "qcc/Target/Target.h"
#include "lib/Artifact/Protocol.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t mostWindows = 64, windowLength = 512;   // qcc-eval's defaults

/// Whether qcc chose formats before the program was written.
static bool hasDecidedFormats(ModuleOp program) {
  bool decided = llvm::any_of(program.getOps<qnt::WeightDeclOp>(), [](qnt::WeightDeclOp decl) { return isa<qnt::BlockType>(getElementTypeOrSelf(decl.getType())) && !decl.arrivesQuantized(); });
  program.walk([&](qnt::QuantizeOp) { decided = true; });
  return decided;
}

int qcc::readEvaluationText(const CompilerOptions &options, ModuleOp program, CalibrationText &text) {
  auto refuse = [&](const Twine &why) { return complain(ExitUnsupported, "--evaluate scores the next tokens of one sequence: " + why + " [evaluation]"); };
  auto main = program.lookupSymbol<func::FuncOp>("main");
  auto isState = [&](unsigned i) {
    auto role = main.getArgAttrOfType<StringAttr>(i, "qnt.role");
    return role && role.getValue() == "state";
  };
  if (!main || !program->getAttr("qnt.vocabulary") || llvm::none_of(llvm::seq(main.getNumArguments()), isState))
    return refuse("this program keeps no keys and values, or predicts no tokens");
  if (auto fixed = program->getAttrOfType<DictionaryAttr>("qnt.fixed_dims"); fixed && (fixed.get("batch") || fixed.get("seq")))
    return refuse("batch or sequence of this program have a fixed extent");
  if (hasDecidedFormats(program))
    return refuse("this program is past the quant stage, and nobody knows what it was in floats");
  auto bound = program->getAttrOfType<IntegerAttr>("qnt.max_context");
  int64_t length = std::min<int64_t>(windowLength, bound ? bound.getInt() : windowLength);
  if (length < 2)
    return refuse("a context of one token has none");
  return readText({options.evaluation, mostWindows, length, "", "evaluation"}, options, program, text);
}

namespace {
/// A library with a session for windows of one length.
class Opened {
public:
  ~Opened() {
    if (evaluated.session)
      evaluated.library.session_close(evaluated.session);
    if (evaluated.model)
      evaluated.library.close(evaluated.model);
    if (evaluated.library.handle)
      model_library_unload(&evaluated.library);
  }

  int open(StringRef library, const WrittenWeights &weights, unsigned threads, int64_t length) {
    char error[512];
    if (int code = model_library_load(&evaluated.library, library.str().c_str(), error, sizeof error))
      return complain(code, error);
    qcc_options how = {};
    how.size = sizeof how;
    how.weights = weights.isEmbedded ? nullptr : weights.path.c_str();
    how.threads = int(threads);
    evaluated.info.size = sizeof evaluated.info;
    qcc_session_options session = {};
    session.size = sizeof session;
    session.batch = 1;
    session.context = length;
    qcc_status status = evaluated.library.open(&how, &evaluated.model);
    if (!status)
      status = evaluated.library.get_info(evaluated.model, &evaluated.info);
    if (!status)
      status = evaluated.library.session_open(evaluated.model, &session, &evaluated.session);
    return status ? complain(model_exit_code(status), "--evaluate: " + Twine(evaluated.library.error(evaluated.model))) : int(ExitSuccess);
  }

  Evaluated evaluated = {};
};
} // namespace

/// Weights, activations and the cache as floats.
static CompilerOptions floatOptions(const CompilerOptions &options) {
  CompilerOptions o;
  o.weightBits = o.activationBits = o.headBits = o.kvBits = 32;
  o.multiversion = false;
  o.maxContext = options.maxContext;
  o.shapes = options.shapes;
  o.jobs = options.jobs;
  o.quiet = options.quiet;
  o.verbose = options.verbose;
  return o;
}

/// Compiles the float model for this machine.
static int buildFloats(const LibraryJob &job, ModuleOp module, const Scratch &scratch, std::string &library, WrittenWeights &weights) {
  CompilerOptions options = floatOptions(job.options);
  auto target = findTarget(allTargets(), "host", "", "", false);
  if (!target)
    return complain(ExitUnsupported, "--evaluate runs on this machine: " + llvm::toString(target.takeError()));
  // What there is to say of the model, the build says.
  ScopedDiagnosticHandler silence(module.getContext(), [](Diagnostic &diagnostic) { return success(diagnostic.getSeverity() != DiagnosticSeverity::Error); });
  if (failed(job.runner.run(module, [&](OpPassManager &pm) { addGraphStage(pm, options); })))
    return ExitUnsupported;
  if (ExitCode code = narrowScales(module, job.sources))
    return code;
  auto place = [&](OpPassManager &pm) {
    addQuantStage(pm, options);
    addWeightPlacement(pm, options, *target);
  };
  if (failed(job.runner.run(module, place)))
    return ExitUnsupported;
  library = scratch.path("evaluate.so");
  std::string own = scratch.path("evaluate.weights");
  OutputFiles none;
  LibraryFiles files{own, own, library, library, "evaluate.so", none};
  return buildLibrary({module, job.sources, options, *target, *targetOf(allTargets(), *target), job.runner, job.phases, nullptr}, scratch, files, weights);
}

static void print(const EvaluationReport &report) {
  llvm::errs() << "qcc: evaluated on " << report.windows << (report.windows == 1 ? " window of " : " windows of ") << report.length << " tokens of " << report.text << ": perplexity "
               << llvm::format("%.4g", report.perplexity) << " (float model " << llvm::format("%.4g", report.floatPerplexity) << "), KL x 1000: mean "
               << llvm::format("%.4g", 1e3 * report.meanDivergence) << ", 99% " << llvm::format("%.4g", 1e3 * report.divergence99) << ", max " << llvm::format("%.4g", 1e3 * report.maxDivergence)
               << "; top-1 agreement " << llvm::format("%.2f", 100 * report.agreement) << " %\n";
}

int qcc::evaluateBuild(const LibraryJob &job, Evaluation evaluation, StringRef library, const WrittenWeights &weights, EvaluationReport &report) {
  const CalibrationText &text = evaluation.text;
  Scratch scratch;
  if (scratch.error)
    return complain(ExitResource, "cannot create a temporary folder: " + scratch.error.message());
  std::string floats;
  WrittenWeights floatWeights;
  if (int code = buildFloats(job, *evaluation.model, scratch, floats, floatWeights))
    return code;
  Opened built, reference;
  if (int code = built.open(library, weights, job.options.jobs, text.length))
    return code;
  if (int code = reference.open(floats, floatWeights, job.options.jobs, text.length))
    return code;
  job.phases.begin("evaluating");
  struct Steps {
    Phases &phases;
    int64_t windows;
  } steps{job.phases, text.windows};
  auto step = [](void *user, int64_t done) {
    auto &steps = *static_cast<Steps *>(user);
    steps.phases.step(std::min(done + 1, steps.windows), steps.windows);   // `done` windows have ended
  };
  Protocol protocol = {text.length, text.length, text.windows, -1};
  Result result;
  char error[1024];
  report.divergences.resize(size_t(text.windows));
  if (int code = evaluate(&built.evaluated, &reference.evaluated, &protocol, text.tokens.data(), built.evaluated.info.threads, {step, &steps}, report.divergences.data(), &result, error, sizeof error))
    return complain(code, "--evaluate: " + Twine(error));
  report.text = llvm::sys::path::filename(job.options.evaluation).str();
  report.windows = text.windows;
  report.length = text.length;
  report.tokens = result.tokens;
  report.perplexity = result.perplexity;
  report.floatPerplexity = result.referencePerplexity;
  report.meanDivergence = result.meanDivergence;
  report.divergence99 = result.divergence99;
  report.maxDivergence = result.maxDivergence;
  report.agreement = result.agreement;
  if (!job.options.quiet)
    print(report);
  return ExitSuccess;
}
