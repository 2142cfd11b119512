// What the files of lib/Target/X86 share.
#ifndef QCC_TARGET_X86_X86_H
#define QCC_TARGET_X86_X86_H
#include "qcc/Target/Target.h"
namespace qcc::x86 {
/// !qk.tile to !amx.tile, or null without a matrix unit.
mlir::Type tileRegister(mlir::Type tile, const TargetVersion &version);
void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version);
} // namespace qcc::x86
#endif
