// Weights first, then code: values that cannot be quantized are found before minutes go into code.
#include "lib/Compiler/Library.h"
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/Backend.h"
#include "lib/Compiler/DescribeProgram.h"
#include "lib/Compiler/InternalErrors.h"
#include "lib/Compiler/Manifest.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/Phases.h"
#include "lib/Compiler/WeightPlan.h"
#include "lib/Compiler/WeightsFile.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Target/Link.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
using namespace mlir;
using namespace qcc;

int qcc::complain(int exitCode, const Twine &message) {
  llvm::errs() << "qcc: error: " << message << "\n";
  return exitCode;
}

int qcc::complainOf(int exitCode, llvm::Error error, const OutputFiles &outputs) {
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &one) {
    std::error_code code = one.convertToErrorCode();
    if (code == std::errc::no_space_on_device || code == std::errc::file_too_large || code == std::error_code(EDQUOT, std::generic_category()))
      exitCode = ExitResource;
    complain(exitCode, outputs.withFinalNames(one.message()));
  });
  return exitCode;
}

Scratch::Scratch() {
  error = llvm::sys::fs::createUniqueDirectory("qcc", folder);
  if (!error)
    setScratchFolder(folder);
}

Scratch::~Scratch() {
  setScratchFolder("");
  if (!error)
    llvm::sys::fs::remove_directories(folder);
}

std::string Scratch::path(const Twine &name) const {
  llvm::SmallString<128> joined(folder);
  llvm::sys::path::append(joined, name);
  return joined.str().str();
}

// bin/qcc, lib/libqccrt.a, and lib/<architecture>/libqccrt.a for others than this program's.
std::string qcc::runtimeArchive(StringRef targetTriple) {
  static int here;
  llvm::Triple triple(targetTriple), own(llvm::sys::getProcessTriple());
  llvm::SmallString<128> path(llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(nullptr, &here)));
  llvm::sys::path::append(path, "..", "lib", triple.getArch() == own.getArch() ? "" : triple.getArchName(), "libqccrt.a");
  return path.str().str();
}

namespace {
/// Says how far the encoding of weights is.
class CountedSink : public WeightSink {
public:
  CountedSink(WeightSink &sink, Phases &phases, int64_t total) : sink(sink), phases(phases), total(total) {}
  llvm::Expected<int64_t> begin(StringRef symbol, StringRef name, int64_t bytes) override {
    phases.step(++number, total);
    return sink.begin(symbol, name, bytes);
  }
  llvm::Error append(ArrayRef<uint8_t> bytes) override { return sink.append(bytes); }
  llvm::Error end() override { return sink.end(); }

private:
  WeightSink &sink;
  Phases &phases;
  int64_t total, number = 0;
};
} // namespace

static int writeWeights(const LibraryJob &job, StringRef path, const LibraryFiles &files, WrittenWeights &weights) {
  auto file = WeightsFile::create(path, files.weights.empty() ? path : StringRef(files.weightsName));
  if (!file)
    return complain(ExitResource, llvm::toString(file.takeError()));
  job.phases.begin("encoding weights");
  ModuleOp module = job.module;
  auto decls = module.getOps<qnt::WeightDeclOp>();
  CountedSink counted(**file, job.phases, std::distance(decls.begin(), decls.end()));
  if (ExitCode code = materializeWeights(module, job.sources, packingOf, counted, job.encoded, job.errors))
    return code;
  if (llvm::Error error = (*file)->finish())
    return complain(ExitResource, llvm::toString(std::move(error)));
  weights = {path.str(), files.weights.empty(), (*file)->id(), (*file)->dataBytes(), (*file)->digests()};
  return ExitSuccess;
}

int qcc::buildLibrary(const LibraryJob &job, const Scratch &scratch, const LibraryFiles &files, WrittenWeights &weights) {
  if (failed(describeProgram(job.module)))             // before weights are written, which takes longest
    return ExitMalformed;
  if (int code = writeWeights(job, files.weights.empty() ? scratch.path("weights") : files.weights, files, weights))
    return code;
  return buildProgram(job, scratch, files, weights);
}

int qcc::buildProgram(const LibraryJob &job, const Scratch &scratch, const LibraryFiles &files, const WrittenWeights &weights) {
  const TargetInfo &target = job.target;
  FailureOr<ProgramDescription> program = describeProgram(job.module);
  if (failed(program))
    return ExitMalformed;
  program->weightsId = weights.id;
  program->weightsBytes = weights.bytes;
  if (weights.isEmbedded)
    program->embeddedWeights = weights.path;

  job.phases.begin("lowering to kernels");
  auto after = [&](StringRef stage, const TargetVersion &version, ModuleOp lowered) {
    if (job.after)
      job.after(stage, version, lowered);
  };
  auto versions = lowerVersions(job.module, job.runner, job.options, target, job.family, *program, after);
  if (failed(versions))
    return ExitCompileError;
  CompilerOptions resolved = job.options;
  resolved.target = target.name;
  program->manifest = buildManifest(job.module, resolved, *program, job.sources, weights.digests);
  LinkInputs link{target.linkedTriple(), {}, runtimeArchive(target.linkedTriple()), files.soname, scratch.path("")};
  for (const CompiledVersion &version : *versions)
    link.objects.push_back(scratch.path(version.version->name + ".o"));
  job.phases.begin("generating code");
  if (llvm::Error error = generateCode(*versions, job.options, target, CodeKind::Object, link.objects))
    return complainOf(ExitCompileError, std::move(error), files.outputs);
  for (auto [variant, object] : llvm::zip_equal(program->variants, link.objects))
    if (variant.device)
      variant.device->image = imagePath(object);
  for (auto [variant, version] : llvm::zip_equal(program->variants, *versions))
    if (variant.device && job.options.deviceBinary) {
      variant.device->binary = variant.device->image + ".bin";
      if (llvm::Error error = job.family.assembleImage(*version.version, variant.device->image, variant.device->binary))
        return complainOf(ExitLink, std::move(error), files.outputs);
    }
  link.objects.push_back(scratch.path("program.o"));
  if (llvm::Error error = generateTable(*program, target, link.objects.back()))
    return complainOf(ExitCompileError, std::move(error), files.outputs);

  job.phases.begin("linking");
  setMappedOutput(files.libraryName);
  llvm::Error linked = job.options.emit == Emit::Object ? linkObject(link, files.library) : linkSharedLibrary(link, files.library);
  setMappedOutput("");
  if (linked)
    return complainOf(ExitLink, std::move(linked), files.outputs);
  return ExitSuccess;
}
