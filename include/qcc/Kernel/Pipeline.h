// The kernel stage as one call: `qnt` programs with placed weights in, SPMD functions on memrefs, scf and vector out.
#ifndef QCC_KERNEL_PIPELINE_H
#define QCC_KERNEL_PIPELINE_H
#include "qcc/Base/TargetInfo.h"
namespace mlir {
class DialectRegistry;
class ModuleOp;
class OpPassManager;
} // namespace mlir
namespace qcc {
/// What the kernel stage may know about the target, written to the module as `qk.target`; the passes read only that.
void setTargetFacts(mlir::ModuleOp module, const TargetVersion &version, unsigned panelLanes);

/// The passes of the kernel stage, for a module with `qk.target` set. One target version a run: the module is the version's own clone.
/// `reference`: its operations are already reference lowerings, and nothing becomes a kernel.
void buildKernelPipeline(mlir::OpPassManager &pm, bool reference = false);

/// The interface models that bufferization needs.
void registerKernelInterfaces(mlir::DialectRegistry &registry);
} // namespace qcc
#endif
