// Many rows of int8 codes on a matrix unit whose operands are registers of lanes (qk.lane_mma): exact i32 sums of a run, then one rescaling to f32 with
// the operations of every other kernel in their order, so that results are the same bits.
//
// A thread of the program (32 lanes) computes 32 rows of a panel. It decodes a chunk of K to signed bytes in scratch, column by column as panels lie,
// and reads it back as the unit wants it: lane l has column l / 4 of eight and two units of it. Which k the unit calls by which number is free as long
// as both sides agree, so a lane takes the two units that are neighbours, and eight bytes of a row are one load. A unit of 32 columns lies 36 words
// behind the one before: then all lanes read different banks of shared memory (NVIDIA's have 32 of a word). Rows come from memory as they are: other
// threads of the block read the same ones, and the first level of cache has them.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

namespace {
constexpr int64_t tileRows = 16, tileColumns = 8, unitWords = 36, maxChunk = 128;
} // namespace

bool MatmulEmitter::usesFragments() const {
  bool fits = version.laneMma && spec.rows == RowClass::Long && spec.intActivations && lanes == 32 && stepK() == 32 && w.integerBytes() == 1 &&
              (!spec.hasSubscales() || spec.foldsSubscales());
  return fits && (decodesSigned() || startsAtZero());
}

// Whole runs, or parts of one that every run has a whole number of: a row's last run may be shorter.
int64_t MatmulEmitter::fragmentChunk() const {
  int64_t run = spec.run();
  if (w.perRow() || (run > maxChunk && run % maxChunk))
    return 32;
  return std::min(run, maxChunk);
}

// Everything is loaded before anything is stored: stores wait for other lanes, and loads do not pass them.
void MatmulEmitter::decodeFragments(const Fragments &f, Value panelAt, Value k) {
  SmallVector<BlockReader> readers;
  SmallVector<StepParams> p;
  for (int64_t from = 0; from < f.chunk; from += 32) {
    Value at = add(k, from), inSuper = rem(at, w.superK()), superAt = add(panelAt, mul(div(at, w.superK()), w.superBytes()));
    readers.push_back(block(superAt, div(inSuper, 32)));
    for (auto [plane, registers] : llvm::enumerate(w.planes()))
      for (unsigned i = 0; i < registers; ++i)
        planeRegister(readers.back(), plane, i);
    p.push_back(spec.foldsSubscales() || w.zero == qnt::ZeroKind::Int ? params(panelAt, superAt, inSuper) : StepParams());
  }
  for (auto [i, reader] : llvm::enumerate(readers)) {
    Value zero = w.zero == qnt::ZeroKind::None ? byteConstant(w.integerZero()) : Value();
    if (w.zero == qnt::ZeroKind::Int)
      zero = vector::BitCastOp::create(b, loc, bytes, arith::MulIOp::create(b, loc, p[i].zero, splatInt(0x01010101)));
    for (unsigned u = 0; u < 8; ++u) {
      Value codes = integers(reader, u, 0);
      if (spec.foldsSubscales())
        codes = timesSubscale(codes, p[i]);
      else if (zero)
        codes = arith::SubIOp::create(b, loc, codes, zero);
      store(vector::BitCastOp::create(b, loc, sums, codes), f.codes, index((int64_t(i) * 8 + u) * unitWords));
    }
  }
}

// sums[tile of rows][tile of columns] + the products of a chunk from k.
Values MatmulEmitter::multiplyFragments(const Fragments &f, Value k, ValueRange carried) {
  auto pair = VectorType::get(2, b.getI32Type());
  auto word = [&](Value v, int64_t i) { return vector::ExtractOp::create(b, loc, v, i); };
  Values acc(carried);
  for (int64_t from = 0; from < f.chunk; from += 32) {
    Values rows;
    for (unsigned tile = 0; tile < f.rows.size() / 2; ++tile) {
      Value part[2];
      for (unsigned half : {0, 1}) {
        Value at = add(add(f.rows[2 * tile + half].inputAt, add(k, from)), mul(f.quarter, 8));
        auto load = vector::LoadOp::create(b, loc, VectorType::get(8, b.getI8Type()), args.input, ValueRange{at});
        load.setAlignment(8);                        // rows are whole blocks
        part[half] = vector::BitCastOp::create(b, loc, pair, load.getResult());
      }
      rows.push_back(vector::FromElementsOp::create(b, loc, VectorType::get(4, b.getI32Type()),
                                                    ValueRange{word(part[0], 0), word(part[1], 0), word(part[0], 1), word(part[1], 1)}));
    }
    for (unsigned j = 0; j < lanes / tileColumns; ++j) {
      Value at = add(add(mul(f.quarter, 2 * unitWords), f.eighth), from / 4 * unitWords + j * tileColumns);
      Value columns = vector::FromElementsOp::create(b, loc, pair, ValueRange{loadScalar(f.codes, at), loadScalar(f.codes, add(at, unitWords))});
      for (unsigned tile = 0; tile < rows.size(); ++tile) {
        Value &sum = acc[tile * (lanes / tileColumns) + j];
        sum = qk::LaneMmaOp::create(b, loc, sum.getType(), sum, rows[tile], columns, /*unsigned_rhs=*/!decodesSigned());
      }
    }
  }
  return acc;
}

// From here on a lane's own two columns are the register.
struct MatmulEmitter::OwnColumns {
  explicit OwnColumns(MatmulEmitter &e) : e(e), lanes(e.lanes), sums(e.sums), floats(e.floats) {
    e.lanes = 2;
    e.sums = VectorType::get(2, e.b.getI32Type());
    e.floats = VectorType::get(2, e.b.getF32Type());
  }
  ~OwnColumns() { e.lanes = lanes, e.sums = sums, e.floats = floats; }
  MatmulEmitter &e;
  unsigned lanes;
  VectorType sums, floats;
};

// y[tile of rows][tile of columns][half of the rows] + the sums of the run k..end.
Values MatmulEmitter::finishFragments(const Fragments &f, Value k, Value end, ValueRange acc, ValueRange carried) {
  unsigned columnTiles = lanes / tileColumns;
  OwnColumns own(*this);
  Values y(carried);
  SmallVector<StepParams> p(columnTiles);
  for (unsigned j = 0; j < columnTiles; ++j) {
    Value at = add(mul(f.quarter, 2), j * tileColumns);
    p[j].scale = load(f.scales, at, floats);
    if (f.zeros)
      p[j].zero = load(f.zeros, at, floats);
  }
  for (auto [r, row] : llvm::enumerate(f.rows)) {
    Value scale = activationScale(row, k), rowSum = decodesSigned() ? Value() : activationSum(row, k, end, spec.run());
    for (unsigned j = 0; j < columnTiles; ++j) {
      Value both = acc[r / 2 * columnTiles + j], &sum = y[(r / 2 * columnTiles + j) * 2 + r % 2];
      Value mine = vector::ExtractStridedSliceOp::create(b, loc, both, ArrayRef<int64_t>{int64_t(r % 2) * 2}, ArrayRef<int64_t>{2}, ArrayRef<int64_t>{1});
      sum = finishRun(mine, rowSum, scale, p[j], sum);
    }
  }
  return y;
}

void MatmulEmitter::storeFragments(const Fragments &f, Value row0, Value panel, ValueRange y) {
  unsigned columnTiles = lanes / tileColumns;
  OwnColumns own(*this);
  for (unsigned i = 0; i < y.size(); ++i) {
    unsigned tile = i / 2 / columnTiles, j = i / 2 % columnTiles;
    Value row = add(add(row0, tile * tileRows + i % 2 * tileColumns), f.eighth);
    Value column = add(add(mul(panel, w.lanes), j * tileColumns), mul(f.quarter, 2));
    // Rows past the last and columns past N are left alone.
    Value left = select(less(row, args.m), sub(args.n, column), index(0));
    Value mask = vector::CreateMaskOp::create(b, loc, VectorType::get(2, b.getI1Type()), left), sum = y[i];
    auto get = [&](Value memref, Value at) { return vector::MaskedLoadOp::create(b, loc, floats, memref, ValueRange{at}, mask, splatFloat(0)); };
    if (spec.bias)
      sum = arith::AddFOp::create(b, loc, sum, get(args.bias, column));
    if (spec.addend)
      sum = arith::AddFOp::create(b, loc, sum, get(args.addend, add(mul(row, args.addendStride), column)));
    vector::MaskedStoreOp::create(b, loc, args.output, ValueRange{add(mul(row, args.outputStride), column)}, mask, sum);
  }
}

// Rows row0.. of a panel, as many as there are tiles.
void MatmulEmitter::multiplyPanel(Fragments f, Value row0, Value panel, unsigned tiles) {
  Value panelAt = add(args.weightOffset, mul(panel, panelBytes())), end = mul(superCount(), w.superK());
  for (unsigned i = 0; i < 2 * tiles; ++i)             // halves of tiles; rows past the last repeat it, and are not written
    f.rows.push_back(rowAt(min(add(add(row0, i * tileColumns), f.eighth), sub(args.m, index(1)))));
  unsigned count = tiles * lanes / tileColumns;
  Values none(count, arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get(4, b.getI32Type()))));
  Values y(2 * count, arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get(2, b.getF32Type()))));
  auto overRun = [&](Value k, Value runEnd, ValueRange y) {
    StepParams p = params(panelAt, add(panelAt, mul(div(k, w.superK()), w.superBytes())), rem(k, w.superK()));
    store(p.scale, f.scales, index(0));
    if (f.zeros)
      store(p.zero, f.zeros, index(0));
    auto chunk = [&](Value at, ValueRange acc) {
      decodeFragments(f, panelAt, at);
      return multiplyFragments(f, at, acc);
    };
    Values acc = f.chunk == spec.run() ? chunk(k, none) : loop(k, runEnd, f.chunk, none, chunk);
    return finishFragments(f, k, runEnd, acc, y);
  };
  if (spec.run() < 0)
    y = overRun(index(0), end, y);
  else
    y = loop(index(0), end, spec.run(), y, [&](Value k, ValueRange y) { return overRun(k, runEnd(k, spec.run(), end), y); });
  storeFragments(f, row0, panel, y);
}

void MatmulEmitter::emitFragments() {
  constexpr unsigned tilesTogether = 2;
  Fragments f;
  f.chunk = fragmentChunk();
  f.codes = scratch(f.chunk / 4 * unitWords, b.getI32Type());
  f.scales = scratch(lanes, b.getF32Type());
  if (!decodesSigned())
    f.zeros = scratch(lanes, b.getF32Type());
  Value lane = qk::LaneIdOp::create(b, loc, b.getIndexType());
  f.quarter = rem(lane, 4);
  f.eighth = div(lane, 4);
  Value begin = args.rowBegin ? args.rowBegin : index(0);
  forPanels(1, [&](Value panel, unsigned) {
    loop(begin, args.m, tilesTogether * tileRows, {}, [&](Value row0, ValueRange) { return multiplyPanel(f, row0, panel, tilesTogether), Values(); });
  });
}
