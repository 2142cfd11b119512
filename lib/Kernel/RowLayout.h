// Embedding tables: rows one after the other, so that a gather touches only the rows it needs.
//
// Float tables are dense and row major. A quantized row is: codes, element i at bits i*bits .. of a little-endian bit stream, padded to whole
// 4 bytes; scales, one per group in their own type; zero points, one byte (integer) or one number of the scale's type per group; the row
// is padded to a multiple of 4 bytes. One-level integer formats only.
#ifndef QCC_KERNEL_ROWLAYOUT_H
#define QCC_KERNEL_ROWLAYOUT_H
#include "dialects/Quant/Formats/Format.h"
namespace qcc::kernel {
struct RowLayout {
  mlir::Type element;            // f32, f16, bf16 or !qnt.block
  int64_t k = 0;

  /// Fails, after `emitError`, for formats that have no row layout.
  static mlir::FailureOr<RowLayout> get(mlir::Type element, int64_t k, llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
    if (mlir::isa<qnt::BlockType>(element) && !qnt::servesTables(element)) {
      mlir::InFlightDiagnostic error = emitError() << "no row layout for tables of format " << qnt::formatName(element) << " [unsupported-format]";
      error.attachNote() << "supported here: " << qnt::listTableFormats(element.getContext());
      return mlir::failure();
    }
    return RowLayout{element, k};
  }
  qnt::BlockType block() const { return mlir::dyn_cast<qnt::BlockType>(element); }
  unsigned scaleBytes() const { return qnt::scaleBits(block().getScale()) / 8; }
  unsigned zeroBytes() const {
    return block().getZero() == qnt::ZeroKind::None ? 0 : block().getZero() == qnt::ZeroKind::Int ? 1 : scaleBytes();
  }
  int64_t group() const { return block().getGroup() < 0 ? k : block().getGroup(); }
  int64_t groups() const { return (k + group() - 1) / group(); }
  int64_t scaleOffset() const { return (k * block().getBits() + 31) / 32 * 4; }
  int64_t zeroOffset() const { return scaleOffset() + groups() * scaleBytes(); }
  int64_t rowBytes() const {
    if (!block())
      return k * element.getIntOrFloatBitWidth() / 8;
    return (zeroOffset() + groups() * zeroBytes() + 3) / 4 * 4;
  }
};

/// Packs rows of `layout` into rows.rows * rowBytes() bytes at `out`, all of which are written.
void packRows(const RowLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out);
} // namespace qcc::kernel
#endif
