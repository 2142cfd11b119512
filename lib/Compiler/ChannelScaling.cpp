// Which inputs have scales to choose, and what a text says of them; the scales are the method's, folding them is FoldScales'.
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/CalibrationText.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
#include "qcc/Quantize/CollectStatistics.h"
#include "qcc/Quantize/ScaleSites.h"
#include "qcc/Quantize/WeightPipeline.h"
using namespace mlir;
using namespace qcc;

namespace {
/// The sites where a scaling method has something to choose, by the sources of their readers.
struct WantedSites {
  ScaleSites all;
  llvm::DenseMap<ArrayAttr, const ScaleSite *> byReader;
  int64_t count = 0;

  int find(ModuleOp decided, const ScalingMethod &method) {
    all = findScaleSites(decided);
    bool someQuantized = llvm::any_of(decided.getOps<qnt::WeightDeclOp>(), [](qnt::WeightDeclOp decl) { return isQuantized(decl) && !decl.arrivesQuantized(); });
    for (const ScaleSite &site : all.sites) {
      // Heads that share values would need scales that suit all of them: as in the authors' code, they get none.
      if (site.sharing > 1 || !(site.isNorm || method.scalesLinearInputs()) || !llvm::all_of(site.readers, isQuantized))
        continue;
      ++count;
      for (qnt::WeightDeclOp reader : site.readers)
        byReader[reader.getSource()] = &site;
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
  if (int code = readCalibrationText(job.options, job.decided, text))
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
  auto observe = [&](ArrayAttr source, const float *values, int64_t rows, int64_t K) {
    const ScaleSite *site = wanted.byReader.lookup(source);
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
    if (qnt::WeightDeclOp first = site.readers.front(); !problem && wanted.byReader.contains(first.getSource()) && !seen.contains(&site))
      first.emitWarning() << "no calibration text reaches '" << sectionName(first) << "': its inputs are not scaled [uncalibrated]";
  return problem;
}
