// Packed weights: how the bytes of a weight lie in memory, and the packer that puts them there.
//
// A weight [N, K] is cut into panels of `lanes` consecutive rows n (columns of the product; lanes = i32 lanes of the target's register).
// Along K a panel is a sequence of superblocks; a superblock is a multiple of 64 bytes:
//
//   subscales (two-level) of each `super` k dwords per lane, in bit planes, widest (lowest bits) first: a dword of a plane of b bits holds 32/b fields.
//             Field g is the integer scale of group g; integer minima, or shifts, of groups follow as further fields. 5 and 6 bits = planes 4+2, 7 = 8
//   scales    per group (two-level: per `super` k): one f16, bf16, f32 or byte (e8m0, codes) per lane
//   zeros     per group: one byte (integer zero points) or one number of the scale's type per lane; or minima, one per scale
//   codes     32 k at a time ("block"): bit planes, narrowest first. A unit is 4 k of every lane: lane l, byte j = k 4u+j. A register of a
//             plane of b bits holds 8/b units: field f of a byte is unit (8/b)*r + f. 3 bits = planes 2+1, 5 = 4+1, 6 = 4+2, 7 = 4+2+1,
//             where the widest has the lowest bits.
//
// Scales lie before the codes that they belong to, and a plane of which a register serves many units before wider ones, so that a panel is read
// strictly forwards: the hardware's prefetchers follow that (5-bit codes with the plane of 1 bit last were read at 0.57 of the rate).
// group = -1: scales and zeros once, after the last superblock. Float weights: [k][lanes], no superblocks. Scales that are codes: behind the last panel
// what they are relative to, ScaleStorage::numbers.
// Codes are unsigned; without zero points `2^(bits-1)` means 0, unless they select from a table. K is padded to whole superblocks and N to whole
// panels, with code 0, zero point 0 and scale 0, so padding never contributes (the padding of activations must be zero too).
#ifndef QCC_KERNEL_PACKING_H
#define QCC_KERNEL_PACKING_H
#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Format.h"
#include "llvm/ADT/ArrayRef.h"
#include <string>
namespace qcc::kernel {

struct PanelLayout {
  enum class Kind { Codes, F32, F16, BF16 };
  Kind kind = Kind::Codes;
  unsigned lanes = 16;
  // Codes only:
  unsigned bits = 4;                                 // 2..8
  int64_t group = 32;                                // k per scale, a multiple of 16; -1: the whole row
  qnt::ScaleKind scale = qnt::ScaleKind::F16;
  qnt::ZeroKind zero = qnt::ZeroKind::None;
  int64_t super = 0;                                 // two-level: k per stored scale, a multiple of `group`; 0: one level
  unsigned subBits = 0;                              // two-level: bits of an integer scale, 1..8
  bool signedSub = false;                            // two-level: stored plus 2^(subBits-1)
  const qnt::CodeTable *table = nullptr;             // what codes select from; null: integers

  /// The layout of a weight whose elements are `element` (f32, f16, bf16 or !qnt.block). Fails, after `emitError`, for what has none.
  static mlir::FailureOr<PanelLayout> get(mlir::Type element, unsigned lanes, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

  /// Whether kernels decode codes of `table`: by looking up 4 bits, or as 8-bit floats by way of f16.
  static bool decodes(const qnt::CodeTable &table) { return table.bits == 4 || (table.bits == 8 && (table.mantissaBits == 2 || table.mantissaBits == 3)); }

  bool isCodes() const { return kind == Kind::Codes; }
  bool perRow() const { return group < 0; }
  /// Implicit zero point of codes without stored ones.
  int64_t implicitZero() const { return zero == qnt::ZeroKind::None && !table ? int64_t(1) << (bits - 1) : 0; }
  /// What codes are in integer products, less the smallest of them: bytes of such an integer (1 or 2), and the one that means 0.
  bool hasIntegers() const { return isCodes() && (!table || table->integers); }
  unsigned integerBytes() const { return table && table->integers->largest() - table->integers->smallest() > 255 ? 2 : 1; }
  int64_t integerZero() const { return table ? -table->integers->smallest() : implicitZero(); }
  /// Widths of the bit planes of a code, widest (lowest bits) first.
  llvm::SmallVector<unsigned, 3> planes() const;
  /// Where plane `p` starts in a block, in registers of 4 * lanes bytes.
  unsigned planeRegister(unsigned p) const;
  unsigned scaleBytes() const { return qnt::scaleBits(scale) / 8; }
  unsigned zeroBytes() const { return zero == qnt::ZeroKind::None || hasShift() ? 0 : zero == qnt::ZeroKind::Int ? 1 : scaleBytes(); }
  unsigned numbers() const { return isCodes() ? qnt::scaleStorage(scale).numbers : 0; }
  bool hasMin() const { return zero == qnt::ZeroKind::Min; }
  bool hasShift() const { return zero == qnt::ZeroKind::Shift; }
  /// Whether a code less its implicit zero point times its sub-scale, plus the shift, fits a signed byte.
  bool foldsSubscale() const { return hasShift() || (super && !hasMin() && !signedSub && (int64_t(1) << (bits - 1)) * ((1 << subBits) - 1) <= 127); }
  /// Widths of the bit planes of a sub-scale.
  llvm::SmallVector<unsigned, 2> subPlanes() const;

  // Sizes in k and bytes; offsets are from the start of a superblock.
  int64_t blockBytes() const { return int64_t(bits) * lanes * 4; }      // 32 k
  int64_t superK() const;                                             // k per superblock
  int64_t superBytes() const;
  int64_t subscaleOffset() const { return 0; }
  int64_t scaleOffset() const;
  int64_t zeroOffset() const;
  int64_t codesOffset() const;
  int64_t tailBytes() const { return isCodes() && perRow() ? int64_t(lanes) * (scaleBytes() + zeroBytes()) : 0; }  // behind the last superblock
  int64_t scaleK() const { return super ? super : group; }            // k per stored scale, or -1
  int64_t zeroK() const { return hasMin() ? scaleK() : group; }       // k per stored zero point or minimum, or -1
  int64_t subFields() const { return super ? super / group * (hasMin() || hasShift() ? 2 : 1) : 0; }
  int64_t subscaleDwords() const;                                     // per lane and `super`

  int64_t panels(int64_t n) const { return (n + lanes - 1) / lanes; }
  int64_t paddedK(int64_t k) const { return (k + superK() - 1) / superK() * superK(); }
  int64_t groups(int64_t k) const { return perRow() ? 1 : (k + group - 1) / group; }
  int64_t scales(int64_t k) const { return perRow() ? 1 : (k + scaleK() - 1) / scaleK(); }
  int64_t panelBytes(int64_t k) const;                                // a multiple of 64
  int64_t numbersBytes() const { return numbers() ? 64 : 0; }
  int64_t bytes(int64_t n, int64_t k) const { return panels(n) * panelBytes(k) + numbersBytes(); }

  /// `w4g32`, `w8`, `w4g32z`, `w4g32t256`, `nf4g64`, `f16`: part of kernels' names.
  std::string name() const;
  friend bool operator==(const PanelLayout &a, const PanelLayout &b) { return a.name() == b.name() && a.lanes == b.lanes; }
};

/// Packs `rows`, of which the first is the first of a panel, into panels(rows.rows) * panelBytes(rows.K) bytes at `out`, all of which are
/// written; numbers of the weight are not. `layout` is PanelLayout::get(rows.element, lanes).
void packPanels(const PanelLayout &layout, const qnt::QuantizedRows &rows, uint8_t *out);

} // namespace qcc::kernel
#endif
