// Types and attributes of the qnt dialect: printing is generated, the rules are here.
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Hadamard.h"
#include "dialects/Quant/Quant.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace qcc::qnt;
#include "dialects/Quant/QuantEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Quant/QuantTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Quant/QuantAttrs.cpp.inc"

void QntDialect::registerTypesAndAttributes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Quant/QuantTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Quant/QuantAttrs.cpp.inc"
      >();
}

PartAttr PartAttr::withoutNode() const {
  return PartAttr::get(getContext(), getRows(), getTransposed(), getData(), getScales(), getZeros(), getValues(), getRotary(), StringAttr());
}

LogicalResult RotationAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t block, int64_t seed) {
  if (hadamardOrder(block))
    return success();
  return emitError() << "no Hadamard matrix of order " << block << " is known";
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError, WeightLayout kind, int64_t bytes, unsigned lanes) {
  if (bytes < 0)
    return emitError() << "a layout has at least 0 bytes, not " << bytes;
  if ((kind == WeightLayout::Panels) != (lanes > 0))
    return emitError() << "panels have lanes, other layouts have none";
  return success();
}

LogicalResult BlockType::verify(function_ref<InFlightDiagnostic()> emitError, Element element, unsigned bits, int64_t group,
                                ScaleKind scale, ZeroKind zero, int64_t super, unsigned subBits, StringAttr table, bool signedSub, StringAttr rule) {
  if (bits < 1 || bits > 8)
    return emitError() << "a code has 1 to 8 bits, not " << bits;
  if (group != -1 && (group < 1 || group > maxGroup))
    return emitError() << "a group has 1 to " << maxGroup << " elements (or is -1, the whole row), not " << group;
  if (super > maxGroup)
    return emitError() << "a super-block has at most " << maxGroup << " elements, not " << super;
  if (super && (super < group || group < 1 || super % group))
    return emitError() << "a super-block holds whole groups, but " << group << " does not divide " << super;
  if (super && (zero == ZeroKind::Int || zero == ZeroKind::Float))
    return emitError() << "two-level scales have minima, shifts or nothing, no zero points";
  if (zero == ZeroKind::Shift && (!super || signedSub || bits > 4 || subBits > 4 || bits >= subBits + 2))
    return emitError() << "'zero = shift' is of codes of 2 to 4 bits with unsigned two-level scales of at most 4 bits, and less than bits - 2";
  if (signedSub && !super)
    return emitError() << "'signedSub' is of two-level scales";
  if ((super > 0) != (subBits > 0))
    return emitError() << "two-level scales need both 'super' and 'subBits'";
  if ((element == Element::Table) != bool(table))
    return emitError() << "a code table and 'element = table' go together";
  const CodeTable *codes = table ? codeTable(table.getValue()) : nullptr;
  if (table && !codes)
    return emitError() << "there is no code table '" << table.getValue() << "'";
  if (codes && codes->bits != bits)
    return emitError() << "codes of table '" << codes->name << "' have " << codes->bits << " bits, not " << bits;
  if (codes && (zero != ZeroKind::None || super))
    return emitError() << "codes of a table have neither zero points nor two levels of scales";
  if (scaleStorage(scale).table && (zero == ZeroKind::Float || zero == ZeroKind::Min || super))
    return emitError() << "coded scales go with neither zero points or minima of their type nor two levels";
  return success();
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t kvHeads, int64_t headDim, Type element) {
  if (!isa<FloatType>(element) && !element.isSignlessInteger(8) && !element.isSignlessInteger(4))
    return emitError() << "a cache holds floats, i8 or i4, not " << element;
  if (element.isInteger(4) && headDim % 2)
    return emitError() << "two codes of 4 bits share a byte, but a head has " << headDim << " channels";
  return success();
}
Type CacheType::getSlotType() const { return isQuantized() ? IntegerType::get(getContext(), 8) : getElement(); }

Type CacheType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/true) || parser.parseType(element) || parser.parseGreater())
    return {};
  if (shape.size() != 2)
    return parser.emitError(at, "a cache type is <kvHeads x headDim x element>"), Type();
  return CacheType::getChecked([&] { return parser.emitError(at); }, parser.getContext(), shape[0], shape[1], element);
}
void CacheType::print(AsmPrinter &printer) const { printer << "<" << getKvHeads() << "x" << getHeadDim() << "x" << getElement() << ">"; }
