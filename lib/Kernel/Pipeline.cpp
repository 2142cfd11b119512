// The kernel stage in order.
#include "qcc/Kernel/Pipeline.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "qcc/Kernel/Passes.h"
using namespace mlir;
using namespace qcc;

void qcc::buildKernelPipeline(OpPassManager &pm, bool reference) {
  pm.addPass(createDeriveDims());             // before the classes: for all of them
  pm.addPass(createSpecializeRows());
  pm.addPass(createResolveDims());            // while calls still return tensors
  pm.addPass(createLowerBoundaries());
  pm.addPass(createLowerComponents({reference}));
  if (!reference)
    pm.addPass(createLowerQuant());
  pm.addPass(createReconcileUnrealizedCastsPass());               // joins what both ends of a call made of weights and caches
  // No canonicalization before buffers: it would give tensors of the decode class static types, and casts keep results from their places.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createSeparateDestinations());   // after the last CSE on tensors
  pm.addPass(bufferization::createEmptyTensorEliminationPass());  // results are computed where they are wanted
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  bufferize.unknownTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  GreedyRewriteConfig noBlocks;               // control flow is structured: there are no blocks to merge or remove
  noBlocks.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  pm.addPass(createCanonicalizerPass(noBlocks));
  pm.addPass(createCSEPass());
  pm.addPass(createPlaceBuffers());
  pm.addNestedPass<func::FuncOp>(createDistributeLoops());        // after placing: its loops hold no buffers of their own
  pm.addPass(createLowerLaunch());
  pm.addPass(createCanonicalizerPass(noBlocks));
  pm.addPass(createCSEPass());
  pm.addPass(createDescribeRegions());        // last: no barrier comes or goes after it
}
