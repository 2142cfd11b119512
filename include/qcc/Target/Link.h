// Linking without a linker installed: lld as a library.
#ifndef QCC_TARGET_LINK_H
#define QCC_TARGET_LINK_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
namespace qcc {
// Errors of both functions convert to std::errc::no_space_on_device or file_too_large where that was the reason.

struct LinkInputs {
  std::string triple;
  std::vector<std::string> objects;   // paths
  std::string runtimeArchive;         // libqccrt.a of the target; all of it is linked in
  std::string soname;                 // "" for none
  std::string scratch;                // an existing folder for intermediate files
};

/// Writes the shared library `output`, which needs only libc.so.6 and libm.so.6 at run time and exports only qcc_*. Fails, naming them, for symbols
/// that neither the inputs define nor these libraries (lib/Target/Common/Imports.def).
/// Neither a C library nor a compiler is needed on this machine: libc is linked by name only, which also serves cross-linking.
llvm::Error linkSharedLibrary(const LinkInputs &inputs, llvm::StringRef output);

/// Joins the objects into one relocatable object, `output`, without the runtime (link it with libqccrt.a).
llvm::Error linkObject(const LinkInputs &inputs, llvm::StringRef output);

} // namespace qcc
#endif
