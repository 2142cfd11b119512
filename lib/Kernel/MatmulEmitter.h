// What the matmul generators share: typed helpers over OpBuilder, addresses of packed weights, reading one block of codes.
#ifndef QCC_KERNEL_MATMULEMITTER_H
#define QCC_KERNEL_MATMULEMITTER_H
#include "lib/Kernel/MatmulKernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
namespace qcc::kernel {
using mlir::Value;
using Values = llvm::SmallVector<Value>;

/// Emits the body of one kernel at the builder's insertion point. One object per kernel.
class MatmulEmitter {
public:
  MatmulEmitter(mlir::OpBuilder &b, mlir::Location loc, const MatmulSpec &spec, const TargetVersion &version);
  MatmulArgs args;

  void emitIntDecode();                              // MatmulStreams.cpp
  void emitIntShort();
  void emitFloatDecode();
  void emitIntBlocked();                             // MatmulBlocked.cpp
  void emitFloatBlocked();
  void emitBf16Tiles();                              // MatmulBf16.cpp

private:
  //===-- values (MatmulEmitter.cpp) --------------------------------------------------------------------------------------------===//
  Value index(int64_t v);
  Value add(Value a, Value b);
  Value add(Value a, int64_t v) { return add(a, index(v)); }
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t v) { return mul(a, index(v)); }
  Value div(Value a, int64_t v);
  Value rem(Value a, int64_t v);
  Value min(Value a, Value b);
  Value less(Value a, Value b);
  Value select(Value c, Value a, Value b);
  Value splatInt(int32_t v);                         // lanes x i32
  Value splatFloat(float v);                         // lanes x f32
  Value splat(Value scalar);                         // scalar i32 or f32 -> lanes
  Value load(Value memref, Value at, mlir::VectorType type);
  Value loadScalar(Value memref, Value at);
  void store(Value vector, Value memref, Value at);
  void prefetch(Value memref, Value at, unsigned locality);
  Value scratch(int64_t elements, mlir::Type element);                // on the stack, 64-byte aligned
  /// for (i = from; i < to; i += step) carried = body(i, carried); returns the last values.
  Values loop(Value from, Value to, Value step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  Values loop(Value from, Value to, int64_t step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body) {
    return loop(from, to, index(step), carried, body);
  }
  /// The same from 0 to `count` in steps of `step`, marked `qk.rolled`: later stages leave it a loop.
  Values rolledLoop(int64_t count, int64_t step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  Values ifElse(Value condition, mlir::TypeRange types, llvm::function_ref<Values()> then, llvm::function_ref<Values()> otherwise);

  //===-- packed weights --------------------------------------------------------------------------------------------------------===//
  /// A block of 32 k of one panel, while code for it is emitted: plane registers are loaded when first asked for.
  struct BlockReader {
    Value at;                                        // byte address of the block in args.weights
    llvm::SmallVector<Value> planes[3];
  };
  int64_t blocksPerSuper() const { return w.superK() / 32; }
  Value superCount();                                // superblocks of a panel (run time, from K)
  Value panelBytes();
  BlockReader block(Value superAt, Value blockInSuper);
  Value planeRegister(BlockReader &reader, unsigned plane, unsigned reg);
  Value unit(BlockReader &reader, unsigned u);       // bytes: codes of 4 k of every lane
  /// Scale, zero point and sub-scale of the step (16 or 32 k) at `kInSuper`.
  struct StepParams {
    Value scale;                                     // f32
    Value zero;                                      // i32 or f32; null without stored zeros
    Value subscale;                                  // i32; null with one level
  };
  StepParams params(Value panelAt, Value superAt, Value kInSuper);
  Value number(Value at);                            // lanes numbers of the scale's type, as f32

  //===-- steps of an integer product -------------------------------------------------------------------------------------------===//
  int64_t stepK() const { return w.perRow() || w.group % 32 == 0 ? 32 : 16; }
  unsigned maxCode() const { return (1u << w.bits) - 1; }
  Value bcast4(Value codes, Value at);
  Value dot4(Value acc, Value u, Value s, unsigned max);
  /// Start value of a step's sum: -zero * sum of the activations, or 0.
  Value startSum(Value activationSum, const StepParams &p, int64_t implicitZero);
  /// y + float(sum [* subscale] [- zero * activationSum]) * (scale * activationScale), in the order that MatmulKernels.h fixes.
  Value finishStep(Value sum, Value activationSum, Value activationScale, const StepParams &p, Value y);

  //===-- output ----------------------------------------------------------------------------------------------------------------===//
  /// y (+ bias, + addend) to row m of panel; the last panel's lanes past N are left alone.
  void storeRow(Value y, Value m, Value panel);
  /// Runs `body(panel, count)` over the panels of the call: `step` at a time, then one at a time.
  void forPanels(int64_t step, llvm::function_ref<void(Value, unsigned)> body) { forPanels(args.panelBegin, args.panelEnd, step, body); }
  void forPanels(Value from, Value to, int64_t step, llvm::function_ref<void(Value, unsigned)> body);

  //===-- few rows (MatmulStreams.cpp) ------------------------------------------------------------------------------------------===//
  /// What is being summed: one panel of each stream, rows at these offsets of input and scales, a range of superblocks.
  struct Streams {
    llvm::SmallVector<Value> panelAt, inputAt, scaleAt;
    Value superBegin, superEnd, prefetch;
  };
  using BlockBody = llvm::function_ref<Values(const Streams &, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange y)>;
  int64_t streamCount() const;
  /// Runs `body(panels)` with one panel of each of several equal, contiguous shares of the call's panels, then with the rest one by one.
  void forStreams(llvm::function_ref<void(llvm::ArrayRef<Value>)> body);
  /// The calling thread's part of `[begin, end)` where a team divides the sums, else all of it.
  std::pair<Value, Value> partOf(Value begin, Value end);
  /// Adds up what the threads of a team have summed, in their order, and runs `store` on one of them.
  void joinParts(mlir::ValueRange y, llvm::function_ref<void(mlir::ValueRange)> store);
  void emitTeamShort();
  llvm::SmallVector<Value> panelStarts(llvm::ArrayRef<Value> panels);
  /// Fetches `lines` lines that are `distance` bytes behind each of `starts`, or none if that is 0.
  void prefetchAhead(llvm::ArrayRef<Value> starts, int64_t lines, Value distance);
  /// Runs `body` over all blocks of 32 k, ascending; returns the last sums.
  Values overBlocks(const Streams &s, mlir::ValueRange y, BlockBody body);
  void decodeCodes(BlockBody body);
  void decodeFloatWeights();
  void shortRows(llvm::ArrayRef<Value> panels, Value m, unsigned rows, Value begin, Value end, Value distance, Value partial);
  /// Adds a block of 32 k to the sums y[row][panel].
  Values intBlock(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange y);
  Values floatBlock(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange y);
  /// The codes of unit u, byte j of each lane, as exact floats minus the zero point.
  Value decoded(BlockReader &reader, unsigned u, unsigned j, Value zero);
  Value floatZero(const StepParams &p);              // the zero point to subtract, as f32
  Value floatScale(const StepParams &p);             // scale [* subscale]
  Value partialSum(Value kAt, int64_t step);         // sum of a step's activations, when there are two in a block
  Value floatWeight(Value panel, Value k);           // one k of f32 or f16 weights, as f32
  Value paddedInput();                               // args.input of M = 1, zero up to whole superblocks

  //===-- several rows (MatmulBlocked.cpp) --------------------------------------------------------------------------------------===//
  struct Tiling {
    unsigned rows, panels;                           // of the register tile
    int64_t rowBlock;                                // rows whose unfinished sums are kept between chunks
    int64_t chunk;                                   // k unpacked at a time
  };
  Tiling tiling() const;
  /// What is being computed: k0..kEnd of panels `panel`.. for rows row0..rowEnd.
  struct Chunk {
    Value panel, row0, rowEnd, k0, kEnd, isFirst, isLast, partial;
    llvm::SmallVector<Value> panelAt;
  };
  void forChunks(int64_t k, llvm::function_ref<void(const Chunk &)> unpack, llvm::function_ref<void(const Chunk &, Value m, unsigned rows)> tile);
  void prefetchChunk(const Chunk &c, Value m, unsigned rows, Value panelBytes);
  Values startTile(const Chunk &c, Value m, unsigned rows);
  void finishTile(const Chunk &c, Value m, unsigned rows, mlir::ValueRange y);
  /// Rows of a block on the matrix unit: two tiles of 16.
  static constexpr unsigned tileRows = 32;
  bool usesTiles() const {
    bool fits = version.tileInt8 && spec.rows == RowClass::Long && spec.intActivations && lanes == 16 && stepK() == 32;
    return fits && stepK() >= version.tileInt8MinK;
  }
  void matrixTile(const Chunk &c, Value m, Value codes, Value tileSums, int64_t implicitZero, llvm::function_ref<llvm::SmallVector<StepParams>(Value slot)> params);
  bool foldsSubscale() const;
  Value timesSubscale(Value codes, Value subscale);

  //===-- bf16 on a matrix unit (MatmulBf16.cpp) --------------------------------------------------------------------------------===//
  /// What is being computed: k0..kEnd of panels `panel`.. out of group..groupEnd, for rows row0..rowEnd.
  struct Bf16Chunk {
    int64_t chunk;                                   // k decoded at a time
    Value weights, sums;                             // scratch: decoded panels; sums of the group in tile order
    Value group, groupEnd, panel, row0, rowEnd, k0, kEnd, isFirst, isLast;
  };
  Value tile(Value memref, Value at);                // 16 rows of 64 bytes, one after the other
  void decodeBf16(const Bf16Chunk &c, unsigned count);
  Value nextBf16(const Bf16Chunk &c, unsigned count);
  void prefetchBf16(Value at, Value bytes, unsigned count);
  void multiplyBf16(const Bf16Chunk &c, Value m, unsigned halves, unsigned count);

  mlir::OpBuilder &b;
  mlir::Location loc;
  const MatmulSpec &spec;
  const PanelLayout &w;
  const TargetVersion &version;
  unsigned lanes;
  mlir::VectorType sums, floats, bytes;              // lanes x i32, lanes x f32, 4 * lanes x i8
  Value superCountValue, panelBytesValue;
};
} // namespace qcc::kernel
#endif
