// Copies scalar expressions, following extents of buffers to what they were made with.
#include "lib/Kernel/CloneScalar.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
using namespace mlir;
using namespace qcc;

Value qcc::cloneScalar(OpBuilder &b, Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions())
    return {};
  if (auto dim = dyn_cast<memref::DimOp>(op)) {                     // an extent of a buffer: what it was made with
    auto i = dim.getConstantIndex();
    Operation *source = dim.getSource().getDefiningOp();
    auto type = dyn_cast<MemRefType>(dim.getSource().getType());
    if (!i || !source || !type || !isa<memref::AllocOp, qk::BindOp>(source))
      return {};
    auto sizes = isa<qk::BindOp>(source) ? cast<qk::BindOp>(source).getSizes() : cast<memref::AllocOp>(source).getDynamicSizes();
    if (!type.isDynamicDim(*i))
      return arith::ConstantIndexOp::create(b, op->getLoc(), type.getDimSize(*i));
    return cloneScalar(b, sizes[type.getDynamicDimIndex(*i)], mapping);
  }
  if (!isPure(op) || (!isa<qk::DimOp>(op) && !isa<arith::ArithDialect>(op->getDialect())))
    return {};
  for (Value operand : op->getOperands())
    if (!cloneScalar(b, operand, mapping))
      return {};
  b.clone(*op, mapping);
  return mapping.lookup(value);
}
