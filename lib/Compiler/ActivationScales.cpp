#include "lib/Compiler/ActivationScales.h"
#include "lib/Compiler/CalibrationText.h"
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
} // namespace

/// Says what is wrong with the inputs of `weight`. Exits with ExitQuantization.
static int refuse(qnt::WeightDeclOp weight, const Twine &why) {
  InFlightDiagnostic error = weight.emitError();
  error << "the inputs of '" << sectionName(weight) << "' have no static scale: " << why << " [activation-scales]";
  error.attachNote() << "--act-type=<regex>=dynamic finds the scales of such inputs at run time";
  return ExitQuantization;
}

static int setScale(const InputScale &scale, const Seen &seen, const RangeRule &rule) {
  if (!seen.isReached)
    return refuse(scale.weight, "no calibration text reaches it");
  if (!seen.isFinite)
    return refuse(scale.weight, "the calibration text brings values to it that are not finite");
  float value = seen.magnitudes.range(rule) / 127;
  if (!(value >= std::numeric_limits<float>::min()))
    return refuse(scale.weight, "the calibration text brings nothing but zeros to it");
  setValue(scale, value);
  return ExitSuccess;
}

int qcc::chooseActivationScales(CalibrationJob job) {
  const RangeRule &rule = job.options.activationRange;
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
  CalibrationText text;
  if (int code = readCalibrationText(job.options, job.decided, text))
    return code;
  ObservedProgram program(std::move(job.graph), job.sources, job.options);
  if (int code = program.open(job.runner, job.phases))
    return code;
  llvm::DenseMap<ArrayAttr, std::unique_ptr<Seen>> bySource;
  for (InputScale &scale : wanted)
    bySource.try_emplace(scale.weight.getSource(), std::make_unique<Seen>(rule));
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
  if (int code = program.run(text.tokens, text.windows, text.length, observe))
    return code;
  int result = ExitSuccess;                            // all problems at once
  for (InputScale &scale : wanted)
    if (int code = setScale(scale, *bySource.at(scale.weight.getSource()), rule))
      result = code;
  return result;
}
