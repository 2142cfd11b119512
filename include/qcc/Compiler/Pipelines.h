// The order of all passes, one function per stage. See lib/Compiler/Pipelines.cpp, the table of contents of the compiler.
#ifndef QCC_COMPILER_PIPELINES_H
#define QCC_COMPILER_PIPELINES_H
#include "llvm/ADT/StringRef.h"
namespace mlir {
class OpPassManager;
} // namespace mlir
namespace qcc {
struct CompilerOptions;
struct TargetInfo;

void addGraphStage(mlir::OpPassManager &pm, const CompilerOptions &options);
void addQuantStage(mlir::OpPassManager &pm, const CompilerOptions &options);
/// Before the quant stage, and before anything is measured: with --algo=rotate.
void addRotationStage(mlir::OpPassManager &pm);
/// After the quant stage, where scales of input channels have been chosen: folds them.
void addScaleStage(mlir::OpPassManager &pm);
/// For calibration, in place of the quant stage and with placed weights: a float program that shows what reaches its matmuls.
void addObservationStage(mlir::OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target);
/// Between quant and kernel, once for all versions: where every weight lies. Then bytes can be written while code is generated.
void addWeightPlacement(mlir::OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target);
/// For verification, after weights are placed: the program shows its values `at` "products" or "layers" (InsertTaps).
void addTaps(mlir::OpPassManager &pm, llvm::StringRef at);
/// For one version of a target, whose facts the module carries (setTargetFacts).
void addKernelStage(mlir::OpPassManager &pm, const CompilerOptions &options);
/// Hooks are already lowered. `prefix` goes before the names of exported functions.
void addLlvmStage(mlir::OpPassManager &pm, const CompilerOptions &options, llvm::StringRef prefix);
/// For a version of a device, instead: up to the lowering of hooks, which Target::addStepLowering follows.
void addStepStage(mlir::OpPassManager &pm);

} // namespace qcc
#endif
