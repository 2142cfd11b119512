// The names by which rules on the command line find weights.
#ifndef QCC_LIB_QUANTIZE_WEIGHTNAMES_H
#define QCC_LIB_QUANTIZE_WEIGHTNAMES_H
#include "dialects/Quant/Quant.h"
#include "llvm/Support/Regex.h"

namespace qcc {
/// Whether `regex` finds a match in the name of `part`'s tensor, of the weight, or of the node that uses the part: exporters call tensors
/// onnx::MatMul_123, and what a weight is shows in its own name, and in its node's. Parts without a tensor have no name.
inline bool matchesName(const llvm::Regex &regex, qnt::WeightDeclOp decl, qnt::PartAttr part) {
  if (!part.getData())
    return false;
  return regex.match(part.getData().getName()) || regex.match(decl.getSymName()) || (part.getNode() && regex.match(part.getNode().getValue()));
}
} // namespace qcc
#endif
