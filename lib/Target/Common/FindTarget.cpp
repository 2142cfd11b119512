// `--target=<preset>`: look-up over all targets, and what to say when there is none.
#include "qcc/Target/Target.h"
#include "llvm/ADT/StringExtras.h"
using namespace qcc;

// The closest three names at an edit distance of up to a third of the asked one; all names if there are none.
static std::string closest(llvm::StringRef name, llvm::ArrayRef<std::string> known) {
  std::vector<std::pair<unsigned, std::string>> near;
  for (const std::string &candidate : known) {
    unsigned distance = name.edit_distance(candidate);
    if (distance <= std::max<size_t>(2, name.size() / 3))
      near.emplace_back(distance, candidate);
  }
  llvm::sort(near);
  near.resize(std::min<size_t>(near.size(), 3));
  std::vector<std::string> names;
  for (auto &[distance, candidate] : near)
    names.push_back(candidate);
  return names.empty() ? "known targets: " + llvm::join(known, ", ") : "did you mean " + llvm::join(names, ", ") + "?";
}

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
  return llvm::createStringError("unknown target '" + name + "'; " + closest(name, known));
}

const Target *qcc::targetOf(llvm::ArrayRef<const Target *> targets, const TargetInfo &info) {
  for (const Target *target : targets)
    if (info.name == "host" ? target->host().has_value()
                            : llvm::any_of(target->presets(), [&](const TargetInfo &preset) { return preset.name == info.name; }))
      return target;
  return nullptr;
}
