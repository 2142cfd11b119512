// The qnt dialect: quantized tensor types and transformer operations. See QuantOps.td for every op's contract.
#ifndef QCC_DIALECTS_QUANT_QUANT_H
#define QCC_DIALECTS_QUANT_QUANT_H
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace qcc::qnt {
/// The leading extents of the first result (all but its last one) are those of the first operand. What follows dimensions through a program asks for it.
template <typename ConcreteOp> class KeepsRows : public mlir::OpTrait::TraitBase<ConcreteOp, KeepsRows> {};
} // namespace qcc::qnt

#include "dialects/Quant/QuantDialect.h.inc"
#include "dialects/Quant/QuantEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Quant/QuantTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Quant/QuantAttrs.h.inc"
#include "dialects/Quant/QuantInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Quant/QuantOps.h.inc"
#endif
