// See the header.
#include "dialects/Quant/Formats/Defaults.h"
#include "dialects/Quant/Formats/Format.h"
#include "llvm/ADT/StringExtras.h"
using namespace mlir;
using namespace qcc::qnt;

static constexpr unsigned fewestOfFloats = 16;

static constexpr DefaultFormats rows[] = {
#define QCC_DEFAULT(bits, layers, head) {bits, layers, head},
#include "dialects/Quant/Formats/Defaults.def"
};

ArrayRef<DefaultFormats> qcc::qnt::defaultFormats() { return rows; }

const DefaultFormats *qcc::qnt::defaultFormats(unsigned bits) {
  auto found = llvm::find_if(rows, [&](const DefaultFormats &row) { return row.bits == bits; });
  return found == std::end(rows) ? nullptr : found;
}

SmallVector<unsigned> qcc::qnt::supportedBits() {
  return llvm::map_to_vector(rows, [](const DefaultFormats &row) { return row.bits; });
}

SmallVector<unsigned> qcc::qnt::integerBits() {
  SmallVector<unsigned> bits = supportedBits();
  llvm::erase_if(bits, [](unsigned b) { return b >= fewestOfFloats; });
  return bits;
}

std::string qcc::qnt::listBits() {
  return llvm::join(llvm::map_range(rows, [](const DefaultFormats &row) { return std::to_string(row.bits); }), " ");
}

Type qcc::qnt::formatOfBits(MLIRContext *context, unsigned bits, int64_t group, bool asym) {
  const DefaultFormats *row = defaultFormats(bits);
  if (!row || bits >= fewestOfFloats)
    return row ? parseFormat(row->layers, context) : Type();
  return BlockType::get(context, Element::Int, bits, group, ScaleKind::F16, asym ? ZeroKind::Int : ZeroKind::None, 0, 0, StringAttr());
}
