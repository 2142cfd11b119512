// All targets, from AllTargets.def.
#include "qcc/Target/Target.h"
using namespace qcc;

llvm::ArrayRef<const Target *> qcc::allTargets() {
  static const Target *const all[] = {
#define QCC_TARGET(Name) &get##Name##Target(),
#include "qcc/Target/AllTargets.def"
  };
  return all;
}
