// Packs embedding tables row by row (RowLayout.h has the picture).
#include "lib/Kernel/RowLayout.h"
#include <cstring>
using namespace qcc;
using namespace qcc::kernel;

/// `bits` of each code, one behind the other.
static void storeBits(llvm::ArrayRef<uint8_t> codes, unsigned bits, uint8_t *out) {
  for (auto [i, code] : llvm::enumerate(codes)) {
    size_t bit = i * bits;
    uint32_t shifted = uint32_t(code) << (bit % 8);
    out[bit / 8] |= uint8_t(shifted);
    if (bit % 8 + bits > 8)
      out[bit / 8 + 1] |= uint8_t(shifted >> 8);
  }
}

static void packFloats(const RowLayout &layout, const qnt::QuantizedRows &rows, int64_t r, uint8_t *out) {
  if (!rows.raw.empty()) {
    std::memcpy(out, rows.raw.data() + r * layout.rowBytes(), layout.rowBytes());
    return;
  }
  auto kind = layout.element.isF32() ? qnt::ScaleKind::F32 : layout.element.isBF16() ? qnt::ScaleKind::BF16 : qnt::ScaleKind::F16;
  for (int64_t k = 0; k < rows.K; ++k)
    qnt::storeScale(kind, rows.values[r * rows.K + k], out + k * layout.element.getIntOrFloatBitWidth() / 8);
}

static void packCodes(const RowLayout &layout, const qnt::QuantizedRows &rows, int64_t r, uint8_t *out) {
  qnt::BlockType block = layout.block();
  int64_t groups = layout.groups(), scales = layout.scales(), zeros = layout.zeros();
  auto numbersAt = [&](llvm::ArrayRef<float> values, int64_t count, int64_t offset) {
    for (int64_t i = 0; i < count; ++i)
      qnt::storeScale(block.getScale(), values[r * count + i], out + offset + i * layout.scaleBytes());
  };
  storeBits(rows.codes.slice(r * rows.K, rows.K), block.getBits(), out);
  if (block.getSuper())
    storeBits(rows.subScales.slice(r * groups, groups), block.getSubBits(), out + layout.subOffset());
  if (qnt::hasSubMinima(block))
    storeBits(rows.subMins.slice(r * groups, groups), block.getSubBits(), out + layout.subMinOffset());
  if (rows.scaleCodes.empty())
    numbersAt(rows.scales, scales, layout.scaleOffset());
  else
    std::memcpy(out + layout.scaleOffset(), rows.scaleCodes.data() + r * scales, scales);
  if (layout.zero() == qnt::ZeroKind::Int)
    std::memcpy(out + layout.zeroOffset(), rows.zeros.data() + r * zeros, zeros);
  else if (layout.zeroBytes())
    numbersAt(layout.zero() == qnt::ZeroKind::Min ? rows.mins : rows.floatZeros, zeros, layout.zeroOffset());
}

void kernel::packRows(const RowLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out) {
  int64_t rowBytes = layout.rowBytes();
  std::memset(out, 0, rows.rows * rowBytes);
  for (int64_t r = 0; r < rows.rows; ++r)
    layout.block() ? packCodes(layout, rows, r, out + r * rowBytes) : packFloats(layout, rows, r, out + r * rowBytes);
}
