// What exists: every dialect and pass that the tools know. Explicit calls, no static constructors.
#ifndef QCC_COMPILER_REGISTRATION_H
#define QCC_COMPILER_REGISTRATION_H
namespace mlir {
class DialectRegistry;
} // namespace mlir
namespace qcc {
/// qcc's dialects and the upstream ones that the pipeline uses, with their interface models.
void registerDialects(mlir::DialectRegistry &registry);
/// All passes and pipelines by name, upstream's and qcc's. The second call does nothing.
void registerPasses();
/// `--debug-only=recover-attention,...`, a hidden option that shows what passes print with LDBG() (llvm/Support/DebugLog.h). Builds without assertions have
/// neither. Part of registerPasses.
void registerDebugOptions();
/// Dialects and passes.
void registerEverything(mlir::DialectRegistry &registry);
} // namespace qcc
#endif
