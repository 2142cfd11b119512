// Quantized weights as reference lowerings read them: the components of qnt.compose, row by row, nothing packed.
//
// A row is: stored scales as f32 (one per group, two-level: per super-group), float zero points as f32 (one per group), minima as f32
// (as many as scales), codes, one byte each, integer zero points or sub-scales, one byte per group, sub-minima or shifts likewise; the row
// is padded to a multiple of 4 bytes.
#ifndef QCC_KERNEL_COMPONENTLAYOUT_H
#define QCC_KERNEL_COMPONENTLAYOUT_H
#include "dialects/Quant/Formats/Format.h"
namespace qcc::kernel {
struct ComponentLayout {
  qnt::BlockType block;
  int64_t k = 0;

  /// Fails, after `emitError`, for elements that have no components.
  static mlir::FailureOr<ComponentLayout> get(mlir::Type element, int64_t k, llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
    auto block = mlir::dyn_cast<qnt::BlockType>(element);
    if (!block)
      return emitError() << "no components of weights of format " << qnt::formatName(element) << " [unsupported-format]", mlir::failure();
    return ComponentLayout{block, k};
  }
  bool hasFloatZeros() const { return block.getZero() == qnt::ZeroKind::Float; }
  bool hasMins() const { return block.getZero() == qnt::ZeroKind::Min; }
  bool hasSideBytes() const { return block.getSuper() || block.getZero() == qnt::ZeroKind::Int; }
  bool hasSubMins() const { return qnt::hasSubMinima(block); }
  int64_t groups() const { return qnt::groupsPerRow(block, k); }
  int64_t scales() const { return block.getSuper() ? qnt::superBlocksPerRow(block, k) : groups(); }
  int64_t zeroOffset() const { return 4 * scales(); }
  int64_t minOffset() const { return zeroOffset() + (hasFloatZeros() ? 4 * groups() : 0); }
  int64_t codeOffset() const { return minOffset() + (hasMins() ? 4 * scales() : 0); }
  int64_t sideOffset() const { return codeOffset() + k; }
  int64_t subMinOffset() const { return sideOffset() + (hasSideBytes() ? groups() : 0); }
  int64_t rowBytes() const { return (subMinOffset() + (hasSubMins() ? groups() : 0) + 3) / 4 * 4; }
  /// Where the components behind codes and scales start, in the order of qnt.compose.
  llvm::SmallVector<int64_t> sideOffsets() const {
    llvm::SmallVector<int64_t> offsets;
    if (hasFloatZeros() || hasSideBytes())
      offsets.push_back(hasFloatZeros() ? zeroOffset() : sideOffset());
    if (hasMins())
      offsets.push_back(minOffset());
    if (hasSubMins())
      offsets.push_back(subMinOffset());
    return offsets;
  }
};

/// Writes rows of `layout` to rows.rows * rowBytes() bytes at `out`, all of which are written.
void packComponents(const ComponentLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out);
} // namespace qcc::kernel
#endif
