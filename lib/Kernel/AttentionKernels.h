// Kernels of attention over a cache (CacheLayout.h). All return the symbol of a function on memrefs that computes the calling thread's share.
//
// Rows of `query` and `output` (`rowsOf(heads * D)`) are `batch row * seq + position`; tokens 0 .. past+seq-1 of the cache are read, so
// kv_update and a barrier come before. `batch`, `seq` and `past` are the program's dimensions (qk.dim).
//
// Two ways, both right for any number of rows. `attentionKernel` gives one thread all tokens of a block of queries: for long inputs.
// `attentionChunkKernel` also divides the tokens, in chunks of `attentionChunk`, and leaves partial results (weighted values, maximum, sum)
// that `attentionMergeKernel` adds up after a barrier, in the order of the chunks: for few queries. All query heads of a KV head are
// computed together, so that keys and values are read once.
//
// Scores, sums and weighted values are f32; the cache's elements convert exactly. What is added up in which order depends on shapes only:
// results are bit-equal for any number of threads.
#ifndef QCC_LIB_KERNEL_ATTENTIONKERNELS_H
#define QCC_LIB_KERNEL_ATTENTIONKERNELS_H
#include "lib/Kernel/CacheLayout.h"
#include "lib/Kernel/Rows.h"
namespace qcc {

/// As qnt.attention: everything that a kernel's body depends on.
struct AttentionSpec {
  CacheLayout cache;
  int64_t heads;                 // a multiple of cache.kvHeads
  float scale, softcap;          // softcap 0: none
  bool causal;
  int64_t window;                // 0: none
  bool rows;                     // starts of the batch's rows `memref<?xi64>` stand for past
  mlir::Type mask;               // element type of the key mask `memref<?x?x..>` [batch][at least total], or null
  /// Of the query, which comes unrotated, in these columns of its rows (canRotateQueries); for attentionChunkKernel.
  std::optional<RotarySpec> rotary = std::nullopt;
  std::string name() const;
};

/// Tokens of a partial result: whole tiles of AttentionBlock. Where threads share rows, so many that a short cache should keep them busy, a register.
inline int64_t attentionChunk(const TargetFacts &facts) {
  return facts.version.shareRows ? facts.panelLanes : std::max<int64_t>(64, facts.version.shareColumns);
}

bool canRotateQueries(const TargetFacts &facts, const CacheLayout &cache, const RotarySpec &spec);

/// (query, cache, [mask], [starts], output)
mlir::FlatSymbolRefAttr attentionKernel(KernelLibrary &, const AttentionSpec &);
/// (query, cache, [cos, sin], [mask], [starts], partials). Partials: `rowsOf(D + 2)`, a row for every (row, head, chunk): weighted values, maximum, sum;
/// ceil(total / attentionChunk) chunks.
mlir::FlatSymbolRefAttr attentionChunkKernel(KernelLibrary &, const AttentionSpec &);
/// (partials, output)
mlir::FlatSymbolRefAttr attentionMergeKernel(KernelLibrary &, const AttentionSpec &);
/// (partials, [static scale], codes, scales, sums): the same to int8, for the rows that mergeQuantizes takes.
mlir::FlatSymbolRefAttr attentionMergeQuantizeKernel(KernelLibrary &, const AttentionSpec &, const QuantizedRow &);
bool mergeQuantizes(const TargetFacts &facts, const AttentionSpec &spec, const QuantizedRow &row8);

} // namespace qcc
#endif
