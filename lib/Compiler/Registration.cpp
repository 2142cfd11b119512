// Registers dialects and passes: one line per stage.
#include "qcc/Compiler/Registration.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/ONNX/ONNX.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Frontend/Passes.h"
#include "qcc/Graph/Passes.h"
#include "qcc/Kernel/Passes.h"
#include "qcc/Kernel/Pipeline.h"
#include "qcc/Quantize/Passes.h"
#include "qcc/Target/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include <utility>

void qcc::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);                 // costs nothing until a dialect is loaded
  mlir::registerAllExtensions(registry);
  registerKernelInterfaces(registry);
  registry.insert<onnx::OnnxDialect, qnt::QntDialect, qk::QkDialect>();
}

void qcc::registerPasses() {
  static bool done = false;
  if (std::exchange(done, true))
    return;
  registerDebugOptions();
  mlir::registerAllPasses();
  registerFrontendPasses();
  registerGraphPasses();
  registerQuantizePasses();
  registerKernelPasses();
  registerTargetPasses();
  mlir::PassPipelineRegistration<>("qcc-kernel", "the kernel stage", [](mlir::OpPassManager &pm) { buildKernelPipeline(pm); });
}

void qcc::registerEverything(mlir::DialectRegistry &registry) {
  registerPasses();
  registerDialects(registry);
}
