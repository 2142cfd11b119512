// Between the files of this folder.
#ifndef QCC_LIB_TARGET_NVPTX_NVPTX_H
#define QCC_LIB_TARGET_NVPTX_NVPTX_H
#include "qcc/Target/Target.h"
namespace qcc::nvptx {
void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version);
} // namespace qcc::nvptx
#endif
