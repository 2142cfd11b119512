// The inner part of attention: a block of query rows that share a KV head, over a range of tokens, with online softmax
// (FlashAttention, arXiv 2205.14135). Writes its part of a kernel's body through a KernelBuilder.
//
// Row i of (batch row, KV head) is position i / G of query head kvHead * G + i % G, where G heads share the KV head: ascending in position,
// so that a block sees a contiguous range of tokens. For every tile of tokens the block makes scores (a vector of tokens times a scalar of
// the query, summed over channels), turns them into weights, and adds weights times values (a vector of channels).
#ifndef QCC_LIB_KERNEL_ATTENTIONBLOCK_H
#define QCC_LIB_KERNEL_ATTENTIONBLOCK_H
#include "AttentionKernels.h"
namespace qcc {

class AttentionBlock {
public:
  using Value = mlir::Value;
  /// The most tokens of a tile.
  static constexpr int64_t mostTile = 64;

  /// `inputs`: query, cache, [cos, sin], [mask], [starts]. Allocates scratch on the stack: build it at the kernel's entry. `manyRows`: a tile of the cache is
  /// converted to f32 once, for all rows, which pays off from about three row tiles on; threads that share rows (TargetVersion::shareRows) have fewer,
  /// and without `manyRows` one.
  AttentionBlock(KernelBuilder &b, const AttentionSpec &spec, mlir::ValueRange inputs, bool manyRows);

  /// Begins with rows [first, first + maxRows()) of the `count` rows of (batch row, KV head).
  void start(Value batchRow, Value kvHead, Value first, Value count);
  int64_t maxRows() const { return rows; }
  /// The tokens that some row sees: [from(), to()), from() rounded down to a tile.
  Value from();
  Value to();
  /// Attends to tokens [lo, hi); `lo` is a multiple of the tile.
  void attend(Value lo, Value hi);
  /// Weighted values over the sum of weights, to the rows of `output`; 0 for a row that saw no token.
  void finish(Value output);
  /// Weighted values, maximum and sum of weights, to the rows of `partials` that `rowOf(output row, head)` names.
  void finishPartial(Value partials, mlir::function_ref<Value(Value, Value)> rowOf);

private:
  /// The query's vectors at column `column` of row `row`, in the order of eachColumn.
  KernelBuilder::Values loadQuery(Value row, Value column);
  void attendTile(Value lo, Value n);
  void unpack(Value from, Value elements);
  /// What a loaded vector of the cache holds: one vector of floats, or one for each code of a slot.
  KernelBuilder::Values decode(Value loaded);
  void scores(Value row, Value lo, Value n);
  void maskScores(Value lo);
  void weights(Value lo);
  void weigh(Value row, Value lo, Value n);
  void eachRow(mlir::function_ref<void(Value local, Value outputRow, Value head)> body);
  /// Vectors of weighted values: where each lies in scratch, its first channel, and a mask (or null) of the channels that it has.
  void eachColumn(mlir::function_ref<void(Value at, Value channel, Value tail)> body);
  int64_t column(int64_t code, int64_t vector) const { return (code * slotVectors + vector) * lanes; }
  Value number(Value row) { return b.min(b.add(first, row), b.add(count, -1)); }
  Value tail();                                                     // mask of the last vector of channels
  Value max(Value x, Value y);
  Value maximum(Value v);

  KernelBuilder &b;
  const AttentionSpec &spec;
  const int64_t headDim, lanes, group;
  const int64_t slots, codes, slotVectors, width;                   // of a value: elements of memory, codes in each, vectors of them, floats in whole vectors
  const int64_t tile;                                               // tokens; keys are read for whole tiles, so it divides the cache's granule
  const bool oneRow;                                                // threads are many: each has a row and a tile, and asks for all of it at once
  int64_t rowTile, rowVectors, rows;
  const bool panels;
  Value query, cos, sin, mask, starts;
  Value past, seq, total;                                           // past and total: of the block's batch row
  CacheView cache;
  mlir::VectorType f32s, i32s;
  // Scratch. Per row: scaled query, weighted values, scores of a tile, sums (a vector), and one number each for the rest.
  Value queries, sumsOfValues, score, sums, limits, begins, maxima, tileMaxima, rescale, panel, tokenMask;
  Value batchRow, kvHead, first, count, keys, values, keyScales, usedRows;  // of the block begun
};
} // namespace qcc
#endif
