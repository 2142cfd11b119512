// What numbers of bits mean: the table Defaults.def.
#ifndef QCC_DIALECTS_QUANT_FORMATS_DEFAULTS_H
#define QCC_DIALECTS_QUANT_FORMATS_DEFAULTS_H
#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace qcc::qnt {
/// A row of Defaults.def: names of formats.
struct DefaultFormats {
  unsigned bits;
  llvm::StringRef layers, head;
};
llvm::ArrayRef<DefaultFormats> defaultFormats();
/// The row of `bits`, or null.
const DefaultFormats *defaultFormats(unsigned bits);
/// The bits of all rows.
llvm::SmallVector<unsigned> supportedBits();
/// Of quantized weights: the widths of integers that are offered.
llvm::SmallVector<unsigned> integerBits();
/// "2 3 4", for messages and help.
std::string listBits();
/// Integers of `bits` in groups of `group` (-1: the row) under f16 scales, with integer zero points if `asym`; of 16 and 32 bits floats. Null where no row has
/// `bits`.
mlir::Type formatOfBits(mlir::MLIRContext *context, unsigned bits, int64_t group, bool asym);
} // namespace qcc::qnt
#endif
