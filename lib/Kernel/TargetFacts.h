// The target as the kernel stage sees it: the module's `qk.target` attribute, so that every pass can be tested from text.
#ifndef QCC_LIB_KERNEL_TARGETFACTS_H
#define QCC_LIB_KERNEL_TARGETFACTS_H
#include "qcc/Base/TargetInfo.h"
namespace mlir {
class Operation;
} // namespace mlir
namespace qcc {
struct TargetFacts {
  TargetVersion version;
  unsigned panelLanes = 16;
  unsigned lanes() const { return version.vectorBits / 32; }        // f32 values in a register
};
/// Reads `qk.target` of the module that holds `op`; missing facts keep TargetVersion's defaults.
TargetFacts getTargetFacts(mlir::Operation *op);
} // namespace qcc
#endif
