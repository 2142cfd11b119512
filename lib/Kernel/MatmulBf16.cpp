// Long inputs on a matrix unit in bf16: factors rounded to bfloat16, products summed in f32, no rescaling in the loop.
//
// The work is a list of jobs: a chunk of K of two panels times a block of rows. A job's weights are decoded into pairs in L1 (scales folded
// in), then 32 rows at a time run over them in 2 x 2 tiles that stay in registers. Decoding keeps the vector units as busy as the products
// keep the matrix unit, so a job's products are interleaved with the decoding of the next job's weights, block by block: the two take about
// the time of the longer one. Sums are read and written once a chunk: chunks are as long as L1 bears beside the next job's (384 k: 24 KB, three quarters of the
// 32 KB that every x86 has, half of the 48 KB of those with tiles). Few rows, whose time goes into decoding, take 256 k: 1.07 times the rate at 64 rows, 0.92 times at 256.
//
// Where 256 rows, or all there are, fit in half of L2 with all of K, a pair of panels runs through K at once and its sums stay as close as can
// be (1.1 times the rate at 64 and 128 rows). Else 16 panels share the rows' chunk (256 rows x 256 k: 128 KB in L2), so rows are read from beyond L2
// once per 256 columns; their sums wait in tile order (256 x 256 f32: 256 KB in L2). Rows are streamed past the decoded panels, which L1 is to keep
// (1.1 times the rate at 64 rows). Three more things hide memory behind work, as a core has few lines in flight: codes are fetched one job before they
// are decoded, finished sums leave L1 as rows after each 32 x 32 of them, while the next tiles are computed, and lines that results go to are fetched
// before they are stored (1.05 to 1.3 times the rate from 128 rows on).
// Rows past a multiple of 16 are computed as 16 (the input has them, zero): a row's result depends neither on M nor on its place.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

namespace {
constexpr int64_t tileRow = 16, tileK = 32;
constexpr int64_t groupPanels = 16, rowBlock = 256, fewRows = 96;
constexpr int64_t panelSums = (rowBlock + tileRow) * 16;  // f32 of one panel; the 16 rows more keep panels out of each other's cache sets
} // namespace

Value MatmulEmitter::tile(Value memref, Value at, bool streaming) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t columns = element.isBF16() ? tileK : int64_t(lanes);
  return qk::TileLoadOp::create(b, loc, qk::TileType::get(b.getContext(), tileRow, columns, element), memref, at, index(columns), streaming);
}

// Block `block` (32 k) of panel `i` of the job, to `to`: [panel][k / 32][k % 32 / 2][lane][k % 2].
void MatmulEmitter::decodeBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value i, Value block, Value to) {
  auto pairs = VectorType::get(2 * lanes, b.getBF16Type());
  Value panelAt = add(args.weightOffset, mul(add(job.panel, i), panelBytes())), first = mul(block, tileK), k0 = add(job.k0, first);
  Value out = add(to, mul(add(mul(i, jobs.chunk), first), lanes));
  auto put = [&](Value even, Value odd, Value k) { store(qk::Bf16PairOp::create(b, loc, pairs, even, odd), jobs.weights, add(out, mul(k, lanes))); };
  if (!w.isCodes()) {
    // Past K lies the next panel: zeros instead. A NaN stays one, whatever its payload.
    Value quiet = splatFloat(std::numeric_limits<float>::quiet_NaN());
    auto weight = [&](Value k) {
      return ifElse(less(add(k0, k), args.k), floats, [&] {
        Value v = floatWeight(panelAt, add(k0, k));
        return Values{select(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, v, v), quiet, v)};
      }, [&] { return Values{splatFloat(0)}; })[0];
    };
    loop(index(0), index(tileK), 2, {}, [&](Value k, ValueRange) { return put(weight(k), weight(add(k, 1)), k), Values(); });
    return;
  }
  Value kBlock = div(k0, 32), inSuper = rem(kBlock, blocksPerSuper());
  Value superAt = add(panelAt, mul(div(kBlock, blocksPerSuper()), w.superBytes()));
  BlockReader reader = this->block(superAt, inSuper);
  for (int64_t k = 0; k < 32; k += stepK()) {
    StepParams p = params(panelAt, superAt, add(mul(inSuper, 32), k));
    Value scale = floatScale(p), zero = floatZero(p);
    auto weight = [&](int64_t kk) { return weightOf(reader, kk / 4, kk % 4, scale, zero); };
    for (int64_t kk = k; kk < k + stepK(); kk += 2)
      put(weight(kk), weight(kk + 1), index(kk));
  }
}

// Codes of block `block` of panel `i` of the job, into L2.
void MatmulEmitter::prefetchBf16(const Bf16Job &job, Value i, Value block) {
  int64_t bytes = tileK * w.superBytes() / w.superK();
  Value panelAt = add(args.weightOffset, mul(add(job.panel, i), panelBytes()));
  Value at = add(panelAt, div(mul(add(job.k0, mul(block, tileK)), w.superBytes()), w.superK()));
  for (int64_t line = 0; line < bytes; line += 64)
    prefetch(args.weights, add(at, line), 2);
}

// The job after `job`: the group's next panels, then its next chunk of K, then its next rows, then the next group. Past the last one,
// `panel` is panelEnd.
MatmulEmitter::Bf16Job MatmulEmitter::nextBf16(const Bf16Jobs &jobs, const Bf16Job &job) {
  Value zero = index(0), panel = add(job.panel, 2), k = add(job.k0, jobs.step), row = add(job.row0, rowBlock), group = add(job.group, jobs.groupPanels);
  Value samePanels = less(panel, min(group, args.panelEnd)), sameK = less(k, jobs.kEnd), sameRows = less(row, args.m);
  Bf16Job next;
  next.group = select(samePanels, job.group, select(sameK, job.group, select(sameRows, job.group, min(group, args.panelEnd))));
  next.row0 = select(samePanels, job.row0, select(sameK, job.row0, select(sameRows, row, zero)));
  next.k0 = select(samePanels, job.k0, select(sameK, k, zero));
  next.panel = select(samePanels, panel, next.group);
  return next;
}

// A job's panels (2, 1, or 0 past the last job) and blocks of 32 k.
Value MatmulEmitter::panelsBf16(const Bf16Jobs &jobs, const Bf16Job &job) {
  return min(index(2), sub(min(add(job.group, jobs.groupPanels), args.panelEnd), job.panel));
}
Value MatmulEmitter::blocksBf16(const Bf16Jobs &jobs, const Bf16Job &job) { return div(min(sub(jobs.kEnd, job.k0), jobs.step), tileK); }

// Decodes the job's blocks [from, to), counted through its panels, and fetches as many of the job after it.
void MatmulEmitter::decodeBlocksBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value from, Value to, Value buffer) {
  Bf16Job following = nextBf16(jobs, job);
  Value perPanel = blocksBf16(jobs, job);
  loop(from, to, 1, {}, [&](Value n, ValueRange) {
    Value second = less(n, perPanel), i = select(second, index(0), index(1)), block = select(second, n, sub(n, perPanel));
    prefetchBf16(following, i, block);
    decodeBf16(jobs, job, i, block, buffer);
    return Values();
  });
}

// Lines of results: a chunk of K before they are stored, when the rows' lie in different sets of a cache (TargetVersion::oddRows). Those of 256 rows
// that share a few sets would push each other out until then: there it is done 32 rows before.
void MatmulEmitter::prefetchOutputBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value m, unsigned halves, unsigned count) {
  Value one = index(1), height = index(halves * tileRow), next = add(m, height), rowEnd = min(add(job.row0, rowBlock), args.m);
  Value chunksLeft = b.createOrFold<arith::DivUIOp>(loc, sub(sub(jobs.kEnd, job.k0), one), jobs.step), isOdd = equal(rem(div(args.outputStride, lanes), 2), one);
  Value isLast = equal(chunksLeft, index(0)), isBefore = equal(chunksLeft, one), from = select(isLast, next, m);
  Value isNear = select(equal(m, job.row0), less(chunksLeft, index(2)), isLast);
  ifElse(select(isOdd, isBefore, isNear), {}, [&] {
    loop(from, min(add(from, height), rowEnd), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        prefetch(args.output, add(mul(row, args.outputStride), mul(add(job.panel, i), lanes)), 2);
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

// Rows m.. (16 a half) of `count` panels, over the job's chunk, while blocks [from, to) of the next job are decoded; after the last chunk the
// sums go out.
void MatmulEmitter::multiplyBf16(const Bf16Jobs &jobs, const Bf16Job &job, Value m, unsigned halves, unsigned count, const Bf16Ahead &ahead) {
  auto sumTile = qk::TileType::get(b.getContext(), tileRow, lanes, b.getF32Type());
  auto sumAt = [&](unsigned half, unsigned i) {
    return add(mul(add(sub(job.panel, job.group), i), panelSums), mul(add(sub(m, job.row0), half * tileRow), lanes));
  };
  SmallVector<Type> types(halves * count, sumTile);
  Value blocks = blocksBf16(jobs, job), rowEnd = min(add(job.row0, rowBlock), args.m);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, job.k0, index(0));
  Value isLast = less(sub(jobs.kEnd, job.k0), add(jobs.step, 1));
  Values sums = ifElse(isFirst, types, [&] {
    Values zeros;
    for (unsigned i = 0; i < halves * count; ++i)
      zeros.push_back(qk::TileZeroOp::create(b, loc, sumTile));
    return zeros;
  }, [&] {
    Values partial;
    for (unsigned i = 0; i < halves * count; ++i)
      partial.push_back(tile(jobs.sums, sumAt(i / count, i % count)));
    return partial;
  });
  sums = loop(index(0), blocks, 1, sums, [&](Value block, ValueRange carried) {
    Values next(carried), weights;
    Value k = mul(block, tileK);
    for (unsigned half = 0; half < halves; ++half) {
      Value rows = tile(args.input, add(mul(add(m, half * tileRow), args.inputStride), mul(add(job.k0, k), tileRow)), /*streaming=*/true);
      for (unsigned i = 0; i < count; ++i) {
        if (half == 0)
          weights.push_back(tile(jobs.weights, add(job.buffer, add(mul(k, lanes), i * jobs.chunk * lanes))));
        Value &sum = next[half * count + i];
        sum = qk::TileMmaOp::create(b, loc, sumTile, sum, rows, weights[i], /*unsigned_rhs=*/false);
      }
    }
    Value from = min(add(ahead.from, mul(block, ahead.perStep)), ahead.to), to = min(add(from, ahead.perStep), ahead.to);
    decodeBlocksBf16(jobs, ahead.job, from, to, ahead.job.buffer);
    return next;
  });
  for (unsigned i = 0; i < halves * count; ++i)
    qk::TileStoreOp::create(b, loc, sums[i], jobs.sums, sumAt(i / count, i % count), index(lanes));
  prefetchOutputBf16(jobs, job, m, halves, count);
  ifElse(isLast, {}, [&] {
    loop(m, min(add(m, halves * tileRow), rowEnd), 1, {}, [&](Value row, ValueRange) {
      for (unsigned i = 0; i < count; ++i)
        storeRow(load(jobs.sums, add(sumAt(0, i), mul(sub(row, m), lanes)), floats), row, add(job.panel, i));
      return Values();
    });
    return Values();
  }, [] { return Values(); });
}

void MatmulEmitter::emitBf16Tiles() {
  assert(lanes == 16 && "tiles have 16 columns");
  Value zero = index(0), one = index(1);
  Bf16Jobs jobs;
  jobs.chunk = std::max<int64_t>(tileK, version.l1Bytes * 3 / 4 / (2 * lanes * 2) / tileK * tileK);
  jobs.step = select(less(args.m, index(fewRows + 1)), index(std::max(tileK, jobs.chunk * 2 / 3 / tileK * tileK)), index(jobs.chunk));
  int64_t bufferElements = 2 * lanes * jobs.chunk;
  jobs.weights = scratch(2 * bufferElements, b.getBF16Type());
  jobs.sums = scratch(groupPanels * panelSums, b.getF32Type());
  jobs.kEnd = w.isCodes() ? mul(superCount(), w.superK()) : mul(div(add(args.k, tileK - 1), tileK), tileK);
  panelBytes();                                      // here, before any loop
  auto ceilDiv = [&](Value a, Value d) { return arith::CeilDivUIOp::create(b, loc, a, d).getResult(); };
  Value fits = less(mul(min(args.m, index(rowBlock)), mul(jobs.kEnd, 2)), index(version.l2Bytes / 2 + 1));
  jobs.groupPanels = select(fits, index(2), index(groupPanels));
  Value pairs = ceilDiv(sub(args.panelEnd, args.panelBegin), index(2));  // groups are whole pairs but for the last
  Value count = mul(mul(pairs, ceilDiv(jobs.kEnd, jobs.step)), ceilDiv(args.m, index(rowBlock)));

  Bf16Job first = {args.panelBegin, zero, zero, args.panelBegin, zero};
  ifElse(less(zero, count), {}, [&] {
    decodeBlocksBf16(jobs, first, zero, mul(panelsBf16(jobs, first), blocksBf16(jobs, first)), zero);
    return Values();
  }, [] { return Values(); });
  loop(zero, count, 1, {first.group, first.row0, first.k0, first.panel, first.buffer}, [&](Value, ValueRange at) {
    Bf16Job job = {at[0], at[1], at[2], at[3], at[4]}, next = nextBf16(jobs, job);
    next.buffer = sub(index(bufferElements), job.buffer);
    Value rows = sub(min(add(job.row0, rowBlock), args.m), job.row0), tiled = mul(ceilDiv(rows, index(tileRow)), tileRow);
    Value tiles = ceilDiv(tiled, index(2 * tileRow)), wanted = mul(panelsBf16(jobs, next), blocksBf16(jobs, next)), perTile = ceilDiv(wanted, tiles);
    Value perStep = ceilDiv(perTile, blocksBf16(jobs, job));
    auto multiply = [&](unsigned count) {
      auto rowsFrom = [&](Value from, Value to, unsigned halves) {
        loop(from, to, halves * tileRow, {}, [&](Value row, ValueRange) {
          Value from = min(mul(div(row, 2 * tileRow), perTile), wanted), to = min(add(from, perTile), wanted);
          multiplyBf16(jobs, job, add(job.row0, row), halves, count, {next, from, to, perStep});
          return Values();
        });
      };
      Value whole = mul(div(tiled, 2 * tileRow), 2 * tileRow);
      rowsFrom(zero, whole, 2);
      rowsFrom(whole, tiled, 1);
      return Values();
    };
    ifElse(less(one, panelsBf16(jobs, job)), {}, [&] { return multiply(2); }, [&] { return multiply(1); });
    return Values{next.group, next.row0, next.k0, next.panel, next.buffer};
  });
}
