// Embedding tables: rows one after the other, so that a gather touches only the rows it needs.
//
// Float tables are dense and row major. A quantized row is, each part padded to whole 4 bytes:
//
//   codes       element i at bits i*bits .. of a little-endian bit stream
//   sub-scales  two-level: a bit stream as well, one per group; then sub-minima or shifts likewise
//   scales      one per group (two-level: per super-group), in their own type; a byte where they are codes or E8M0; right behind them zero points, one
//               byte (integer) or one number of the scale's type per group, or minima, one per scale
//
// Behind the last row, of scales that are codes: the f32 that they are relative to (ScaleStorage::numbers).
#ifndef QCC_KERNEL_ROWLAYOUT_H
#define QCC_KERNEL_ROWLAYOUT_H
#include "dialects/Quant/Formats/Format.h"
#include "llvm/Support/MathExtras.h"
namespace qcc::kernel {
struct RowLayout {
  mlir::Type element;            // f32, f16, bf16 or !qnt.block
  int64_t k = 0;

  /// Fails, after `emitError`, for block types that are no format.
  static mlir::FailureOr<RowLayout> get(mlir::Type element, int64_t k, llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
    if (mlir::isa<qnt::BlockType>(element) && !qnt::familyOf(element))
      return emitError() << "no row layout for tables of format " << qnt::formatName(element) << " [unsupported-format]", mlir::failure();
    return RowLayout{element, k};
  }
  qnt::BlockType block() const { return mlir::dyn_cast<qnt::BlockType>(element); }
  qnt::ZeroKind zero() const { return block().getZero(); }
  unsigned scaleBytes() const { return qnt::scaleBits(block().getScale()) / 8; }
  unsigned zeroBytes() const {
    return zero() == qnt::ZeroKind::None || zero() == qnt::ZeroKind::Shift ? 0 : zero() == qnt::ZeroKind::Int ? 1 : scaleBytes();
  }
  int64_t group() const { return block().getGroup() < 0 ? k : block().getGroup(); }
  int64_t groups() const { return qnt::groupsPerRow(block(), k); }
  int64_t scales() const { return block().getSuper() ? qnt::superBlocksPerRow(block(), k) : groups(); }
  int64_t scaleK() const { return block().getSuper() ? int64_t(block().getSuper()) : group(); }     // elements per stored scale
  int64_t zeros() const { return zero() == qnt::ZeroKind::Min ? scales() : groups(); }
  int64_t subOffset() const { return llvm::alignTo(k * block().getBits(), 32) / 8; }
  int64_t subBytes() const { return block().getSuper() ? int64_t(llvm::alignTo(groups() * block().getSubBits(), 32)) / 8 : 0; }
  int64_t subMinOffset() const { return subOffset() + subBytes(); }
  int64_t scaleOffset() const { return subMinOffset() + (qnt::hasSubMinima(block()) ? subBytes() : 0); }
  int64_t zeroOffset() const { return scaleOffset() + scales() * scaleBytes(); }
  int64_t rowBytes() const { return block() ? llvm::alignTo(zeroOffset() + zeros() * zeroBytes(), 4) : k * element.getIntOrFloatBitWidth() / 8; }
  int64_t numbersBytes() const { return 4 * int64_t(qnt::weightNumbers(element)); }
  int64_t bytes(int64_t rows) const { return rows * rowBytes() + numbersBytes(); }
};

/// Packs rows of `layout` into rows.rows * rowBytes() bytes at `out`, all of which are written; numbers of the table are not.
void packRows(const RowLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out);
} // namespace qcc::kernel
#endif
