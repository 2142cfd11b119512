// What the matmul generators share: typed helpers over OpBuilder, addresses of packed weights, reading one block of codes.
#ifndef QCC_KERNEL_MATMULEMITTER_H
#define QCC_KERNEL_MATMULEMITTER_H
#include "lib/Kernel/MatmulKernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
namespace qcc::kernel {
using mlir::Value;
using Values = llvm::SmallVector<Value>;
constexpr int64_t rowsInRegister = 4;                // of those whose activations lie together

/// Emits the body of one kernel at the builder's insertion point. One object per kernel.
class MatmulEmitter {
public:
  MatmulEmitter(mlir::OpBuilder &b, mlir::Location loc, const MatmulSpec &spec, const TargetVersion &version);
  MatmulArgs args;

  /// Reads the numbers of the weight (PanelLayout::numbers), at the start of a kernel.
  void readWeightNumbers();
  void emitDecode();                                 // MatmulStreams.cpp
  void emitShort();
  bool usesTiles() const;                            // int8 on a matrix unit
  void emitInt8Tiles();                              // MatmulTiles.cpp
  bool usesFragments() const;                        // int8 on a matrix unit of lanes
  void emitFragments();                              // MatmulFragments.cpp
  void emitTeamFragments();
  void emitTeamTiles();                              // MatmulTeamTiles.cpp
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
  Values rolledLoop(int64_t count, int64_t step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body) {
    return rolledLoop(index(count), step, carried, body);
  }
  Values rolledLoop(Value count, int64_t step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  Values ifElse(Value condition, mlir::TypeRange types, llvm::function_ref<Values()> then, llvm::function_ref<Values()> otherwise);

  //===-- packed weights --------------------------------------------------------------------------------------------------------===//
  /// A block of 32 k of one panel, while code for it is emitted: plane registers are loaded when first asked for.
  struct BlockReader {
    Value at;                                        // byte address of the block in args.weights
    llvm::SmallVector<Value> planes[3];
    std::array<Value, 4> halves = {};                // of 8-bit floats: the last unit's, byte j of each lane
    unsigned halvesUnit = 0;
  };
  int64_t blocksPerSuper() const { return w.superK() / 32; }
  Value superCount();                                // superblocks of a panel (run time, from K)
  Value panelBytes();
  BlockReader block(Value superAt, Value blockInSuper);
  Value planeRegister(BlockReader &reader, unsigned plane, unsigned reg);
  Value unit(BlockReader &reader, unsigned u);       // bytes: codes of 4 k of every lane
  Value integers(BlockReader &reader, unsigned u, unsigned part);  // the same of what they are in integer products: byte `part` of PanelLayout::integerBytes
  std::array<uint8_t, 16> integerTable(unsigned part);
  /// Scale, zero point and sub-scale of the step (16 or 32 k) at `kInSuper`.
  struct StepParams {
    Value scale;                                     // f32
    Value zero;                                      // i32 or f32, or the minimum (f32); null without stored ones
    Value subscale, submin;                          // i32; null with one level, without minima, or if they are in scale and zero (spec.hasSubscales)
  };
  StepParams params(Value panelAt, Value superAt, Value kInSuper);
  Value number(Value at);                            // lanes scales, or zero points of their type, as f32
  Value numberOf(Value raw);                         // the same of their bytes
  Value subField(Value superAt, Value kInSuper, bool ofMin);  // i32: sub-scale, sub-minimum or shift
  Value subMinimum(Value superAt, Value kInSuper, Value subscale);  // i32; of shifts, in units of the stored scale
  Value codedNumber(Value codes);                    // the same of codes (i32) that are relative to numbers of the weight
  Value ofWeight(Value number);                      // the same of an 8-bit float over float8Unit
  Value weightNumber(unsigned i) { return splat(weightNumbers[i]); }
  Values weightNumbers;

  //===-- runs of an integer product --------------------------------------------------------------------------------------------===//
  /// Whether a weight is `scale * code + minimum`, codes as stored. Minima in units of the scale are part of the integers where sub-scales are.
  bool addsMinimum() const { return w.hasMin() || w.hasShift(); }
  bool sumsHaveMinimum() const { return w.hasShift() && spec.hasSubscales(); }
  int64_t stepK() const { return w.perRow() || w.group % 32 == 0 ? 32 : 16; }
  Value equal(Value a, Value b);
  unsigned maxCode() const { return (1u << w.bits) - 1; }
  unsigned maxInteger(unsigned part);
  /// Sums of low bytes, each followed by that of its high bytes if there are any, as one.
  Value joinBytes(Value low, Value high);
  Value bcast4(Value codes, Value at);
  /// The same of the activations of unit `u` in the block of 32 at `at`, all of which may be read. `registers`: of this block, empty at its start.
  Value bcast4(Values &registers, Value at, unsigned u);
  Value dot4(Value acc, Value u, Value s, unsigned max, bool signedU = false);
  /// Whether the sums of runs start as the bits of 1.5 * 2^23 and more, and so end as the floats 1.5 * 2^23 + sum: those are exact up to 2^22, where a
  /// unit is that of the last place. Matrix units start at nothing.
  bool offsetsSums() const {
    return version.slowConversion && !version.tileInt8 && (!version.laneMma || usesTeamTiles()) && !startsAtZero() && !spec.hasSubscales() && w.integerBytes() == 1 && spec.run() > 0 &&
           spec.run() * 127 * 255 < 1 << 22;
  }
  static constexpr float sumOffset = 3 << 22;
  int64_t sumOffsetBits() const { return offsetsSums() ? llvm::bit_cast<int32_t>(sumOffset) : 0; }
  /// Start value of a run's sum: -zero * sum of the activations, or 0; plus sumOffsetBits.
  Value startSum(Value activationSum, const StepParams &p, int64_t implicitZero);
  /// Whether that is 0 whatever the activations are.
  bool startsAtZero() const { return (addsMinimum() && !spec.foldsSubscales()) || w.zero == qnt::ZeroKind::Float; }
  /// acc + sum * subscale, where `sum` is that of at most 32 k.
  Value addScaled(Value acc, Value sum, Value subscale);
  /// y + float(sum [- zero * activationSum]) * (scale * activationScale) [+ float(activationSum) * activationScale * minimum], in the order that
  /// MatmulKernels.h fixes. Two-level minima: `activationSum` is of activations times sub-minima (minSum).
  Value finishRun(Value sum, Value activationSum, Value activationScale, const StepParams &p, Value y);
  /// A row of activations: its number, where its codes (or floats), scales and sums start; of rows that lie together, codes and scales of the four of
  /// which it is the `lane`th.
  struct Row {
    Value number, inputAt, scaleAt, sumAt;
    std::optional<unsigned> lane = {};
  };
  Row rowAt(Value m);
  Row rowAt(Value m, unsigned lane);                 // row m + lane of those that lie together from m on
  Value codesAt(const Row &row, Value k, int64_t offset);  // where the row has k + offset, of which `k` is a multiple of 16
  /// startSum of the row's sums in the panels of `p`, over k..end, which are `length` or fewer.
  Values startSums(const Row &row, Value k, Value end, int64_t length, llvm::ArrayRef<StepParams> p, int64_t implicitZero);
  /// The scale of the run that begins at k; the sum of codes k..end, which are `length` or, in a row's last run, fewer. In all lanes.
  Value scaleIndex(const Row &row, Value k) { return spec.activationGroup < 0 ? row.scaleAt : add(row.scaleAt, div(k, spec.activationGroup)); }
  Value activationScale(const Row &row, Value k);
  Value scalesTogether(const Row &row, Value k);     // four rows' f32
  Value ofIntegers(Value activationScale);           // times the unit of the weights' integers
  Value activationSum(const Row &row, Value k, Value end, int64_t length);
  bool hasStoredSums(int64_t length) const { return length < 0 || spec.sumGroup <= length; }
  Value scalarSum(const Row &row, Value k, Value end, int64_t length);  // i32; of stored sums
  /// What finishRun needs of the activations of the run that begins at k; null if nothing. `subMinAt` gives the sub-minima of the group at some k.
  Value finishSum(const Row &row, Value k, Value end, llvm::function_ref<Value(Value k)> subMinAt);
  Value subMinAt(Value panelAt, Value k);

  //===-- output ----------------------------------------------------------------------------------------------------------------===//
  /// y (+ bias, + addend) to row m of panel; the last panel's lanes past N are left alone.
  void storeRow(Value y, Value m, Value panel);
  /// Runs `body(panel, count)` over the panels of the call: `step` at a time, then one at a time.
  void forPanels(int64_t step, llvm::function_ref<void(Value, unsigned)> body) { forPanels(args.panelBegin, args.panelEnd, step, body); }
  void forPanels(Value from, Value to, int64_t step, llvm::function_ref<void(Value, unsigned)> body);

  //===-- few rows (MatmulStreams.cpp) ------------------------------------------------------------------------------------------===//
  /// What is being summed: one panel of each stream, rows and where they start in input and scales, a range of superblocks.
  struct Streams {
    llvm::SmallVector<Value> panelAt;
    llvm::SmallVector<Row> rows;
    Value superBegin, superEnd, prefetch;
    unsigned count() const { return panelAt.size() * rows.size(); }
  };
  using BlockBody = llvm::function_ref<Values(const Streams &, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange y)>;
  int64_t streamCount() const;
  /// Of sums of a panel.
  unsigned panelRegisters() const { return std::max(1u, w.lanes * 32 / version.vectorBits); }
  /// Runs `body(panels)` with one panel of each of several equal, contiguous shares of the call's panels, then with the rest one by one.
  void forStreams(llvm::function_ref<void(llvm::ArrayRef<Value>)> body);
  /// The calling thread's part of `[begin, end)` where a team divides the sums, else all of it.
  std::pair<Value, Value> partOf(Value begin, Value end);
  /// Adds up what the threads of a team have summed, in their order, then what the teams of a cluster have, and runs `store` on one thread.
  void joinParts(mlir::ValueRange y, llvm::function_ref<void(mlir::ValueRange)> store);
  /// Numbers [team][each] of a cluster's teams: threads of each `put` theirs at the place they are given; then those of the first team `take` all.
  void overCluster(int64_t each, llvm::function_ref<void(Value memory, Value at)> put, llvm::function_ref<void(Value memory)> take);
  void emitTeamShort();
  void emitHeldDecode();                             // holdsSupers
  Values readSuper(Value superAt);
  Values heldRuns(const Streams &s, Value super, mlir::ValueRange held, mlir::ValueRange y);   // the superblock's runs added to y
  Values productsOfPart(const Streams &s);
  llvm::SmallVector<Value> panelStarts(llvm::ArrayRef<Value> panels);
  /// Fetches `lines` lines that are `distance` bytes behind each of `starts`, or none if that is 0.
  void prefetchAhead(llvm::ArrayRef<Value> starts, int64_t lines, Value distance);
  /// Runs `body(superAt, super, carried)` over all superblocks, or `body` over blocks [from, to) of 32 k of one, ascending; returns the last values.
  Values overSupers(const Streams &s, mlir::ValueRange y, llvm::function_ref<Values(llvm::ArrayRef<Value>, Value, mlir::ValueRange)> body);
  Values overBlocksOf(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value from, Value to, mlir::ValueRange y, BlockBody body);
  /// Both.
  Values overBlocks(const Streams &s, mlir::ValueRange y, BlockBody body);
  /// Adds superblocks superBegin..superEnd of the streams' panels to the sums y[row][panel].
  Values addProducts(const Streams &s, mlir::ValueRange y);
  void shortRows(llvm::ArrayRef<Value> panels, Value m, unsigned rows, Value begin, Value end, Value distance, Value partial);
  /// Adds all runs of the superblocks to the sums y[row][panel].
  Values intRuns(const Streams &s, mlir::ValueRange y);
  /// The numbers of the panels' step at `kInSuper`. Those that are decoded beforehand: a superblock's scales and minima in scratch.
  llvm::SmallVector<StepParams> paramsAt(const Streams &s, llvm::ArrayRef<Value> superAt, Value kInSuper);
  bool decodesNumbers() const;
  void makeNumbers();
  void decodeNumbers(const Streams &s, llvm::ArrayRef<Value> superAt);
  Value numberPlace(Value kInSuper, unsigned panel, bool ofMin);
  bool decodesHalves() const;
  Value numbers;                                     // [group][panel][scale, minimum][lanes]; of decodesHalves [panel][group][lanes], the bits of f16
  /// intRuns for one block of 32 k, which holds a run or two; `shared`: the panels' numbers, if several blocks have the same.
  Values intBlock(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, llvm::ArrayRef<StepParams> shared, mlir::ValueRange y);
  /// A run k..end: its first i32 sums, [chain][row][panel]; units [from, to) of a block added to them; the run added to y.
  bool oneRun() const { return spec.intActivations && spec.run() < 0; }  // a row is one
  bool hasTwoChains(const Streams &s) const { return w.integerBytes() == 1 && spec.run() != 16 && s.count() * panelRegisters() < version.dot4Chains; }
  Values startRun(const Streams &s, llvm::ArrayRef<StepParams> p, Value k, Value end);
  Values addUnits(const Streams &s, llvm::MutableArrayRef<BlockReader> readers, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, unsigned from,
                  unsigned to, mlir::ValueRange sums);
  Values addBlock(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange sums);
  Values finishRun(const Streams &s, llvm::ArrayRef<StepParams> p, Value k, Value end, mlir::ValueRange sums, mlir::ValueRange y);
  //===-- the same of float activations (MatmulStreamFloats.cpp) ----------------------------------------------------------------===//
  Values floatBlock(const Streams &s, llvm::ArrayRef<Value> superAt, Value super, Value blockInSuper, mlir::ValueRange y);
  Values floatWeights(const Streams &s, mlir::ValueRange y);
  /// The codes of unit u, byte j of each lane, as exact floats minus the zero point, or what they select from the table over float8Unit, which is in
  /// floatScale.
  Value decoded(BlockReader &reader, unsigned u, unsigned j, Value zero);
  /// The same times the scale, or plus the minimum.
  Value weightOf(BlockReader &reader, unsigned u, unsigned j, Value scale, Value zero);
  Value float8(const qnt::CodeTable &table, Value code);
  Value scaledFloat8(const qnt::CodeTable &table, Value code);  // the same over float8Unit
  Value halvesOf(const qnt::CodeTable &table, Value words);  // and as the bits of f16, of any number of codes in the upper bytes of i16
  Value upperBytes(Value words);                     // the lower ones in their place
  Value halvesOf(BlockReader &reader, unsigned u, unsigned j);  // those of byte j of each lane of a unit
  Value floatsOf(Value halves);                      // lanes of those as f32
  static float float8Unit(const qnt::CodeTable &table) { return table.mantissaBits == 3 ? 256 : 1; }
  Value sloped(const qnt::CodeTable::Slopes &slopes, Value code);
  Value lookUp(llvm::ArrayRef<float> table, Value codes);
  Value floatZero(const StepParams &p);              // the zero point to subtract, or the minimum to add, as f32
  Value floatScale(const StepParams &p);             // scale [* subscale or float8Unit]
  Value sumOf16(const Row &row, Value k);            // codes k.., in all lanes
  Value floatWeight(Value panelAt, Value k);         // one k of f32 or f16 weights, as f32
  void copyInputTail();                              // sets inputTail
  Value inputTail;                                   // float activations behind the last whole superblock, [row][superK], zeros past K

  //===-- several rows (MatmulBlocked.cpp) --------------------------------------------------------------------------------------===//
  struct Tiling {
    unsigned rows, panels;                           // of the register tile; of panels that are several registers wide, as many registers
    unsigned columns;                                // of such a part
    int64_t rowBlock;                                // rows whose unfinished sums are kept between chunks
    int64_t chunk;                                   // k unpacked at a time
  };
  Tiling tiling() const;
  /// Whether chunks hold whole runs (a row's last may be shorter). Else a chunk is a part of one.
  bool holdsRuns(int64_t chunk) const { return !spec.intActivations || (spec.run() > 0 && spec.run() <= chunk); }
  /// `chunk` or, when shorter runs fit, as many of them as do.
  int64_t wholeRuns(int64_t chunk) const;
  /// Where a run of `length` that begins at k ends: weights with groups are padded to whole runs, others not.
  Value runEnd(Value k, int64_t length, Value end) { return w.perRow() && length > 32 ? min(add(k, length), end) : add(k, length); }
  /// `body(from, to, runBegin, runEnd)` for each chunk of 0..end; the run only where chunks are parts of one.
  void overChunks(int64_t chunk, Value end, llvm::function_ref<void(Value, Value, Value, Value)> body);
  /// What is being computed: k0..kEnd of panels `panel`.. for rows row0..rowEnd.
  struct Chunk {
    Value panel, row0, rowEnd, k0, kEnd, isFirst, isLast, partial;
    Value runBegin, runEnd;                          // of a chunk that is a part of a run
    llvm::SmallVector<Value> panelAt;
    unsigned first = 0, count = 0;                   // of a tile's parts of the panels
  };
  /// Parts of `columns` of a chunk's panels.
  unsigned partsOf(const Chunk &c) const { return c.panelAt.size() * (w.lanes / columns); }
  /// Of numbers of a whole panel, those of the tile's part i.
  Value ofPart(const Chunk &c, unsigned i, llvm::function_ref<Value(Value panelAt)> numbers);
  void forChunks(int64_t k, llvm::function_ref<void(const Chunk &)> unpack, llvm::function_ref<void(const Chunk &, Value m, unsigned rows)> tile);
  void prefetchChunk(const Chunk &c, Value m, unsigned rows, Value panelBytes);
  Values startTile(const Chunk &c, Value m, unsigned rows, unsigned sums);
  void finishTile(const Chunk &c, Value m, unsigned rows, mlir::ValueRange y);
  /// Of sum `i` of a tile of `rows` rows from m.
  Value partialAt(const Chunk &c, Value m, unsigned rows, unsigned i);
  /// Codes of two units as column, then k (MatmulPairs.cpp).
  Value interleaveUnits(Value low, Value high);
  struct IntBlocks;
  struct IntTile;
  /// From here on a register of sums has `n` lanes: the panel's columns or, where products are of two rows, those times the rows.
  class Lanes {
  public:
    Lanes(MatmulEmitter &e, unsigned n) : e(e), before(e.lanes) { set(n); }
    ~Lanes() { set(before); }
    Lanes(const Lanes &) = delete;

  private:
    void set(unsigned n);
    MatmulEmitter &e;
    unsigned before;
  };
  /// From here on sums are of a panel's parts of `n` columns: what a chunk's scratch has of a panel is what it would have of as many narrower ones.
  class Part {
  public:
    Part(MatmulEmitter &e, unsigned n) : e(e), before(e.columns), sums(e, n) { e.columns = n; }
    ~Part() { e.columns = before; }

  private:
    MatmulEmitter &e;
    unsigned before;
    Lanes sums;
  };
  bool sumsPairs() const { return version.dot8x2 && spec.intActivations && !spec.streams(); }
  /// Where sums are of pairs: a number of every column, for both rows; those of two rows, column by column; and pairs[pair][panel] as [row][panel].
  Value ofColumns(Value numbers);
  Value ofRows(Value first, Value second);
  Values apart(mlir::ValueRange pairs, unsigned rows);
  /// acc[pair][panel] + the products of 8 * `number` k, of codes so interleaved.
  Values pairProducts(const IntBlocks &x, const IntTile &t, Value kAt, Value codesAt, Value number, mlir::ValueRange acc);
  /// Tiles of int8 activations: how their weights are unpacked, and where to.
  struct IntBlocks {
    Tiling tiling;
    int64_t step, run, span, parts;                  // k of a sub-scale, of a run and of what is unpacked at a time; bytes of an integer
    bool inChunk, folds, hasZero, hasSub;            // chunks hold whole runs; sub-scales are in the codes; zero points, or sub-scales, are beside them
    bool signedCodes;
    unsigned lanes;                                  // of a register of sums
    int64_t implicitZero;
    mlir::VectorType zeroType;
    Value codes, scales, zeros, subscales, submins;  // scratch: a chunk's; null what it has not
    /// What sums start at where that is one number: twice a tile's, which runs take in turn. Loads have pipes of their own, while copies of a register
    /// take the place of products, and LLVM makes copies of what it sees a loop load from one place.
    Value starts;
    int64_t startNumbers;                            // of a tile; a power of two, or LLVM selects among addresses
    Value waiting;                                   // scratch: sums of a run that a chunk has not ended
  };
  /// `rows` rows from m of a chunk.
  struct IntTile {
    const Chunk &c;
    Value m;
    unsigned rows, count;                            // of rows, of panels
    llvm::SmallVector<Row> rowOf;
    unsigned rowsOfSum;                              // 2: pairs
    unsigned units() const { return llvm::divideCeil(rows, rowsOfSum); }
    unsigned sums() const { return units() * count; }
  };
  IntBlocks intBlocks();
  /// What sums of a tile's rows (or pairs) need, of the numbers of single rows that `of` gives, or null.
  Value ofUnit(const IntTile &t, unsigned unit, llvm::function_ref<Value(const Row &)> of);
  Value scaleOfUnit(const IntTile &t, unsigned unit, Value k);
  /// Unpacks what single columns have, and gives it to sums.
  Value ofPanel(llvm::function_ref<Value()> numbers);
  /// Where panel i has what belongs to the piece of `every` k at `k`; the numbers of its step there.
  Value placeOf(const Chunk &c, Value k, int64_t every, unsigned i);
  StepParams paramsAt(Value panelAt, Value k);
  void unpackParams(const IntBlocks &x, const Chunk &c, Value k);
  void unpackStep(const IntBlocks &x, const Chunk &c, Value k, unsigned i, int64_t from, BlockReader &reader);
  void unpackBlock(const IntBlocks &x, const Chunk &c, Value k);
  void unpackChunk(const IntBlocks &x, const Chunk &c);
  /// Start values of sums over k..end of `length` k; of a run's.
  Values startSums(const IntBlocks &x, const IntTile &t, Value k, Value end, llvm::ArrayRef<StepParams> p, int64_t length);
  Value startsAt(const IntBlocks &x, Value k);       // null: sums of runs start at different numbers
  Values startRun(const IntBlocks &x, const IntTile &t, Value k, Value end, llvm::ArrayRef<StepParams> p);
  /// acc + the products of `number` units from k, [row or pair][panel][part]; of whole integers, [row or pair][panel]; of a step, times its sub-scale;
  /// of from..to of a run.
  Values partProducts(const IntBlocks &x, const IntTile &t, Value k, Value number, mlir::ValueRange acc);
  /// `body` over 0..number, `step` at a time.
  Values productLoop(const IntBlocks &x, Value number, int64_t step, mlir::ValueRange carried, llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  /// Where unit i, [panel][part], of the tile is among all of the chunk.
  int64_t codesPlace(const IntBlocks &x, const IntTile &t, unsigned i);
  Values unitProducts(const IntBlocks &x, const IntTile &t, Value k, Value number, mlir::ValueRange acc);
  Values stepProducts(const IntBlocks &x, const IntTile &t, Value k, mlir::ValueRange acc);
  Values runProducts(const IntBlocks &x, const IntTile &t, Value from, Value to, Value number, mlir::ValueRange acc);
  /// y + a run's sums, rescaled.
  Values rescaleRun(const IntBlocks &x, const IntTile &t, Value k, Value end, llvm::ArrayRef<StepParams> p, mlir::ValueRange acc, Values y);
  void tileOfRuns(const IntBlocks &x, const IntTile &t);
  void tileWithinRun(const IntBlocks &x, const IntTile &t);
  Value byteConstant(int64_t v);                     // 4 * lanes x i8
  /// Codes less their implicit zero point, times the sub-scale, plus a minimum in its units: signed bytes.
  Value timesSubscale(Value codes, const StepParams &p);

  //===-- int8 on a matrix unit (MatmulTiles.cpp) -------------------------------------------------------------------------------===//
  /// What is being computed: k0..kEnd of panels `panel`.. out of group..groupEnd, for rows row0..rowEnd, in the segment from..to of K; the run as in Chunk.
  struct TileChunk {
    int64_t chunk, wide;                             // k decoded at a time; k of its scratch, where every run begins a tile
    int64_t segment;                                 // k whose activations are gathered at a time, unless all of K are
    Value inputWide, rowBlock;                       // k of a row in scratch; rows that are gathered at a time
    Value isWhole;                                   // the segment is all of K: no results wait for the next one
    Value input, scales, weights, sums, partial;     // scratch: codes in tiles; scales of rows; decoded panels; i32 sums; unfinished results of the group
    Value behind;                                    // scratch: the run whose sums have not been rescaled
    Value end;                                       // of K, in whole superblocks
    Value group, groupEnd, panel, row0, rowEnd, k0, kEnd, isLast, runBegin, runEnd, from, to, segmentRunBegin, segmentRunEnd;
    Value rows;                                      // row0..rowEnd in whole tiles
  };
  /// A run k..end of `rows` rows from m, which there may be fewer of, and of panels `panel`...
  struct TileRun {
    Value rows, m, panel, k, end;
  };
  /// Where its i32 sums are: those of panel i from at[i], a row every `stride` numbers.
  struct TileSums {
    Values at;
    int64_t stride;
  };
  /// Codes are decoded to signed bytes less the zero point, so that no sum of activations is needed.
  bool decodesSigned() const { return w.zero == qnt::ZeroKind::None || sumsHaveMinimum() || (w.zero == qnt::ZeroKind::Int && w.bits < 8); }
  /// k in scratch that starts at `from`; `ofRuns`: every run begins a tile.
  Value tilePlace(bool ofRuns, Value from, Value k);
  Value inputPlace(const TileChunk &c, Value k);
  Value weightPlace(const TileChunk &c, Value k);
  Value scalesOf(const TileChunk &c, Value k);
  void gatherTiles(const TileChunk &c);
  void decodeTiles(const TileChunk &c, unsigned count);
  Value nextTiles(const TileChunk &c, unsigned count);
  Values multiplyRun(const TileChunk &c, Value m, unsigned halves, unsigned count, Value from, Value to, mlir::ValueRange sums,
                     llvm::function_ref<void(Value)> between);
  void rescaleRows(const TileChunk &c, const TileRun &run, unsigned count, Value from, Value to, int64_t unroll, const TileSums &sumsAt);
  void prefetchOutput(const TileChunk &c, Value end, Value from, Value to, unsigned count);
  Value waitingAt(const TileChunk &c, Value m, Value panel);
  TileRun behind(const TileChunk &c);
  void setBehind(const TileChunk &c, const TileRun &run);
  TileSums tileSums(const TileChunk &c, Value m, Value panel, unsigned count);
  void multiplyTiles(const TileChunk &c, Value m, unsigned halves, unsigned count);
  void multiplyPanels(TileChunk &c, unsigned count);
  void overPanels(TileChunk &c, Value from, Value to, unsigned count);

  //===-- int8 on a matrix unit of lanes (MatmulFragments.cpp) ------------------------------------------------------------------===//
  /// What is being computed: halves of tiles of rows; scratch for a chunk of decoded codes, scales and zero points or minima of a run.
  struct Fragments {
    int64_t chunk;                                   // k decoded at a time
    int64_t span;                                    // k that four lanes read together
    llvm::SmallVector<Row> rows;                     // of the calling lane, one for each half of a tile; the last half may be missing
    Value codes, scales, zeros;
    Value eighth, quarter;                           // the lane's row and column of eight; its pair of columns, or of units, of four
    unsigned tiles() const { return (rows.size() + 1) / 2; }
    int64_t units() const { return span / 16; }      // of 4 k, of a lane: neighbours
    bool has(unsigned tile, unsigned half) const { return 2 * tile + half < rows.size(); }
  };
  struct OwnColumns;
  int64_t fragmentChunk() const;
  bool readsFragments() const;                       // from memory, without scratch
  Fragments makeFragments();
  void decodeFragments(const Fragments &f, Value panelAt, Value k);
  Value ownWords(Value memref, Value at, int64_t count);
  Values loadColumns(const Fragments &f, Value panelAt, Value k);
  Values unpackColumns(const Fragments &f, mlir::ValueRange words, unsigned first, unsigned count);
  Values readColumns(const Fragments &f, Value panelAt, Value k) { return unpackColumns(f, loadColumns(f, panelAt, k), 0, lanes / 8); }
  Values decodedColumns(const Fragments &f, int64_t from);
  Values multiplyFragments(const Fragments &f, Value panelAt, Value k, mlir::ValueRange carried);
  llvm::SmallVector<StepParams> ownParams(const Fragments &f, Value panelAt, Value k);
  Values startFragments(const Fragments &f, Value k, Value end, llvm::ArrayRef<StepParams> p);
  Values finishFragments(const Fragments &f, Value k, Value end, llvm::ArrayRef<StepParams> p, mlir::ValueRange acc, mlir::ValueRange carried);
  Values ownOutputs(mlir::ValueRange y, unsigned tile, unsigned half);
  /// Bias, addend and a lane's sums of columns `column`.. of row `row`, of which there are `left`.
  void storeOwnColumns(Value sum, Value row, Value column, Value left);
  void storeColumns(const Fragments &f, Value row0, Value column0, llvm::ArrayRef<Value> outputs);
  Values fragmentProducts(Fragments &f, Value row0, Value panelAt, Value from, Value end, unsigned halves);
  void joinFragments(const Fragments &f, Value row0, mlir::ValueRange y, Value panel);

  //===-- int8 on a matrix unit of teams (MatmulTeamTiles.cpp) ------------------------------------------------------------------===//
  bool usesTeamTiles() const { return spec.rows == RowClass::Long && spec.team > 1; }
  struct TeamTile;
  struct TeamStage;
  void emitTeamTile(const TeamTile &t);
  Value tokenNumber(const TeamTile &t, Value at) { return min(at, sub(args.m, index(1))); }
  TeamStage loadStage(const TeamTile &t, Value k, int64_t length, bool ofRuns);
  void storeStage(const TeamTile &t, const TeamStage &stage, Value buffer);
  StepParams columnParams(const TeamTile &t, Value scale, Value zero, unsigned column);
  std::pair<Value, Value> loadParams(const TeamTile &t, Value k);
  Value rowStart(Value activationSum);
  Values startTeamSums(const TeamTile &t, unsigned half, Value scale, Value zero, llvm::function_ref<Value(unsigned)> startsAt);
  Values multiplyStage(const TeamTile &t, const TeamStage &stage, Value buffer, unsigned half, unsigned first, unsigned count, mlir::ValueRange acc);
  void finishTeamRun(const TeamTile &t, unsigned half, Value scale, Value zero, mlir::ValueRange acc, llvm::function_ref<Value(unsigned)> scaleAt,
                     llvm::function_ref<Value(unsigned)> sumAt, Values &y);
  Values overStages(const TeamTile &t, Value from, Value to, int64_t length, bool ofRuns, mlir::ValueRange carried);
  Values teamRun(const TeamTile &t, Value k, Value end, mlir::ValueRange y);
  Values stageOfRuns(const TeamTile &t, const TeamStage &stage, Value buffer, mlir::ValueRange y);
  void storeTeamTile(const TeamTile &t, mlir::ValueRange y);

  //===-- bf16 on a matrix unit (MatmulBf16.cpp) --------------------------------------------------------------------------------===//
  struct Bf16Jobs {
    int64_t chunk;                                   // k that there is room for
    Value step;                                      // k decoded at a time
    Value weights, sums;                             // scratch: two jobs' decoded panels; sums of a group of panels in tile order
    Value kEnd;                                      // K in whole blocks
    Value groupPanels;                               // panels that share a chunk of the rows
  };
  /// A chunk from k0 of up to two panels of a group, times rows from row0; its decoded weights are at `buffer`.
  struct Bf16Job {
    Value group, row0, k0, panel, buffer;
  };
  /// Blocks [from, to) of `job` that are decoded meanwhile, `perStep` after each step of 32 k.
  struct Bf16Ahead {
    Bf16Job job;
    Value from, to, perStep;
  };
  Value tile(Value memref, Value at, bool streaming = false);  // 16 rows of 64 bytes, one after the other
  Bf16Job nextBf16(const Bf16Jobs &jobs, const Bf16Job &job);
  Value panelsBf16(const Bf16Jobs &jobs, const Bf16Job &job);
  Value blocksBf16(const Bf16Jobs &jobs, const Bf16Job &job);
  void decodeBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value panel, Value block, Value to);
  void prefetchBf16(const Bf16Job &job, Value panel, Value block);
  void decodeBlocksBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value from, Value to, Value buffer);
  void prefetchOutputBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value m, unsigned halves, unsigned count);
  void multiplyBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value m, unsigned halves, unsigned count, const Bf16Ahead &ahead);

  mlir::OpBuilder &b;
  mlir::Location loc;
  const MatmulSpec &spec;
  const PanelLayout &w;
  const TargetVersion &version;
  unsigned lanes, columns;                           // columns: of a panel, or of its part that sums are of
  mlir::VectorType sums, floats, bytes;              // lanes x i32, lanes x f32, 4 * lanes x i8
  Value superCountValue, panelBytesValue;
};

/// From here on a lane's own two columns of a tile (or what else it has) are the register.
struct MatmulEmitter::OwnColumns {
  OwnColumns(MatmulEmitter &e, unsigned columns = 2) : e(e), lanes(e.lanes), sums(e.sums), floats(e.floats) {
    e.lanes = columns;
    e.sums = mlir::VectorType::get(columns, e.b.getI32Type());
    e.floats = mlir::VectorType::get(columns, e.b.getF32Type());
  }
  ~OwnColumns() { e.lanes = lanes, e.sums = sums, e.floats = floats; }
  MatmulEmitter &e;
  unsigned lanes;
  mlir::VectorType sums, floats;
};
} // namespace qcc::kernel
#endif
