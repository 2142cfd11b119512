// Sizes of packed weights and the packer. The picture is in Packing.h.
#include "lib/Kernel/Packing.h"
#include "dialects/Quant/Formats/Format.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <numeric>
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

FailureOr<PanelLayout> PanelLayout::get(Type element, unsigned lanes, function_ref<InFlightDiagnostic()> emitError) {
  PanelLayout layout;
  layout.lanes = lanes;
  if (element.isF32() || element.isF16() || element.isBF16()) {
    layout.kind = element.isF32() ? Kind::F32 : element.isF16() ? Kind::F16 : Kind::BF16;
    return layout;
  }
  auto refuse = [&](StringRef supported) -> FailureOr<PanelLayout> {
    InFlightDiagnostic error = emitError() << "no packed layout for weights of format " << qnt::formatName(element) << " [unsupported-format]";
    error.attachNote() << "supported here: " << supported;
    return failure();
  };
  auto block = dyn_cast<qnt::BlockType>(element);
  if (!block || block.getBits() < 2)
    return refuse("f32, f16, bf16, codes of 2 to 8 bits");
  if (block.getTable())
    layout.table = qnt::codeTable(block.getTable().getValue());
  if (layout.table && !decodes(*layout.table))
    return refuse("tables of 4 bits, 8-bit floats; any table with --kernels=reference");
  layout.bits = block.getBits();
  layout.group = block.getGroup() < 0 ? -1 : block.getGroup();
  layout.scale = block.getScale();
  layout.zero = block.getZero();
  layout.super = block.getSuper();
  layout.subBits = block.getSubBits();
  layout.signedSub = block.getSignedSub();
  if (layout.group > 0 && layout.group % 16)
    return refuse("groups of a multiple of 16 weights or of the whole row; any group with --kernels=reference");
  if (layout.super && (layout.perRow() || layout.super % layout.group || layout.super % 32 || layout.subBits < 1 || layout.subBits > 8 ||
                       !(layout.zero == qnt::ZeroKind::None || layout.hasMin() || layout.hasShift())))
    return refuse("two levels with a group that divides the super-group, 1 to 8 bits of sub-scale and no zero points");
  return layout;
}

SmallVector<unsigned, 3> PanelLayout::planes() const {
  if (bits == 8)
    return {8};
  SmallVector<unsigned, 3> widths;
  for (unsigned width : {4u, 2u, 1u})
    if (bits & width)
      widths.push_back(width);
  return widths;
}

unsigned PanelLayout::planeRegister(unsigned p) const {
  unsigned before = 0;                               // narrower planes
  for (unsigned width : llvm::drop_begin(planes(), p + 1))
    before += width;
  return before;
}

// Bytes of `k` elements of a superblock, without padding; k is a multiple of what holds whole groups and blocks.
static int64_t rawBytes(const PanelLayout &l, int64_t k) {
  int64_t bytes = k / 32 * l.blockBytes();
  if (l.perRow())
    return bytes;
  bytes += k / l.scaleK() * l.lanes * l.scaleBytes() + k / l.zeroK() * l.lanes * l.zeroBytes();
  return bytes + (l.super ? k / l.super * l.lanes * 4 * l.subscaleDwords() : 0);
}

SmallVector<unsigned, 2> PanelLayout::subPlanes() const {
  if (subBits > 6)
    return {8};
  return subBits > 4 ? SmallVector<unsigned, 2>{4, 2} : SmallVector<unsigned, 2>{4};
}

int64_t PanelLayout::subscaleDwords() const {
  int64_t dwords = 0;
  for (unsigned width : subPlanes())
    dwords += (subFields() * width + 31) / 32;
  return dwords;
}

int64_t PanelLayout::superK() const {
  if (!isCodes())
    return 1;
  int64_t unit = perRow() ? 32 : std::lcm(scaleK(), int64_t(32));
  // Whole cache lines, by taking several units together, unless a fiftieth more makes one of a single unit; beyond 512 k the padding of K would cost more than
  // that of the superblock.
  if (int64_t raw = rawBytes(*this, unit); (llvm::alignTo(raw, 64) - raw) * 50 <= raw)
    return unit;
  for (int64_t k = unit; k <= 512; k += unit)
    if (rawBytes(*this, k) % 64 == 0)
      return k;
  return unit;
}

int64_t PanelLayout::superBytes() const { return isCodes() ? llvm::alignTo(rawBytes(*this, superK()), 64) : int64_t(lanes) * (kind == Kind::F32 ? 4 : 2); }
int64_t PanelLayout::scaleOffset() const { return subscaleOffset() + (super ? superK() / super * lanes * 4 * subscaleDwords() : 0); }
int64_t PanelLayout::zeroOffset() const { return scaleOffset() + (perRow() ? 1 : superK() / scaleK()) * lanes * scaleBytes(); }
// Behind the padding, so that registers of codes begin with a cache line.
int64_t PanelLayout::codesOffset() const { return superBytes() - superK() / 32 * blockBytes(); }

int64_t PanelLayout::panelBytes(int64_t k) const {
  int64_t body = paddedK(k) / superK() * superBytes();
  return llvm::alignTo(body + tailBytes(), 64);
}

std::string PanelLayout::name() const {
  if (!isCodes())
    return kind == Kind::F32 ? "f32" : kind == Kind::F16 ? "f16" : "bf16";
  std::string s = (table ? table->name.str() : "w" + std::to_string(bits)) + (perRow() ? "" : "g" + std::to_string(group));
  if (super)
    s += "t" + std::to_string(super) + "x" + std::to_string(subBits) + (signedSub ? "s" : "");
  if (zero != qnt::ZeroKind::None)
    s += zero == qnt::ZeroKind::Int ? "z" : zero == qnt::ZeroKind::Float ? "zf" : hasShift() ? "h" : "m";
  switch (scale) {
  case qnt::ScaleKind::F16:
    return s;
  case qnt::ScaleKind::F32:
    return s + "_s32";
  case qnt::ScaleKind::BF16:
    return s + "_sb16";
  case qnt::ScaleKind::E8M0:
    return s + "_se8";
  case qnt::ScaleKind::E4M3:
  case qnt::ScaleKind::Dynamic8:
    return s + "_s" + qnt::scaleStorage(scale).table->name.str();
  }
  llvm_unreachable("all scale kinds are covered");
}

//===-- packing ---------------------------------------------------------------------------------------------------------------------===//

// The codes of one lane in one block of 32 k, of which `count` exist.
static void putBlock(const PanelLayout &l, ArrayRef<unsigned> planes, const uint8_t *codes, int64_t count, unsigned lane, uint8_t *block) {
  uint8_t padded[32] = {0};
  if (count < 32) {
    std::memcpy(padded, codes, count);
    codes = padded;
  }
  unsigned shift = 0;
  for (unsigned p = 0; p < planes.size(); ++p) {
    unsigned width = planes[p];
    uint8_t *plane = block + l.planeRegister(p) * l.lanes * 4;
    unsigned fields = 8 / width, mask = ((1u << width) - 1) * 0x01010101u;
    for (unsigned reg = 0; reg < width; ++reg) {     // 8 units, `fields` of them per register: `width` registers
      uint32_t word = 0;
      for (unsigned f = 0; f < fields; ++f)
        word |= ((llvm::support::endian::read32le(codes + 4 * (reg * fields + f)) >> shift) & mask) << (f * width);
      llvm::support::endian::write32le(plane + (reg * l.lanes + lane) * 4, word);
    }
    shift += width;
  }
}

// Field `field` of the sub-scales that start at `out`, of one lane.
static void putSubField(const PanelLayout &l, unsigned value, int64_t field, unsigned lane, uint8_t *out) {
  unsigned shift = 0;
  for (unsigned width : l.subPlanes()) {
    int64_t perDword = 32 / width;
    uint8_t *at = out + (field / perDword * l.lanes + lane) * 4;
    uint32_t part = value >> shift & ((1u << width) - 1);
    llvm::support::endian::write32le(at, llvm::support::endian::read32le(at) | part << (field % perDword * width));
    out += (l.subFields() * width + 31) / 32 * l.lanes * 4;
    shift += width;
  }
}

// Scales, zero points and sub-scales of one lane.
static void putScales(const PanelLayout &l, const qnt::QuantizedRows &rows, int64_t row, unsigned lane, uint8_t *panel) {
  int64_t groups = l.groups(rows.K), scales = l.scales(rows.K), superK = l.superK();
  int64_t tail = l.paddedK(rows.K) / superK * l.superBytes();
  int64_t perSuper = l.perRow() ? 1 : superK / l.scaleK();
  auto place = [&](int64_t index, int64_t per, int64_t offset) {
    return panel + (l.perRow() ? tail + offset - l.scaleOffset() : index / per * l.superBytes() + offset);
  };
  for (int64_t s = 0; s < scales; ++s) {
    uint8_t *out = place(s, perSuper, l.scaleOffset()) + (s % perSuper * l.lanes + lane) * l.scaleBytes();
    if (rows.scaleCodes.empty())
      qnt::storeScale(l.scale, rows.scales[row * scales + s], out);
    else
      *out = rows.scaleCodes[row * scales + s];
  }
  int64_t zeros = l.hasMin() ? scales : groups, zerosPerSuper = l.perRow() ? 1 : superK / l.zeroK(), groupsPerSuper = l.perRow() ? 1 : superK / l.group;
  for (int64_t z = 0; z < zeros && l.zeroBytes(); ++z) {
    uint8_t *out = place(z, zerosPerSuper, l.zeroOffset()) + (z % zerosPerSuper * l.lanes + lane) * l.zeroBytes();
    if (l.zero == qnt::ZeroKind::Int)
      *out = rows.zeros[row * zeros + z];
    else
      qnt::storeScale(l.scale, (l.hasMin() ? rows.mins : rows.floatZeros)[row * zeros + z], out);
  }
  for (int64_t g = 0; g < groups && l.super; ++g) {
    int64_t perLevel = l.super / l.group, inSuper = g % groupsPerSuper;
    uint8_t *out = panel + g / groupsPerSuper * l.superBytes() + l.subscaleOffset() + inSuper / perLevel * l.subscaleDwords() * l.lanes * 4;
    putSubField(l, rows.subScales[row * groups + g], inSuper % perLevel, lane, out);
    if (!rows.subMins.empty())
      putSubField(l, rows.subMins[row * groups + g], perLevel + inSuper % perLevel, lane, out);
  }
}

void kernel::packPanels(const PanelLayout &l, const qnt::QuantizedRows &rows, uint8_t *out) {
  int64_t panelBytes = l.panelBytes(rows.K), superK = l.superK();
  SmallVector<unsigned, 3> planes = l.planes();
  std::memset(out, 0, l.panels(rows.rows) * panelBytes);
  for (int64_t row = 0; row < rows.rows; ++row) {
    unsigned lane = row % l.lanes;
    uint8_t *panel = out + row / l.lanes * panelBytes;
    if (!l.isCodes()) {
      int64_t step = l.superBytes(), size = step / l.lanes;
      auto kind = l.kind == PanelLayout::Kind::F32 ? qnt::ScaleKind::F32 : l.kind == PanelLayout::Kind::F16 ? qnt::ScaleKind::F16 : qnt::ScaleKind::BF16;
      for (int64_t k = 0; k < rows.K; ++k)
        qnt::storeScale(kind, rows.values[row * rows.K + k], panel + k * step + lane * size);
      continue;
    }
    const uint8_t *codes = rows.codes.data() + row * rows.K;
    for (int64_t k = 0; k < rows.K; k += 32)
      putBlock(l, planes, codes + k, std::min<int64_t>(32, rows.K - k), lane,
               panel + k / superK * l.superBytes() + l.codesOffset() + k % superK / 32 * l.blockBytes());
    putScales(l, rows, row, lane, panel);
  }
}
