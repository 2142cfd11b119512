#include "ScaleOperands.h"
#include "qcc/Quantize/InputScales.h"
using namespace mlir;
using namespace qcc;

bool ScaleOperands::hasDeclaration(Value value) const {
  return callers.always(value, [](Value origin) { return bool(origin.getDefiningOp<qnt::WeightOp>()); });
}

Value ScaleOperands::scaleOf(Value value) {
  if (Value scale = known.lookup(value))
    return scale;
  if (auto weight = value.getDefiningOp<qnt::WeightOp>()) {
    qnt::WeightDeclOp scale = declareInputScale(module, module.lookupSymbol<qnt::WeightDeclOp>(weight.getDeclAttr()));
    auto b = OpBuilder::atBlockBegin(&weight->getParentOfType<func::FuncOp>().front());
    return known[value] = qnt::WeightOp::create(b, weight.getLoc(), scale.getType(), scale.getSymName());
  }
  auto argument = cast<BlockArgument>(value);
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto type = RankedTensorType::get({1}, Float32Type::get(module.getContext()));
  LogicalResult added = function.insertArgument(function.getNumArguments(), type, {}, argument.getLoc());
  assert(succeeded(added) && "a private function takes any argument");
  (void)added;
  known[value] = function.getArguments().back();
  for (func::CallOp call : callers.of(value))
    call.getOperandsMutable().append(scaleOf(call.getOperand(argument.getArgNumber())));
  return known[value];
}
