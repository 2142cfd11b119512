// Attention of many rows where a matrix unit multiplies tiles that are spread over lanes (qk.lane_mma_half): AttentionBlock's work for 16 rows at a time.
//
// A cache of f16 is read as it lies. Queries and weights are f32: each is the sum of two f16, its rounded value and what that leaves, and both are
// multiplied, so that products err by 2^-22 of their factors (2^-25 where a factor is below 2^-14): as f32 sums of so many terms do.
#ifndef QCC_LIB_KERNEL_ATTENTIONFRAGMENTS_H
#define QCC_LIB_KERNEL_ATTENTIONFRAGMENTS_H
#include "AttentionKernels.h"
namespace qcc {

class AttentionFragments {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;
  static constexpr int64_t rows = 16;
  /// What a lane should have: its part of a tile of keys and values is on its way together.
  static constexpr int64_t laneRegisters = 255;
  /// Whether it has a form for such a product: a cache of f16, heads of 64 or 128 channels, queries that come rotated.
  static bool applies(const TargetFacts &facts, const AttentionSpec &spec);
  /// `inputs`: query, cache, [mask], [starts]. Allocates scratch: build it at the kernel's entry.
  AttentionFragments(KernelBuilder &b, const AttentionSpec &spec, mlir::ValueRange inputs);
  /// Rows [first, first + 16) of the `count` rows of (batch row, KV head), numbered as AttentionBlock's, into `output`.
  void run(Value batchRow, Value kvHead, Value first, Value count, Value output);

private:
  /// Lane l = 4 r + c has parts of rows r and r + 8.
  struct RowState {
    Value number, end, begin, row, head;                            // begin: of a window, or null
  };
  RowState rowAt(Value local);
  void storeQuery();
  /// Scores of tokens lo..lo+31, one vector of four for each token 4 n + j of an eighth n: rows r, r, r + 8, r + 8 of columns 2 c and 2 c + 1.
  Values scores(Value lo);
  Values masked(Value lo, mlir::ArrayRef<Value> scores);
  Values weighted(Value lo, mlir::ArrayRef<Value> weights, mlir::ArrayRef<Value> sums);
  Value token(Value lo, int64_t j);                                 // i32: those of masked's vector j
  Value ofRows(Value first, Value second);                          // (first, first, second, second)
  Value overQuad(Value v, mlir::vector::CombiningKind kind);        // f32, the same in the four lanes of a row
  Value exp(Value scalar);
  /// Words of f16 pairs: of four f32 as two words each of the rounded values and of what they leave.
  std::array<Values, 2> halves(Value four);
  Value pair(Value low, Value high);                                // i32
  Value mma(Value acc, Value lhs, Value low, Value high);           // low, high: the words of the other factor

  KernelBuilder &b;
  const AttentionSpec &spec;
  const int64_t headDim, group, steps;                              // steps: of 16 channels
  Value query, mask, starts, past, seq, total, queryWords, lane, quarter, eighth;
  CacheView cache;
  mlir::VectorType four, fourWords;
  Value batchRow, kvHead, first, count, keys, values;
  RowState state[2];
};
} // namespace qcc
#endif
