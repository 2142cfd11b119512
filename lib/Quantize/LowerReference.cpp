// The executable specification: every qnt operation by its own reference lowering, weights that the compiler holds as constants if wanted.
#include "WeightReader.h"
#include "qcc/Quantize/Passes.h"
#include <cmath>
namespace qcc {
#define GEN_PASS_DEF_LOWERREFERENCE
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Encodes a weight whose parts are all computed. Null when it has parts in files; fails, after a diagnostic, for values without encoding.
static FailureOr<std::unique_ptr<qnt::QuantizedBuffer>> encodeComputed(qnt::WeightDeclOp decl) {
  auto type = cast<RankedTensorType>(decl.getType());
  const qnt::FormatFamily *family = qnt::familyOf(type.getElementType());
  int64_t rows = type.getDimSize(0), K = rows ? type.getNumElements() / rows : 0, at = 0;
  auto buffer = std::make_unique<qnt::QuantizedBuffer>();
  if (!family || llvm::any_of(decl.getParts().getAsRange<qnt::PartAttr>(), [](qnt::PartAttr part) { return bool(part.getData()); }))
    return std::unique_ptr<qnt::QuantizedBuffer>();
  buffer->reset(type.getElementType(), 0, rows, K);
  SourceFiles none;
  std::vector<PartReader> parts;
  std::optional<ReadError> error = openParts(decl, type, none, parts);
  std::vector<float> values(rows * K);
  for (const PartReader &part : parts) {
    if (!error)
      error = part.readFloats(0, part.rows(), values.data() + at * K);
    at += part.rows();
  }
  std::string why = error ? error->message : "";
  setNumbers(values, *buffer);
  for (int64_t r = 0; why.empty() && r < rows; ++r)
    (void)family->encodeRow(ArrayRef(values).slice(r * K, K), *buffer, r, why);
  if (!why.empty())
    return decl.emitError() << "weight '" << decl.getSymName() << "': " << why, failure();
  return std::move(buffer);
}

/// f32 values as a constant of another float type.
static DenseElementsAttr floatConstant(RankedTensorType type, ArrayRef<float> values) {
  auto wide = DenseElementsAttr::get(type.clone(Float32Type::get(type.getContext())), values);
  if (type.getElementType().isF32())
    return wide;
  const llvm::fltSemantics &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
  return cast<DenseFPElementsAttr>(wide).mapValues(type.getElementType(), [&](const APFloat &value) {
    APFloat narrow = value;
    bool losesInfo; // never: encodeRow rounded
    narrow.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
    return narrow.bitcastToAPInt();
  });
}

/// Constants for `op`'s results if its weight is computed.
template <typename Op> static LogicalResult foldComputed(Op op, qnt::WeightOp weight, function_ref<SmallVector<DenseElementsAttr>(const qnt::QuantizedBuffer &)> constants) {
  auto decl = SymbolTable::lookupNearestSymbolFrom<qnt::WeightDeclOp>(weight, weight.getDeclAttr());
  auto buffer = encodeComputed(decl);
  if (failed(buffer))
    return failure();
  if (!*buffer)
    return success();
  OpBuilder builder(op);
  for (auto [result, value] : llvm::zip(op->getResults(), constants(**buffer)))
    result.replaceAllUsesWith(arith::ConstantOp::create(builder, op.getLoc(), value));
  op->erase();
  return success();
}

static LogicalResult foldDecompose(qnt::DecomposeOp op, bool constants) {
  SmallVector<OpFoldResult> folded;
  if (succeeded(op.fold(qnt::DecomposeOp::FoldAdaptor(ArrayRef<Attribute>{Attribute()}, op), folded))) {
    for (auto [result, value] : llvm::zip(op->getResults(), folded))
      result.replaceAllUsesWith(cast<Value>(value));
    op->erase();
    return success();
  }
  auto weight = op.getInput().getDefiningOp<qnt::WeightOp>();
  if (!weight || !constants)
    return success();
  return foldComputed(op, weight, [&](const qnt::QuantizedBuffer &buffer) {
    auto bytes = [](Value result, ArrayRef<uint8_t> values) {
      return DenseElementsAttr::getFromRawBuffer(cast<ShapedType>(result.getType()), ArrayRef(reinterpret_cast<const char *>(values.data()), values.size()));
    };
    auto type = [](Value result) { return cast<RankedTensorType>(result.getType()); };
    SmallVector<DenseElementsAttr> values{bytes(op.getCodes(), buffer.codes), floatConstant(type(op.getScales()), buffer.scales)};
    if (!buffer.floatZeros.empty())
      values.push_back(floatConstant(type(op.getSide()[0]), buffer.floatZeros));
    else if (!buffer.zeros.empty() || !buffer.subScales.empty())
      values.push_back(bytes(op.getSide()[0], buffer.zeros.empty() ? buffer.subScales : buffer.zeros));
    if (!buffer.mins.empty())
      values.push_back(floatConstant(type(op.getScales()), buffer.mins));
    if (!buffer.subMins.empty())
      values.push_back(bytes(op.getSide().back(), buffer.subMins));
    return values;
  });
}

namespace {
struct LowerReference : qcc::impl::LowerReferenceBase<LowerReference> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<qnt::ReferenceLowering> ops;
    getOperation().walk([&](qnt::ReferenceLowering op) {
      if (only.empty() || llvm::is_contained(only, op->getName().getStringRef()))
        ops.push_back(op);
    });
    OpBuilder builder(&getContext());
    for (qnt::ReferenceLowering op : ops) {
      builder.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.lowerToReference(builder);
      if (failed(values))
        return signalPassFailure();
      op->replaceAllUsesWith(*values);
      op->erase();
    }
    SmallVector<qnt::DecomposeOp> decomposes;
    SmallVector<qnt::WeightOp> weights;
    getOperation().walk([&](qnt::DecomposeOp op) { decomposes.push_back(op); });
    for (qnt::DecomposeOp op : decomposes)
      if (failed(foldDecompose(op, constants)))
        return signalPassFailure();
    getOperation().walk([&](Operation *op) {
      if (isa<qnt::ComposeOp>(op) && op->use_empty())
        op->erase();
    });
    getOperation().walk([&](qnt::WeightOp op) { weights.push_back(op); });
    for (qnt::WeightOp op : weights) {
      auto type = cast<RankedTensorType>(op.getType());
      if (op->use_empty())
        op->erase();
      else if (constants && isa<FloatType>(type.getElementType()) &&
               failed(foldComputed(op, op, [&](const qnt::QuantizedBuffer &buffer) { return SmallVector<DenseElementsAttr>{floatConstant(type, buffer.values)}; })))
        return signalPassFailure();
    }
    for (auto decl : llvm::make_early_inc_range(getOperation().getOps<qnt::WeightDeclOp>()))
      if (SymbolTable::symbolKnownUseEmpty(decl, getOperation()))
        decl.erase();
  }
};
} // namespace
