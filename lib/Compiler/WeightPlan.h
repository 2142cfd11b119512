// Joins the quant stage's weight stream with the kernel stage's layouts: two layers that do not know each other.
#ifndef QCC_LIB_COMPILER_WEIGHTPLAN_H
#define QCC_LIB_COMPILER_WEIGHTPLAN_H
#include "qcc/Quantize/WeightPipeline.h"
namespace qcc {
/// The packing that a placed declaration (PlaceWeights) asks for. Fails, after a diagnostic, for a declaration without a layout.
llvm::FailureOr<WeightPacking> packingOf(qnt::WeightDeclOp decl);
/// The bytes that a matmul's weight takes in the weights file, up to the next weight: in panels of so many `lanes`, or as the reference lowering reads it.
/// Fails after a diagnostic of `emitError` where there is no layout for the format.
llvm::FailureOr<int64_t> placedBytes(mlir::RankedTensorType weight, unsigned lanes, bool reference, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
} // namespace qcc
#endif
