// Verifiers and effects of the program ops.
#include "dialects/Kernel/Kernel.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
using namespace mlir;
using namespace qcc::qk;

LogicalResult BindOp::verify() {
  auto type = cast<MemRefType>(getType());
  if (!type.getLayout().isIdentity())
    return emitOpError("binds dense memory, not ") << type;
  if (getSizes().size() != size_t(type.getNumDynamicDims()))
    return emitOpError("has ") << getSizes().size() << " sizes for " << type.getNumDynamicDims() << " dynamic extents";
  if (getStorage() == Storage::Port && getOffset())
    return emitOpError("a port has no offset");
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("refers to no function named ") << getKernelAttr();
  if (kernel.getNumArguments() != getNumOperands())
    return emitOpError("passes ") << getNumOperands() << " operands to " << getKernelAttr() << ", which takes " << kernel.getNumArguments();
  if (kernel.getNumResults())
    return emitOpError("launches ") << getKernelAttr() << ", which returns values; kernels write to memory";
  return success();
}

void LaunchOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : getInputsMutable())
    if (isa<BaseMemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : getOutputsMutable())
    if (isa<BaseMemRefType>(operand.get().getType())) {
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    }
}
