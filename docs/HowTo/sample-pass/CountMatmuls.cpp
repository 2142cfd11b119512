// A pass of one's own: counts the linear layers of every function and notes them as an attribute. The smallest useful shape of a plugin.
#include "dialects/Quant/Quant.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
using namespace mlir;

namespace {
struct CountMatmuls : PassWrapper<CountMatmuls, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountMatmuls)
  StringRef getArgument() const override { return "sample-count-matmuls"; }
  StringRef getDescription() const override { return "Note how many linear layers a function has"; }
  void runOnOperation() override {
    int64_t count = 0;
    getOperation().walk([&](qcc::qnt::MatmulOp) { ++count; });
    if (count)
      getOperation()->setAttr("sample.matmuls", Builder(&getContext()).getI64IntegerAttr(count));
  }
};
} // namespace

// Called once, by --load-pass-plugin. Registering the pass is enough for qcc-opt and for --pass-at=<point>:sample-count-matmuls;
// a plugin that always wants to run attaches itself here with qcc::addAtExtensionPoint("graph-end", ...).
extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "sample-pass", "1", [] { PassRegistration<CountMatmuls>(); }};
}
