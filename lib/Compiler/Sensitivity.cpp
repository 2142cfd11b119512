// Errors of weights add up in predictions: each in proportion to the squared error of its outputs, by a factor that one run of the quantized model finds
// (Malinovskii et al., arXiv 2411.17525, "linearity theorem"). Hessian-weighted errors without that factor rank layers worse than giving all of them the
// same format.
#include "lib/Compiler/Sensitivity.h"
#include "lib/Compiler/CalibrationInput.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "lib/Quantize/WeightUses.h"
#include "qcc/Quantize/LogitDivergence.h"
#include "qcc/Quantize/Method.h"
#include "qcc/Quantize/RoundingError.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
#include <memory>
using namespace mlir;
using namespace qcc;

static constexpr int64_t statisticsWindows = 32;  // of the text, at most, for second moments
static constexpr int64_t probeTokens = 1024;      // of the text, about, for each run with one weight quantized
static constexpr int64_t probePositions = 512;    // whose predictions are compared, at most

namespace {
/// A weight whose format can be chosen.
struct Measured {
  qnt::WeightDeclOp decl;
  std::vector<std::pair<Type, double>> errors;  // of outputs, or relative; a format that cannot encode the weight is missing
  qnt::QuantizedBuffer probe;                   // codes for the run in which it alone is quantized
  double probeError = 0;                        // of probe's format, as in `errors`
};

class Sensitivities {
public:
  explicit Sensitivities(SensitivityJob job) : job(std::move(job)), method(*findMethod(this->job.options.method)) {}
  int run();

private:
  void findWeights();
  /// Whether errors are divergence of predictions.
  bool comparesPredictions() const { return head && job.options.sensitivity != Sensitivity::Hessian; }
  int measureAlone(Measured &weight);
  int measureWithInputs(Measured &weight, const InputStatistics &inputs);
  int chooseProbe(Measured &weight, const WeightProblem &problem);
  int measureWithText();
  int observeInputs();
  int openProgram();
  int probeAll();
  int probe(Measured &weight, double &moved);
  int setReference();
  int probePredictions(std::vector<float> &inputs);
  Digest keyOfInputs(qnt::WeightDeclOp decl, int64_t windows) const;
  Digest keyOfProbe(qnt::WeightDeclOp decl, ArrayRef<float> decoded) const;
  void write();

  SensitivityJob job;
  const QuantizationMethod &method;
  SmallVector<Type> formats;
  std::vector<Measured> weights;          // in the order of the module
  llvm::DenseMap<ArrayAttr, size_t> at;  // by source
  qnt::WeightDeclOp head;                 // or null
  CacheKey program;                       // with a cache: what runs
  std::unique_ptr<ObservedProgram> observed;  // once it is needed
  std::optional<LogitDivergence> divergence;  // the same
};
} // namespace

void Sensitivities::findWeights() {
  for (Type format : qnt::candidateFormats(job.module.getContext()))
    if (!method.choosesCodes() || method.handles(cast<qnt::BlockType>(format)))
      formats.push_back(format);
  for (auto &[op, use] : findWeightUses(job.module)) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    auto type = cast<RankedTensorType>(decl.getType());
    if (!use.matmul || type.getRank() != 2 || !isa<FloatType>(type.getElementType()) || decl.arrivesQuantized())
      continue;
    if (use.head)
      head = decl;
    else if (!use.other && type.getNumElements() && at.try_emplace(decl.getSource(), weights.size()).second)
      weights.push_back({decl, {}, {}, 0});
  }
}

/// The sum over its tensors of what rounding changes of each, relative to the tensor, times its number of weights: measured, the divergence of predictions
/// per relative error is in proportion to it, for tensors of attention and of MLPs alike. (Per output, which are few where rows are long, or per tensor,
/// the MLPs come out several times too light.)
int Sensitivities::measureAlone(Measured &weight) {
  std::vector<float> values;
  if (ExitCode code = readWeight(weight.decl, job.sources, values))
    return code;
  int64_t K = cast<RankedTensorType>(weight.decl.getType()).getDimSize(1);
  for (Type format : formats) {
    double relative = 0;
    int64_t from = 0;
    bool encodes = true;
    for (auto part : weight.decl.getParts().getAsRange<qnt::PartAttr>()) {
      int64_t rows = part.getRows();
      std::optional<RoundingError> error = rows ? estimateRoundingError(format, ArrayRef(values).slice(from * K, rows * K), K, {}) : RoundingError();
      encodes &= error.has_value();
      if (error && error->signal > 0)
        relative += error->noise / error->signal * double(rows * K);
      from += rows;
    }
    if (encodes)
      weight.errors.push_back({format, relative});
  }
  return ExitSuccess;
}

/// Encodes the weight in the candidate whose size is nearest to what is aimed at.
int Sensitivities::chooseProbe(Measured &weight, const WeightProblem &problem) {
  auto distance = [&](const std::pair<Type, double> &candidate) { return std::fabs(qnt::bitsPerWeight(candidate.first, problem.K) - job.bpw); };
  auto nearest = llvm::min_element(weight.errors, [&](auto &a, auto &b) { return distance(a) < distance(b); });
  if (nearest == weight.errors.end())
    return ExitSuccess;
  WeightProblem probe = problem;
  probe.element = nearest->first;
  weight.probeError = nearest->second;
  weight.probe.reset(probe.element, 0, probe.rows, probe.K);
  std::string why;
  if (succeeded(method.encode(probe, weight.probe, why)))
    return ExitSuccess;
  weight.decl.emitError() << "tensor '" << sectionName(weight.decl) << "': " << why << " [unencodable-value]";
  return ExitQuantization;
}

int Sensitivities::measureWithInputs(Measured &weight, const InputStatistics &inputs) {
  std::vector<float> values;
  if (ExitCode code = readWeight(weight.decl, job.sources, values))
    return code;
  auto type = cast<RankedTensorType>(weight.decl.getType());
  WeightProblem problem{formats.front(), type.getDimSize(0), type.getDimSize(1), values, &inputs, {.parameters = job.options.parameters}};
  std::vector<double> costs = method.columnCosts(problem);
  for (Type format : formats)
    if (std::optional<RoundingError> error = estimateRoundingError(format, values, problem.K, costs)) // else as in measureAlone, but of outputs
      weight.errors.push_back({format, comparesPredictions() ? error->noise : error->signal > 0 ? error->noise / error->signal * double(values.size()) : 0});
  return comparesPredictions() ? chooseProbe(weight, problem) : int(ExitSuccess);
}

int Sensitivities::openProgram() {
  if (observed)
    return ExitSuccess;
  observed = std::make_unique<ObservedProgram>(std::move(job.graph), job.sources, job.options);
  return observed->open(job.runner, job.phases);
}

Digest Sensitivities::keyOfInputs(qnt::WeightDeclOp decl, int64_t windows) const {
  return CacheKey(program).add("inputs").add(windows).add(decl.getSymName()).digest();
}

Digest Sensitivities::keyOfProbe(qnt::WeightDeclOp decl, ArrayRef<float> decoded) const {
  return CacheKey(program).add("divergence").add(probeTokens).add(probePositions).add(qnt::WeightDeclOp(head).getSymName()).add(decl.getSymName()).add(decoded).digest();
}

/// What reaches the head at some positions of the text.
int Sensitivities::probePredictions(std::vector<float> &inputs) {
  const CalibrationText &text = job.input.text();
  int64_t windows = std::clamp<int64_t>(probeTokens / text.length, 1, text.windows);
  ArrayAttr source = head.getSource();
  return observed->run(ArrayRef(text.tokens).take_front(windows * text.length), windows, text.length, [&](ArrayAttr read, const float *values, int64_t rows, int64_t K) {
    if (read != source)
      return;
    int64_t stride = llvm::divideCeil(rows, probePositions);
    inputs.clear();
    for (int64_t row = stride - 1; row < rows; row += stride)
      inputs.insert(inputs.end(), values + row * K, values + (row + 1) * K);
  });
}

/// The float model's predictions.
int Sensitivities::setReference() {
  if (divergence)
    return ExitSuccess;
  std::vector<float> values, inputs;
  if (ExitCode code = readWeight(head, job.sources, values))
    return code;
  if (int code = openProgram())
    return code;
  if (int code = probePredictions(inputs))
    return code;
  divergence.emplace(std::move(values), cast<RankedTensorType>(head.getType()).getDimSize(1));
  divergence->setReference(inputs);
  return ExitSuccess;
}

/// How far predictions move when this weight alone has its codes' values.
int Sensitivities::probe(Measured &weight, double &moved) {
  const qnt::QuantizedRows &rows = weight.probe.view;
  const qnt::FormatFamily &family = *qnt::familyOf(rows.element);
  std::vector<float> decoded(rows.rows * rows.K), original, inputs;
  llvm::parallelFor(0, rows.rows, [&](size_t row) { family.decodeRow(rows, int64_t(row), MutableArrayRef(decoded).slice(row * rows.K, rows.K)); });
  CalibrationCache *cache = job.input.cache();
  Digest key = cache ? keyOfProbe(weight.decl, decoded) : Digest();
  if (std::optional<ArrayRef<uint8_t>> bytes = cache ? cache->find(key) : std::nullopt) {
    RecordReader record(*bytes);
    moved = record.number();
    return record.isComplete() ? int(ExitSuccess) : cache->refuseRecord();
  }
  if (int code = setReference())
    return code;
  if (ExitCode code = readWeight(weight.decl, job.sources, original))
    return code;
  if (int code = observed->replaceWeight(weight.decl.getSource(), decoded))
    return code;
  if (int code = probePredictions(inputs))
    return code;
  if (int code = observed->replaceWeight(weight.decl.getSource(), original))
    return code;
  moved = divergence->of(inputs);
  if (cache)
    cache->add(key, RecordWriter().add(moved).bytes());
  return ExitSuccess;
}

/// Turns errors of outputs into divergence of predictions.
int Sensitivities::probeAll() {
  job.phases.begin("measuring sensitivities");
  for (auto [i, weight] : llvm::enumerate(weights)) {
    job.phases.step(int64_t(i) + 1, int64_t(weights.size()));
    if (!weight.probe.view.rows)
      continue;                                        // no text reaches it
    double moved;
    if (int code = probe(weight, moved))
      return code;
    double factor = weight.probeError > 0 ? std::max(0.0, moved) / weight.probeError : 0;
    if (!std::isfinite(moved) || !std::isfinite(factor)) {
      weight.decl.emitError() << "tensor '" << sectionName(weight.decl) << "': with it quantized, predictions for the calibration text are not finite [calibration-text]";
      return ExitQuantization;
    }
    for (auto &[format, error] : weight.errors)
      error *= factor;
    weight.probe = {};
  }
  return ExitSuccess;
}

/// Errors of formats for the weights that have none yet.
int Sensitivities::observeInputs() {
  const CalibrationText &text = job.input.text();
  CalibrationCache *cache = job.input.cache();
  int64_t done = 0, windows = std::min(text.windows, statisticsWindows);
  job.phases.begin("measuring errors of formats");
  for (Measured &weight : weights) {
    std::optional<InputStatistics> inputs;
    if (int code = findStatistics(cache, cache ? keyOfInputs(weight.decl, windows) : Digest(), weight.decl, /*withMoments=*/true, inputs))
      return code;
    if (!inputs)
      continue;
    job.phases.step(++done, int64_t(weights.size()));
    if (int code = measureWithInputs(weight, *inputs))
      return code;
  }
  if (done == int64_t(weights.size()))
    return ExitSuccess;
  if (int code = openProgram())
    return code;
  int problem = ExitSuccess;
  auto observe = [&](ArrayAttr source, const float *values, int64_t rows, int64_t K) {
    auto found = at.find(source);
    if (problem || found == at.end() || !weights[found->second].errors.empty())
      return;
    Measured &weight = weights[found->second];
    job.phases.step(++done, int64_t(weights.size()));
    problem = measureWithInputs(weight, collectStatistics(values, rows, K, /*withMoments=*/true, cache, keyOfInputs(weight.decl, windows)));
  };
  job.phases.begin("measuring errors of formats");
  if (int code = observed->run(ArrayRef(text.tokens).take_front(windows * text.length), windows, text.length, observe))
    return code;
  return problem;
}

int Sensitivities::measureWithText() {
  if (!head && (job.options.maxKl || job.options.sensitivity == Sensitivity::Kl))
    return complain(ExitUnsupported, (job.options.maxKl ? "--max-kl" : "--sensitivity=kl") +
                                         Twine(" compares predictions, and this model has no head that makes them; --target-bpw and --target-size do with outputs of weights"));
  if (int code = job.input.open(job.options, job.module, job.sources))
    return code;
  if (job.input.cache())
    program = keyOfProgram(*job.graph);
  int problem = observeInputs();
  for (Measured &weight : weights)
    if (!problem && weight.errors.empty()) {
      weight.decl.emitWarning() << "no calibration text reaches '" << sectionName(weight.decl) << "': its format is the smallest [uncalibrated]";
      problem = measureAlone(weight);
      for (auto &[format, error] : weight.errors)
        error = 0;
    }
  return problem ? problem : comparesPredictions() ? probeAll() : int(ExitSuccess);
}

void Sensitivities::write() {
  Builder b(job.module.getContext());
  for (Measured &weight : weights) {
    SmallVector<NamedAttribute> entries;
    for (auto &[format, error] : weight.errors)
      entries.push_back(b.getNamedAttr(qnt::formatName(format), b.getF64FloatAttr(error)));
    if (!entries.empty())
      weight.decl->setAttr("qnt.sensitivity", b.getDictionaryAttr(entries));
  }
}

int Sensitivities::run() {
  findWeights();
  if (weights.empty() || formats.empty())
    return ExitSuccess;
  if (job.graph) {
    if (int code = measureWithText())
      return code;
  } else {
    job.phases.begin("measuring errors of formats");
    for (auto [i, weight] : llvm::enumerate(weights)) {
      job.phases.step(int64_t(i) + 1, int64_t(weights.size()));
      if (int code = measureAlone(weight))
        return code;
    }
  }
  write();
  return ExitSuccess;
}

int qcc::measureSensitivity(SensitivityJob job) { return Sensitivities(std::move(job)).run(); }
