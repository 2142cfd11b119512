#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Quantize/CollectStatistics.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Parallel.h"
#include "tools/common/Tokens.h"
using namespace mlir;
using namespace qcc;

int qcc::readCalibrationText(const CompilerOptions &options, int64_t vocabulary, CalibrationText &text) {
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

/// Weights that get codes, by section name: those that arrive quantized keep theirs.
static llvm::MapVector<StringRef, qnt::WeightDeclOp> weightsToQuantize(ModuleOp decided, std::vector<std::string> &names) {
  SmallVector<qnt::WeightDeclOp> decls;
  for (auto decl : decided.getOps<qnt::WeightDeclOp>()) {
    auto parts = decl.getParts().getAsRange<qnt::PartAttr>();
    if (isa<qnt::BlockType>(cast<RankedTensorType>(decl.getType()).getElementType()) && llvm::none_of(parts, [](qnt::PartAttr part) { return bool(part.getScales()); }))
      decls.push_back(decl);
  }
  llvm::MapVector<StringRef, qnt::WeightDeclOp> found;
  for (qnt::WeightDeclOp decl : decls)
    names.push_back(sectionName(decl));
  for (auto [name, decl] : llvm::zip_equal(names, decls))
    found[name] = decl;
  return found;
}

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

int qcc::collectStatistics(CalibrationJob job, bool withMoments, llvm::StringMap<InputStatistics> &statistics) {
  CalibrationText text;
  if (int code = readCalibrationText(job.options, vocabularyOf(job.decided), text))
    return code;
  std::vector<std::string> names;
  auto wanted = weightsToQuantize(job.decided, names);
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  llvm::StringMap<StatisticsCollector> collectors;
  auto observe = [&](StringRef section, const float *values, int64_t rows, int64_t K) {
    if (wanted.contains(section))
      collectors.try_emplace(section, K, withMoments).first->second.add(values, rows);
  };
  job.phases.begin("calibrating");
  constexpr int64_t batch = 8;
  for (int64_t window = 0; window < text.windows; window += batch) {
    int64_t count = std::min(batch, text.windows - window);
    job.phases.step(window, text.windows);
    if (int code = program.run(ArrayRef(text.tokens).slice(window * text.length, count * text.length), count, text.length, observe))
      return code;
  }
  for (auto &entry : collectors)
    statistics[entry.getKey()] = entry.second.finish();
  return ExitSuccess;
}

int qcc::quantizeInOrder(CalibrationJob job, const QuantizationMethod &method, EncodedWeights &encoded) {
  CalibrationText text;
  if (int code = readCalibrationText(job.options, vocabularyOf(job.decided), text))
    return code;
  std::vector<std::string> names;
  auto wanted = weightsToQuantize(job.decided, names);
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  int problem = ExitSuccess;
  int64_t done = 0;
  auto observe = [&](StringRef section, const float *values, int64_t rows, int64_t K) {
    qnt::WeightDeclOp decl = wanted.lookup(section);
    // A weight that is read again, by another matmul, has its codes already.
    if (!decl || problem || encoded.find(section, cast<RankedTensorType>(decl.getType()).getElementType()))
      return;
    job.phases.step(++done, int64_t(wanted.size()));
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
  return problem;
}

int qcc::quantizeWithoutText(ModuleOp decided, const SourceFiles &sources, Phases &phases, const QuantizationMethod &method, EncodedWeights &encoded) {
  std::vector<std::string> names;
  auto wanted = weightsToQuantize(decided, names);
  phases.begin("quantizing");
  int64_t done = 0;
  for (auto &[section, decl] : wanted) {
    phases.step(++done, int64_t(wanted.size()));
    if (int code = encodeOne(decl, sources, method, nullptr, encoded.add(section)))
      return code;
  }
  return ExitSuccess;
}
