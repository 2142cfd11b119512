// Prints what an artifact holds: its manifest, and whether its weights are the right ones. Reads the file; never runs it, so that artifacts
// for other CPUs, and doubtful ones, can be looked at.
#include "Manifest.h"
#include "qcc/Base/CommandLine.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Runtime/Program.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
extern "C" {
#include "lib/Runtime/Weights.h"
}
using namespace qcc;
using llvm::StringRef;
namespace cl = llvm::cl;

static int fail(ExitCode code, const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "qcc-inspect") << message << "\n";
  return code;
}

/// Contents of a section, empty if there is none.
static StringRef sectionNamed(const llvm::object::ObjectFile &object, StringRef wanted) {
  for (const llvm::object::SectionRef &section : object.sections()) {
    llvm::Expected<StringRef> name = section.getName(), contents = section.getContents();
    if (name && contents && *name == wanted)
      return *contents;
    llvm::consumeError(name.takeError());
    llvm::consumeError(contents.takeError());
  }
  return {};
}

namespace {
/// Mapped for as long as it lives.
struct WeightsFile {
  qccrt_weights mapped = {};
  bool found = false;
  std::string path, error;
  ~WeightsFile() { qccrt_weights_free(&mapped); }
};
} // namespace

/// The weights that belong to the library at `library`: the file named by the user, the embedded ones, or the file beside it.
static void findWeights(StringRef library, StringRef wish, const llvm::object::ObjectFile &object, WeightsFile &weights) {
  char error[1024] = "";
  StringRef embedded = sectionNamed(object, QCC_WEIGHTS_SECTION);
  if (wish.empty() && !embedded.empty()) {
    weights.path = "embedded weights";
    qccrt_block image = {};                                   // the checks need an aligned image, which a section of a file is not
    if (qccrt_block_reserve(&image, embedded.size())) {
      memcpy(image.data, embedded.data(), embedded.size());
      weights.found = qccrt_weights_use(&weights.mapped, image.data, embedded.size(), weights.path.c_str(), error, sizeof error);
      weights.mapped.copy = image;                            // freed with the rest
    }
  } else {
    llvm::SmallString<256> path(wish.empty() ? library : wish);
    if (wish.empty())
      path = path.ends_with(".so") ? StringRef(path).drop_back(3).str() + ".weights" : StringRef(path).str() + ".weights";
    weights.path = path.str().str();
    weights.found = qccrt_weights_map(&weights.mapped, weights.path.c_str(), error, sizeof error);
  }
  weights.error = error;
}

/// Exit code of the check, and its outcome in words. Missing weights are only a fault when they are to be verified.
static ExitCode checkWeights(WeightsFile &weights, StringRef id, bool verify, std::string &outcome) {
  if (!weights.found) {
    outcome = weights.error;
    return !verify ? ExitSuccess : llvm::sys::fs::exists(weights.path) ? ExitMalformed : ExitInput;
  }
  const qcc_weights_header *header = qccrt_weights_header(&weights.mapped);
  char error[1024];
  if (llvm::toHex(header->id, true) != id)
    outcome = weights.path + ": of another model or another compilation of it";
  else if (verify && !qccrt_weights_verify(&weights.mapped, weights.path.c_str(), error, sizeof error))
    outcome = error;
  else {
    outcome = weights.path + (verify ? ": every section verified" : ": belongs to this library");
    return ExitSuccess;
  }
  return ExitMalformed;
}

int main(int argc, char **argv) {
  static cl::OptionCategory category("Options");
  static Opt<std::string> input(cl::Positional, cl::desc("<model.so>"), cl::cat(category));
  static Opt<bool> json("json", cl::desc("print the manifest as JSON (docs/Artifact.md)"), cl::cat(category));
  static Opt<bool> verify("verify-weights", cl::desc("check the SHA-256 of every weight section"), cl::cat(category));
  static Opt<std::string> weightsPath("weights", cl::desc("the weights file (default: beside the library)"), cl::value_desc("file"), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  if (!parseOptions("qcc-inspect", std::vector<std::string>(argv, argv + argc), "prints what an artifact compiled by qcc holds\n"))
    return ExitUsage;
  if (input.empty())
    return fail(ExitUsage, "no model given; see qcc-inspect --help");
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer = llvm::MemoryBuffer::getFile(input, false, false);
  if (!buffer)
    return fail(ExitInput, input + ": " + buffer.getError().message());
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> object = llvm::object::ObjectFile::createObjectFile(**buffer);
  if (!object)
    return fail(ExitMalformed, input + ": not a library: " + llvm::toString(object.takeError()));
  StringRef text = sectionNamed(**object, QCC_MANIFEST_SECTION).take_until([](char c) { return !c; });
  if (text.empty())
    return fail(ExitMalformed, input + ": not a model compiled by qcc (there is no section '" QCC_MANIFEST_SECTION "')");
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  if (!parsed)
    return fail(ExitMalformed, input + ": its manifest is damaged: " + llvm::toString(parsed.takeError()));
  const llvm::json::Object *manifest = parsed->getAsObject();
  if (!manifest)
    return fail(ExitMalformed, input + ": its manifest is damaged");

  const llvm::json::Object *description = manifest->getObject("weights");
  std::string outcome = "none";
  ExitCode code = ExitSuccess;
  if (description && description->getInteger("bytes").value_or(0) > 0) {
    WeightsFile weights;
    findWeights(input, weightsPath, **object, weights);
    code = checkWeights(weights, description->getString("id").value_or(""), verify, outcome);
  }
  if (json)
    llvm::outs() << llvm::formatv("{0:2}", *parsed) << "\n";
  else
    printManifest(*manifest, input, outcome, llvm::outs());
  llvm::outs().flush();
  if (std::error_code error = llvm::outs().error()) {
    llvm::outs().clear_error();
    return fail(ExitResource, "cannot write to standard output: " + error.message());
  }
  return code ? fail(code, outcome) : ExitSuccess;
}
