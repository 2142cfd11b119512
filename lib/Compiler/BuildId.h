// Which build of qcc this is.
#ifndef QCC_LIB_COMPILER_BUILDID_H
#define QCC_LIB_COMPILER_BUILDID_H
#include "llvm/ADT/StringRef.h"
namespace qcc {

/// What the linker has made of this program's bytes (--build-id); empty where it was told not to.
llvm::StringRef buildId();

} // namespace qcc
#endif
