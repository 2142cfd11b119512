// The qk dialect: SPMD programs, launches and micro-kernel hooks. Contracts: ProgramOps.td, HookOps.td.
#ifndef QCC_DIALECTS_KERNEL_KERNEL_H
#define QCC_DIALECTS_KERNEL_KERNEL_H
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace qcc::qk {
/// Trait of the micro-kernel hooks (HookOps.td).
template <typename ConcreteOp> class Hook : public mlir::OpTrait::TraitBase<ConcreteOp, Hook> {};
} // namespace qcc::qk
#include "dialects/Kernel/KernelDialect.h.inc"
#include "dialects/Kernel/KernelEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.h.inc"
#endif
