// The table of format families and what holds for all of them.
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Formats/Half.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>
#include <numeric>
using namespace mlir;
using namespace qcc::qnt;

static ArrayRef<const FormatFamily *> families() {
  static const FormatFamily *const all[] = {
#define QCC_FORMAT(Class, Grammar, Examples, Summary) &get##Class(),
#include "dialects/Quant/Formats/Formats.def"
  };
  return all;
}

const FormatFamily *qcc::qnt::familyOf(Type element) {
  for (const FormatFamily *family : families())
    if (family->owns(element))
      return family;
  return nullptr;
}

Type qcc::qnt::parseFormat(StringRef name, MLIRContext *context) {
  for (const FormatFamily *family : families())
    if (Type type = family->parse(name, context))
      return type;
  return {};
}

SmallVector<Type> qcc::qnt::candidateFormats(MLIRContext *context) {
  SmallVector<Type> formats;
  for (const FormatFamily *family : families())
    family->addCandidates(context, formats);
  return formats;
}

SmallVector<StringRef> qcc::qnt::exampleFormats() {
  SmallVector<StringRef> names;
#define QCC_FORMAT(Class, Grammar, Examples, Summary) StringRef(Examples).split(names, ' ');
#include "dialects/Quant/Formats/Formats.def"
  return names;
}

std::string qcc::qnt::formatName(Type element) {
  if (const FormatFamily *family = familyOf(element))
    return family->name(element);
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

std::string qcc::qnt::listFormats() {
  std::string text;
#define QCC_FORMAT(Class, Grammar, Examples, Summary) text += std::string(Grammar) + ": " + Summary + "\n";
#include "dialects/Quant/Formats/Formats.def"
  return text;
}

double qcc::qnt::bitsPerWeight(Type element, int64_t K) {
  const FormatFamily *family = familyOf(element);
  return family && K > 0 ? double(family->rowBits(element, K)) / double(K) : 0;
}

int64_t qcc::qnt::groupsPerRow(BlockType type, int64_t K) {
  return type.getGroup() < 0 ? 1 : (K + type.getGroup() - 1) / type.getGroup();
}

bool qcc::qnt::hasSubMinima(BlockType type) { return type.getSuper() && (type.getZero() == ZeroKind::Min || type.getZero() == ZeroKind::Shift); }

int64_t qcc::qnt::superBlocksPerRow(BlockType type, int64_t K) {
  return type.getSuper() ? (K + type.getSuper() - 1) / type.getSuper() : 0;
}

SmallVector<Type> qcc::qnt::componentTypes(RankedTensorType type) {
  auto block = cast<BlockType>(type.getElementType());
  int64_t K = type.getShape().back();
  auto withLast = [&](int64_t last, Type element) -> Type {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = last;
    return RankedTensorType::get(shape, element);
  };
  Builder b(type.getContext());
  int64_t groups = groupsPerRow(block, K);
  SmallVector<Type> types{withLast(K, b.getI8Type()), withLast(block.getSuper() ? superBlocksPerRow(block, K) : groups, b.getF32Type())};
  if (block.getSuper() || block.getZero() == ZeroKind::Int)
    types.push_back(withLast(groups, b.getI8Type()));
  else if (block.getZero() == ZeroKind::Float)
    types.push_back(withLast(groups, b.getF32Type()));
  if (block.getZero() == ZeroKind::Min)
    types.push_back(types[1]);
  if (hasSubMinima(block))
    types.push_back(withLast(groups, b.getI8Type()));
  return types;
}

LogicalResult FormatFamily::encodeRow(ArrayRef<float> values, QuantizedBuffer &out, int64_t row, std::string &why, const FitOptions &options) const {
  if (failed(fitRow(values, options, out, row, why)))
    return failure();
  encodeColumns(values, 0, out, row);
  return success();
}

Value FormatFamily::integerValue(OpBuilder &, Location, BlockType, const ElementValues &element) const { return element.code; }

Value FormatFamily::decode(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) const {
  assert(type.getElement() == Element::Int && "a family of code tables decodes them itself");
  Value integer = integerValue(builder, loc, type, element);
  if (type.getSuper())
    integer = arith::MulIOp::create(builder, loc, integer, subScaleValue(builder, loc, type, element));
  Value value = arith::SIToFPOp::create(builder, loc, builder.getF32Type(), integer);
  if (type.getZero() == ZeroKind::Float)
    value = arith::SubFOp::create(builder, loc, value, element.side);
  value = arith::MulFOp::create(builder, loc, element.scale, value);
  if (!element.min)
    return value;
  Value min = element.min;
  if (element.subMin)
    min = arith::MulFOp::create(builder, loc, min, arith::SIToFPOp::create(builder, loc, builder.getF32Type(), element.subMin));
  return arith::AddFOp::create(builder, loc, value, min);
}

Value qcc::qnt::subScaleValue(OpBuilder &builder, Location loc, BlockType type, const ElementValues &element) {
  if (!type.getSignedSub())
    return element.side;
  Value zero = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), int64_t(1) << (type.getSubBits() - 1));
  return arith::SubIOp::create(builder, loc, element.side, zero);
}

/// An integer of a vector as long as `like`, if that is one.
static Value integerLike(OpBuilder &builder, Location loc, Value like, int64_t v) {
  auto integer = builder.getIntegerAttr(getElementTypeOrSelf(like.getType()), v);
  auto vector = dyn_cast<VectorType>(like.getType());
  return arith::ConstantOp::create(builder, loc, vector ? cast<TypedAttr>(DenseElementsAttr::get(vector, integer)) : cast<TypedAttr>(integer));
}

Value qcc::qnt::shiftedMinimum(OpBuilder &builder, Location loc, unsigned bits, unsigned subBits, Value sub, Value shift) {
  auto splat = [&](int64_t v) { return integerLike(builder, loc, sub, v); };
  Value centred = arith::SubIOp::create(builder, loc, shift, splat(int64_t(1) << (subBits - 1)));
  Value moved = arith::ShRSIOp::create(builder, loc, arith::MulIOp::create(builder, loc, sub, centred), splat(subBits + 2 - bits));
  return arith::SubIOp::create(builder, loc, moved, arith::ShLIOp::create(builder, loc, sub, splat(bits - 1)));
}

int64_t qcc::qnt::largestSubScale(BlockType type) {
  return type.getSignedSub() ? int64_t(1) << (type.getSubBits() - 1) : (int64_t(1) << type.getSubBits()) - 1;
}

BlockType qcc::qnt::activationFormat(MLIRContext *context, int64_t group) {
  return BlockType::get(context, Element::Int, 8, group, ScaleKind::F32, ZeroKind::None, 0, 0, StringAttr());
}

bool qcc::qnt::isActivationFormat(BlockType type) {
  if (type.getBits() != 8 || type.getZero() != ZeroKind::None)
    return false;
  return type.getElement() == Element::Int || (floatTableOf(type) && type.getScale() == ScaleKind::F32);
}

const CodeTable *qcc::qnt::floatTableOf(BlockType type) {
  const CodeTable *table = tableOf(type);
  return table && table->mantissaBits ? table : nullptr;
}

const CodeTable *qcc::qnt::tableOf(BlockType weight) { return weight.getTable() ? codeTable(weight.getTable().getValue()) : nullptr; }

bool qcc::qnt::hasIntegers(BlockType weight) {
  const CodeTable *table = tableOf(weight);
  return weight.getElement() == Element::Int || (table && table->integers);
}

int64_t qcc::qnt::exactRun(int64_t weightGroup, int64_t weightSuper, int64_t activationGroup) {
  int64_t weights = weightSuper && weightGroup % 32 == 0 ? weightSuper : weightGroup;
  int64_t run = weights < 0 ? activationGroup : activationGroup < 0 ? weights : std::gcd(weights, activationGroup);
  return run > 0 && run % 32 ? std::gcd(run, int64_t(32)) : run;
}

bool qcc::qnt::sumsHaveSubScales(int64_t weightGroup, int64_t weightSuper, int64_t activationGroup) {
  return weightSuper && weightGroup % exactRun(weightGroup, weightSuper, activationGroup);
}

bool qcc::qnt::sumsFit(BlockType weight, BlockType activations, int64_t K) {
  int64_t run = exactRun(weight, activations), largest = (int64_t(1) << weight.getBits()) - 1;  // a code alone, or less a stored zero point
  if (weight.getZero() == ZeroKind::None)
    largest = int64_t(1) << (weight.getBits() - 1);
  if (const CodeTable *table = tableOf(weight))
    largest = std::max(table->integers->largest(), -table->integers->smallest());
  bool inSums = sumsHaveSubScales(weight.getGroup(), weight.getSuper(), activations.getGroup());
  if (inSums && weight.getZero() == ZeroKind::Shift)
    largest = 128;
  else if (inSums)
    largest *= largestSubScale(weight);
  int64_t products = run < 0 ? K : std::min(run, K);
  return products <= std::numeric_limits<int32_t>::max() / (127 * largest);
}

ScaleStorage qcc::qnt::scaleStorage(ScaleKind kind) {
  switch (kind) {
  case ScaleKind::F16:
  case ScaleKind::BF16:
    return {16, nullptr, 0};
  case ScaleKind::F32:
    return {32, nullptr, 0};
  case ScaleKind::E8M0:
    return {8, nullptr, 0};
  case ScaleKind::E4M3:
    return {8, codeTable("e4m3"), 1};
  case ScaleKind::Dynamic8:
    return {8, codeTable("dynamic8"), 2};
  }
  llvm_unreachable("all scale kinds are covered");
}

unsigned qcc::qnt::weightNumbers(Type element) {
  auto block = dyn_cast<BlockType>(element);
  return block ? scaleStorage(block.getScale()).numbers : 0;
}

void qcc::qnt::setNumbers(ArrayRef<float> values, QuantizedBuffer &out) {
  const QuantizedRows &view = out.view;
  if (!weightNumbers(view.element))
    return;
  const FormatFamily &family = *familyOf(view.element);
  WeightExtent extent;
  for (; !values.empty(); values = values.drop_front(view.K))
    family.measure(view.element, values.take_front(view.K), extent);
  out.setNumbers(family.numbersOf(view.element, extent));
}

float qcc::qnt::decodeScale(ScaleKind kind, uint8_t code, ArrayRef<float> numbers) {
  float relative = scaleStorage(kind).table->values[code];
  return numbers.size() == 2 ? std::fma(relative, numbers[0], numbers[1]) : relative * numbers[0];
}

Type qcc::qnt::scaleType(MLIRContext *context, ScaleKind kind) {
  switch (kind) {
  case ScaleKind::F16:
    return Float16Type::get(context);
  case ScaleKind::BF16:
    return BFloat16Type::get(context);
  case ScaleKind::F32:
    return Float32Type::get(context);
  case ScaleKind::E8M0:
  case ScaleKind::E4M3:
  case ScaleKind::Dynamic8:
    return Type();
  }
  llvm_unreachable("all scale kinds are covered");
}

void qcc::qnt::storeScale(ScaleKind kind, float value, uint8_t *out) {
  switch (kind) {
  case ScaleKind::F16:
    return llvm::support::endian::write16le(out, floatToHalf(value));
  case ScaleKind::BF16:
    return llvm::support::endian::write16le(out, floatToBfloat(value));
  case ScaleKind::F32:
    return llvm::support::endian::write32le(out, bitsOf(value));
  case ScaleKind::E8M0:
    *out = floatToE8m0(value);
    return;
  case ScaleKind::E4M3:
  case ScaleKind::Dynamic8:
    llvm_unreachable("codes are stored as they are");
  }
  llvm_unreachable("all scale kinds are covered");
}

void qcc::qnt::packNumbers(ArrayRef<float> numbers, uint8_t *out) {
  for (auto [i, number] : llvm::enumerate(numbers))
    storeScale(ScaleKind::F32, number, out + 4 * i);
}

Value qcc::qnt::loadedScale(OpBuilder &builder, Location loc, ScaleKind kind, Value stored) {
  Type f32 = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(stored.getType()))
    f32 = vector.cloneWith(std::nullopt, f32);
  switch (kind) {
  case ScaleKind::F32:
    return stored;
  case ScaleKind::F16:
  case ScaleKind::BF16:
    return arith::ExtFOp::create(builder, loc, f32, stored);
  case ScaleKind::E8M0: { // the exponent in place; 0 is half of the smallest normal number
    Value exponent = arith::ShLIOp::create(builder, loc, stored, integerLike(builder, loc, stored, 23));
    return arith::BitcastOp::create(builder, loc, f32, arith::MaxUIOp::create(builder, loc, exponent, integerLike(builder, loc, stored, 0x00400000)));
  }
  case ScaleKind::E4M3:
  case ScaleKind::Dynamic8:
    llvm_unreachable("codes are relative to numbers of their weight");
  }
  llvm_unreachable("all scale kinds are covered");
}

float qcc::qnt::roundToScale(float x, ScaleKind kind) {
  switch (kind) {
  case ScaleKind::F16:
    return halfToFloat(floatToHalf(x));
  case ScaleKind::BF16:
    return bfloatToFloat(floatToBfloat(x));
  case ScaleKind::F32:
    return x;
  case ScaleKind::E8M0:
    return std::isfinite(x) ? e8m0ToFloat(floatToE8m0(x)) : x;
  case ScaleKind::E4M3:
  case ScaleKind::Dynamic8: {
    const CodeTable &table = *scaleStorage(kind).table;
    return std::isfinite(x) ? table.values[table.encode(x)] : x;
  }
  }
  llvm_unreachable("all scale kinds are covered");
}

QuantizedRows qcc::qnt::sliceRows(const QuantizedRows &rows, int64_t from, int64_t count) {
  QuantizedRows part = rows;
  part.firstRow += from;
  part.rows = count;
  auto slice = [&](auto &all) {
    if (!all.empty())
      all = all.slice(all.size() / rows.rows * from, all.size() / rows.rows * count);
  };
  slice(part.values), slice(part.codes), slice(part.scales), slice(part.scaleCodes), slice(part.subScales);
  slice(part.mins), slice(part.subMins), slice(part.zeros), slice(part.floatZeros), slice(part.raw);
  return part;
}

void QuantizedBuffer::setNumbers(ArrayRef<float> ofWeight) {
  numbers.assign(ofWeight.begin(), ofWeight.end());
  view.numbers = numbers;
}

void QuantizedBuffer::reset(Type element, int64_t firstRow, int64_t rows, int64_t K) {
  view = QuantizedRows();
  view.element = element;
  view.firstRow = firstRow;
  view.rows = rows;
  view.K = K;
  auto block = dyn_cast<BlockType>(element);
  if (!block && !isa<FloatType>(element)) {
    raw.resize(rows * K * ((element.getIntOrFloatBitWidth() + 7) / 8));
    view.raw = raw;
    return;
  }
  if (!block) {
    values.resize(rows * K);
    view.values = values;
    return;
  }
  values.clear();
  view.group = block.getGroup() < 0 ? K : block.getGroup();
  view.groups = groupsPerRow(block, K);
  view.superBlocks = superBlocksPerRow(block, K);
  codes.resize(rows * K);
  scales.resize(rows * (block.getSuper() ? view.superBlocks : view.groups));
  ScaleStorage storage = scaleStorage(block.getScale());
  scaleCodes.resize(storage.table ? rows * view.groups : 0);
  numbers.clear();
  subScales.resize(block.getSuper() ? rows * view.groups : 0);
  mins.resize(block.getZero() == ZeroKind::Min ? scales.size() : 0);
  subMins.resize(hasSubMinima(block) ? subScales.size() : 0);
  zeros.resize(block.getZero() == ZeroKind::Int ? rows * view.groups : 0);
  floatZeros.resize(block.getZero() == ZeroKind::Float ? rows * view.groups : 0);
  view.codes = codes;
  view.scales = scales;
  view.scaleCodes = scaleCodes;
  view.subScales = subScales;
  view.mins = mins;
  view.subMins = subMins;
  view.zeros = zeros;
  view.floatZeros = floatZeros;
}
