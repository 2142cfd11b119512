// The opposite of what CSE does to empty tensors.
#include "qcc/Kernel/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
namespace qcc {
#define GEN_PASS_DEF_SEPARATEEMPTIES
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct SeparateEmpties : qcc::impl::SeparateEmptiesBase<SeparateEmpties> {
  void runOnOperation() override {
    SmallVector<tensor::EmptyOp> empties;
    getOperation().walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
    for (tensor::EmptyOp empty : empties) {
      for (OpOperand &use : llvm::make_early_inc_range(empty->getUses())) {
        // Not inside of a loop, where there would be a buffer for each iteration.
        OpBuilder b(empty->getBlock()->findAncestorOpInBlock(*use.getOwner()));
        use.set(b.clone(*empty)->getResult(0));
      }
      empty.erase();
    }
  }
};
} // namespace
