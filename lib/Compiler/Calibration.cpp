// Order and bookkeeping; the program that is observed is ObservedProgram's, the codes are the method's.
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "lib/Quantize/WeightUses.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Parallel.h"
using namespace mlir;
using namespace qcc;

namespace {
/// Weights that a method encodes. Those that arrive quantized keep their codes.
struct Wanted {
  llvm::DenseMap<ArrayAttr, SmallVector<qnt::WeightDeclOp, 1>> bySource;  // one for each format
  std::vector<qnt::WeightDeclOp> order;                                  // of the module

  void find(ModuleOp decided, const QuantizationMethod &method) {
    for (auto decl : decided.getOps<qnt::WeightDeclOp>()) {
      auto format = dyn_cast<qnt::BlockType>(cast<RankedTensorType>(decl.getType()).getElementType());
      if (!format || decl.arrivesQuantized())
        continue;
      SmallVector<qnt::WeightDeclOp, 1> &same = bySource[decl.getSource()];
      if (!method.handles(format) || llvm::any_of(same, [&](qnt::WeightDeclOp other) { return other.getType() == decl.getType(); }))
        continue;
      same.push_back(decl);
      order.push_back(decl);
    }
  }
};
} // namespace

int qcc::checkMethod(ModuleOp decided, const QuantizationMethod &method) {
  bool isQuantized = false;
  for (auto decl : decided.getOps<qnt::WeightDeclOp>()) {
    auto format = dyn_cast<qnt::BlockType>(cast<RankedTensorType>(decl.getType()).getElementType());
    if (!format || decl.arrivesQuantized())
      continue;
    if (method.handles(format))
      return ExitSuccess;
    isQuantized = true;
  }
  if (!isQuantized || !method.choosesCodes())
    return ExitSuccess;
  return complain(ExitQuantization, "--algo=" + method.name() + " has nothing to choose in the formats of this model's weights; " + method.hint() + " [method-format]");
}

/// Chooses the codes of one weight.
static int encodeOne(qnt::WeightDeclOp decl, const SourceFiles &sources, const QuantizationMethod &method, const ParameterValues &parameters,
                     const InputStatistics *inputs, qnt::QuantizedBuffer &out) {
  auto type = cast<RankedTensorType>(decl.getType());
  WeightProblem problem{type.getElementType(), type.getDimSize(0), type.getDimSize(1), {}, inputs, parameters};
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

/// Weights that the text has not reached: chosen without inputs, if the method can. Rows of tables are never multiplied with anything: nothing to warn of.
static int encodeUnreached(const CalibrationJob &job, const QuantizationMethod &method, const Wanted &wanted, EncodedWeights &encoded) {
  auto uses = findWeightUses(job.decided);
  for (qnt::WeightDeclOp decl : wanted.order) {
    if (encoded.find(decl))
      continue;
    if (uses.lookup(decl).matmul)
      decl.emitWarning() << "no calibration text reaches '" << sectionName(decl) << "': "
                         << (method.needsInputs() ? "its weights are rounded to nearest" : "its codes are chosen without inputs") << " [uncalibrated]";
    if (method.needsInputs())
      continue;
    if (int code = encodeOne(decl, job.sources, method, job.options.parameters, nullptr, encoded.add(decl)))
      return code;
  }
  return ExitSuccess;
}

namespace {
/// Weights one after the other, in the order in which the program reads them. What reaches one depends on all codes before it and on nothing else: with a
/// cache, that is its key, the record says which weight comes next, and as long as there are records the program need not run.
class InOrder {
public:
  InOrder(CalibrationJob job, const QuantizationMethod &method, EncodedWeights &encoded) : job(std::move(job)), method(method), encoded(encoded) {}
  int run();

private:
  int choose(ArrayAttr source, const InputStatistics &inputs);
  int follow(bool &isDone);
  int runProgram();
  std::vector<float> decode(ArrayAttr source) const;
  StringRef nameOf(ArrayAttr source) { return wanted.bySource[source].front().getSymName(); }

  CalibrationJob job;
  const QuantizationMethod &method;
  EncodedWeights &encoded;
  Wanted wanted;
  std::vector<ArrayAttr> chosen;                       // sources of weights that have codes
  int64_t done = 0;
  Digest position{};                                   // with a cache: the key of what comes next
};
} // namespace

static constexpr int64_t recordOfInputs = 0, recordOfEnd = 1;

/// What the program goes on with.
std::vector<float> InOrder::decode(ArrayAttr source) const {
  const qnt::QuantizedRows &codes = encoded.find(wanted.bySource.lookup(source).front())->view;
  std::vector<float> decoded(codes.rows * codes.K);
  const qnt::FormatFamily *family = qnt::familyOf(codes.element);
  llvm::parallelFor(0, codes.rows, [&](size_t row) { family->decodeRow(codes, int64_t(row), MutableArrayRef(decoded).slice(row * codes.K, codes.K)); });
  return decoded;
}

int InOrder::choose(ArrayAttr source, const InputStatistics &inputs) {
  for (qnt::WeightDeclOp decl : wanted.bySource.lookup(source)) {
    job.phases.step(++done, int64_t(wanted.order.size()));
    if (int code = encodeOne(decl, job.sources, method, job.options.parameters, &inputs, encoded.add(decl)))
      return code;
  }
  chosen.push_back(source);
  if (job.input.cache())
    position = CacheKey().add(llvm::toStringRef(position)).add(nameOf(source)).add(ArrayRef<float>(decode(source))).digest();
  return ExitSuccess;
}

/// Chooses codes from records. `isDone`: they end where the program does.
int InOrder::follow(bool &isDone) {
  CalibrationCache *cache = job.input.cache();
  llvm::StringMap<ArrayAttr> sources;
  for (auto &[source, decls] : wanted.bySource)
    if (!decls.empty())
      sources[nameOf(source)] = source;
  while (std::optional<ArrayRef<uint8_t>> bytes = cache->find(position)) {
    RecordReader record(*bytes);
    isDone = record.integer() == recordOfEnd;
    if (isDone)
      return record.isComplete() ? int(ExitSuccess) : cache->refuseRecord();
    auto source = sources.find(record.text());
    InputStatistics inputs;
    if (source == sources.end() || !readStatistics(record, inputs, wanted.bySource.lookup(source->second).front(), method.usesMoments()))
      return cache->refuseRecord();
    if (int code = choose(source->second, inputs))
      return code;
  }
  return ExitSuccess;
}

int InOrder::runProgram() {
  CalibrationCache *cache = job.input.cache();
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  for (ArrayAttr source : chosen)
    if (int code = program.replaceWeight(source, decode(source)))
      return code;
  int problem = ExitSuccess;
  auto observe = [&](ArrayAttr source, const float *values, int64_t rows, int64_t K) {
    SmallVector<qnt::WeightDeclOp, 1> decls = wanted.bySource.lookup(source);
    // A weight that is read again, by another matmul, has its codes already.
    if (decls.empty() || problem || encoded.find(decls.front()))
      return;
    InputStatistics inputs = collectStatistics(values, rows, K, method.usesMoments(), cache, position, RecordWriter().add(recordOfInputs).add(nameOf(source)));
    problem = choose(source, inputs);
    if (!problem)
      problem = program.replaceWeight(source, decode(source));
  };
  job.phases.begin("quantizing");
  const CalibrationText &text = job.input.text();
  if (int code = program.run(text.tokens, text.windows, text.length, observe))
    return code;
  if (cache && !problem)
    cache->add(position, RecordWriter().add(recordOfEnd).bytes());
  return problem;
}

int InOrder::run() {
  if (int code = job.input.open(job.options, job.decided, job.sources))
    return code;
  wanted.find(job.decided, method);
  if (wanted.order.empty())
    return ExitSuccess; // every weight arrives quantized, or stays float
  bool isDone = false;
  if (job.input.cache()) {
    job.phases.begin("quantizing");
    position = keyOfProgram(*job.graph).add("in order").add(int64_t(method.usesMoments())).digest();
    if (int code = follow(isDone))
      return code;
  }
  if (int code = isDone ? int(ExitSuccess) : runProgram())
    return code;
  return encodeUnreached(job, method, wanted, encoded);
}

int qcc::quantizeInOrder(CalibrationJob job, const QuantizationMethod &method, EncodedWeights &encoded) { return InOrder(std::move(job), method, encoded).run(); }

int qcc::quantizeWithoutText(ModuleOp decided, const SourceFiles &sources, Phases &phases, const QuantizationMethod &method, const ParameterValues &parameters,
                             EncodedWeights &encoded) {
  Wanted wanted;
  wanted.find(decided, method);
  phases.begin("quantizing");
  int64_t done = 0;
  for (qnt::WeightDeclOp decl : wanted.order) {
    phases.step(++done, int64_t(wanted.order.size()));
    if (int code = encodeOne(decl, sources, method, parameters, nullptr, encoded.add(decl)))
      return code;
  }
  return ExitSuccess;
}

int qcc::readCalibrationSample(const CompilerOptions &options, ModuleOp module, int64_t count, std::vector<int64_t> &tokens) {
  CalibrationText text;
  if (int code = readCalibrationText(options, module, text))
    return code;
  tokens.assign(text.tokens.begin(), text.tokens.begin() + std::min(count, text.length));
  return ExitSuccess;
}
