// Many rows of int8 codes on a matrix unit whose operands are registers of lanes (qk.lane_mma): exact i32 sums of a run, then one rescaling to f32 with
// the operations of every other kernel in their order, so that results are the same bits.
//
// A thread of the program (32 lanes) computes 32 rows of a panel. The unit wants lane l to have column l / 4 of eight and two units of it. Which k the
// unit calls by which number is free as long as both sides agree, so a lane takes the two units that are neighbours: eight bytes of a row are one load,
// and so are two units of 4-bit codes, which go to the unit as they are, unsigned; sums start at what the zero point takes away.
// Other codes (tables, sub-scales) are decoded to bytes in scratch, a chunk of K at a time and column by column as panels lie, and read back as the unit
// wants them. A unit of 32 columns lies 36 words
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
  return fits && (readsFragments() || decodesSigned() || startsAtZero());
}

// Codes that are numbers, and scales that are at hand where a lane wants them.
bool MatmulEmitter::readsFragments() const { return w.isCodes() && !w.table && !w.super && !qnt::scaleStorage(w.scale).table; }

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

// Words of bytes that lie together, as i32.
Value MatmulEmitter::ownWords(Value memref, Value at, int64_t count) {
  auto load = vector::LoadOp::create(b, loc, VectorType::get(4 * count, b.getI8Type()), memref, ValueRange{at});
  load.setAlignment(4 * count);
  return vector::BitCastOp::create(b, loc, VectorType::get(count, b.getI32Type()), load.getResult());
}

// The codes of each tile of columns in the block of 32 k at k, as they lie in memory: a lane's two units.
Values MatmulEmitter::readColumns(const Fragments &f, Value panelAt, Value k) {
  auto pair = VectorType::get(2, b.getI32Type());
  auto number = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); };
  Value inSuper = rem(k, w.superK()), superAt = add(panelAt, mul(div(k, w.superK()), w.superBytes()));
  Value blockAt = add(add(superAt, w.codesOffset()), mul(div(inSuper, 32), w.blockBytes()));
  Values columns;
  for (unsigned j = 0; j < lanes / tileColumns; ++j) {
    Value units[2];
    unsigned to = 0;
    for (auto [plane, width] : llvm::enumerate(w.planes())) {
      int64_t fields = 8 / width, words = fields == 1 ? 2 : 1, sharing = fields == 1 ? 1 : fields / 2, registerBytes = lanes * 4;
      Value at = add(blockAt, add(mul(div(mul(f.quarter, words), sharing), registerBytes), mul(f.eighth, 4)));
      at = add(at, w.planeRegister(plane) * registerBytes + j * tileColumns * 4);
      Value shift = sharing == 1 ? Value() : arith::IndexCastOp::create(b, loc, b.getI32Type(), mul(rem(f.quarter, sharing), 2 * width)).getResult();
      Value word;
      for (unsigned half : {0, 1}) {
        if (half < words) {
          word = vector::ExtractOp::create(b, loc, ownWords(args.weights, add(at, half * registerBytes), 1), 0);
          word = shift ? arith::ShRUIOp::create(b, loc, word, shift).getResult() : word;
        }
        Value part = half && words == 1 ? arith::ShRUIOp::create(b, loc, word, number(width)).getResult() : word;
        if (width < 8)
          part = arith::AndIOp::create(b, loc, part, number(((1 << width) - 1) * 0x01010101));
        part = to ? arith::ShLIOp::create(b, loc, part, number(to)).getResult() : part;
        units[half] = to ? arith::OrIOp::create(b, loc, units[half], part).getResult() : part;
      }
      to += width;
    }
    columns.push_back(vector::FromElementsOp::create(b, loc, pair, ValueRange{units[0], units[1]}));
  }
  return columns;
}

// The same from scratch, `from` k behind the start of the chunk.
Values MatmulEmitter::decodedColumns(const Fragments &f, int64_t from) {
  Values columns;
  for (unsigned j = 0; j < lanes / tileColumns; ++j) {
    Value at = add(add(mul(f.quarter, 2 * unitWords), f.eighth), from / 4 * unitWords + j * tileColumns);
    columns.push_back(vector::FromElementsOp::create(b, loc, VectorType::get(2, b.getI32Type()), ValueRange{loadScalar(f.codes, at), loadScalar(f.codes, add(at, unitWords))}));
  }
  return columns;
}

// sums[tile of rows][tile of columns] + the products of a chunk from k.
Values MatmulEmitter::multiplyFragments(const Fragments &f, Value panelAt, Value k, ValueRange carried) {
  auto word = [&](Value v, int64_t i) { return vector::ExtractOp::create(b, loc, v, i); };
  Values acc(carried);
  for (int64_t from = 0; from < f.chunk; from += 32) {
    Values rows, columns = readsFragments() ? readColumns(f, panelAt, add(k, from)) : decodedColumns(f, from);
    for (unsigned tile = 0; tile < f.rows.size() / 2; ++tile) {
      Value part[2];
      for (unsigned half : {0, 1})                   // rows are whole blocks
        part[half] = ownWords(args.input, add(add(f.rows[2 * tile + half].inputAt, add(k, from)), mul(f.quarter, 8)), 2);
      rows.push_back(vector::FromElementsOp::create(b, loc, VectorType::get(4, b.getI32Type()),
                                                    ValueRange{word(part[0], 0), word(part[1], 0), word(part[0], 1), word(part[1], 1)}));
    }
    for (auto [j, column] : llvm::enumerate(columns))
      for (unsigned tile = 0; tile < rows.size(); ++tile) {
        Value &sum = acc[tile * columns.size() + j];
        sum = qk::LaneMmaOp::create(b, loc, sum.getType(), sum, rows[tile], column, /*unsigned_rhs=*/readsFragments() || !decodesSigned());
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

// The numbers of the run at k for a lane's own columns of each tile.
SmallVector<MatmulEmitter::StepParams> MatmulEmitter::ownParams(const Fragments &f, Value panelAt, Value k) {
  unsigned columnTiles = lanes / tileColumns, all = lanes;
  Value inSuper = rem(k, w.superK()), superAt = add(panelAt, mul(div(k, w.superK()), w.superBytes()));
  Value tail = w.perRow() ? add(panelAt, mul(superCount(), w.superBytes())) : Value();
  auto place = [&](int64_t offset, int64_t each, int64_t bytes) { return add(add(superAt, offset), mul(div(inSuper, each), all * bytes)); };
  Value scaleAt = tail ? tail : place(w.scaleOffset(), w.scaleK(), w.scaleBytes());
  Value zeroAt = tail ? add(tail, all * w.scaleBytes()) : place(w.zeroOffset(), w.zeroK(), w.zeroBytes());
  OwnColumns own(*this);
  SmallVector<StepParams> p(columnTiles);
  for (unsigned j = 0; j < columnTiles; ++j) {
    Value column = add(mul(f.quarter, 2), j * tileColumns);
    if (!readsFragments()) {
      p[j].scale = load(f.scales, column, floats);
      p[j].zero = f.zeros ? load(f.zeros, column, floats) : Value();
      continue;
    }
    p[j].scale = number(add(scaleAt, mul(column, w.scaleBytes())), panelAt);
    Value at = add(zeroAt, mul(column, w.zeroBytes()));
    if (w.zero == qnt::ZeroKind::Int)
      p[j].zero = arith::ExtUIOp::create(b, loc, sums, load(args.weights, at, VectorType::get(2, b.getI8Type())));
    else if (w.zeroBytes())
      p[j].zero = number(at, panelAt);
  }
  return p;
}

// First sums of the run k..end: what zero points take away of unsigned codes.
Values MatmulEmitter::startFragments(const Fragments &f, Value k, Value end, ArrayRef<StepParams> p) {
  unsigned columnTiles = lanes / tileColumns, tiles = f.rows.size() / 2;
  auto four = VectorType::get(4, b.getI32Type());
  if (!readsFragments() || startsAtZero())
    return Values(tiles * columnTiles, arith::ConstantOp::create(b, loc, b.getZeroAttr(four)));
  OwnColumns own(*this);
  Values acc, rowSums;
  for (const Row &row : f.rows)
    rowSums.push_back(activationSum(row, k, end, spec.run()));
  for (unsigned tile = 0; tile < tiles; ++tile)
    for (unsigned j = 0; j < columnTiles; ++j) {
      Values words;
      Value zero = w.zero == qnt::ZeroKind::Int ? p[j].zero : splatInt(w.implicitZero());
      for (unsigned half : {0, 1}) {
        Value taken = arith::SubIOp::create(b, loc, splatInt(0), arith::MulIOp::create(b, loc, rowSums[2 * tile + half], zero));
        for (int64_t i : {0, 1})
          words.push_back(vector::ExtractOp::create(b, loc, taken, i));
      }
      acc.push_back(vector::FromElementsOp::create(b, loc, four, words));
    }
  return acc;
}

// y[tile of rows][tile of columns][half of the rows] + the sums of the run k..end.
Values MatmulEmitter::finishFragments(const Fragments &f, Value k, Value end, ArrayRef<StepParams> p, ValueRange acc, ValueRange carried) {
  unsigned columnTiles = lanes / tileColumns;
  OwnColumns own(*this);
  Values y(carried);
  bool needsSums = readsFragments() ? startsAtZero() : !decodesSigned();
  for (auto [r, row] : llvm::enumerate(f.rows)) {
    Value scale = activationScale(row, k), rowSum = needsSums ? activationSum(row, k, end, spec.run()) : Value();
    for (unsigned j = 0; j < columnTiles; ++j) {
      Value both = acc[r / 2 * columnTiles + j], &sum = y[(r / 2 * columnTiles + j) * 2 + r % 2];
      Value mine = vector::ExtractStridedSliceOp::create(b, loc, both, ArrayRef<int64_t>{int64_t(r % 2) * 2}, ArrayRef<int64_t>{2}, ArrayRef<int64_t>{1});
      sum = finishRun(mine, rowSum, scale, p[j], sum);
    }
  }
  return y;
}

// A lane's own two columns of the tile at `column`, of its own row of the eight at `row0`.
void MatmulEmitter::storeColumns(const Fragments &f, Value row0, Value column0, Value y) {
  OwnColumns own(*this);
  Value row = add(row0, f.eighth), column = add(column0, mul(f.quarter, 2));
  Value left = select(less(row, args.m), sub(args.n, column), index(0));
  Value mask = vector::CreateMaskOp::create(b, loc, VectorType::get(2, b.getI1Type()), left), sum = y;
  auto get = [&](Value memref, Value at) { return vector::MaskedLoadOp::create(b, loc, floats, memref, ValueRange{at}, mask, splatFloat(0)); };
  if (spec.bias)
    sum = arith::AddFOp::create(b, loc, sum, get(args.bias, column));
  if (spec.addend)
    sum = arith::AddFOp::create(b, loc, sum, get(args.addend, add(mul(row, args.addendStride), column)));
  vector::MaskedStoreOp::create(b, loc, args.output, ValueRange{add(mul(row, args.outputStride), column)}, mask, sum);
}

// The sums of rows row0.. over from..end of K of a panel, which starts at panelAt; as many rows as there are tiles.
Values MatmulEmitter::fragmentProducts(Fragments &f, Value row0, Value panelAt, Value from, Value end, unsigned tiles) {
  f.rows.clear();
  for (unsigned i = 0; i < 2 * tiles; ++i)             // halves of tiles; rows past the last repeat it, and are not written
    f.rows.push_back(rowAt(min(add(add(row0, i * tileColumns), f.eighth), sub(args.m, index(1)))));
  Values y(2 * tiles * lanes / tileColumns, arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get(2, b.getF32Type()))));
  auto overRun = [&](Value k, Value runEnd, ValueRange y) {
    if (!readsFragments()) {
      StepParams p = params(panelAt, add(panelAt, mul(div(k, w.superK()), w.superBytes())), rem(k, w.superK()));
      store(p.scale, f.scales, index(0));
      if (f.zeros)
        store(p.zero, f.zeros, index(0));
    }
    SmallVector<StepParams> p = ownParams(f, panelAt, k);
    auto chunk = [&](Value at, ValueRange acc) {
      if (!readsFragments())
        decodeFragments(f, panelAt, at);
      return multiplyFragments(f, panelAt, at, acc);
    };
    Values acc = startFragments(f, k, runEnd, p);
    acc = f.chunk == spec.run() ? chunk(k, acc) : loop(k, runEnd, f.chunk, acc, chunk);
    return finishFragments(f, k, runEnd, p, acc, y);
  };
  if (spec.run() < 0)
    return overRun(from, end, y);
  return loop(from, end, spec.run(), y, [&](Value k, ValueRange y) { return overRun(k, runEnd(k, spec.run(), end), y); });
}

MatmulEmitter::Fragments MatmulEmitter::makeFragments() {
  Fragments f;
  f.chunk = fragmentChunk();
  if (!readsFragments()) {
    f.codes = scratch(f.chunk / 4 * unitWords, b.getI32Type());
    f.scales = scratch(lanes, b.getF32Type());
    if (!decodesSigned())
      f.zeros = scratch(lanes, b.getF32Type());
  }
  Value lane = qk::LaneIdOp::create(b, loc, b.getIndexType());
  f.quarter = rem(lane, 4);
  f.eighth = div(lane, 4);
  return f;
}

void MatmulEmitter::emitFragments() {
  constexpr unsigned tilesTogether = 2;
  Fragments f = makeFragments();
  Value begin = args.rowBegin ? args.rowBegin : index(0), end = mul(superCount(), w.superK());
  panelBytes();
  forPanels(1, [&](Value panel, unsigned) {
    loop(begin, args.m, tilesTogether * tileRows, {}, [&](Value row0, ValueRange) {
      Values y = fragmentProducts(f, row0, add(args.weightOffset, mul(panel, panelBytes())), index(0), end, tilesTogether);
      unsigned columnTiles = lanes / tileColumns;
      for (unsigned i = 0; i < y.size(); ++i)
        storeColumns(f, add(row0, i / 2 / columnTiles * tileRows + i % 2 * tileColumns), add(mul(panel, w.lanes), i / 2 % columnTiles * tileColumns), y[i]);
      return Values();
    });
  });
}
