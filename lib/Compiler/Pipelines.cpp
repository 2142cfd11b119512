// The table of contents: every pass in order, one line each, with a reason where the order matters.
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
using namespace mlir;
using namespace qcc;

void qcc::addGraphStage(OpPassManager &pm, const CompilerOptions &options) {
  runExtensions("onnx-end", pm);
  runExtensions("graph-end", pm);
}

void qcc::addQuantStage(OpPassManager &pm, const CompilerOptions &options) {
  runExtensions("quant-end", pm);
}

void qcc::addKernelStage(OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target) {
  runExtensions("kernel-end", pm);
}

void qcc::addLlvmStage(OpPassManager &pm, const CompilerOptions &options, const TargetInfo &target) {}
