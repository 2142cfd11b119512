// Verifiers of the qnt operations: shapes and formats that fit together. Messages give the fact and the expectation.
#include "dialects/Quant/Quant.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Hadamard.h"
using namespace mlir;
using namespace qcc::qnt;
#define GET_OP_CLASSES
#include "dialects/Quant/QuantOps.cpp.inc"

/// Dimension `i` of `type` (negative: from the end), or kDynamic when unknown.
static int64_t dim(Type type, int64_t i) {
  auto shaped = cast<ShapedType>(type);
  if (!shaped.hasRank())
    return ShapedType::kDynamic;
  int64_t at = i < 0 ? shaped.getRank() + i : i;
  return at < 0 || at >= shaped.getRank() ? ShapedType::kDynamic : shaped.getDimSize(at);
}
static bool differ(int64_t a, int64_t b) { return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b; }

void WeightDeclOp::build(OpBuilder &builder, OperationState &state, const Twine &name, RankedTensorType type, ArrayAttr parts) {
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.sym_name = builder.getStringAttr(name);
  properties.type = TypeAttr::get(type);
  properties.parts = parts;
}

static int64_t rowsOf(ArrayAttr parts) {
  int64_t rows = 0;
  for (auto part : parts.getAsRange<PartAttr>())
    rows += part.getRows();
  return rows;
}

LogicalResult WeightDeclOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() < 1 || !type.hasStaticShape())
    return emitOpError("needs a static shape of rank 1 or more, got ") << type;
  int64_t rows = rowsOf(getParts());
  if (rows != type.getDimSize(0))
    return emitOpError("has ") << type.getDimSize(0) << " rows, but its parts have " << rows;
  int64_t columns = rows ? type.getNumElements() / rows : 0;
  if (auto factors = getRowFactors(); factors && (factors->getType().getRank() != 1 || factors->getNumElements() != rows))
    return emitOpError("has ") << rows << " rows, but row_factors is " << factors->getType();
  if (auto factors = getColumnFactors(); factors && (factors->getType().getRank() != 1 || factors->getNumElements() != columns))
    return emitOpError("has rows of ") << columns << " elements, but column_factors is " << factors->getType();
  if (auto gains = getColumnGainsAttr(); gains && rowsOf(gains) != columns)
    return emitOpError("has rows of ") << columns << " elements, but column_gains has " << rowsOf(gains);
  if (auto rotation = getRowRotationAttr(); rotation && rows % rotation.getBlock())
    return emitOpError("has ") << rows << " rows, no whole number of row_rotation's blocks of " << rotation.getBlock();
  if (auto rotation = getColumnRotationAttr(); rotation && columns % rotation.getBlock())
    return emitOpError("has rows of ") << columns << " elements, no whole number of column_rotation's blocks of " << rotation.getBlock();
  return success();
}

static ArrayAttr withoutNodes(ArrayAttr list) {
  SmallVector<Attribute> parts;
  for (auto part : list.getAsRange<PartAttr>())
    parts.push_back(part.withoutNode());
  return ArrayAttr::get(list.getContext(), parts);
}

ArrayAttr WeightDeclOp::getSource() {
  SmallVector<Attribute> parts(withoutNodes(getParts()).getValue());
  auto add = [&](StringAttr name, Attribute value) { parts.append({name, value}); };
  if (auto gains = getColumnGainsAttr())
    add(getColumnGainsAttrName(), withoutNodes(gains));
  if (auto rotation = getRowRotationAttr())
    add(getRowRotationAttrName(), rotation);
  if (auto rotation = getColumnRotationAttr())
    add(getColumnRotationAttrName(), rotation);
  for (Attribute factors : {getRowFactorsAttr(), getColumnFactorsAttr()})
    if (factors)
      parts.push_back(factors);
  return ArrayAttr::get(getContext(), parts);
}

bool WeightDeclOp::arrivesQuantized() {
  return llvm::any_of(getParts().getAsRange<PartAttr>(), [](PartAttr part) { return bool(part.getScales()); });
}

bool WeightDeclOp::isChanged() { return getRowFactors() || getColumnFactors() || getColumnGains() || getRowRotation() || getColumnRotation(); }

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto decl = symbols.lookupNearestSymbolFrom<WeightDeclOp>(*this, getDeclAttr());
  if (!decl)
    return emitOpError("refers to no weight_decl named ") << getDeclAttr();
  if (decl.getType() != getType())
    return emitOpError("has type ") << getType() << ", but the declaration says " << decl.getType();
  return success();
}

LogicalResult GatherOp::verify() {
  if (differ(dim(getTable().getType(), -1), dim(getType(), -1)))
    return emitOpError("result has ") << dim(getType(), -1) << " channels, but a table row has " << dim(getTable().getType(), -1);
  return success();
}

LogicalResult NormOp::verify() {
  if (differ(dim(getScale().getType(), -1), dim(getType(), -1)))
    return emitOpError("scale has ") << dim(getScale().getType(), -1) << " elements for " << dim(getType(), -1) << " channels";
  if (getKind() == NormKind::Rms && getBias())
    return emitOpError("an rms norm has no bias");
  if (getEpsilon().isNegative() || getEpsilon().isNaN())
    return emitOpError("epsilon must not be negative, got ") << getEpsilonAttr();
  return success();
}

LogicalResult MatmulOp::verify() {
  Type w = getWeight().getType();
  if (getBf16() && !cast<ShapedType>(getInput().getType()).getElementType().isF32())
    return emitOpError("rounds float activations to bf16; integer products are exact, got ") << getInput().getType();
  auto codes = dyn_cast<BlockType>(cast<ShapedType>(w).getElementType()), activations = dyn_cast<BlockType>(cast<ShapedType>(getInput().getType()).getElementType());
  if (codes && activations && hasIntegers(codes) && cast<ShapedType>(w).hasStaticShape() && !sumsFit(codes, activations, dim(w, -1)))
    return emitOpError("sums more products of ") << codes << " and " << activations << " before it rescales than fit i32";
  if (cast<ShapedType>(w).getRank() != 2)
    return emitOpError("weight must be [N, K], got ") << w;
  if (differ(dim(getInput().getType(), -1), dim(w, 1)))
    return emitOpError("input has ") << dim(getInput().getType(), -1) << " channels, but the weight's K is " << dim(w, 1);
  if (differ(dim(getType(), -1), dim(w, 0)))
    return emitOpError("result has ") << dim(getType(), -1) << " channels, but the weight's N is " << dim(w, 0);
  if (getBias() && differ(dim(getBias().getType(), -1), dim(w, 0)))
    return emitOpError("bias has ") << dim(getBias().getType(), -1) << " elements, but the weight's N is " << dim(w, 0);
  return success();
}

LogicalResult ObserveOp::verify() {
  if (cast<ShapedType>(getWeight().getType()).getRank() != 2)
    return emitOpError("weight must be [N, K], got ") << getWeight().getType();
  if (differ(dim(getInput().getType(), -1), dim(getWeight().getType(), 1)))
    return emitOpError("input has ") << dim(getInput().getType(), -1) << " channels, but the weight's K is " << dim(getWeight().getType(), 1);
  return success();
}

LogicalResult TapOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.getRank() || type.isDynamicDim(type.getRank() - 1))
    return emitOpError("shows rows of one width, got ") << type;
  return success();
}

LogicalResult HadamardOp::verify() {
  int64_t channels = dim(getType(), -1), block = getBlock();
  if (!hadamardOrder(block))
    return emitOpError("no Hadamard matrix of order ") << block << " is known";
  if (ShapedType::isDynamic(channels) || channels % block)
    return emitOpError("input has no whole number of blocks of ") << block << " channels: " << getType();
  return success();
}

LogicalResult RotaryOp::verify() {
  int64_t channels = dim(getType(), -1), heads = getHeads(), half = dim(getCos().getType(), -1);
  if (heads < 1 || (!ShapedType::isDynamic(channels) && channels % heads))
    return emitOpError() << heads << " heads do not divide " << channels << " channels";
  if (!ShapedType::isDynamic(channels) && !ShapedType::isDynamic(half) && 2 * half > channels / heads)
    return emitOpError("rotates ") << 2 * half << " channels of a head that has " << channels / heads;
  return success();
}

LogicalResult KvUpdateOp::verify() {
  auto cache = cast<CacheType>(getCache().getType());
  if (differ(dim(getKey().getType(), -1), cache.getKvHeads() * cache.getHeadDim()))
    return emitOpError("key has ") << dim(getKey().getType(), -1) << " channels, but the cache holds " << cache.getKvHeads() << " heads of " << cache.getHeadDim();
  return success();
}

LogicalResult AttentionOp::verify() {
  auto cache = cast<CacheType>(getCache().getType());
  int64_t heads = getHeads();
  if (heads < 1 || heads % cache.getKvHeads())
    return emitOpError() << cache.getKvHeads() << " KV heads do not divide " << heads << " query heads";
  if (differ(dim(getQuery().getType(), -1), heads * cache.getHeadDim()))
    return emitOpError("query has ") << dim(getQuery().getType(), -1) << " channels, expected " << heads << " heads of " << cache.getHeadDim();
  return success();
}

/// `[B, kvHeads, tokens, D]` is what a cache op takes and gives.
static LogicalResult verifyHeadsMatch(Operation *op, Type tensor, CacheType cache) {
  if (cast<ShapedType>(tensor).getRank() != 4)
    return op->emitOpError("needs keys [B, kvHeads, tokens, D], got ") << tensor;
  if (differ(dim(tensor, 1), cache.getKvHeads()) || differ(dim(tensor, 3), cache.getHeadDim()))
    return op->emitOpError("key is ") << tensor << ", but the cache holds " << cache.getKvHeads() << " heads of " << cache.getHeadDim();
  return success();
}
/// Tensors of keys and values are floats: what has been quantized stays where it is.
static LogicalResult verifyFloats(Operation *op, CacheType cache) {
  return cache.isQuantized() ? op->emitOpError("moves floats, but the cache is ") << cache : success();
}
LogicalResult CacheLoadOp::verify() {
  if (!getPast().empty() && getPast().size() != 2)
    return emitOpError("needs past key and value, or neither");
  if (!getPast().empty() && failed(verifyFloats(*this, getCache().getType())))
    return failure();
  for (Type past : getPast().getTypes())
    if (failed(verifyHeadsMatch(*this, past, cast<CacheType>(getCache().getType()))))
      return failure();
  return success();
}
LogicalResult CacheStoreOp::verify() {
  auto cache = cast<CacheType>(getCache().getType());
  return failure(failed(verifyFloats(*this, cache)) || failed(verifyHeadsMatch(*this, getKey().getType(), cache)));
}

/// Keys or values of a cache as memory: strides of batch rows and heads follow from the capacity, which programs know.
static MemRefType cacheViewType(CacheType cache) {
  constexpr int64_t any = ShapedType::kDynamic;
  auto layout = StridedLayoutAttr::get(cache.getContext(), /*offset=*/any, {any, any, cache.getSlots(), 1});
  return MemRefType::get({any, cache.getKvHeads(), any, cache.getSlots()}, cache.getSlotType(), layout);
}
/// Scales of keys, then of values.
static SmallVector<Type> cacheScaleTypes(CacheType cache) {
  constexpr int64_t any = ShapedType::kDynamic;
  auto layout = StridedLayoutAttr::get(cache.getContext(), /*offset=*/any, {any, any, 1});
  Type scales = MemRefType::get({any, cache.getKvHeads(), any}, Float32Type::get(cache.getContext()), layout);
  return SmallVector<Type>(cache.isQuantized() ? 2 : 0, scales);
}
void CacheViewOp::build(OpBuilder &builder, OperationState &state, Value cache) {
  Type type = cacheViewType(cast<CacheType>(cache.getType()));
  state.addOperands(cache);
  state.addTypes({type, type});
  state.addTypes(cacheScaleTypes(cast<CacheType>(cache.getType())));
}
LogicalResult CacheViewOp::verify() {
  MemRefType expected = cacheViewType(cast<CacheType>(getCache().getType()));
  if (getKey().getType() != expected)
    return emitOpError("is ") << getKey().getType() << ", but the memory of " << getCache().getType() << " is " << expected;
  if (!llvm::equal(getScales().getTypes(), cacheScaleTypes(getCache().getType())))
    return emitOpError("has other scales than ") << getCache().getType();
  return success();
}

LogicalResult GluOp::verify() {
  int64_t in = dim(getInput().getType(), -1), out = dim(getType(), -1);
  if (!ShapedType::isDynamic(in) && !ShapedType::isDynamic(out) && in != 2 * out)
    return emitOpError("input has ") << in << " channels, expected twice the result's " << out;
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (cast<ShapedType>(getInput().getType()).getShape() != cast<ShapedType>(getType()).getShape())
    return emitOpError("changes the shape");
  auto block = cast<BlockType>(cast<ShapedType>(getType()).getElementType());
  if (!isActivationFormat(block))
    return emitOpError("activations are symmetric int8 or 8-bit floats with f32 scales, not ") << block;
  if (getScale() && block.getElement() != Element::Int)
    return emitOpError("finds the scales of 8-bit floats itself");
  if (getScale() && cast<ShapedType>(getScale().getType()).getShape() != ArrayRef<int64_t>{1})
    return emitOpError("has one scale for all values, not ") << getScale().getType();
  if (getScale() && block.getGroup() >= 0)
    return emitOpError("has one scale for all values, so its groups are whole rows, not ") << block.getGroup() << " values";
  return success();
}

/// Composed and decomposed tensors: `parts` must be what the format has.
static LogicalResult verifyComponents(Operation *op, Type tensor, TypeRange parts) {
  auto type = cast<RankedTensorType>(tensor);
  if (type.getRank() < 1 || ShapedType::isDynamic(type.getShape().back()))
    return op->emitOpError("needs a static last dimension, got ") << type;
  SmallVector<Type> expected = componentTypes(type);
  if (TypeRange(expected) == parts)
    return success();
  auto diagnostic = op->emitOpError("components of ") << type << " are ";
  llvm::interleaveComma(expected, diagnostic);
  return diagnostic;
}
LogicalResult ComposeOp::verify() { return verifyComponents(*this, getType(), getOperandTypes()); }
LogicalResult DecomposeOp::verify() { return verifyComponents(*this, getInput().getType(), getResultTypes()); }

void DecomposeOp::build(OpBuilder &builder, OperationState &state, Value input) {
  state.addOperands(input);
  state.addTypes(componentTypes(cast<RankedTensorType>(input.getType())));
}

LogicalResult DecomposeOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  auto compose = getInput().getDefiningOp<ComposeOp>();
  if (!compose)
    return failure();
  llvm::append_range(results, compose.getOperands());
  return success();
}
