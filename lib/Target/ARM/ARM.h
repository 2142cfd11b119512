// What the files of lib/Target/ARM share.
#ifndef QCC_TARGET_ARM_ARM_H
#define QCC_TARGET_ARM_ARM_H
#include "qcc/Target/Target.h"
namespace qcc::arm {
void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version);
} // namespace qcc::arm
#endif
