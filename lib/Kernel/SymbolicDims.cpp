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

std::optional<int64_t> qcc::fixedDim(Operation *op, StringRef name) {
  auto module = isa<ModuleOp>(op) ? cast<ModuleOp>(op) : op->getParentOfType<ModuleOp>();
  auto fixed = module ? module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims") : DictionaryAttr();
  auto extent = fixed ? fixed.getAs<IntegerAttr>(name) : IntegerAttr();
  return extent ? std::optional(extent.getInt()) : std::nullopt;
}

/// As a factor of a product.
static std::string factor(const std::string &text) { return StringRef(text).contains(" + ") ? "(" + text + ")" : text; }

std::optional<std::string> qcc::indexName(OpFoldResult value) {
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
  if (auto cast = dyn_cast_or_null<arith::IndexCastOp>(op))
    return indexName(cast.getIn());
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::RemSIOp, arith::MaxSIOp>(op))
    return std::nullopt;
  auto a = indexName(op->getOperand(0)), b = indexName(op->getOperand(1));
  if (!a || !b)
    return std::nullopt;
  if (isa<arith::MulIOp>(op))
    return factor(*a) + "*" + factor(*b);
  if (isa<arith::DivSIOp>(op))
    return "div(" + *a + ", " + *b + ")";
  if (isa<arith::RemSIOp>(op))
    return "mod(" + *a + ", " + *b + ")";
  if (isa<arith::MaxSIOp>(op))
    return "max(" + *a + ", " + *b + ")";
  if (isa<arith::SubIOp>(op))
    return *a + " + -1*" + factor(*b);
  if (b == "past")
    std::swap(a, b);
  std::optional<int64_t> seq = isDecodeClass(op) ? 1 : fixedDim(op, "seq");   // a constant then
  return a == "past" && (b == "seq" || (seq && b == std::to_string(*seq))) ? "total" : *a + " + " + *b;
}

static func::CallOp firstCallWithin(func::FuncOp caller, func::FuncOp callee, SymbolTable &symbols, llvm::SmallPtrSetImpl<Operation *> &seen) {
  func::CallOp found;
  if (!seen.insert(caller).second)
    return found;
  caller.walk([&](func::CallOp call) {
    auto target = symbols.lookup<func::FuncOp>(call.getCallee());
    found = target == callee ? call : target ? firstCallWithin(target, callee, symbols, seen) : func::CallOp();
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

/// The call that enters `callee` before all others: what it is given does not come from an earlier call, so nobody who follows values back from it goes
/// round in circles.
static func::CallOp firstCall(func::FuncOp callee) {
  Operation *module = callee->getParentOp();
  SymbolTable symbols(module);
  llvm::SmallPtrSet<Operation *, 16> seen;
  for (auto function : module->getRegion(0).getOps<func::FuncOp>())
    if (function.isPublic())
      if (func::CallOp call = firstCallWithin(function, callee, symbols, seen))
        return call;
  return {};
}

static std::optional<std::string> argumentName(BlockArgument argument, int64_t i) {
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (!function || !argument.getOwner()->isEntryBlock())
    return std::nullopt;
  if (auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims"))
    return i < int64_t(dims.size()) ? std::optional(cast<StringAttr>(dims[i]).str()) : std::nullopt;
  func::CallOp call = firstCall(function);
  return call ? dimName(call.getOperand(argument.getArgNumber()), i) : std::nullopt;
}

std::optional<std::string> qcc::dimName(Value tensor, int64_t i) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(i))
    return std::to_string(type.getDimSize(i));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return argumentName(argument, i);
  auto result = cast<OpResult>(tensor);
  Operation *op = result.getOwner();
  if (op->hasTrait<qnt::KeepsRows>()) {
    bool kept = i + 1 < type.getRank() || op->getOperand(0).getType() == type;
    return kept ? dimName(op->getOperand(0), i) : std::nullopt;
  }
  if (isa<qnt::PositionsOp>(op))
    return i == 0 ? "batch" : "seq";
  if (isa<qnt::RowStartsOp>(op))
    return "batch";
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
      if (auto one = dimName(collapse.getSrc(), from); !one)
        return std::nullopt;
      else if (one != "1")
        name = name ? factor(*name) + "*" + factor(*one) : *one;
    return name ? name : "1";
  }
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op)) {
    auto extents = reshape.getShape().getDefiningOp<tensor::FromElementsOp>();
    return extents ? indexName(extents.getElements()[i]) : std::nullopt;
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

namespace {
/// Computes what a dimension's text says: sums of products of numbers, the program's dimensions, div(a, b), mod(a, b) and max(a, b), as the frontend's
/// ExprPool::print and indexName write it. Names of dimensions are any text of an ONNX file: the longest that the program has wins.
class DimText {
public:
  DimText(OpBuilder &b, Location loc, StringRef text) : b(b), loc(loc), rest(text) {
    if (Operation *parent = b.getInsertionBlock() ? b.getInsertionBlock()->getParentOp() : nullptr)
      if (auto module = isa<ModuleOp>(parent) ? cast<ModuleOp>(parent) : parent->getParentOfType<ModuleOp>()) {
        collect(module->getAttrOfType<ArrayAttr>("qnt.dims"), names);
        SmallVector<StringRef> derived;
        collect(module->getAttrOfType<ArrayAttr>("qnt.derived_dims"), derived);
        llvm::erase_if(names, [&](StringRef name) { return llvm::is_contained(derived, name); });
      }
  }
  Value parse() {
    Value value = sum();
    return value && rest.empty() ? value : Value();
  }

private:
  static void collect(ArrayAttr list, SmallVectorImpl<StringRef> &into) {
    for (Attribute name : list ? list.getValue() : ArrayRef<Attribute>())
      into.push_back(cast<StringAttr>(name).getValue());
  }
  Value sum() {
    Value value = product();
    while (value && rest.consume_front(" + "))
      if (Value next = product(); (value = next ? Value(arith::AddIOp::create(b, loc, value, next)) : Value()))
        continue;
    return value;
  }
  Value product() {
    Value value = factor();
    while (value && rest.consume_front("*"))
      if (Value next = factor(); (value = next ? Value(arith::MulIOp::create(b, loc, value, next)) : Value()))
        continue;
    return value;
  }
  enum class Function { Div, Mod, Max };
  static StringRef prefix(Function function) { return function == Function::Div ? "div(" : function == Function::Mod ? "mod(" : "max("; }
  Value factor() {
    if (Value dim = name())
      return dim;
    for (Function function : {Function::Div, Function::Mod, Function::Max}) {
      if (!rest.consume_front(prefix(function)))
        continue;
      Value x = sum();
      Value y = x && rest.consume_front(", ") ? sum() : Value();
      if (!y || !rest.consume_front(")"))
        return {};
      switch (function) {
      case Function::Div: return arith::DivSIOp::create(b, loc, x, y);
      case Function::Mod: return arith::RemSIOp::create(b, loc, x, y);
      case Function::Max: return arith::MaxSIOp::create(b, loc, x, y);
      }
    }
    if (rest.consume_front("(")) {
      Value inner = sum();
      return inner && rest.consume_front(")") ? inner : Value();
    }
    int64_t number;
    if (!rest.consumeInteger(10, number))
      return arith::ConstantIndexOp::create(b, loc, number);
    return {};
  }
  Value name() {
    StringRef best;
    for (StringRef name : names) {
      StringRef after = rest.starts_with(name) ? rest.drop_front(name.size()) : "!";
      if (name.size() > best.size() && (after.empty() || StringRef("*,) ").contains(after.front())))
        best = name;
    }
    if (best.empty())
      return {};
    rest = rest.drop_front(best.size());
    return materializeDim(b, loc, best);
  }

  OpBuilder &b;
  Location loc;
  StringRef rest;
  SmallVector<StringRef> names;
};
} // namespace

Value qcc::computeDim(OpBuilder &b, Location loc, StringRef text) { return DimText(b, loc, text).parse(); }

Value qcc::materializeDim(OpBuilder &b, Location loc, StringRef name) {
  int64_t number;
  if (!name.getAsInteger(10, number))
    return arith::ConstantIndexOp::create(b, loc, number);
  auto dim = qk::DimOp::create(b, loc, b.getIndexType(), name);
  std::optional<int64_t> fixed = fixedDim(dim, name);
  if (isDecodeClass(dim) && (name == "batch" || name == "seq" || name == "keep"))
    fixed = 1;
  auto module = dim->getParentOfType<ModuleOp>();
  auto listed = module ? module->getAttrOfType<ArrayAttr>("qnt.dims") : ArrayAttr();
  bool expression = name.find_first_of("*+(") != StringRef::npos && !(listed && llvm::is_contained(listed, b.getStringAttr(name)));
  if (!fixed && !expression)
    return dim;
  dim.erase();
  if (fixed)
    return arith::ConstantIndexOp::create(b, loc, *fixed);
  if (Value computed = computeDim(b, loc, name))
    return computed;
  return qk::DimOp::create(b, loc, b.getIndexType(), name);          // refused where the program's dimensions are known
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
