// Long inputs on a matrix unit: 32 rows x 2 panels at a time. Scales change every 32 k, so a tile product covers one block of 32 k (A: 16 rows
// x 32 bytes, B: 8 units x 16 columns), goes to memory as i32, and is rescaled there with the same operations, in the same order, as in every
// other integer kernel: the results are bit-equal. Two sets of sums, so that the rescaling of a block overlaps the products of the next.
//
// When it pays. Per 32 rows x 32 columns x 32 k the unit is busy for 4 x 16 cycles (16 for a tile of 16 rows, whatever its K), VPDPBUSD (2 x 64
// products a cycle) for 256; what follows every product is the same work on both sides (convert, scale, fma of 64 registers). By that count
// tiles should win, but where both were measured they ran at half the speed of VPDPBUSD; the likely reason, not isolated, is that only here
// products and sums go through memory at every step (128 stores, 128 loads that wait for them). The measurement decides: scales of
// activations come per 32, no sum is longer today, and TargetVersion::tileInt8MinK = 64 gives tiles only to sums that fill one.
// build/bin/tile-bench measures both.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

void MatmulEmitter::matrixTile(const Chunk &c, Value m, Value codes, Value tileSums, int64_t implicitZero,
                               function_ref<SmallVector<StepParams>(Value slot)> params) {
  unsigned count = c.panelAt.size();
  int64_t unitBytes = 4 * lanes, perPanel = tileRows * lanes, perSet = perPanel * count;
  Type i8 = b.getI8Type();
  auto inputTile = qk::TileType::get(b.getContext(), 16, 32, i8), weightTile = qk::TileType::get(b.getContext(), 8, 64, i8);
  auto sumTile = qk::TileType::get(b.getContext(), 16, lanes, b.getI32Type());
  Value firstBlock = div(c.k0, 32), endBlock = div(c.kEnd, 32), one = index(1);
  Value partialAt = mul(mul(sub(m, c.row0), count), lanes);

  // Products of one block, into set `kBlock % 2`: [panel][row][lane].
  auto multiply = [&](Value kBlock) {
    Value slot = sub(kBlock, firstBlock), set = mul(rem(kBlock, 2), perSet);
    SmallVector<Value> weights;
    for (unsigned i = 0; i < count; ++i)
      weights.push_back(qk::TileLoadOp::create(b, loc, weightTile, codes, add(mul(slot, 8 * count * unitBytes), i * unitBytes), index(count * unitBytes)));
    for (unsigned half = 0; half < 2; ++half) {
      Value at = add(mul(add(m, 16 * half), args.inputStride), mul(kBlock, 32));
      Value input = qk::TileLoadOp::create(b, loc, inputTile, args.input, at, args.inputStride);
      for (unsigned i = 0; i < count; ++i) {
        Value product = qk::TileMmaOp::create(b, loc, sumTile, qk::TileZeroOp::create(b, loc, sumTile), input, weights[i], /*unsigned_rhs=*/true);
        qk::TileStoreOp::create(b, loc, product, tileSums, add(set, i * perPanel + half * 16 * lanes), index(lanes));
      }
    }
  };
  auto rescale = [&](Value kBlock) {
    Value set = mul(rem(kBlock, 2), perSet);
    SmallVector<StepParams> p = params(sub(kBlock, firstBlock));
    constexpr unsigned unroll = 4;
    rolledLoop(tileRows, unroll, {}, [&](Value row0, ValueRange) {
      for (unsigned r = 0; r < unroll; ++r) {
        Value row = add(row0, r), scaleAt = add(mul(add(m, row), args.scaleStride), kBlock);
        Value rowSum = splat(loadScalar(args.sums, scaleAt)), scale = splat(loadScalar(args.scales, scaleAt));
        for (unsigned i = 0; i < count; ++i) {
          Value product = load(tileSums, add(add(set, i * perPanel), mul(row, lanes)), sums);
          Value sum = arith::AddIOp::create(b, loc, product, startSum(rowSum, p[i], implicitZero));
          Value at = add(partialAt, mul(add(mul(row, count), i), lanes));
          store(finishStep(sum, rowSum, scale, p[i], load(c.partial, at, floats)), c.partial, at);
        }
      }
      return Values();
    });
  };

  ifElse(c.isFirst, {}, [&] {
    loop(index(0), index(tileRows * count), 1, {}, [&](Value i, ValueRange) { return store(splatFloat(0), c.partial, add(partialAt, mul(i, lanes))), Values(); });
    return Values();
  }, [] { return Values(); });
  multiply(firstBlock);
  loop(add(firstBlock, one), endBlock, 1, {}, [&](Value kBlock, ValueRange) { return multiply(kBlock), rescale(sub(kBlock, one)), Values(); });
  rescale(sub(endBlock, one));
  ifElse(c.isLast, {}, [&] {
    loop(index(0), index(tileRows), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        storeRow(load(c.partial, add(partialAt, mul(add(mul(row, count), i), lanes)), floats), add(m, row), add(c.panel, i));
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}
