// Hooks as AArch64 instructions; what is not here the generic lowering does well.
#include "lib/Target/ARM/ARM.h"
using namespace mlir;
using namespace qcc;

void arm::populateHookPatterns(RewritePatternSet &patterns, const TargetVersion &version) {}
