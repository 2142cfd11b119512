// Packs embedding tables row by row (RowLayout.h has the picture).
#include "lib/Kernel/RowLayout.h"
#include "dialects/Quant/Formats/Half.h"
#include <cstring>
using namespace qcc;
using namespace qcc::kernel;

static void storeNumber(float value, bool isF32, bool isBF16, uint8_t *out) {
  if (isF32) {
    std::memcpy(out, &value, 4);
    return;
  }
  uint16_t bits = isBF16 ? qnt::floatToBfloat(value) : qnt::floatToHalf(value);
  std::memcpy(out, &bits, 2);
}

void kernel::packRows(const RowLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out) {
  int64_t rowBytes = layout.rowBytes();
  std::memset(out, 0, rows.rows * rowBytes);
  for (int64_t r = 0; r < rows.rows; ++r, out += rowBytes) {
    if (!layout.block()) {
      unsigned bytes = layout.element.getIntOrFloatBitWidth() / 8;
      if (!rows.raw.empty())
        std::memcpy(out, rows.raw.data() + r * rowBytes, rowBytes);
      else
        for (int64_t k = 0; k < rows.K; ++k)
          storeNumber(rows.values[r * rows.K + k], layout.element.isF32(), layout.element.isBF16(), out + k * bytes);
      continue;
    }
    unsigned bits = layout.block().getBits();
    for (int64_t k = 0; k < rows.K; ++k) {
      int64_t bit = k * bits;
      uint32_t code = uint32_t(rows.codes[r * rows.K + k]) << (bit % 8);
      out[bit / 8] |= uint8_t(code);
      if (bit % 8 + bits > 8)
        out[bit / 8 + 1] |= uint8_t(code >> 8);
    }
    auto scale = layout.block().getScale();
    auto store = [&](float value, uint8_t *at) { storeNumber(value, scale == qnt::ScaleKind::F32, scale == qnt::ScaleKind::BF16, at); };
    for (int64_t g = 0; g < rows.groups; ++g) {
      store(rows.scales[r * rows.groups + g], out + layout.scaleOffset() + g * layout.scaleBytes());
      uint8_t *zero = out + layout.zeroOffset() + g * layout.zeroBytes();
      if (layout.block().getZero() == qnt::ZeroKind::Int)
        *zero = rows.zeros[r * rows.groups + g];
      else if (layout.block().getZero() == qnt::ZeroKind::Float)
        store(rows.floatZeros[r * rows.groups + g], zero);
    }
  }
}
