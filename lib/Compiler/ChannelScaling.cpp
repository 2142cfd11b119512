// Which inputs have scales to choose, and what a text says of them; the scales are the method's, folding them is FoldScales'.
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/Phases.h"
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
  FailureOr<std::vector<float>> scales = method.choose(problems, *findMethod(job.options.method), job.options.parameters, why);
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

namespace {
/// Sites in the order in which the program comes to them; first those that the cache knows.
class SiteScaling {
public:
  SiteScaling(CalibrationJob job, const ScalingMethod &method) : job(std::move(job)), method(method) {}
  int run();

private:
  int follow();
  int runProgram();
  Digest keyOf(const ScaleSite &site) {
    qnt::WeightDeclOp first = site.readers.front();
    return CacheKey().add(llvm::toStringRef(program)).add(first.getSymName()).digest();
  }
  int scale(const ScaleSite &site, const InputStatistics &inputs) {
    job.phases.step(int64_t(seen.size()), wanted.count);
    return scaleSite(site, job, method, inputs);
  }

  CalibrationJob job;
  const ScalingMethod &method;
  WantedSites wanted;
  Digest program{};                                    // with a cache: of what runs
  llvm::DenseSet<const ScaleSite *> seen, unreached;   // settled; of these, what no text reaches, as the cache says
};
} // namespace

/// Scales from records. A site that the text does not reach has an empty one.
int SiteScaling::follow() {
  CalibrationCache *cache = job.input.cache();
  if (!cache)
    return ExitSuccess;
  program = keyOfProgram(*job.graph).add("channel scales").add(int64_t(method.usesMoments())).digest();
  for (const ScaleSite &site : wanted.all.sites) {
    qnt::WeightDeclOp first = site.readers.front();
    if (wanted.byReader.lookup(first.getSource()) != &site)
      continue;
    std::optional<ArrayRef<uint8_t>> bytes = cache->find(keyOf(site));
    if (!bytes || !seen.insert(&site).second)
      continue;
    RecordReader record(*bytes);
    InputStatistics inputs;
    if (bytes->empty())
      unreached.insert(&site);
    else if (!readStatistics(record, inputs, site.readers.front(), method.usesMoments()))
      return cache->refuseRecord();
    else if (int code = scale(site, inputs))
      return code;
  }
  return ExitSuccess;
}

int SiteScaling::runProgram() {
  ObservedProgram floats(std::move(job.graph), job.sources, job.options);
  if (int code = floats.open(job.runner, job.phases))
    return code;
  int problem = ExitSuccess;
  auto observe = [&](ArrayAttr source, const float *values, int64_t rows, int64_t K) {
    const ScaleSite *site = wanted.byReader.lookup(source);
    if (!site || problem || !seen.insert(site).second) // readers of one input see the same values
      return;
    problem = scale(*site, collectStatistics(values, rows, K, method.usesMoments(), job.input.cache(), keyOf(*site)));
  };
  job.phases.begin("choosing scales of channels");
  const CalibrationText &text = job.input.text();
  if (int code = floats.run(text.tokens, text.windows, text.length, observe))
    return code;
  return problem;
}

int SiteScaling::run() {
  if (int code = job.input.open(job.options, job.decided, job.sources))
    return code;
  if (int code = wanted.find(job.decided, method))
    return code;
  if (!wanted.count)
    return ExitSuccess; // every weight arrives quantized, or stays float
  if (int code = follow())
    return code;
  if (int code = int64_t(seen.size()) == wanted.count ? int(ExitSuccess) : runProgram())
    return code;
  for (const ScaleSite &site : wanted.all.sites) {
    qnt::WeightDeclOp first = site.readers.front();
    if (wanted.byReader.lookup(first.getSource()) != &site || (seen.contains(&site) && !unreached.contains(&site)))
      continue;
    first.emitWarning() << "no calibration text reaches '" << sectionName(first) << "': its inputs are not scaled [uncalibrated]";
    if (CalibrationCache *cache = job.input.cache())
      cache->add(keyOf(site), {});
  }
  return ExitSuccess;
}

int qcc::chooseChannelScales(CalibrationJob job, const ScalingMethod &method) { return SiteScaling(std::move(job), method).run(); }
