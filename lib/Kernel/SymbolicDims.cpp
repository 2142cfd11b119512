// Follows dimensions back to their names. Calls are followed through the callee's return and, for arguments, through the first call: repeated
// layers are called with the same shapes.
#include "lib/Kernel/SymbolicDims.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
using namespace mlir;
using namespace qcc;

static bool isDecodeClass(Operation *op) {
  auto function = op->getParentOfType<func::FuncOp>();
  auto rows = function ? function->getAttrOfType<StringAttr>("qk.rows") : StringAttr();
  return rows && rows == "decode";
}

static std::optional<std::string> indexName(OpFoldResult value) {
  if (auto number = getConstantIntValue(value))
    return std::to_string(*number);
  Operation *op = cast<Value>(value).getDefiningOp();
  if (auto dim = dyn_cast_or_null<qnt::DimOp>(op))
    return dim.getName().str();
  if (auto dim = dyn_cast_or_null<qk::DimOp>(op))
    return dim.getName().str();
  if (auto dim = dyn_cast_or_null<tensor::DimOp>(op))
    if (auto i = dim.getConstantIndex())
      return dimName(dim.getSource(), *i);
  if (auto sum = dyn_cast_or_null<arith::AddIOp>(op)) {             // past + seq; in the decode class seq is the constant 1
    auto a = indexName(sum.getLhs()), b = indexName(sum.getRhs());
    if (b == "past")
      std::swap(a, b);
    if (a == "past" && (b == "seq" || (b == "1" && isDecodeClass(op))))
      return "total";
  }
  return std::nullopt;
}

static std::optional<std::string> argumentName(BlockArgument argument, int64_t i) {
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (!function || !argument.getOwner()->isEntryBlock())
    return std::nullopt;
  if (auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims"))
    return i < int64_t(dims.size()) ? std::optional(cast<StringAttr>(dims[i]).str()) : std::nullopt;
  auto uses = SymbolTable::getSymbolUses(function, function->getParentOp());
  if (!uses)
    return std::nullopt;
  for (SymbolTable::SymbolUse use : *uses)
    if (auto call = dyn_cast<func::CallOp>(use.getUser()))
      return dimName(call.getOperand(argument.getArgNumber()), i);
  return std::nullopt;
}

std::optional<std::string> qcc::dimName(Value tensor, int64_t i) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(i))
    return std::to_string(type.getDimSize(i));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return argumentName(argument, i);
  auto result = cast<OpResult>(tensor);
  Operation *op = result.getOwner();
  bool last = i == type.getRank() - 1;
  if (isa<qnt::MatmulOp, qnt::NormOp, qnt::RotaryOp, qnt::AttentionOp, qnt::GluOp, qnt::ActivateOp, qnt::QuantizeOp, qnt::DequantizeOp>(op))
    return dimName(op->getOperand(0), i);
  if (auto gather = dyn_cast<qnt::GatherOp>(op))
    return last ? std::nullopt : dimName(gather.getIds(), i);
  if (isa<qnt::PositionsOp>(op))
    return i == 0 ? "batch" : "seq";
  if (isa<qnt::CacheStoreOp>(op))
    return i == 0 ? std::optional<std::string>("batch") : i == 2 ? indexName(op->getOperand(1)) : std::nullopt;
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return indexName(empty.getMixedSizes()[i]);
  if (auto generate = dyn_cast<tensor::GenerateOp>(op))
    return indexName(generate.getDynamicExtents()[type.getDynamicDimIndex(i)]);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    auto dropped = slice.getDroppedDims();
    int64_t from = 0;
    for (int64_t kept = -1; from < int64_t(dropped.size()); ++from)
      if (!dropped.test(from) && ++kept == i)
        break;
    return indexName(slice.getMixedSizes()[from]);
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return dimName(insert.getDest(), i);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return dimName(cast.getSource(), i);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return indexName(expand.getMixedOutputShape()[i]);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    auto group = collapse.getReassociationIndices()[i];
    std::optional<std::string> name;
    for (int64_t from : group)
      if (auto one = dimName(collapse.getSrc(), from); one != "1") {
        if (name || !one)
          return std::nullopt;
        name = one;
      }
    return name;
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (!callee || callee.isExternal())
      return std::nullopt;
    return dimName(callee.getBody().back().getTerminator()->getOperand(result.getResultNumber()), i);
  }
  if (auto view = dyn_cast<bufferization::ToTensorOp>(op)) {        // of memory that LowerBoundaries made
    Operation *memory = view.getBuffer().getDefiningOp();
    unsigned at = type.getDynamicDimIndex(i);
    if (auto bind = dyn_cast_or_null<qk::BindOp>(memory))
      return indexName(bind.getSizes()[at]);
    if (auto alloc = dyn_cast_or_null<memref::AllocOp>(memory))
      return indexName(alloc.getDynamicSizes()[at]);
    return std::nullopt;
  }
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return dimName(destination.getTiedOpOperand(result)->get(), i);
  if (OpTrait::hasElementwiseMappableTraits(op))
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        if (auto name = dimName(operand, i))
          return name;
  return std::nullopt;
}

Value qcc::materializeDim(OpBuilder &b, Location loc, StringRef name) {
  int64_t number;
  if (!name.getAsInteger(10, number))
    return arith::ConstantIndexOp::create(b, loc, number);
  Value dim = qk::DimOp::create(b, loc, b.getIndexType(), name);
  if (!isDecodeClass(dim.getDefiningOp()) || (name != "batch" && name != "seq" && name != "keep"))
    return dim;
  dim.getDefiningOp()->erase();
  return arith::ConstantIndexOp::create(b, loc, 1);
}

std::optional<SmallVector<Value>> qcc::materializeDynamicDims(OpBuilder &b, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<std::string> names;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i)) {
      auto name = dimName(tensor, i);
      if (!name)
        return std::nullopt;
      names.push_back(*name);
    }
  SmallVector<Value> values;
  for (const std::string &name : names)
    values.push_back(materializeDim(b, loc, name));
  return values;
}
