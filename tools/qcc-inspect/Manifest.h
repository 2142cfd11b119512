// The manifest as text for people.
#ifndef QCC_TOOLS_QCC_INSPECT_MANIFEST_H
#define QCC_TOOLS_QCC_INSPECT_MANIFEST_H
#include "llvm/Support/JSON.h"
namespace qcc {

/// Prints what the manifest says; keys that are missing or of another type are left out. `weights`: what was found out about them.
void printManifest(const llvm::json::Object &manifest, llvm::StringRef path, llvm::StringRef weights, llvm::raw_ostream &out);

} // namespace qcc
#endif
