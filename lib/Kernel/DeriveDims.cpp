// Dimensions of results that follow from others get a function that computes them: the runtime asks it for the shapes of outputs.
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_DERIVEDIMS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct DeriveDimsPass : qcc::impl::DeriveDimsBase<DeriveDimsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto derived = module->getAttrOfType<ArrayAttr>("qnt.derived_dims");
    if (!derived)
      return;
    auto listed = module->getAttrOfType<ArrayAttr>("qnt.dims");
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    for (auto name : derived.getAsRange<StringAttr>()) {
      auto at = llvm::find(listed, Attribute(name));
      if (at == listed.end()) {
        module.emitError() << "derives the dimension '" << name.getValue() << "', which it does not have";
        return signalPassFailure();
      }
      OpBuilder::InsertionGuard guard(b);
      auto function = func::FuncOp::create(b, module.getLoc(), "dim." + std::to_string(at - listed.begin()), b.getFunctionType({}, b.getIndexType()));
      function->setAttr("qk.size", b.getUnitAttr());
      b.setInsertionPointToEnd(function.addEntryBlock());
      Value value = computeDim(b, module.getLoc(), name.getValue());
      if (!value) {
        emitError(module.getLoc()) << "a result has the extent '" << name.getValue() << "', which does not follow from the inputs' extents [underived-extent]";
        return signalPassFailure();
      }
      func::ReturnOp::create(b, module.getLoc(), value);
    }
  }
};
} // namespace
