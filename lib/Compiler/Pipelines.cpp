// The table of contents: every pass in order, one line each, with a reason where the order matters. The kernel stage, which builds on upstream passes,
// has a page of its own: lib/Kernel/Pipeline.cpp.
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Base/TargetInfo.h"
#include "qcc/Frontend/Passes.h"
#include "qcc/Graph/Passes.h"
#include "qcc/Kernel/Passes.h"
#include "qcc/Kernel/Pipeline.h"
#include "qcc/Quantize/Passes.h"
#include "qcc/Target/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
using namespace mlir;
using namespace qcc;

void qcc::addGraphStage(OpPassManager &pm, const CompilerOptions &options) {
  runExtensions("onnx-end", pm);
  int64_t context = options.maxContext ? options.maxContext : 4096;
  pm.addPass(createMapFusedOps({context}));
  pm.addPass(createRecoverLinear());                   // before the rest: what is opaque to them are linear layers, not their weights
  pm.addPass(createRecoverNorm());
  pm.addNestedPass<func::FuncOp>(createRecoverActivation());
  pm.addPass(createRecoverRotary({context}));          // before attention: its queries and keys are rotated ones
  pm.addPass(createRecoverAttention());
  pm.addNestedPass<func::FuncOp>(createSimplifyViews());
  pm.addPass(createConvertOnnx());                     // the generic path; no onnx op is left
  pm.addPass(createCSEPass());                         // one value per weight and dimension, as the next passes count uses
  pm.addPass(createAssignRoles());
  pm.addPass(createMergeMatmuls());
  pm.addPass(createFuseGlu());                         // after the merge: gate and up are then halves of one tensor
  pm.addPass(createMakeState({options.kvState ? "state" : "io", (options.kvBits < 16 ? "i" : "f") + std::to_string(options.kvBits), int64_t(options.maxContext)}));
  pm.addPass(createCSEPass());
  pm.addPass(createOutlineLayers());
  runExtensions("graph-end", pm);
}

void qcc::addRotationStage(OpPassManager &pm) {
  pm.addPass(createRotateResiduals());
  pm.addPass(createInsertHadamards());
}

void qcc::addQuantStage(OpPassManager &pm, const CompilerOptions &options) {
  AssignFormatsOptions formats;
  formats.wbits = options.weightBits;
  formats.groupSize = options.groupSize;
  formats.asym = !options.symmetric;
  formats.defaultFormat = options.defaultFormat;
  formats.headBits = options.headBits;
  formats.tensorTypes.assign(options.tensorTypes.begin(), options.tensorTypes.end());
  pm.addPass(createAssignFormats(formats));
  if ((options.targetBpw || options.maxKl) && !options.recipe) {  // a recipe has decided
    AssignPrecisionOptions precision;
    precision.targetBpw = options.targetBpw.value_or(0);
    precision.clamp = options.targetSize.has_value() || options.clampsBudget;
    precision.maxError = options.maxKl.value_or(0);
    pm.addPass(createAssignPrecision(precision));
  }
  // After the weights: whether an input is quantized depends on its matmul's format.
  AssignActivationsOptions activations;
  activations.abits = options.activationBits;
  activations.group = options.activationGroup;
  activations.outliers = options.outlierThreshold;
  activations.scales = options.staticActivations ? "static" : "dynamic";
  activations.types.assign(options.activationTypes.begin(), options.activationTypes.end());
  pm.addPass(createAssignActivations(activations));
  runExtensions("quant-end", pm);
}

void qcc::addScaleStage(OpPassManager &pm) { pm.addPass(createFoldScales()); }

void qcc::addObservationStage(OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target) {
  // Many sequences run at once: the buffers of one function share places better than those of nested calls, each of which has a frame behind its caller's.
  pm.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  pm.addPass(createObserveInputs());
  pm.addPass(createCSEPass());                         // what only served the results is dead
  AssignFormatsOptions floats;
  floats.wbits = floats.headBits = 32;
  pm.addPass(createAssignFormats(floats));
  pm.addPass(createSpecializeShapes());
  pm.addPass(createRequireEqualDims());
  pm.addPass(createPlaceWeights({target.panelLanes, /*reference=*/false}));
}

void qcc::addWeightPlacement(OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target) {
  pm.addPass(createSpecializeShapes());                // first: what follows asks for extents by name
  pm.addPass(createTrimLogits());                      // before the ports are described: it adds a dimension to the program
  pm.addPass(createRequireEqualDims());                // last of those that add dimensions
  pm.addPass(createPlaceWeights({target.panelLanes, options.kernels == Kernels::Reference}));
}

void qcc::addTaps(OpPassManager &pm, llvm::StringRef at) {
  InsertTapsOptions options;
  options.at = at.str();
  pm.addPass(createInsertTaps(options));
}

void qcc::addKernelStage(OpPassManager &pm, const CompilerOptions &options) {
  bool reference = options.kernels == Kernels::Reference;
  if (reference)
    pm.addPass(createLowerReference({/*constants=*/false, /*only=*/{}}));       // before rows are specialised: the oracle is one program, cloned
  buildKernelPipeline(pm, reference);
  runExtensions("kernel-end", pm);
}

void qcc::addLlvmStage(OpPassManager &pm, const CompilerOptions &options, llvm::StringRef prefix) {
  pm.addPass(createLowerProgram({prefix.str()}));      // while functions still take memrefs: their descriptors are built there
  addConversionToLlvm(pm);
}

void qcc::addStepStage(OpPassManager &pm) {
  pm.addPass(createOutlineSteps());
  pm.addPass(createCanonicalizerPass());               // sizes of scratch become known where kernels meet their constants
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createSpreadLanes());
  pm.addNestedPass<func::FuncOp>(createPlaceScratch());
  pm.addNestedPass<func::FuncOp>(createUnrollLoads()); // after scratch, whose loads need not be ahead
}
