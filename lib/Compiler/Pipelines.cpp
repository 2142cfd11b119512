// The table of contents: every pass in order, one line each, with a reason where the order matters.
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Base/TargetInfo.h"
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
  runExtensions("graph-end", pm);
}

void qcc::addQuantStage(OpPassManager &pm, const CompilerOptions &options) {
  AssignFormatsOptions formats;
  formats.wbits = options.weightBits;
  formats.groupSize = options.groupSize;
  formats.asym = !options.symmetric;
  formats.headBits = options.headBits;
  formats.tensorTypes.assign(options.tensorTypes.begin(), options.tensorTypes.end());
  pm.addPass(createAssignFormats(formats));
  // After the weights: whether an input is quantized depends on its matmul's format.
  pm.addNestedPass<func::FuncOp>(createAssignActivations({options.activationBits}));
  runExtensions("quant-end", pm);
}

void qcc::addWeightPlacement(OpPassManager &pm, const TargetInfo &target) {
  pm.addPass(createTrimLogits());                      // before the ports are described: it adds a dimension to the program
  pm.addPass(createPlaceWeights({target.panelLanes}));
}

void qcc::addKernelStage(OpPassManager &pm, const CompilerOptions &options) {
  buildKernelPipeline(pm, {});
  runExtensions("kernel-end", pm);
}

void qcc::addLlvmStage(OpPassManager &pm, const CompilerOptions &options, llvm::StringRef prefix) {
  pm.addPass(createLowerProgram({prefix.str()}));      // while functions still take memrefs: their descriptors are built there
  addConversionToLlvm(pm);
}
