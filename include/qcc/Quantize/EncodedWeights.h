// Weights that a method has encoded before any byte is written.
#ifndef QCC_QUANTIZE_ENCODEDWEIGHTS_H
#define QCC_QUANTIZE_ENCODEDWEIGHTS_H
#include "dialects/Quant/Formats/Format.h"
#include "llvm/ADT/DenseMap.h"

namespace qcc {
/// By source and type, since a declaration may be copied for another layout. A byte for each code: as much memory as 8-bit weights.
class EncodedWeights {
public:
  /// Valid until the next call.
  qnt::QuantizedBuffer &add(qnt::WeightDeclOp decl) { return buffers[{decl.getSource(), decl.getType()}]; }
  /// All rows of the weight, or null where its format encodes them as they are read.
  const qnt::QuantizedBuffer *find(qnt::WeightDeclOp decl) const {
    auto at = buffers.find({decl.getSource(), decl.getType()});
    return at == buffers.end() ? nullptr : &at->second;
  }

private:
  llvm::DenseMap<std::pair<mlir::ArrayAttr, mlir::Type>, qnt::QuantizedBuffer> buffers;
};
} // namespace qcc
#endif
