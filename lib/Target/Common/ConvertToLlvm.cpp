// The common tail of all CPU targets: structured control flow, vectors and memrefs to the LLVM dialect, by upstream's conversions.
#include "qcc/Target/Passes.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
using namespace mlir;

void qcc::addConversionToLlvm(OpPassManager &pm) {
  pm.addPass(createApproximateMath());                     // what would call libm
  pm.addPass(arith::createArithExpandOpsPass());           // rounding divisions of indices
  pm.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());   // subviews and reshapes become index arithmetic
  pm.addPass(createLowerAffinePass());                     // which the pass before writes as affine maps
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());             // by itself: the conversion through interfaces leaves masks
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  GreedyRewriteConfig config;                              // LLVM simplifies control flow itself, and faster
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  pm.addPass(createCanonicalizerPass(config));
  pm.addPass(createCSEPass());
}
