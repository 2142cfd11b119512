// qnt operations become launches of kernels: the pass, and what all conversions share.
#include "lib/Kernel/QuantLowering.h"
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERQUANT
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

SmallVector<Value> QuantLowering::launch(Operation *at, FlatSymbolRefAttr kernel, ValueRange inputs, ValueRange outputs, Operation *main) {
  OpBuilder b(at);
  SmallVector<Type> results;
  for (Value output : outputs)
    if (isa<RankedTensorType>(output.getType()))
      results.push_back(output.getType());
  return qk::LaunchOp::create(b, (main ? main : at)->getLoc(), results, kernel, inputs, outputs).getResults();
}

void QuantLowering::setWork(Value result, int64_t weightBytes, int64_t macs, Value input) {
  Builder b(result.getContext());
  NamedAttrList work;
  work.set("weight_bytes", b.getI64IntegerAttr(weightBytes));
  if (macs) {
    SmallVector<Attribute> rows;
    int64_t rank = cast<RankedTensorType>(input.getType()).getRank() - 1;
    for (int64_t i = 0; i < rank; ++i)
      if (auto name = dimName(input, i))
        rows.push_back(b.getStringAttr(*name));
    work.set("macs", b.getI64IntegerAttr(macs));
    if (int64_t(rows.size()) == rank)
      work.set("rows", b.getArrayAttr(rows));
  }
  result.getDefiningOp()->setAttr("qk.work", work.getDictionary(b.getContext()));
}

SmallVector<OpFoldResult> QuantLowering::leading(OpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i + 1 < type.getRank(); ++i) {
    if (!type.isDynamicDim(i))
      sizes.push_back(b.getIndexAttr(type.getDimSize(i)));
    else if (auto name = dimName(tensor, i))
      sizes.push_back(materializeDim(b, tensor.getLoc(), *name));
    else
      sizes.push_back(tensor::DimOp::create(b, tensor.getLoc(), tensor, i).getResult());
  }
  return sizes;
}

Value QuantLowering::empty(Operation *at, Value like, int64_t width, Type element) {
  assert(!ShapedType::isDynamic(width) && "who calls has a kernel for rows of this width");
  OpBuilder b(at);
  auto sizes = leading(b, like);
  auto type = cast<RankedTensorType>(like.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.push_back(width);
  SmallVector<Value> dynamic;
  for (auto [size, extent] : llvm::zip(sizes, shape))
    if (ShapedType::isDynamic(extent)) {
      if (auto attr = dyn_cast<Attribute>(size))
        dynamic.push_back(arith::ConstantIndexOp::create(b, at->getLoc(), cast<IntegerAttr>(attr).getInt()));
      else
        dynamic.push_back(cast<Value>(size));
    }
  return tensor::EmptyOp::create(b, at->getLoc(), RankedTensorType::get(shape, element), dynamic);
}

Columns QuantLowering::columns(Value &tensor) {
  Columns found(cast<RankedTensorType>(tensor.getType()).getShape().back());
  while (auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
    std::optional<int64_t> offset = columnOf(slice);
    if (!offset)
      break;
    tensor = slice.getSource();
    found.offset += *offset;
    found.stride = slice.getSourceType().getShape().back();
  }
  return found;
}

std::optional<int64_t> QuantLowering::columnOf(tensor::ExtractSliceOp slice) {
  if (slice.getSourceType().getRank() != slice.getType().getRank() || !slice.hasUnitStride())
    return {};
  int64_t rank = slice.getType().getRank();
  auto offset = getConstantIntValue(slice.getMixedOffsets().back());
  if (!offset || ShapedType::isDynamic(slice.getSourceType().getShape().back()))
    return {};
  for (int64_t i = 0; i + 1 < rank; ++i) {
    auto from = dimName(slice.getSource(), i), to = dimName(slice.getResult(), i);
    if (getConstantIntValue(slice.getMixedOffsets()[i]) != 0 || !from)
      return {};
    bool one = isDecode(slice) && (*from == "batch" || *from == "seq");   // sizes are the constant 1 there
    if (from != to && !(one && to == "1"))
      return {};
  }
  return offset;
}

Value QuantLowering::firstColumns(Operation *at, Value wide, int64_t width) {
  OpBuilder b(at);
  SmallVector<OpFoldResult> sizes = leading(b, wide);
  sizes.push_back(b.getIndexAttr(width));
  SmallVector<OpFoldResult> zeros(sizes.size(), b.getIndexAttr(0)), ones(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, at->getLoc(), wide, zeros, sizes, ones);
}

bool QuantLowering::takesColumns(OpOperand &use) {
  Operation *user = use.getOwner();
  Value value = use.get();
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user))
    return columnOf(slice) && llvm::all_of(slice->getUses(), [&](OpOperand &next) { return takesColumns(next); });
  if (auto add = dyn_cast<arith::AddFOp>(user))
    return bool(operandProduct(add, 1 - use.getOperandNumber()));          // it is added in that one's epilogue
  if (auto rotary = dyn_cast<qnt::RotaryOp>(user))
    return rotary.getInput() == value;
  if (auto update = dyn_cast<qnt::KvUpdateOp>(user))
    return update.getKey() == value || update.getValue() == value;
  if (isa<qnt::HadamardOp>(user))
    return library.facts.version.shuffles;
  return isa<qnt::NormOp, qnt::QuantizeOp, qnt::GluOp, qnt::ActivateOp>(user) && use.getOperandNumber() == 0;
}

bool QuantLowering::isDecode(Operation *op) {
  auto function = op->getParentOfType<func::FuncOp>();
  auto rows = function->getAttrOfType<StringAttr>("qk.rows");
  return rows && rows == "decode";
}

CacheLayout QuantLowering::layout(Value cache) { return CacheLayout(cast<qnt::CacheType>(cache.getType()), library.facts.lanes()); }

Value QuantLowering::memory(Value value) {
  auto cast = value.getDefiningOp<UnrealizedConversionCastOp>();
  return cast && isa<MemRefType>(cast.getOperand(0).getType()) ? cast.getOperand(0) : Value();
}

LogicalResult QuantLowering::reference(Operation *op) {
  auto lowering = dyn_cast<qnt::ReferenceLowering>(op);
  if (!lowering)
    return op->emitOpError("has no kernel for these operands");
  OpBuilder b(op);
  auto values = lowering.lowerToReference(b);
  if (failed(values))
    return failure();
  op->replaceAllUsesWith(*values);
  return success();
}

LogicalResult QuantLowering::convert(Operation *op) {
  if (auto o = dyn_cast<qnt::GatherOp>(op))
    return gather(o);
  if (auto o = dyn_cast<qnt::NormOp>(op))
    return norm(o);
  if (auto o = dyn_cast<qnt::QuantizeOp>(op))
    return quantize(o);
  if (auto o = dyn_cast<qnt::SplitOutliersOp>(op))
    return splitOutliers(o);
  if (auto o = dyn_cast<qnt::DequantizeOp>(op))
    return dequantize(o);
  if (auto o = dyn_cast<qnt::MatmulOp>(op)) {
    // A residual that is added to the product alone goes into the product's epilogue: AddFOp's conversion does both.
    auto add = o->hasOneUse() ? dyn_cast<arith::AddFOp>(*o->user_begin()) : arith::AddFOp();
    return add && add->getBlock() == o->getBlock() && add.getLhs() != add.getRhs() ? success() : matmul(o, Value(), o);
  }
  if (auto o = dyn_cast<arith::AddFOp>(op))
    return add(o);
  if (auto o = dyn_cast<qnt::RotaryOp>(op))
    return rotary(o);
  if (auto o = dyn_cast<qnt::PositionsOp>(op))
    return positions(o);
  if (auto o = dyn_cast<qnt::KvUpdateOp>(op))
    return kvUpdate(o);
  if (auto o = dyn_cast<qnt::RowStartsOp>(op))
    return rowStarts(o);
  if (auto o = dyn_cast<qnt::AttentionOp>(op))
    return attention(o);
  if (auto o = dyn_cast<qnt::CacheLoadOp>(op))
    return cacheLoad(o);
  if (auto o = dyn_cast<qnt::CacheStoreOp>(op))
    return cacheStore(o);
  if (auto o = dyn_cast<qnt::ObserveOp>(op))
    return observe(o);
  if (auto o = dyn_cast<qnt::HadamardOp>(op))
    return hadamard(o);
  if (auto o = dyn_cast<qnt::GluOp>(op))
    return activation(o, o.getActivation(), true);
  if (auto o = dyn_cast<qnt::ActivateOp>(op))
    return activation(o, o.getActivation(), false);
  return reference(op);
}

LogicalResult QuantLowering::convert(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (isa<qnt::QntDialect>(op->getDialect()) || isa<arith::AddFOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (failed(convert(op)))
      return failure();
    if (isa<qnt::QntDialect>(op->getDialect()) || op->use_empty())
      done.push_back(op);
  }
  for (Operation *op : llvm::reverse(done)) {
    if (!op->use_empty())
      return op->emitOpError("has uses that no kernel reads");
    op->erase();
  }
  done.clear();
  quantized.clear();
  values.clear();
  unmerged.clear();
  unmade.clear();
  function.walk([](UnrealizedConversionCastOp cast) {
    if (cast->use_empty())
      cast.erase();
  });
  return success();
}

namespace {
struct LowerQuantPass : qcc::impl::LowerQuantBase<LowerQuantPass> {
  void runOnOperation() override {
    KernelLibrary library(getOperation());
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && !function->hasAttr("qk.kernel"))
        functions.push_back(function);
    for (func::FuncOp function : functions)
      if (failed(QuantLowering(library).convert(function)))
        return signalPassFailure();
    for (auto decl : llvm::make_early_inc_range(getOperation().getOps<qnt::WeightDeclOp>()))
      decl.erase();                                                 // bound by offset: nothing refers to them any more
  }
};
} // namespace
