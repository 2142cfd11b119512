#include "lib/Graph/Extents.h"
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::graph;

/// `i` of an argument by its `qnt.dims`; a sum of names is no name.
static std::optional<Extent> ofArgument(BlockArgument argument, unsigned i) {
  auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto dims = func ? func.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims") : ArrayAttr();
  if (!dims || i >= dims.size())
    return std::nullopt;
  auto name = cast<StringAttr>(dims[i]);
  if (int64_t number; !name.getValue().getAsInteger(10, number))
    return Extent{number};
  if (name.empty() || name.getValue().contains('+'))
    return std::nullopt;
  return Extent{{}, name};
}

/// The operand whose dimension `i` is that of `at`; null when there is none.
static Value keptFrom(Value at, unsigned i) {
  Operation *op = at.getDefiningOp();
  if (op->hasTrait<OpTrait::Elementwise>())
    return isa<RankedTensorType>(op->getOperand(0).getType()) ? op->getOperand(0) : Value();
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) ? cast.getSource() : Value();
  if (auto into = dyn_cast<DestinationStyleOpInterface>(op))
    return into.getTiedOpOperand(mlir::cast<OpResult>(at))->get();
  return op->hasTrait<qnt::KeepsRows>() && i + 1 < cast<RankedTensorType>(at.getType()).getRank() ? op->getOperand(0) : Value();
}

Extent qcc::graph::extentOf(OpFoldResult size) {
  if (std::optional<int64_t> number = getConstantIntValue(size))
    return {number};
  auto value = cast<Value>(size);
  if (auto named = value.getDefiningOp<qnt::DimOp>())
    return {{}, named.getNameAttr()};
  if (auto dim = value.getDefiningOp<tensor::DimOp>(); dim && dim.getConstantIndex() && isa<RankedTensorType>(dim.getSource().getType()))
    return extentOf(dim.getSource(), unsigned(*dim.getConstantIndex()));
  return {{}, {}, value};
}

Extent qcc::graph::extentOf(Value value, unsigned i) {
  for (Value at = value;;) {
    if (auto type = cast<RankedTensorType>(at.getType()); !type.isDynamicDim(i))
      return {type.getDimSize(i)};
    Extent end{{}, {}, at, i};
    if (auto argument = dyn_cast<BlockArgument>(at))
      return ofArgument(argument, i).value_or(end);
    if (auto empty = at.getDefiningOp<tensor::EmptyOp>())
      return extentOf(empty.getMixedSizes()[i]);
    if (auto slice = at.getDefiningOp<tensor::ExtractSliceOp>(); slice && slice.getSourceType().getRank() == slice.getType().getRank())
      return extentOf(slice.getMixedSizes()[i]);
    if (Value from = keptFrom(at, i))
      at = from;
    else
      return end;
  }
}

Value qcc::graph::dimension(OpBuilder &b, Location loc, Value value, unsigned i) {
  Extent extent = extentOf(value, i);
  if (extent.number)
    return arith::ConstantIndexOp::create(b, loc, *extent.number);
  if (extent.name)
    return qnt::DimOp::create(b, loc, b.getIndexType(), extent.name);
  return tensor::DimOp::create(b, loc, value, i);
}
