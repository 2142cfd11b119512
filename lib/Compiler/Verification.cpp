// Two programs with the same taps run the same sample. The reference goes on with the values that the fast one has computed, so each piece between two
// taps is compared alone, and differences of one layer are not seen in the next.
//
// Programs come in two pairs. Taps around every matmul: a product of integer activations has to agree in every bit. Taps between layers: the layers are
// the ones that were built, with what kernels fuse in them; one activation that is rounded the other way moves all that follows, so the bound is loose.
#include "lib/Compiler/Verification.h"
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/Calibration.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/Phases.h"
#include "lib/Compiler/TapLabels.h"
#include "lib/Compiler/TappedProgram.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <cmath>
#include <cstring>
using namespace mlir;
using namespace qcc;

//===-- what may differ ---------------------------------------------------------------------------------------------------------===//

/// The largest relative difference that `label` may have; 0: every bit agrees.
static double tolerance(const TapLabel &label, const CompilerOptions &options) {
  switch (label.kind) {
  case TapLabel::Product:
    if (label.isInteger)
      return 0;
    // bfloat16 has 8 bits, and both factors are rounded. Sums in another order: the backward bound 2 K eps of a dot product.
    return options.activationBits == 16 ? 2e-2 : std::max(1e-4, 2 * double(label.terms) * 0x1p-23);
  case TapLabel::Input:                                // exp and rsqrt within 2 units in the last place; a cache of f16 rounds keys and values to 11 bits
    return 1e-2;
  case TapLabel::Layer:
  case TapLabel::Result:
    return options.activationBits == 32 ? 1e-2 : 1e-1;
  }
  llvm_unreachable("a kind of tap");
}

static std::string nameOf(const TapLabel &label) {
  switch (label.kind) {
  case TapLabel::Product:
    return "the product with '" + label.name + "'";
  case TapLabel::Input:
    return "the input of '" + label.name + "'";
  case TapLabel::Layer:
    return "layer '" + label.name + "'";
  case TapLabel::Result:
    return "output '" + label.name + "'";
  }
  llvm_unreachable("a kind of tap");
}

namespace {
struct Values {
  std::vector<float> data;
  int64_t rows = 0, columns = 0;
};
struct Difference {
  double value = 0;                       // the largest of a column; infinite where one side is no number
  int64_t column = 0, row = 0;            // there, and where they differ most
};
} // namespace

static bool sameBits(float a, float b) { return memcmp(&a, &b, sizeof a) == 0; }

/// `floor`: a column's reference counts as at least so much of the columns' mean square. Also finds differences that are lost in rounding: those of single bits are above 0.
static Difference compare(const Values &fast, const float *reference, double floor) {
  if (fast.data.empty())                               // no columns, or no rows
    return {};
  std::vector<double> norm(size_t(fast.columns)), off(size_t(fast.columns));
  for (int64_t i = 0; i < fast.rows * fast.columns; ++i) {
    double f = fast.data[size_t(i)], r = reference[i], d = f - r;
    bool same = sameBits(float(f), float(r)) || (std::isnan(f) && std::isnan(r));
    norm[size_t(i % fast.columns)] += std::isfinite(r) ? r * r : 0;
    off[size_t(i % fast.columns)] += same ? 0 : std::isnan(d) ? INFINITY : std::max(d * d, 1e-300);
  }
  double mean = 0;
  for (double n : norm)
    mean += n / double(fast.columns);
  Difference worst;
  for (int64_t c = 0; c < fast.columns; ++c) {
    double least = std::max({norm[size_t(c)], floor * mean, 1e-300}), value = std::sqrt(off[size_t(c)] / least);
    if (value > worst.value)
      worst = {value, c, 0};
  }
  double most = -1;
  for (int64_t r = 0; r < fast.rows; ++r) {
    float f = fast.data[size_t(r * fast.columns + worst.column)], s = reference[r * fast.columns + worst.column];
    double d = std::isfinite(double(f) - s) ? std::abs(double(f) - s) : INFINITY;
    if (!sameBits(f, s) && d > most)
      most = d, worst.row = r;
  }
  return worst;
}

//===-- programs ----------------------------------------------------------------------------------------------------------------===//

namespace {
/// A program with taps and the weights that it reads.
struct Built {
  OwningOpRef<ModuleOp> module;
  WrittenWeights weights;
  std::vector<TapLabel> labels;
  TappedProgram program;
};

struct Worst {
  double share = -1, value = 0, bound = 0;             // share: of the bound
  std::string name;
};

class Verifier {
public:
  Verifier(const LibraryJob &job, ModuleOp decided, const WrittenWeights &weights, const Scratch &scratch, Verified &verified)
      : job(job), decided(decided), weights(weights), scratch(scratch), verified(verified) {}
  int run();

private:
  int chooseTokens();
  int build(bool isReference, bool layers, Built &out);
  int compareAt(bool layers);
  int compareVersion(Built &fast, Built &reference, const TargetVersion &version, bool &runs);
  int compareStep(Built &fast, Built &reference, const SampleStep &step, const TargetVersion &version);
  void judge(const TapLabel &label, const Values &values, const float *expected, const SampleStep &step, const TargetVersion &version);
  void summarize();

  const LibraryJob &job;
  ModuleOp decided;                       // job.module before weights were placed
  const WrittenWeights &weights;
  const Scratch &scratch;
  Verified &verified;
  std::vector<int64_t> tokens;
  std::vector<std::string> versions;      // that this machine runs
  Worst worst;
  int64_t numProducts = 0, numLayers = 0, numTokens = 0;
  bool failed = false;
};
} // namespace

int Verifier::chooseTokens() {
  constexpr int64_t count = 30;
  if (!job.options.calibration.empty())
    return readCalibrationSample(job.options, job.module, count, tokens);
  auto attribute = job.module->getAttrOfType<IntegerAttr>("qnt.vocabulary");
  int64_t vocabulary = attribute ? std::max<int64_t>(1, attribute.getInt()) : 1;
  uint32_t x = 1;
  for (int64_t i = 0; i < count; ++i) {
    x = x * 1664525u + 1013904223u;                    // Numerical Recipes' generator
    tokens.push_back(int64_t((uint64_t(x) * uint64_t(vocabulary)) >> 32));
  }
  return ExitSuccess;
}

int Verifier::build(bool isReference, bool layers, Built &out) {
  CompilerOptions options = job.options;
  TargetInfo target = job.target;
  if (isReference) {
    options.kernels = Kernels::Reference;
    target.versions = {target.versions.back()};        // the floor: what every version can be compared with on this machine
  }
  out.module = (isReference ? decided : ModuleOp(job.module)).clone();
  if (mlir::failed(job.runner.run(*out.module, [&](OpPassManager &pm) {
        if (isReference)
          addWeightPlacement(pm, options, target);
        addTaps(pm, layers ? "layers" : "products");
      })))
    return ExitUnsupported;
  out.labels = labelTaps(*out.module, layers);
  std::string prefix = std::string("verify.") + (layers ? "layers." : "products.") + (isReference ? "reference" : "fast");
  std::string library = scratch.path(prefix + ".so"), own = isReference ? scratch.path(prefix + ".weights") : "";
  OutputFiles none;
  LibraryFiles files{own, own, library, library, prefix + ".so", none};
  options.emit = Emit::Library;
  LibraryJob program = job.forProgram(*out.module, options, target);
  if (!isReference)
    out.weights = weights;
  int code = isReference ? buildLibrary(program, scratch, files, out.weights) : buildProgram(program, scratch, files, out.weights);
  return code ? code : out.program.load(library, *out.module);
}

void Verifier::judge(const TapLabel &label, const Values &values, const float *expected, const SampleStep &step, const TargetVersion &version) {
  // Where one activation is rounded the other way, every column changes, by as much as large ones allow.
  bool isLayer = label.kind == TapLabel::Layer || label.kind == TapLabel::Result;
  Difference difference = compare(values, expected, isLayer ? 1 : 0.01);
  double bound = tolerance(label, job.options);
  if (label.kind == TapLabel::Product) {
    double &known = verified.products[label.section];
    known = std::max(known, difference.value);
  }
  double share = bound > 0 ? difference.value / bound : difference.value > 0 ? INFINITY : 0;
  if (share > worst.share)
    worst = {share, difference.value, bound, nameOf(label)};
  if (share <= 1 || failed)
    return;
  failed = true;
  float got = values.data[size_t(difference.row * values.columns + difference.column)], want = expected[difference.row * values.columns + difference.column];
  std::string text;
  llvm::raw_string_ostream out(text);
  out << job.options.input << ": " << nameOf(label) << " differs from its reference lowering by " << llvm::format("%.2g", difference.value) << ", ";
  bound > 0 ? out << "more than " << llvm::format("%.2g", bound) : out << "and has to agree in every bit";
  out << " [verification]\n  note: version " << version.name << ", " << step.count << (step.count == 1 ? " token" : " tokens") << " from token " << step.first << " of the sample; row " << difference.row
      << ", column " << difference.column << ": " << llvm::format("%.9g", double(got)) << " instead of " << llvm::format("%.9g", double(want));
  complain(ExitVerification, text);
}

int Verifier::compareStep(Built &fast, Built &reference, const SampleStep &step, const TargetVersion &version) {
  Sample sample{tokens, {}};
  std::vector<Values> shown;
  auto keep = [&](float *values, int64_t rows, int64_t columns) { shown.push_back({std::vector<float>(values, values + rows * columns), rows, columns}); };
  if (int code = fast.program.step(sample, step, keep))
    return code;
  size_t next = 0;
  bool twins = fast.labels == reference.labels && shown.size() == fast.labels.size();
  auto match = [&](float *values, int64_t rows, int64_t columns) {
    twins = twins && next < shown.size() && shown[next].rows == rows && shown[next].columns == columns;
    if (!twins || failed)
      return;
    judge(fast.labels[next], shown[next], values, step, version);
    llvm::copy(shown[next++].data, values);
  };
  if (int code = reference.program.step(sample, step, match))
    return code;
  if (!failed && (!twins || next != shown.size()))
    return complain(ExitInternal, "--verify: the program and its reference do not show the same values");
  return failed ? int(ExitVerification) : int(ExitSuccess);
}

int Verifier::compareVersion(Built &fast, Built &reference, const TargetVersion &version, bool &runs) {
  bool referenceRuns = true;
  if (int code = fast.program.open(fast.weights, version.name.c_str(), job.options.jobs, runs); code || !runs)
    return code;
  if (int code = reference.program.open(reference.weights, nullptr, job.options.jobs, referenceRuns))
    return code;
  numTokens = 0;
  for (const SampleStep &step : makeSample(*fast.module, tokens).steps) {
    if (int code = compareStep(fast, reference, step, version))
      return code;
    numTokens += step.count;
  }
  return ExitSuccess;
}

int Verifier::compareAt(bool layers) {
  Built fast, reference;
  job.phases.begin("verifying");
  if (int code = build(/*isReference=*/false, layers, fast))
    return code;
  if (int code = build(/*isReference=*/true, layers, reference))
    return code;
  job.phases.begin("verifying");
  versions.clear();
  for (const TargetVersion &version : job.target.versions) {
    bool runs = true;
    if (int code = compareVersion(fast, reference, version, runs))
      return code;
    if (runs)
      versions.push_back(version.name);
  }
  llvm::StringSet<> names;                             // a layer may have several results
  for (const TapLabel &label : fast.labels) {
    numProducts += label.kind == TapLabel::Product;
    numLayers += label.kind == TapLabel::Layer && names.insert(label.name).second;
  }
  if (versions.empty())
    return complain(ExitUnsupported, "--verify runs what it builds: this CPU has not what target '" + job.target.name + "' needs");
  return ExitSuccess;
}

void Verifier::summarize() {
  if (job.options.quiet)
    return;
  llvm::errs() << "qcc: verified " << llvm::join(versions, ", ") << " on " << numTokens << " tokens: " << numProducts << " matmuls and " << numLayers << " layers equal their reference lowerings";
  if (worst.share > 0)
    llvm::errs() << "; worst: " << worst.name << ", " << llvm::format("%.2g", worst.value) << " of " << llvm::format("%.2g", worst.bound);
  llvm::errs() << "\n";
}

int Verifier::run() {
  if (int code = chooseTokens())
    return code;
  if (int code = compareAt(/*layers=*/false))
    return code;
  if (int code = compareAt(/*layers=*/true))
    return code;
  summarize();
  return ExitSuccess;
}

int qcc::checkRuns(const TargetInfo &target, StringRef option) {
  llvm::Triple code(target.triple), own(llvm::sys::getProcessTriple());
  if (!target.isDevice() && code.getArch() == own.getArch())
    return ExitSuccess;
  return complain(ExitUnsupported, option + " runs what it builds: this machine (" + llvm::Triple::getArchTypeName(own.getArch()) + ") does not run target '" + target.name + "'");
}

int qcc::verify(const LibraryJob &job, ModuleOp decided, const WrittenWeights &weights, const Scratch &scratch, Verified &verified) {
  return Verifier(job, decided, weights, scratch, verified).run();
}
