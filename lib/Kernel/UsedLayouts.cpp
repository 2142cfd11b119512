// Follows weights through calls to the operations that read them.
#include "lib/Kernel/UsedLayouts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
using namespace mlir;
using namespace qcc;

WeightLayout qcc::layoutOfUse(OpOperand &use, bool &mixed) {
  Operation *op = use.getOwner();
  if (auto matmul = dyn_cast<qnt::MatmulOp>(op))
    return &use == &matmul.getWeightMutable() ? WeightLayout::Panels : WeightLayout::Plain;
  if (isa<qnt::ObserveOp>(op)) // as the matmul that follows it
    return WeightLayout::Panels;
  if (auto gather = dyn_cast<qnt::GatherOp>(op))
    return &use == &gather.getTableMutable() ? WeightLayout::Rows : WeightLayout::Plain;
  if (isa<qnt::DecomposeOp>(op))
    return WeightLayout::Components;
  if (auto call = dyn_cast<func::CallOp>(op))
    if (auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()))
      if (!callee.isExternal())
        return layoutOfUses(callee.getArgument(use.getOperandNumber()), mixed);
  return WeightLayout::Plain;
}

WeightLayout qcc::layoutOfUses(Value value, bool &mixed) {
  std::optional<WeightLayout> layout;
  for (OpOperand &use : value.getUses()) {
    WeightLayout one = layoutOfUse(use, mixed);
    if (layout && *layout != one)
      mixed = true;
    layout = one;
  }
  return mixed ? WeightLayout::Plain : layout.value_or(WeightLayout::Plain);
}
