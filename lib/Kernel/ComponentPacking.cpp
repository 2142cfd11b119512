// Writes weights as components (ComponentLayout.h has the picture).
#include "lib/Kernel/ComponentLayout.h"
#include <cstring>
using namespace qcc;
using namespace qcc::kernel;

void kernel::packComponents(const ComponentLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out) {
  int64_t groups = layout.groups(), scales = layout.scales(), rowBytes = layout.rowBytes();
  llvm::ArrayRef<uint8_t> side = layout.block.getSuper() ? rows.subScales : rows.zeros;
  std::memset(out, 0, rows.rows * rowBytes);
  for (int64_t r = 0; r < rows.rows; ++r, out += rowBytes) {
    std::memcpy(out, rows.scales.data() + r * scales, 4 * scales);
    if (layout.hasFloatZeros())
      std::memcpy(out + layout.zeroOffset(), rows.floatZeros.data() + r * groups, 4 * groups);
    std::memcpy(out + layout.codeOffset(), rows.codes.data() + r * layout.k, layout.k);
    if (layout.hasSideBytes())
      std::memcpy(out + layout.sideOffset(), side.data() + r * groups, groups);
    if (layout.hasMins())
      std::memcpy(out + layout.minOffset(), rows.mins.data() + r * scales, 4 * scales);
    if (layout.hasSubMins())
      std::memcpy(out + layout.subMinOffset(), rows.subMins.data() + r * groups, groups);
  }
}
