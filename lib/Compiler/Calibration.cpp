// Text, order and bookkeeping; the program that is observed is ObservedProgram's, the codes are the method's.
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Quantize/CollectStatistics.h"
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

int qcc::readCalibrationSample(const CompilerOptions &options, ModuleOp module, int64_t count, std::vector<int64_t> &tokens) {
  CalibrationText text;
  if (int code = readCalibrationText(options, vocabularyOf(module), text))
    return code;
  tokens.assign(text.tokens.begin(), text.tokens.begin() + std::min(count, text.length));
  return ExitSuccess;
}
