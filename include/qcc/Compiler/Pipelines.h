// The order of all passes, one function per stage. See lib/Compiler/Pipelines.cpp, the table of contents of the compiler.
#ifndef QCC_COMPILER_PIPELINES_H
#define QCC_COMPILER_PIPELINES_H
namespace mlir {
class OpPassManager;
} // namespace mlir
namespace qcc {
struct CompilerOptions;
struct TargetInfo;

void addGraphStage(mlir::OpPassManager &pm, const CompilerOptions &options);
void addQuantStage(mlir::OpPassManager &pm, const CompilerOptions &options);
void addKernelStage(mlir::OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target);
void addLlvmStage(mlir::OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target);

/// The stages above under the names qcc-graph-stage, ... for qcc-opt, with default options.
void registerStagePipelines();

} // namespace qcc
#endif
