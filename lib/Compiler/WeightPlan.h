// Joins the quant stage's weight stream with the kernel stage's layouts: two layers that do not know each other.
#ifndef QCC_LIB_COMPILER_WEIGHTPLAN_H
#define QCC_LIB_COMPILER_WEIGHTPLAN_H
#include "qcc/Quantize/WeightPipeline.h"
namespace qcc {
/// The packing that a placed declaration (PlaceWeights) asks for. Fails, after a diagnostic, for a declaration without a layout.
llvm::FailureOr<WeightPacking> packingOf(qnt::WeightDeclOp decl);
} // namespace qcc
#endif
