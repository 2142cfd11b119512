// Verifiers of the hooks.
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/OpImplementation.h"
using namespace mlir;
using namespace qcc::qk;

LogicalResult UnpackOp::verify() {
  unsigned bits = getBits();
  if (bits != 1 && bits != 2 && bits != 4 && bits != 8)
    return emitOpError() << "takes planes of 1, 2, 4 or 8 bits, not " << bits;
  if ((getIndex() + 1) * bits > 8)
    return emitOpError() << "has field " << getIndex() << ", but a byte holds " << 8 / bits << " fields of " << bits << " bits";
  if (getTo() + bits > 8)
    return emitOpError() << "moves " << bits << " bits to bit " << getTo() << ", past the end of a byte";
  return success();
}

LogicalResult Lut16Op::verify() {
  auto table = getTable().getType(), index = getIndex().getType(), result = getResult().getType();
  if (result.getElementType() != table.getElementType())
    return emitOpError() << "returns elements of the table, " << table.getElementType() << ", not " << result.getElementType();
  if (index.getShape() != result.getShape())
    return emitOpError() << "has " << index.getNumElements() << " indices for " << result.getNumElements() << " results";
  if (index.getElementTypeBitWidth() != table.getElementTypeBitWidth())
    return emitOpError() << "needs indices as wide as the table's elements";
  return success();
}

LogicalResult Dot4Op::verify() {
  int64_t sums = getAcc().getType().getNumElements(), bytes = getU().getType().getNumElements();
  if (bytes != 4 * sums)
    return emitOpError() << "needs four bytes for each of " << sums << " sums, but has " << bytes;
  return success();
}

LogicalResult Dot8x2Op::verify() {
  int64_t sums = getAcc().getType().getNumElements(), bytes = getU().getType().getNumElements();
  if (sums % 2 || bytes != 4 * sums)
    return emitOpError() << "needs eight bytes for each two of " << sums << " sums, but has " << bytes;
  return success();
}

LogicalResult Bf16PairOp::verify() {
  int64_t in = getEven().getType().getNumElements(), out = getPairs().getType().getNumElements();
  if (out != 2 * in)
    return emitOpError() << "interleaves two vectors of " << in << " into " << 2 * in << " elements, not " << out;
  return success();
}

LogicalResult TileMmaOp::verify() {
  TileType acc = getAcc().getType(), lhs = getLhs().getType(), rhs = getRhs().getType();
  bool isInt = lhs.getElement().isInteger(8);
  int64_t pack = isInt ? 4 : 2;
  if (lhs.getElement() != rhs.getElement() || !(isInt ? acc.getElement().isInteger(32) : lhs.getElement().isBF16() && acc.getElement().isF32()))
    return emitOpError("multiplies i8 tiles into i32 or bf16 tiles into f32");
  if (acc.getRows() != lhs.getRows() || acc.getColumns() * pack != rhs.getColumns() || lhs.getColumns() != rhs.getRows() * pack)
    return emitOpError() << "has shapes that do not fit: " << acc << " += " << lhs << " * " << rhs;
  return success();
}

LogicalResult TeamMmaOp::verify() {
  if (getAcc().empty() || getLhs().empty() || getAcc().getTypes() != getResult().getTypes())
    return emitOpError("needs sums of some columns, products of some k, and results like the sums");
  constexpr uint64_t unit = 16;
  if (!getKStride() || !getColumnStride() || getKStride() % unit || getColumnStride() % unit)
    return emitOpError() << "has strides that are no multiples of " << unit;
  return success();
}
