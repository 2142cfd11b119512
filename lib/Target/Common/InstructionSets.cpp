// `--mcpu` and `--mattr`: LLVM's names checked, as LLVM itself only warns, on the standard error.
#include "qcc/Target/InstructionSets.h"
#include "qcc/Base/CommandLine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>
using namespace qcc;

std::unique_ptr<llvm::MCSubtargetInfo> InstructionSets::subtarget(llvm::StringRef cpu, llvm::StringRef attributes) const {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargetMCs();
  });
  std::string why;
  llvm::Triple parsed(triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(parsed, why);
  return std::unique_ptr<llvm::MCSubtargetInfo>(target ? target->createMCSubtargetInfo(parsed, cpu, attributes) : nullptr);
}

uint64_t InstructionSets::checkable(const llvm::MCSubtargetInfo &info) const {
  uint64_t bits = 0;
  for (const Feature &feature : features)
    if (info.checkFeatures(("+" + llvm::StringRef(feature.name)).str()))
      bits |= feature.bit;
  return bits;
}

void InstructionSets::setInstructions(TargetVersion &version, llvm::StringRef cpu, llvm::StringRef attributes) const {
  uint64_t bits = checkable(*subtarget(cpu, attributes));
  version.cpu = llvm::find_if(levels, [&](const Level &level) { return (bits & level.bits) == level.bits; })->cpu;
  uint64_t implied = checkable(*subtarget(version.cpu, ""));
  std::vector<std::string> above;
  for (const Feature &feature : features)
    if (bits & ~implied & feature.bit)
      above.push_back(std::string("+") + feature.name);
  version.features = llvm::join(above, ",");
  version.functionAttributes.push_back({"tune-cpu", cpu.str()});
}

void InstructionSets::setHostInstructions(TargetVersion &version) const {
  std::vector<std::string> attributes;                 // CPUs of one name differ: virtual machines hide some
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    attributes.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(attributes);                              // the map has no order, and the last word counts
  setInstructions(version, llvm::sys::getHostCPUName(), llvm::join(attributes, ","));
}

llvm::Error InstructionSets::refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes, llvm::function_ref<void(TargetVersion &)> derive) const {
  if (cpu.empty() && attributes.empty())
    return llvm::Error::success();
  if (llvm::Error error = checkNames(info.name, cpu, attributes))
    return error;
  // A version whose own instructions are taken away is none: what is left of it goes by the name of one below. The best come first, the floor last.
  auto loses = [&](const TargetVersion &version) {
    llvm::SmallVector<llvm::StringRef> own, words;
    llvm::StringRef(version.features).split(own, ',', -1, /*KeepEmpty=*/false);
    attributes.split(words, ',', -1, /*KeepEmpty=*/false);
    return llvm::any_of(own, [&](llvm::StringRef name) { return name.consume_front("+") && isInstructions(name) && llvm::is_contained(words, ("-" + name).str()); });
  };
  TargetVersion floor = info.versions.back();
  llvm::erase_if(info.versions, [&](const TargetVersion &version) { return version.name != floor.name && loses(version); });
  for (TargetVersion &version : info.versions) {
    if (!cpu.empty())
      setInstructions(version, cpu, version.features);
    if (!attributes.empty())
      version.features += (version.features.empty() ? "" : ",") + attributes.str();
    derive(version);
  }
  // What became equal is one version, under the name that promises least.
  std::vector<TargetVersion> kept;
  llvm::ArrayRef<TargetVersion> later = info.versions;
  for (const TargetVersion &version : info.versions) {
    later = later.drop_front();
    if (llvm::none_of(later, [&](const TargetVersion &other) { return other.runtimeFeatures == version.runtimeFeatures; }))
      kept.push_back(version);
  }
  info.versions = std::move(kept);
  return llvm::Error::success();
}

static std::string nearest(llvm::StringRef name, llvm::ArrayRef<std::string> known) {
  std::string near = didYouMean(name, known);
  return near.empty() ? "" : "; " + near;
}

llvm::Error InstructionSets::checkNames(llvm::StringRef target, llvm::StringRef cpu, llvm::StringRef attributes) const {
  std::unique_ptr<llvm::MCSubtargetInfo> info = subtarget(baseCpu, "");
  std::vector<std::string> cpus, names;
  for (const auto &known : info->getAllProcessorDescriptions())
    cpus.push_back(known.Key);
  for (const auto &known : info->getAllProcessorFeatures())
    names.push_back(known.Key);
  if (!cpu.empty() && !llvm::is_contained(cpus, cpu))
    return llvm::createStringError("target '" + target + "' has no CPU '" + cpu + "'" + nearest(cpu, cpus));
  llvm::SmallVector<llvm::StringRef> parts;
  attributes.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    if (!part.starts_with("+") && !part.starts_with("-"))
      return llvm::createStringError("--mattr wants +feature or -feature, not '" + part + "'");
    if (!llvm::is_contained(names, part.drop_front()))
      return llvm::createStringError("target '" + target + "' has no feature '" + part.drop_front() + "'" + nearest(part.drop_front(), names));
    if (part.consume_front("+") && isInstructions(part) && !info->checkFeatures(("+" + part).str()) &&
        llvm::none_of(features, [&](const Feature &known) { return part == known.name; }))
      return llvm::createStringError("feature '" + part + "' is refused: artifacts cannot check that a machine has it");
  }
  return llvm::Error::success();
}
