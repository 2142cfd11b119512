// Errors of weights add up in predictions: each in proportion to the squared error of its outputs, by a factor that a run with the weight quantized finds
// (Malinovskii et al., arXiv 2411.17525, "linearity theorem"). Hessian-weighted errors without that factor rank layers worse than giving all of them the
// same format. The proportion holds for small errors only: of 2 bits, divergence is up to 1.8 times what 3 bits predict, so that a second run, at a bit less, finds
// the power by which it grows.
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

static constexpr double proportionalFrom = 4.25;  // bits per weight: formats around so many bits err so little that the first run tells enough
static constexpr int64_t mostStatistics = 32;     // windows of the text, at most, for second moments
static constexpr int64_t probeTokens = 1024;      // of the text, about, for each run with one weight quantized: behind those windows
static constexpr int64_t probePositions = 512;    // whose predictions are compared, at most

namespace {
/// Codes of a weight for the run in which it alone is quantized.
struct Probe {
  qnt::QuantizedBuffer codes;
  double error;                                 // of the format, as in Measured
  double moved = 0;                             // how far predictions move
};

/// A weight whose format can be chosen.
struct Measured {
  qnt::WeightDeclOp decl;
  std::vector<std::pair<Type, double>> errors;  // of outputs, or relative; a format that cannot encode the weight is missing
  std::vector<std::unique_ptr<Probe>> probes;   // by rising error
};

class Sensitivities {
public:
  explicit Sensitivities(SensitivityJob job) : job(std::move(job)), method(*findMethod(this->job.options.method)) {}
  int run();

private:
  bool scoresVocabulary(qnt::WeightDeclOp decl) const;
  void findWeights();
  /// Whether errors are divergence of predictions.
  bool comparesPredictions() const { return head && job.options.sensitivity != Sensitivity::Hessian; }
  int measureAlone(Measured &weight);
  int measureWithInputs(Measured &weight, const InputStatistics &inputs);
  int addProbe(Measured &weight, const WeightProblem &problem, double bpw);
  int measureWithText();
  int64_t probeWindows() const;
  int64_t statisticsWindows() const;
  int observeInputs();
  int openProgram();
  int probeAll();
  int run(Measured &weight, Probe &probe);
  int runProbes(Measured &weight);
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

/// Of several heads, those that predict tokens.
bool Sensitivities::scoresVocabulary(qnt::WeightDeclOp decl) const {
  auto vocabulary = job.module->getAttrOfType<IntegerAttr>("qnt.vocabulary");
  return vocabulary && vocabulary.getInt() == cast<RankedTensorType>(decl.getType()).getDimSize(0);
}

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
      head = !head || (!scoresVocabulary(head) && scoresVocabulary(decl)) ? decl : head;
    else if (!use.other && type.getNumElements() && at.try_emplace(decl.getSource(), weights.size()).second)
      weights.push_back({decl, {}, {}});
  }
}

/// The sum over its tensors of what rounding changes of each, relative to the tensor, times its number of weights: measured, the divergence of predictions
/// per relative error is in proportion to it, for tensors of attention and of MLPs alike. (Per output, which are few where rows are long, or per tensor,
/// the MLPs come out several times too light.)
int Sensitivities::measureAlone(Measured &weight) {
  std::vector<float> values;
  if (ExitCode code = readWeight(weight.decl, job.sources, values))
    return code;
  int64_t K = cast<RankedTensorType>(weight.decl.getType()).getDimSize(1), from = 0;
  std::vector<std::optional<double>> relative(formats.size(), 0.0);
  for (auto part : weight.decl.getParts().getAsRange<qnt::PartAttr>()) {
    int64_t rows = part.getRows();
    WeightProblem problem{formats.front(), rows, K, ArrayRef(values).slice(from * K, rows * K), nullptr, job.options.parameters};
    for (auto [sum, error] : llvm::zip_equal(relative, estimateRoundingErrors(method, problem, formats)))
      if (!error)
        sum.reset();
      else if (sum && error->signal > 0)
        *sum += error->noise / error->signal * double(rows * K);
    from += rows;
  }
  for (auto [format, error] : llvm::zip_equal(formats, relative))
    if (error)
      weight.errors.push_back({format, *error});
  return ExitSuccess;
}

/// Encodes the weight in the candidate whose size is nearest to `bpw`, of those that lose anything, unless one with as large an error is there already.
int Sensitivities::addProbe(Measured &weight, const WeightProblem &problem, double bpw) {
  auto distance = [&](const std::pair<Type, double> &candidate) {
    return candidate.second > 0 ? std::fabs(qnt::bitsPerWeight(candidate.first, problem.K) - bpw) : std::numeric_limits<double>::infinity();
  };
  auto nearest = llvm::min_element(weight.errors, [&](auto &a, auto &b) { return distance(a) < distance(b); });
  if (nearest == weight.errors.end() || nearest->second == 0 || (!weight.probes.empty() && nearest->second <= weight.probes.back()->error))
    return ExitSuccess;
  WeightProblem probed = problem;
  probed.element = nearest->first;
  auto probe = std::make_unique<Probe>();
  probe->error = nearest->second;
  probe->codes.reset(probed.element, 0, probed.rows, probed.K);
  std::string why;
  if (failed(method.encode(probed, probe->codes, why))) {
    weight.decl.emitError() << "tensor '" << sectionName(weight.decl) << "': " << why << " [unencodable-value]";
    return ExitQuantization;
  }
  weight.probes.push_back(std::move(probe));
  return ExitSuccess;
}

int Sensitivities::measureWithInputs(Measured &weight, const InputStatistics &inputs) {
  std::vector<float> values;
  if (ExitCode code = readWeight(weight.decl, job.sources, values))
    return code;
  auto type = cast<RankedTensorType>(weight.decl.getType());
  WeightProblem problem{formats.front(), type.getDimSize(0), type.getDimSize(1), values, &inputs, job.options.parameters};
  for (auto [format, error] : llvm::zip_equal(formats, estimateRoundingErrors(method, problem, formats)))
    if (error)                                         // else as in measureAlone, but of outputs
      weight.errors.push_back({format, comparesPredictions() ? error->noise : error->signal > 0 ? error->noise / error->signal * double(values.size()) : 0});
  if (weight.errors.empty()) {
    weight.decl.emitError() << "tensor '" << sectionName(weight.decl) << "': no format's error can be told: it, or the square of what reaches it, is not finite [calibration-text]";
    return ExitQuantization;
  }
  if (!comparesPredictions())
    return ExitSuccess;
  int code = addProbe(weight, problem, job.bpw);
  if (code || (job.bpw >= proportionalFrom && !job.options.maxKl))
    return code;
  return addProbe(weight, problem, job.bpw - 1);
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
  return CacheKey(program).add("divergence").add(statisticsWindows()).add(probeTokens).add(probePositions).add(qnt::WeightDeclOp(head).getSymName()).add(decl.getSymName()).add(decoded).digest();
}

int64_t Sensitivities::probeWindows() const {
  const CalibrationText &text = job.input.text();
  return std::clamp<int64_t>(probeTokens / text.length, 1, std::max<int64_t>(1, text.windows / 2));
}

/// Codes fit the text that they are chosen on: divergence is measured on windows that have no part in that. A text of one window has none to spare.
int64_t Sensitivities::statisticsWindows() const { return std::clamp<int64_t>(job.input.text().windows - probeWindows(), 1, mostStatistics); }

/// What reaches the head at some positions of the text.
int Sensitivities::probePredictions(std::vector<float> &inputs) {
  const CalibrationText &text = job.input.text();
  int64_t windows = probeWindows(), from = std::min(statisticsWindows(), text.windows - windows);
  ArrayAttr source = head.getSource();
  return observed->run(ArrayRef(text.tokens).slice(from * text.length, windows * text.length), windows, text.length, [&](ArrayAttr read, const float *values, int64_t rows, int64_t K) {
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

/// Finds out how far predictions move when this weight alone has the values of the probe's codes.
int Sensitivities::run(Measured &weight, Probe &probe) {
  const qnt::QuantizedRows &rows = probe.codes.view;
  const qnt::FormatFamily &family = *qnt::familyOf(rows.element);
  std::vector<float> decoded(rows.rows * rows.K), original, inputs;
  llvm::parallelFor(0, rows.rows, [&](size_t row) { family.decodeRow(rows, int64_t(row), MutableArrayRef(decoded).slice(row * rows.K, rows.K)); });
  CalibrationCache *cache = job.input.cache();
  Digest key = cache ? keyOfProbe(weight.decl, decoded) : Digest();
  if (std::optional<ArrayRef<uint8_t>> bytes = cache ? cache->find(key) : std::nullopt) {
    RecordReader record(*bytes);
    probe.moved = record.number();
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
  probe.moved = divergence->of(inputs);
  if (cache)
    cache->add(key, RecordWriter().add(probe.moved).bytes());
  return ExitSuccess;
}

int Sensitivities::runProbes(Measured &weight) {
  for (auto &probe : weight.probes) {
    if (int code = run(weight, *probe))
      return code;
    if (!std::isfinite(probe->moved) || !std::isfinite(probe->error)) {
      weight.decl.emitError() << "tensor '" << sectionName(weight.decl) << "': with it quantized, predictions for the calibration text are not finite [calibration-text]";
      return ExitQuantization;
    }
    probe->codes = {};
    probe->moved = std::max(0.0, probe->moved);
  }
  return ExitSuccess;
}

/// Divergence that an error of outputs stands for: in proportion to the first probe's up to its error, beyond by the power that leads to the second's. Where
/// no prediction moved, in proportion by `least`: no error is for nothing.
static double divergenceOf(double error, ArrayRef<std::unique_ptr<Probe>> probes, double least) {
  const Probe &first = *probes.front();
  if (first.moved == 0)
    return error * least;
  if (probes.size() < 2 || error <= first.error)
    return error * first.moved / first.error;
  const Probe &second = *probes[1];
  double power = std::log(second.moved / first.moved) / std::log(second.error / first.error);
  return first.moved * std::pow(error / first.error, std::clamp(power, 1.0, 2.0));   // less than 1 is noise
}

/// Turns errors of outputs into divergence of predictions.
int Sensitivities::probeAll() {
  job.phases.begin("measuring sensitivities");
  for (auto [i, weight] : llvm::enumerate(weights)) {
    job.phases.step(int64_t(i) + 1, int64_t(weights.size()));
    if (weight.probes.empty())
      continue;                                        // no text reaches it, or every format has it exactly
    if (int code = runProbes(weight))
      return code;
  }
  double least = 1;                                    // of the factors of all weights
  for (const Measured &weight : weights)
    if (!weight.probes.empty() && weight.probes.front()->moved > 0)
      least = std::min(least, weight.probes.front()->moved / weight.probes.front()->error);
  for (Measured &weight : weights)
    if (!weight.probes.empty())
      for (auto &[format, error] : weight.errors)
        error = divergenceOf(error, weight.probes, least);
  return ExitSuccess;
}

/// Errors of formats for the weights that have none yet.
int Sensitivities::observeInputs() {
  const CalibrationText &text = job.input.text();
  CalibrationCache *cache = job.input.cache();
  int64_t done = 0, windows = statisticsWindows();
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
      for (Type format : formats)
        weight.errors.push_back({format, 0.0});
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
