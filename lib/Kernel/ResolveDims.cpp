// Replaces tensor.dim and qnt.dim by the program's dimensions.
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_RESOLVEDIMS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct ResolveDimsPass : qcc::impl::ResolveDimsBase<ResolveDimsPass> {
  static void replace(Operation *op, StringRef name) {
    OpBuilder b(op);
    op->getResult(0).replaceAllUsesWith(materializeDim(b, op->getLoc(), name));
    op->erase();
  }

  void runOnOperation() override {
    SmallVector<tensor::DimOp> dims;
    getOperation().walk([&](tensor::DimOp dim) { dims.push_back(dim); });
    for (tensor::DimOp dim : dims)
      if (auto i = dim.getConstantIndex())
        if (auto name = dimName(dim.getSource(), *i))
          replace(dim, *name);
    getOperation().walk([&](qnt::DimOp dim) { replace(dim, dim.getName()); });
  }
};
} // namespace
