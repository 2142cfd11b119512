// How a KV cache lies in memory, for one layer: first all keys, then all values, of `capacity` tokens for every batch row and KV head.
//
//   keys    [batch][kvHeads][capacity / lanes][headDim][lanes]: one vector holds channel d of `lanes` tokens, so scores of `lanes` tokens
//           are sums of vectors times a scalar of the query, with nothing to add up across lanes
//   values  [batch][kvHeads][capacity][headDim]: one vector holds channels of one token, weighted by a scalar probability
//
// A quantized cache (qnt.cache) has a byte for a code. Two codes of 4 bits share one: channels 2d (low half) and 2d + 1 of a key, channels c and
// c + headDim / 2 of a value, so that each half of a loaded vector is what the kernels multiply as a whole. Behind all codes lie the scales:
// f32 [batch][kvHeads][capacity] of the keys, then of the values.
//
// `lanes` is those of a version's register; what a cache takes does not depend on it. Capacity is a multiple of `granule` tokens.
#ifndef QCC_LIB_KERNEL_CACHELAYOUT_H
#define QCC_LIB_KERNEL_CACHELAYOUT_H
#include "lib/Kernel/KernelBuilder.h"
#include "dialects/Quant/Quant.h"
namespace qcc {
struct CacheLayout {
  static constexpr int64_t granule = 64;                            // a multiple of every `lanes`
  int64_t kvHeads, headDim;
  mlir::Type element;                                               // i8 and i4: codes
  int64_t lanes;
  mlir::Type slot;                                                  // what memory consists of
  int64_t slots;                                                    // of a token and head

  CacheLayout(qnt::CacheType type, int64_t lanes)
      : kvHeads(type.getKvHeads()), headDim(type.getHeadDim()), element(type.getElement()), lanes(lanes), slot(type.getSlotType()),
        slots(type.getSlots()) {}
  bool isQuantized() const { return mlir::isa<mlir::IntegerType>(element); }
  int64_t codesPerSlot() const { return headDim / slots; }
  mlir::MemRefType type() const { return mlir::MemRefType::get({mlir::ShapedType::kDynamic}, slot); }
  int64_t elementBytes() const { return slot.getIntOrFloatBitWidth() / 8; }
  /// Elements of memory that keys and values of a token take in all heads.
  int64_t perToken() const { return 2 * kvHeads * (slots + (isQuantized() ? 4 : 0)); }

  /// Tokens rounded up to whole tiles of the attention kernels, which read keys (not values) past the last token.
  mlir::Value capacity(KernelBuilder &b, mlir::Value tokens) const { return b.mul(b.ceilDiv(tokens, granule), granule); }
  /// Elements of keys and values together.
  mlir::Value elements(KernelBuilder &b, mlir::Value batch, mlir::Value capacity) const {
    return b.mul(b.mul(batch, capacity), perToken());
  }
};

/// A cache as a kernel sees it: strides found once, at the kernel's entry.
struct CacheView {
  CacheLayout layout;
  mlir::Value memref, half, capacity;
  mlir::Value scales, halfOfScales;                                 // of a quantized cache: memref<?xf32>, and where those of values start
  CacheView(KernelBuilder &b, CacheLayout layout, mlir::Value memref, mlir::Value batch) : layout(layout), memref(memref) {
    capacity = b.div(b.size(memref, 0), b.mul(batch, layout.perToken()));
    halfOfScales = b.mul(b.mul(batch, capacity), layout.kvHeads);
    half = b.mul(halfOfScales, layout.slots);
    if (layout.isQuantized())
      scales = mlir::memref::ViewOp::create(b, mlir::MemRefType::get({mlir::ShapedType::kDynamic}, b.getF32Type()), memref, b.mul(half, 2),
                                            mlir::ValueRange{b.mul(halfOfScales, 2)});
  }
  /// Where the keys of (batch row, head) start; values start `half` later.
  mlir::Value head(KernelBuilder &b, mlir::Value row, mlir::Value kvHead) const {
    return b.mul(scale(b, row, kvHead), layout.slots);
  }
  /// Where the scales of its keys start; those of values start `halfOfScales` later.
  mlir::Value scale(KernelBuilder &b, mlir::Value row, mlir::Value kvHead) const {
    return b.mul(b.add(b.mul(row, layout.kvHeads), kvHead), capacity);
  }
};
} // namespace qcc
#endif
