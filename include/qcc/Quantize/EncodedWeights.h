// Weights that a method has encoded before any byte is written.
#ifndef QCC_QUANTIZE_ENCODEDWEIGHTS_H
#define QCC_QUANTIZE_ENCODEDWEIGHTS_H
#include "dialects/Quant/Formats/Format.h"
#include "llvm/ADT/StringMap.h"

namespace qcc {
/// By section name (see sectionName), since a declaration may be copied for another layout. A byte for each code: as much memory as 8-bit weights.
class EncodedWeights {
public:
  qnt::QuantizedBuffer &add(llvm::StringRef section) { return buffers[section]; }
  /// All rows of the weight, or null where its format encodes them as they are read.
  const qnt::QuantizedBuffer *find(llvm::StringRef section, mlir::Type element) const {
    auto at = buffers.find(section);
    return at == buffers.end() || at->second.view.element != element ? nullptr : &at->second;
  }

private:
  llvm::StringMap<qnt::QuantizedBuffer> buffers;
};
} // namespace qcc
#endif
