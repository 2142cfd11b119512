#include "lib/Compiler/ActivationScales.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Quantize/ActivationRange.h"
#include "qcc/Quantize/InputScales.h"
#include "qcc/Quantize/WeightPipeline.h"
#include <limits>
using namespace mlir;
using namespace qcc;

namespace {
/// What the text brings to the weights of one source.
struct Seen {
  explicit Seen(const RangeRule &rule) : magnitudes(rule.kind != RangeRule::AbsMax) {}
  MagnitudeHistogram magnitudes;
  bool isReached = false, isFinite = true;
};
/// What follows from it.
struct InputRange {
  bool isReached = false, isFinite = true;
  double magnitude = 0;
};
} // namespace

/// Says what is wrong with the inputs of `weight`. Exits with ExitQuantization.
static int refuse(qnt::WeightDeclOp weight, const Twine &why) {
  InFlightDiagnostic error = weight.emitError();
  error << "the inputs of '" << sectionName(weight) << "' have no static scale: " << why << " [activation-scales]";
  error.attachNote() << "--act-type=<regex>=dynamic finds the scales of such inputs at run time";
  return ExitQuantization;
}

static int setScale(const InputScale &scale, const InputRange &range) {
  if (!range.isReached)
    return refuse(scale.weight, "no calibration text reaches it");
  if (!range.isFinite)
    return refuse(scale.weight, "the calibration text brings values to it that are not finite");
  float value = float(range.magnitude) / 127;
  if (!(value >= std::numeric_limits<float>::min()))
    return refuse(scale.weight, "the calibration text brings nothing but zeros to it");
  setValue(scale, value);
  return ExitSuccess;
}

using Ranges = llvm::DenseMap<ArrayAttr, InputRange>;

/// A weight's place in the cache: the program, scales of channels included, the rule and the name.
static Digest keyOf(const CalibrationJob &job, const CacheKey &program, const InputScale &scale) {
  const RangeRule &rule = job.options.activationRange;
  double percentile = rule.kind == RangeRule::Percentile ? rule.percentile : 0;
  return CacheKey(program).add("activations").add(int64_t(rule.kind)).add(percentile).add(qnt::WeightDeclOp(scale.weight).getSymName()).digest();
}

/// Ranges from records: all or nothing, since one run finds all.
static int followRecords(const CalibrationJob &job, const CacheKey &program, ArrayRef<InputScale> wanted, Ranges &ranges) {
  Ranges found;
  for (const InputScale &scale : wanted) {
    std::optional<ArrayRef<uint8_t>> bytes = job.input.cache()->find(keyOf(job, program, scale));
    if (!bytes)
      return ExitSuccess;
    RecordReader record(*bytes);
    int64_t flags = record.integer();
    found[qnt::WeightDeclOp(scale.weight).getSource()] = {bool(flags & 1), bool(flags & 2), record.number()};
    if (!record.isComplete())
      return job.input.cache()->refuseRecord();
  }
  ranges = std::move(found);
  return ExitSuccess;
}

/// Ranges from a run of the float program.
static int observeRanges(CalibrationJob &job, ArrayRef<InputScale> wanted, Ranges &ranges) {
  const RangeRule &rule = job.options.activationRange;
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  llvm::DenseMap<ArrayAttr, std::unique_ptr<Seen>> bySource;
  for (const InputScale &scale : wanted)
    bySource.try_emplace(qnt::WeightDeclOp(scale.weight).getSource(), std::make_unique<Seen>(rule));
  int64_t done = 0;
  job.phases.begin("finding ranges of activations");
  auto observe = [&](ArrayAttr source, const float *values, int64_t rows, int64_t K) {
    auto found = bySource.find(source);
    if (found == bySource.end())
      return;
    Seen &seen = *found->second;
    if (!seen.isReached)
      job.phases.step(++done, int64_t(bySource.size()));
    seen.isReached = true;
    seen.isFinite &= seen.magnitudes.add(values, rows * K);
  };
  const CalibrationText &text = job.input.text();
  if (int code = program.run(text.tokens, text.windows, text.length, observe))
    return code;
  for (auto &[source, seen] : bySource)
    ranges[source] = {seen->isReached, seen->isFinite, seen->isReached && seen->isFinite ? seen->magnitudes.range(rule) : 0};
  return ExitSuccess;
}

int qcc::chooseActivationScales(CalibrationJob job) {
  std::vector<InputScale> wanted = findInputScales(job.decided);
  llvm::erase_if(wanted, [](const InputScale &scale) { return valueOf(scale).has_value(); });
  if (wanted.empty())
    return ExitSuccess;
  if (!job.graph)
    return complain(ExitUsage, "the inputs of '" + sectionName(wanted.front().weight) +
                                   "' need a static scale, and there is no text to find it on: --calib=<file>");
  for (const InputScale &arrived : findInputScales(*job.graph))
    if (!valueOf(arrived))
      return refuse(arrived.weight, "the program arrives with these quantized, and does not say by what");
  if (int code = job.input.open(job.options, job.decided, job.sources))
    return code;
  Ranges ranges;
  CalibrationCache *cache = job.input.cache();
  CacheKey program;
  if (cache) {
    program = keyOfProgram(*job.graph);
    if (int code = followRecords(job, program, wanted, ranges))
      return code;
  }
  if (ranges.empty()) {
    if (int code = observeRanges(job, wanted, ranges))
      return code;
    for (InputScale &scale : wanted)
      if (const InputRange &range = ranges.at(scale.weight.getSource()); cache)
        cache->add(keyOf(job, program, scale), RecordWriter().add(int64_t(range.isReached | range.isFinite << 1)).add(range.magnitude).bytes());
  }
  int result = ExitSuccess;                            // all problems at once
  for (InputScale &scale : wanted)
    if (int code = setScale(scale, ranges.at(scale.weight.getSource())))
      result = code;
  return result;
}
