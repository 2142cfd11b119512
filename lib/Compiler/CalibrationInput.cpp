#include "lib/Compiler/CalibrationInput.h"
#include "lib/Compiler/BuildId.h"
#include "lib/Compiler/Library.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Version.h"
#include "qcc/Quantize/CollectStatistics.h"
#include "qcc/Target/Target.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"
#include <limits>
using namespace mlir;
using namespace qcc;

/// SHA-256 of the SHA-256 of each file's pieces, which several threads compute.
static Digest digestOf(const SourceFiles &sources) {
  constexpr int64_t piece = int64_t(16) << 20;
  CacheKey all;
  for (int64_t file = 0; file < sources.count(); ++file) {
    int64_t size = sources.size(file);
    std::vector<Digest> digests(llvm::divideCeil(size, piece));
    llvm::parallelFor(0, digests.size(), [&](size_t i) {
      int64_t from = int64_t(i) * piece, count = std::min(piece, size - from);
      digests[i] = llvm::SHA256::hash(*sources.bytes(file, from, count));
      sources.release(file, from, count);
    });
    all.add(size);
    for (const Digest &digest : digests)
      all.add(llvm::toStringRef(digest));
  }
  return all.digest();
}

int CalibrationInput::open(const CompilerOptions &options, ModuleOp model, const SourceFiles &sources) {
  if (isOpen)
    return ExitSuccess;
  if (int code = readCalibrationText(options, model, calibrationText))
    return code;
  isOpen = true;
  if (calibrationText.windows < options.calibrationSamples && !options.quiet)
    llvm::errs() << "qcc: " << options.calibration << " has " << calibrationText.windows << " windows of " << calibrationText.length << " tokens, fewer than --calib-samples="
                 << options.calibrationSamples << "\n";
  if (options.calibrationCache.empty())
    return ExitSuccess;
  CacheKey tokens;
  for (int64_t token : calibrationText.tokens)
    tokens.add(token);
  store = std::make_unique<CalibrationCache>();
  return store->open(options.calibrationCache, {digestOf(sources), tokens.digest(), calibrationText.windows, calibrationText.length});
}

int CalibrationInput::close(const CompilerOptions &options) {
  if (!store)
    return ExitSuccess;
  if (int code = store->commit())
    return code;
  if (!options.quiet && (store->numFound() || store->numAdded()))
    llvm::errs() << "qcc: calibration: " << store->numFound() << " of " << store->numFound() + store->numAdded() << " results come from " << options.calibrationCache << "\n";
  return ExitSuccess;
}

CacheKey qcc::keyOfProgram(ModuleOp graph) {
  CacheKey key;
  key.add(kVersion).add(buildId());
  if (auto host = findTarget(allTargets(), "host", "", "", false))   // numbers differ in their last digits
    for (const TargetVersion &code : host->versions)
      key.add(code.cpu).add(code.features);
  else
    llvm::consumeError(host.takeError());              // nothing runs then
  OwningOpRef<ModuleOp> copy = graph.clone();
  (*copy)->removeAttr("qnt.files");                    // names; the bytes are part of the cache's identity
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags whole;                               // whatever --mlir-elide-elementsattrs-if-larger says
  copy->print(stream, whole.elideLargeElementsAttrs(std::numeric_limits<int64_t>::max()).enableDebugInfo(false));
  return key.add(text);
}

/// Bit for bit.
static void addStatistics(RecordWriter &record, const InputStatistics &inputs) {
  record.add(inputs.K).add(inputs.rows).add(ArrayRef<float>(inputs.absMax)).add(ArrayRef<float>(inputs.meanAbs));
  std::vector<float> half;                             // they are symmetric
  half.reserve(inputs.moments.size() / 2 + size_t(inputs.K));
  for (int64_t i = 0; inputs.hasMoments() && i < inputs.K; ++i)
    half.insert(half.end(), inputs.moments.begin() + i * inputs.K + i, inputs.moments.begin() + (i + 1) * inputs.K);
  record.add(ArrayRef<float>(half));
}

InputStatistics qcc::collectStatistics(const float *values, int64_t rows, int64_t K, bool withMoments, CalibrationCache *cache, const Digest &key, RecordWriter record) {
  StatisticsCollector collector(K, withMoments);
  collector.add(values, rows);
  InputStatistics inputs = collector.finish();
  if (cache) {
    addStatistics(record, inputs);
    cache->add(key, record.bytes());
  }
  return inputs;
}

bool qcc::readStatistics(RecordReader &record, InputStatistics &inputs, qnt::WeightDeclOp weight, bool withMoments) {
  inputs.K = record.integer();
  inputs.rows = record.integer();
  inputs.absMax = record.floats();
  inputs.meanAbs = record.floats();
  std::vector<float> half = record.floats();
  int64_t K = cast<RankedTensorType>(weight.getType()).getDimSize(1);
  if (!record.isComplete() || inputs.K != K || int64_t(inputs.absMax.size()) != K || int64_t(inputs.meanAbs.size()) != K ||
      int64_t(half.size()) != (withMoments ? K * (K + 1) / 2 : 0))
    return false;
  inputs.moments.resize(withMoments ? K * K : 0);
  size_t at = 0;
  for (int64_t i = 0; inputs.hasMoments() && i < K; ++i)
    for (int64_t j = i; j < K; ++j)
      inputs.moments[i * K + j] = inputs.moments[j * K + i] = half[at++];
  return true;
}

int qcc::findStatistics(CalibrationCache *cache, const Digest &key, qnt::WeightDeclOp weight, bool withMoments, std::optional<InputStatistics> &inputs) {
  std::optional<ArrayRef<uint8_t>> bytes = cache ? cache->find(key) : std::nullopt;
  if (!bytes)
    return ExitSuccess;
  RecordReader record(*bytes);
  return readStatistics(record, inputs.emplace(), weight, withMoments) ? int(ExitSuccess) : cache->refuseRecord();
}
