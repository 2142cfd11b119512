// How a KV cache lies in memory, for one layer: first all keys, then all values, of `capacity` tokens for every batch row and KV head.
//
//   keys    [batch][kvHeads][capacity / lanes][headDim][lanes]: one vector holds channel d of `lanes` tokens, so scores of `lanes` tokens
//           are sums of vectors times a scalar of the query, with nothing to add up across lanes
//   values  [batch][kvHeads][capacity][headDim]: one vector holds channels of one token, weighted by a scalar probability
//
// `lanes` is the panel width of the target's floor, the same for all versions. Capacity is a multiple of `granule` tokens.
#ifndef QCC_LIB_KERNEL_CACHELAYOUT_H
#define QCC_LIB_KERNEL_CACHELAYOUT_H
#include "lib/Kernel/KernelBuilder.h"
#include "dialects/Quant/Quant.h"
namespace qcc {
struct CacheLayout {
  static constexpr int64_t granule = 64;                            // a multiple of every `lanes`
  int64_t kvHeads, headDim;
  mlir::Type element;
  int64_t lanes;

  CacheLayout(qnt::CacheType type, int64_t lanes) : kvHeads(type.getKvHeads()), headDim(type.getHeadDim()), element(type.getElement()), lanes(lanes) {}
  mlir::MemRefType type() const { return mlir::MemRefType::get({mlir::ShapedType::kDynamic}, element); }
  int64_t elementBytes() const { return element.getIntOrFloatBitWidth() / 8; }

  /// Tokens rounded up to whole tiles of the attention kernels, which read keys (not values) past the last token.
  mlir::Value capacity(KernelBuilder &b, mlir::Value tokens) const { return b.mul(b.ceilDiv(tokens, granule), granule); }
  /// Elements of keys and values together.
  mlir::Value elements(KernelBuilder &b, mlir::Value batch, mlir::Value capacity) const {
    return b.mul(b.mul(batch, capacity), 2 * kvHeads * headDim);
  }
};

/// A cache as a kernel sees it: strides found once, at the kernel's entry.
struct CacheView {
  CacheLayout layout;
  mlir::Value memref, half, capacity;
  CacheView(KernelBuilder &b, CacheLayout layout, mlir::Value memref, mlir::Value batch) : layout(layout), memref(memref) {
    half = b.div(b.size(memref, 0), 2);
    capacity = b.div(half, b.mul(batch, layout.kvHeads * layout.headDim));
  }
  /// Where the keys of (batch row, head) start; values start `half` later.
  mlir::Value head(KernelBuilder &b, mlir::Value row, mlir::Value kvHead) const {
    return b.mul(b.mul(b.add(b.mul(row, layout.kvHeads), kvHead), capacity), layout.headDim);
  }
};
} // namespace qcc
#endif
