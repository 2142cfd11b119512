// Names of several nodes as one that a person can read.
#include "lib/Kernel/NodeNames.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
using namespace mlir;
using namespace qcc;

/// Words of a name with the separator before each: "/model/layers.0" is "/model", "/layers", ".0".
static SmallVector<StringRef> words(StringRef name) {
  SmallVector<StringRef> list;
  while (!name.empty()) {
    StringRef word = name.take_front(name.find_first_of("/.", 1));
    list.push_back(word);
    name = name.drop_front(word.size());
  }
  return list;
}

/// Several names as one. Words that differ become `*` for repetitions (layers.*) and are joined for what was merged (q_proj+k_proj).
static std::string merge(ArrayRef<std::string> names, bool repeated) {
  SmallVector<SmallVector<StringRef>> split;
  for (const std::string &name : names)
    split.push_back(words(name));
  if (!llvm::all_equal(llvm::map_range(split, [](auto &list) { return list.size(); })))
    return repeated ? names.front() : llvm::join(names, ", ");
  std::string merged;
  for (size_t i = 0; i < split.front().size(); ++i) {
    llvm::SmallSetVector<StringRef, 4> different;
    for (auto &list : split)
      different.insert(list[i]);
    StringRef first = different.front();
    if (different.size() == 1)
      merged += first;
    else if (repeated)
      merged += (first.take_front(first.find_first_not_of("/.")) + "*").str();
    else
      for (StringRef word : different)
        merged += word == first ? word.str() : "+" + word.ltrim("/.").str();
  }
  return merged;
}

std::string qcc::nodesOf(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName().str();
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused)
    return "";
  SmallVector<std::string> names;
  for (Location part : fused.getLocations())
    if (std::string name = nodesOf(part); !name.empty() && !llvm::is_contained(names, name))
      names.push_back(name);
  auto kind = dyn_cast_if_present<StringAttr>(fused.getMetadata());
  return names.empty() ? "" : merge(names, kind && kind == "repeated");
}
