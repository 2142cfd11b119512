// `--target=<preset>`: look-up over all targets, and what to say when there is none.
#include "qcc/Target/Target.h"
#include "qcc/Base/CommandLine.h"
#include "llvm/ADT/StringExtras.h"
using namespace qcc;

llvm::Expected<std::string> Target::findAssembler() const { return llvm::createStringError("this target makes no machine code of its images"); }
llvm::Error Target::assembleImage(const TargetVersion &, llvm::StringRef, llvm::StringRef) const { return findAssembler().takeError(); }

llvm::Expected<TargetInfo> qcc::findTarget(llvm::ArrayRef<const Target *> targets, llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef attributes,
                                           bool multiversion) {
  std::vector<std::string> known = {"host"};
  for (const Target *target : targets) {
    std::vector<TargetInfo> candidates = target->presets();
    if (name == "host") {
      candidates.clear();
      if (std::optional<TargetInfo> host = target->host())
        candidates.push_back(*host);
    }
    for (TargetInfo &info : candidates) {
      known.push_back(info.name);
      if (info.name != name && name != "host")
        continue;
      if (llvm::Error error = target->refine(info, cpu, attributes))
        return std::move(error);
      if (!multiversion)
        info.versions.erase(info.versions.begin(), info.versions.end() - 1);
      return info;
    }
  }
  if (name == "host")
    return llvm::createStringError("target 'host': no target of this compiler fits the machine it runs on; name one with --target");
  std::string near = didYouMean(name, known);
  return llvm::createStringError("unknown target '" + name + "'; " + (near.empty() ? "known targets: " + llvm::join(known, ", ") : near));
}

const Target *qcc::targetOf(llvm::ArrayRef<const Target *> targets, const TargetInfo &info) {
  for (const Target *target : targets)
    if (info.name == "host" ? target->host().has_value()
                            : llvm::any_of(target->presets(), [&](const TargetInfo &preset) { return preset.name == info.name; }))
      return target;
  return nullptr;
}
