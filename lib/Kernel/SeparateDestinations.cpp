// The opposite of what CSE does to tensors that operations begin with, before their buffers are chosen. A result of the program is computed where the
// caller wants it, with everything that it is made of in place (empty-tensor-elimination), and bufferization does not see that this memory is the
// caller's: what another operation makes in the same place would be overwritten before it is copied to its own.
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
namespace qcc {
#define GEN_PASS_DEF_SEPARATEDESTINATIONS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Whether the operation writes into the operand, or into memory that ends up holding it.
static bool isDestination(OpOperand &use) {
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(use.getOwner()))
    return &use == &insert.getDestMutable();
  if (isa<bufferization::MaterializeInDestinationOp>(use.getOwner()))
    return true;
  auto styled = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
  return styled && styled.isDpsInit(&use);
}

/// The value whose elements `value` shows in another shape.
static Value rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ReshapeOp, tensor::ExtractSliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// A copy of the operation for each use that `wants` one.
static void cloneForUses(Operation *op, llvm::function_ref<bool(OpOperand &)> wants) {
  for (OpOperand &use : llvm::make_early_inc_range(op->getUses()))
    if (wants(use)) {
      // Not inside of a loop, where there would be a buffer for each iteration.
      OpBuilder b(op->getBlock()->findAncestorOpInBlock(*use.getOwner()));
      use.set(b.clone(*op)->getResult(0));
    }
  if (op->use_empty())
    op->erase();
}

namespace {
struct SeparateDestinations : qcc::impl::SeparateDestinationsBase<SeparateDestinations> {
  void runOnOperation() override {
    separateBeginnings();
    separateOverwritten();
  }

  void separateBeginnings() {
    SmallVector<Operation *> filled;
    getOperation().walk([&](Operation *op) {
      if (isa<linalg::FillOp, tensor::InsertSliceOp>(op) && op->getNumResults() == 1)
        filled.push_back(op);
    });
    for (Operation *op : llvm::reverse(filled))          // a copy of an insertion is one more use of what it inserts into
      if (!op->hasOneUse())
        cloneForUses(op, isDestination);
    SmallVector<tensor::EmptyOp> empties;
    getOperation().walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
    for (tensor::EmptyOp empty : empties)                // one with a single use, too: its buffer is made no earlier than it is needed
      cloneForUses(empty, [](OpOperand &) { return true; });
  }

  /// Operations that do not read what they overwrite get an empty tensor in place of a result of the program, and of what others overwrite, too.
  void separateOverwritten() {
    llvm::DenseMap<Value, int> writers;
    SmallVector<OpOperand *> overwritten;
    getOperation().walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (isa<TensorType>(operand.get().getType()) && isDestination(operand)) {
          Value root = rootOf(operand.get());
          ++writers[root];
          auto loops = dyn_cast<linalg::LinalgOp>(op);
          if (loops && !loops.payloadUsesValueFromOperand(&operand) && !root.getDefiningOp<tensor::EmptyOp>())
            overwritten.push_back(&operand);
        }
    });
    for (OpOperand *operand : overwritten)
      if (writers[rootOf(operand->get())] > 1)
        replaceByEmpty(*operand);
  }

  static void replaceByEmpty(OpOperand &operand) {
    OpBuilder b(operand.getOwner());
    Location loc = operand.getOwner()->getLoc();
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (auto named = materializeDynamicDims(b, loc, operand.get()))
      operand.set(tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType(), *named));
    else
      operand.set(tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, operand.get()), type.getElementType()));
  }
};
} // namespace
