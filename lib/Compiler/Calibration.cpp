// Text, order and bookkeeping; the program that is observed is ObservedProgram's, the codes are the method's.
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Quantize/CollectStatistics.h"
#include "qcc/Quantize/ScaleSites.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Parallel.h"
#include "tools/common/Tokens.h"
using namespace mlir;
using namespace qcc;

namespace {
/// Windows of tokens, all of one length, each read from its own beginning.
struct CalibrationText {
  int64_t windows = 0, length = 0;
  std::vector<int64_t> tokens;            // [windows][length]
};
} // namespace

/// The first `options.calibrationSamples` windows of the file; what is left over is not used. An exit code, after a message that names the file.
static int readCalibrationText(const CompilerOptions &options, int64_t vocabulary, CalibrationText &text) {
  Tokens tokens;
  char error[512];
  if (int code = tokens_read(options.calibration.c_str(), &tokens, error, sizeof error))
    return complain(code, Twine(error) + " [calibration-text]\n  note: python -m qcc.tokenize makes token ids of a text");
  llvm::scope_exit release([&] { free(tokens.ids); });
  int64_t total = tokens.batch * tokens.count;
  text.length = options.calibrationLength;
  text.windows = std::min(total / text.length, options.calibrationSamples);
  if (!text.windows)
    return complain(ExitInput, options.calibration + ": has " + Twine(total) + " tokens, fewer than one window of " + Twine(text.length) + " (--calib-length) [calibration-text]");
  for (int64_t i = 0; i < text.windows * text.length; ++i)
    if (tokens.ids[i] < 0 || (vocabulary && tokens.ids[i] >= vocabulary))
      return complain(ExitInput, options.calibration + ": token " + Twine(tokens.ids[i]) + " at index " + Twine(i) + " is not in the model's vocabulary, [0, " + Twine(vocabulary) +
                                     ") [calibration-text]");
  text.tokens.assign(tokens.ids, tokens.ids + text.windows * text.length);
  return ExitSuccess;
}

namespace {
/// Weights that a method encodes, by section name. Those that arrive quantized keep their codes.
struct Wanted {
  llvm::StringMap<qnt::WeightDeclOp> decls;
  std::vector<qnt::WeightDeclOp> order;   // of the module

  static bool arrivesQuantized(qnt::WeightDeclOp decl) {
    return llvm::any_of(decl.getParts().getAsRange<qnt::PartAttr>(), [](qnt::PartAttr part) { return bool(part.getScales()); });
  }
  int find(ModuleOp decided, const QuantizationMethod &method) {
    bool some = false;
    for (auto decl : decided.getOps<qnt::WeightDeclOp>()) {
      auto format = dyn_cast<qnt::BlockType>(cast<RankedTensorType>(decl.getType()).getElementType());
      if (!format || arrivesQuantized(decl))
        continue;
      some = true;
      if (method.handles(format) && decls.try_emplace(sectionName(decl), decl).second)
        order.push_back(decl);
    }
    if (some && order.empty())
      return complain(ExitQuantization, "--algo=" + method.name() + " has nothing to choose in the formats of this model's weights; " + method.hint());
    return ExitSuccess;
  }
};
} // namespace

static int64_t vocabularyOf(ModuleOp module) {
  auto attribute = module->getAttrOfType<IntegerAttr>("qnt.vocabulary");
  return attribute ? attribute.getInt() : 0;
}

/// Chooses the codes of one weight.
static int encodeOne(qnt::WeightDeclOp decl, const SourceFiles &sources, const QuantizationMethod &method, const InputStatistics *inputs, qnt::QuantizedBuffer &out) {
  auto type = cast<RankedTensorType>(decl.getType());
  WeightProblem problem{type.getElementType(), type.getDimSize(0), type.getDimSize(1), {}, inputs};
  std::vector<float> values;
  if (ExitCode code = readWeight(decl, sources, values))
    return code;
  problem.values = values;
  out.reset(problem.element, 0, problem.rows, problem.K);
  std::string why;
  if (failed(method.encode(problem, out, why))) {
    decl.emitError() << "tensor '" << sectionName(decl) << "': " << why << " [unencodable-value]";
    return ExitQuantization;
  }
  if (!why.empty())
    decl.emitWarning() << "tensor '" << sectionName(decl) << "': " << why;
  return ExitSuccess;
}

namespace {
/// The sites where a scaling method has something to choose, by the section names of their readers.
struct WantedSites {
  ScaleSites all;
  llvm::StringMap<const ScaleSite *> byReader;
  int64_t count = 0;

  int find(ModuleOp decided, const ScalingMethod &method) {
    all = findScaleSites(decided);
    bool someQuantized = llvm::any_of(decided.getOps<qnt::WeightDeclOp>(), [](qnt::WeightDeclOp decl) { return isQuantized(decl) && !Wanted::arrivesQuantized(decl); });
    for (const ScaleSite &site : all.sites) {
      // Heads that share values would need scales that suit all of them: as in the authors' code, they get none.
      if (site.sharing > 1 || !(site.isNorm || method.scalesLinearInputs()) || !llvm::all_of(site.readers, isQuantized))
        continue;
      ++count;
      for (qnt::WeightDeclOp reader : site.readers)
        byReader[sectionName(reader)] = &site;
    }
    if (count || !someQuantized)
      return ExitSuccess;
    std::string why = "no input of its quantized weights is made by a norm or another linear layer";
    for (auto &[weight, reason] : all.refused)
      why = "for one, '" + sectionName(cast<qnt::WeightDeclOp>(weight)) + "': " + reason;
    return complain(ExitQuantization, "--algo=" + method.name() + " finds no scales that can be folded into this model; " + why + " [fold-scales]");
  }
  static bool isQuantized(qnt::WeightDeclOp decl) { return isa<qnt::BlockType>(cast<RankedTensorType>(decl.getType()).getElementType()); }
};
} // namespace

/// Asks for scales of one site's channels.
static int scaleSite(const ScaleSite &site, const CalibrationJob &job, const ScalingMethod &method, const InputStatistics &inputs) {
  SmallVector<std::vector<float>> values(site.readers.size());
  SmallVector<WeightProblem> problems;
  for (auto [i, floats] : llvm::enumerate(values)) {
    qnt::WeightDeclOp reader = site.readers[i];
    if (ExitCode code = readWeight(reader, job.sources, floats))
      return code;
    auto type = cast<RankedTensorType>(reader.getType());
    problems.push_back({type.getElementType(), type.getDimSize(0), type.getDimSize(1), floats, &inputs});
  }
  qnt::WeightDeclOp first = site.readers.front();
  std::string why;
  FailureOr<std::vector<float>> scales = method.choose(problems, {job.options.smoothQuantAlpha}, why);
  if (failed(scales)) {
    first.emitError() << "tensor '" << sectionName(first) << "': " << why << " [unencodable-value]";
    return ExitQuantization;
  }
  if (!why.empty())
    first.emitWarning() << "tensor '" << sectionName(first) << "': " << why;
  Builder b(first.getContext());
  for (qnt::WeightDeclOp reader : site.readers)
    reader->setAttr("qnt.channel_scales", DenseElementsAttr::get(RankedTensorType::get({site.channels}, b.getF32Type()), ArrayRef(*scales)));
  return ExitSuccess;
}

int qcc::chooseChannelScales(CalibrationJob job, const ScalingMethod &method) {
  CalibrationText text;
  if (int code = readCalibrationText(job.options, vocabularyOf(job.decided), text))
    return code;
  WantedSites wanted;
  if (int code = wanted.find(job.decided, method))
    return code;
  if (!wanted.count)
    return ExitSuccess; // every weight arrives quantized, or stays float
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  int problem = ExitSuccess;
  llvm::DenseSet<const ScaleSite *> seen;
  auto observe = [&](StringRef section, const float *values, int64_t rows, int64_t K) {
    const ScaleSite *site = wanted.byReader.lookup(section);
    if (!site || problem || !seen.insert(site).second) // readers of one input see the same values
      return;
    job.phases.step(int64_t(seen.size()), wanted.count);
    StatisticsCollector collector(K, method.usesMoments());
    collector.add(values, rows);
    problem = scaleSite(*site, job, method, collector.finish());
  };
  job.phases.begin("choosing scales of channels");
  if (int code = program.run(text.tokens, text.windows, text.length, observe))
    return code;
  for (const ScaleSite &site : wanted.all.sites)
    if (qnt::WeightDeclOp first = site.readers.front(); !problem && wanted.byReader.contains(sectionName(first)) && !seen.contains(&site))
      first.emitWarning() << "no calibration text reaches '" << sectionName(first) << "': its inputs are not scaled [uncalibrated]";
  return problem;
}

int qcc::quantizeInOrder(CalibrationJob job, const QuantizationMethod &method, EncodedWeights &encoded) {
  CalibrationText text;
  if (int code = readCalibrationText(job.options, vocabularyOf(job.decided), text))
    return code;
  Wanted wanted;
  if (int code = wanted.find(job.decided, method))
    return code;
  if (wanted.order.empty())
    return ExitSuccess; // every weight arrives quantized, or stays float
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  int problem = ExitSuccess;
  int64_t done = 0;
  auto observe = [&](StringRef section, const float *values, int64_t rows, int64_t K) {
    qnt::WeightDeclOp decl = wanted.decls.lookup(section);
    // A weight that is read again, by another matmul, has its codes already.
    if (!decl || problem || encoded.find(section, cast<RankedTensorType>(decl.getType()).getElementType()))
      return;
    job.phases.step(++done, int64_t(wanted.order.size()));
    StatisticsCollector collector(K, method.usesMoments());
    collector.add(values, rows);
    InputStatistics inputs = collector.finish();
    qnt::QuantizedBuffer &codes = encoded.add(section);
    if ((problem = encodeOne(decl, job.sources, method, &inputs, codes)))
      return;
    std::vector<float> decoded(codes.view.rows * codes.view.K);
    const qnt::FormatFamily *family = qnt::familyOf(codes.view.element);
    llvm::parallelFor(0, codes.view.rows, [&](size_t row) { family->decodeRow(codes.view, int64_t(row), MutableArrayRef(decoded).slice(row * codes.view.K, codes.view.K)); });
    problem = program.replaceWeight(section, decoded);
  };
  job.phases.begin("quantizing");
  if (int code = program.run(text.tokens, text.windows, text.length, observe))
    return code;
  for (qnt::WeightDeclOp decl : wanted.order)
    if (!problem && !encoded.find(sectionName(decl), cast<RankedTensorType>(decl.getType()).getElementType()))
      decl.emitWarning() << "no calibration text reaches '" << sectionName(decl) << "': its weights are rounded to nearest [uncalibrated]";
  return problem;
}

int qcc::quantizeWithoutText(ModuleOp decided, const SourceFiles &sources, Phases &phases, const QuantizationMethod &method, EncodedWeights &encoded) {
  Wanted wanted;
  if (int code = wanted.find(decided, method))
    return code;
  phases.begin("quantizing");
  int64_t done = 0;
  for (qnt::WeightDeclOp decl : wanted.order) {
    phases.step(++done, int64_t(wanted.order.size()));
    if (int code = encodeOne(decl, sources, method, nullptr, encoded.add(sectionName(decl))))
      return code;
  }
  return ExitSuccess;
}
