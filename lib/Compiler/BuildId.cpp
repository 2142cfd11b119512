#include "lib/Compiler/BuildId.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <link.h>
using namespace qcc;
using llvm::StringRef;

/// The description of the note of this type by this owner, in a segment of notes.
static StringRef findNote(StringRef notes, StringRef owner, unsigned type) {
  ElfW(Nhdr) header;
  while (notes.size() >= sizeof header) {
    memcpy(&header, notes.data(), sizeof header);
    size_t name = llvm::alignTo(header.n_namesz, 4), description = llvm::alignTo(header.n_descsz, 4);
    notes = notes.drop_front(sizeof header);
    if (name > notes.size() || description > notes.size() - name)
      return "";
    if (header.n_type == type && notes.take_front(header.n_namesz) == owner)
      return notes.substr(name, header.n_descsz);
    notes = notes.drop_front(name + description);
  }
  return "";
}

StringRef qcc::buildId() {
  StringRef found;
  auto look = [](dl_phdr_info *info, size_t, void *result) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr) &segment = info->dlpi_phdr[i];
      if (segment.p_type != PT_NOTE)
        continue;
      StringRef notes(reinterpret_cast<const char *>(info->dlpi_addr + segment.p_vaddr), segment.p_filesz);
      if (StringRef id = findNote(notes, StringRef("GNU\0", 4), NT_GNU_BUILD_ID); !id.empty())
        *static_cast<StringRef *>(result) = id;
    }
    return 1;                                          // the program itself comes first, libraries behind it
  };
  dl_iterate_phdr(look, &found);
  return found;
}
