// Many rows of int8 codes on a matrix unit whose operands are registers of lanes (qk.lane_mma): exact i32 sums of a run, then one rescaling to f32 with
// the operations of every other kernel in their order, so that results are the same bits.
//
// A thread of the program (32 lanes) computes 32 rows of a panel. The unit wants lane l to have column l / 4 of eight and two units of it. Which k the
// unit calls by which number is free as long as both sides agree, so a lane takes units that are neighbours: eight bytes of a row are one load, or sixteen,
// and so are two units of 4-bit codes, which go to the unit as they are, unsigned; sums start at what the zero point takes away. Which column is which is
// free too: lane l's are 4 * (l / 4) and the three behind it, one in each tile, so that their codes are one load, and eight results lie together.
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
  bool fits = version.laneMma && spec.intActivations && lanes == 32 && stepK() == 32 && w.integerBytes() == 1 && (!spec.hasSubscales() || spec.foldsSubscales());
  if (spec.rows == RowClass::Long)
    return fits && (readsFragments() || decodesSigned() || startsAtZero());
  return fits && spec.rows == RowClass::Short && spec.team > 1 && readsFragments();   // scratch of a whole team would not fit
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

// The words that have codes of the `span` k at k, as they lie in memory: of a lane's column in each tile, [plane][register].
Values MatmulEmitter::loadColumns(const Fragments &f, Value panelAt, Value k) {
  int64_t columnTiles = lanes / tileColumns, units = f.units(), lanesOfBlock = 8 / units, registerBytes = lanes * 4;
  Value inSuper = rem(k, w.superK()), superAt = add(panelAt, mul(div(k, w.superK()), w.superBytes()));
  Value blockAt = add(add(superAt, w.codesOffset()), mul(add(div(inSuper, 32), div(f.quarter, lanesOfBlock)), w.blockBytes()));
  Value first = mul(rem(f.quarter, lanesOfBlock), units);
  Values words;
  for (auto [plane, width] : llvm::enumerate(w.planes())) {
    int64_t fields = 8 / width, registers = std::max<int64_t>(1, units / fields);
    Value at = add(add(blockAt, mul(div(first, fields), registerBytes)), add(mul(f.eighth, 4 * columnTiles), w.planeRegister(plane) * registerBytes));
    for (int64_t reg = 0; reg < registers; ++reg)
      words.push_back(ownWords(args.weights, add(at, reg * registerBytes), columnTiles));
  }
  return words;
}

// A lane's units of its column in `count` tiles from `firstTile` on, [unit][tile].
Values MatmulEmitter::unpackColumns(const Fragments &f, ValueRange words, unsigned firstTile, unsigned count) {
  auto number = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); };
  int64_t units = f.units();
  Value first = mul(rem(f.quarter, 8 / units), units);
  Values columns(units * count);
  unsigned to = 0, next = 0;
  for (unsigned width : w.planes()) {
    int64_t fields = 8 / width, bits = width, registers = std::max<int64_t>(1, units / fields);
    Value shift = fields <= units ? Value() : arith::IndexCastOp::create(b, loc, b.getI32Type(), mul(rem(first, fields), bits)).getResult();
    for (int64_t reg = 0; reg < registers; ++reg) {
      Value lines = words[next++];
      for (unsigned j = 0; j < count; ++j) {
        Value word = vector::ExtractOp::create(b, loc, lines, firstTile + j);
        word = shift ? arith::ShRUIOp::create(b, loc, word, shift).getResult() : word;
        for (int64_t field = 0; field < std::min(fields, units); ++field) {
          Value part = field ? arith::ShRUIOp::create(b, loc, word, number(field * bits)).getResult() : word;
          if (bits < 8)
            part = arith::AndIOp::create(b, loc, part, number(((1 << bits) - 1) * 0x01010101));
          Value &unit = columns[(reg * fields + field) * count + j];
          unit = to ? arith::OrIOp::create(b, loc, unit, arith::ShLIOp::create(b, loc, part, number(to))).getResult() : part;
        }
      }
    }
    to += width;
  }
  return columns;
}

// The same from scratch, `from` k behind the start of the chunk.
Values MatmulEmitter::decodedColumns(const Fragments &f, int64_t from) {
  int64_t columnTiles = lanes / tileColumns, units = f.units();
  Values columns;
  for (int64_t unit = 0; unit < units; ++unit) {
    Value at = add(add(mul(f.quarter, units * unitWords), mul(f.eighth, columnTiles)), (from / 4 + unit) * unitWords);
    auto words = vector::LoadOp::create(b, loc, VectorType::get(columnTiles, b.getI32Type()), f.codes, ValueRange{at});
    words.setAlignment(4 * columnTiles);
    for (int64_t j = 0; j < columnTiles; ++j)
      columns.push_back(vector::ExtractOp::create(b, loc, words.getResult(), j));
  }
  return columns;
}

// sums[tile of rows][tile of columns] + the products of a chunk from k.
Values MatmulEmitter::multiplyFragments(const Fragments &f, Value panelAt, Value k, ValueRange carried) {
  unsigned columnTiles = lanes / tileColumns, units = f.units();
  Values acc(carried);
  for (int64_t from = 0; from < f.chunk; from += f.span) {
    Values columns = readsFragments() ? readColumns(f, panelAt, add(k, from)) : decodedColumns(f, from);
    SmallVector<Values> rows;                        // of each half of a tile: words
    for (const Row &row : f.rows) {
      Value words = ownWords(args.input, add(add(row.inputAt, add(k, from)), mul(f.quarter, 4 * units)), units);    // rows are whole blocks
      Values &of = rows.emplace_back();
      for (unsigned i = 0; i < units; ++i)
        of.push_back(vector::ExtractOp::create(b, loc, words, i));
    }
    if (rows.size() % 2)
      rows.push_back(Values(units, arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0)));
    for (unsigned unit = 0; unit < units; unit += 2)
      for (unsigned j = 0; j < columnTiles; ++j) {
        Value column = vector::FromElementsOp::create(b, loc, VectorType::get(2, b.getI32Type()), ValueRange{columns[unit * columnTiles + j], columns[(unit + 1) * columnTiles + j]});
        for (unsigned tile = 0; tile < f.tiles(); ++tile) {
          const Values &low = rows[2 * tile], &high = rows[2 * tile + 1];
          Value four = vector::FromElementsOp::create(b, loc, VectorType::get(4, b.getI32Type()), ValueRange{low[unit], high[unit], low[unit + 1], high[unit + 1]});
          Value &sum = acc[tile * columnTiles + j];
          sum = qk::LaneMmaOp::create(b, loc, sum.getType(), sum, four, column, /*unsigned_rhs=*/readsFragments() || !decodesSigned());
        }
      }
  }
  return acc;
}

// The numbers of the run at k for a lane's own columns of each tile.
SmallVector<MatmulEmitter::StepParams> MatmulEmitter::ownParams(const Fragments &f, Value panelAt, Value k) {
  unsigned columnTiles = lanes / tileColumns, all = lanes;
  Value inSuper = rem(k, w.superK()), superAt = add(panelAt, mul(div(k, w.superK()), w.superBytes()));
  Value tail = w.perRow() ? add(panelAt, mul(superCount(), w.superBytes())) : Value();
  auto place = [&](int64_t offset, int64_t each, int64_t bytes) { return add(add(superAt, offset), mul(div(inSuper, each), all * bytes)); };
  Value scaleAt = tail ? tail : place(w.scaleOffset(), w.scaleK(), w.scaleBytes());
  Value zeroAt = tail ? add(tail, all * w.scaleBytes()) : place(w.zeroOffset(), w.zeroK(), w.zeroBytes());
  // A lane's own columns of all tiles lie together: those that are a tile's first, then those that are its second. They are read as two parts, since
  // 32 bytes would be a register.
  OwnColumns own(*this, columnTiles);
  Value scale[2], zero[2];
  for (unsigned i : {0, 1}) {
    Value column = add(mul(f.quarter, 2 * columnTiles), i * columnTiles);
    auto part = [&](Value from, int64_t each) {
      auto load = vector::LoadOp::create(b, loc, VectorType::get(lanes * each, b.getI8Type()), args.weights, ValueRange{add(from, mul(column, each))});
      load.setAlignment(lanes * each);
      return load.getResult();
    };
    if (!readsFragments()) {
      scale[i] = load(f.scales, column, floats);
      zero[i] = f.zeros ? load(f.zeros, column, floats) : Value();
      continue;
    }
    scale[i] = numberOf(part(scaleAt, w.scaleBytes()));
    if (w.zero == qnt::ZeroKind::Int)
      zero[i] = arith::ExtUIOp::create(b, loc, sums, part(zeroAt, 1));
    else if (w.zeroBytes())
      zero[i] = numberOf(part(zeroAt, w.zeroBytes()));
  }
  auto pair = [&](Value first, Value second, unsigned j) -> Value {
    if (!first)
      return {};
    Value two[] = {vector::ExtractOp::create(b, loc, first, j), vector::ExtractOp::create(b, loc, second, j)};
    return vector::FromElementsOp::create(b, loc, VectorType::get(2, two[0].getType()), two);
  };
  SmallVector<StepParams> p(columnTiles);
  for (unsigned j = 0; j < columnTiles; ++j) {
    p[j].scale = pair(scale[0], scale[1], j);
    p[j].zero = pair(zero[0], zero[1], j);
  }
  return p;
}

// First sums of the run k..end: what zero points take away of unsigned codes.
Values MatmulEmitter::startFragments(const Fragments &f, Value k, Value end, ArrayRef<StepParams> p) {
  unsigned columnTiles = lanes / tileColumns, tiles = f.tiles();
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
        Value taken = splatInt(0);
        if (f.has(tile, half))
          taken = arith::SubIOp::create(b, loc, taken, arith::MulIOp::create(b, loc, rowSums[2 * tile + half], zero));
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

// A lane's own columns of all tiles, as they lie together, of half `half` of a tile of rows.
Values MatmulEmitter::ownOutputs(ValueRange y, unsigned tile, unsigned half) {
  unsigned columnTiles = lanes / tileColumns;
  Values outputs;
  for (int64_t i : {0, 1}) {
    Values four;
    for (unsigned j = 0; j < columnTiles; ++j)
      four.push_back(vector::ExtractOp::create(b, loc, y[(tile * columnTiles + j) * 2 + half], i));
    outputs.push_back(vector::FromElementsOp::create(b, loc, VectorType::get(columnTiles, b.getF32Type()), four));
  }
  return outputs;
}

void MatmulEmitter::storeOwnColumns(Value sum, Value row, Value column, Value left) {
  auto type = cast<VectorType>(sum.getType());
  Value mask = vector::CreateMaskOp::create(b, loc, VectorType::get(type.getNumElements(), b.getI1Type()), left);
  auto get = [&](Value memref, Value at) { return vector::MaskedLoadOp::create(b, loc, type, memref, ValueRange{at}, mask, splatFloat(0)); };
  if (spec.bias)
    sum = arith::AddFOp::create(b, loc, sum, get(args.bias, column));
  if (spec.addend)
    sum = arith::AddFOp::create(b, loc, sum, get(args.addend, add(mul(row, args.addendStride), column)));
  vector::MaskedStoreOp::create(b, loc, args.output, ValueRange{add(mul(row, args.outputStride), column)}, mask, sum);
}

// Those of the lane's own row of the eight at `row0`, in the panel that begins at `column0`.
void MatmulEmitter::storeColumns(const Fragments &f, Value row0, Value column0, ArrayRef<Value> outputs) {
  unsigned columnTiles = lanes / tileColumns;
  OwnColumns own(*this, columnTiles);
  Value row = add(row0, f.eighth);
  for (auto [i, output] : llvm::enumerate(outputs)) {
    Value column = add(column0, add(mul(f.quarter, 2 * columnTiles), i * columnTiles));
    Value left = select(less(row, args.m), sub(args.n, column), index(0)), sum = output;
    storeOwnColumns(sum, row, column, left);
  }
}

// The sums of rows row0.. over from..end of K of a panel, which starts at panelAt; as many rows as halves of tiles have.
Values MatmulEmitter::fragmentProducts(Fragments &f, Value row0, Value panelAt, Value from, Value end, unsigned halves) {
  f.rows.clear();
  for (unsigned i = 0; i < halves; ++i)                // rows past the last repeat it, and are not written
    f.rows.push_back(rowAt(min(add(add(row0, i * tileColumns), f.eighth), sub(args.m, index(1)))));
  Values y(2 * f.tiles() * lanes / tileColumns, arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get(2, b.getF32Type()))));
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
  f.span = f.chunk % 64 || w.superK() % 64 ? 32 : 64;
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
      Values y = fragmentProducts(f, row0, add(args.weightOffset, mul(panel, panelBytes())), index(0), end, 2 * tilesTogether);
      for (unsigned half = 0; half < f.rows.size(); ++half)
        storeColumns(f, add(row0, half * tileColumns), mul(panel, w.lanes), ownOutputs(y, half / 2, half % 2));
      return Values();
    });
  });
}

// The team's parts of rows row0.., as MatmulStreams.cpp adds those of one row: in their order, and then those of a cluster's teams. Threads of the team
// share the rows.
void MatmulEmitter::joinFragments(const Fragments &f, Value row0, ValueRange y, Value panel) {
  unsigned columnTiles = lanes / tileColumns;
  constexpr int64_t rowWords = unitWords;            // lanes that store together, to different banks
  auto type = MemRefType::get({spec.team * tileColumns * rowWords}, b.getF32Type());
  Value parts = qk::BindOp::create(b, loc, type, qk::Storage::Team, 0, index(0), ValueRange()), rank = qk::TeamRankOp::create(b, loc, b.getIndexType());
  auto place = [&](Value part, Value row) { return mul(add(mul(part, tileColumns), row), rowWords); };
  for (auto [i, output] : llvm::enumerate(ownOutputs(y, 0, 0))) {
    Value at = add(add(place(rank, f.eighth), mul(f.quarter, 2 * columnTiles)), i * columnTiles);
    vector::StoreOp::create(b, loc, output, parts, ValueRange{at}).setAlignment(4 * columnTiles);
  }
  qk::TeamBarrierOp::create(b, loc);
  auto sumsOf = [&](unsigned number, function_ref<Value(Value part, Value row)> at, function_ref<void(Value sum, Value row)> body) {
    loop(rank, min(sub(args.m, row0), index(tileColumns)), spec.team, {}, [&](Value row, ValueRange) {
      Value sum = at(index(0), row);
      for (unsigned part = 1; part < number; ++part)
        sum = arith::AddFOp::create(b, loc, sum, at(index(part), row));
      return body(sum, row), Values();
    });
  };
  auto ofThread = [&](Value part, Value row) { return load(parts, place(part, row), floats); };
  auto storeSum = [&](Value sum, Value row) { storeRow(sum, add(row0, row), panel); };
  if (spec.cluster == 1) {
    sumsOf(spec.team, ofThread, storeSum);
    qk::TeamBarrierOp::create(b, loc);               // before the next parts
    return;
  }
  overCluster(tileColumns * lanes, [&](Value memory, Value at) {
    sumsOf(spec.team, ofThread, [&](Value sum, Value row) { store(sum, memory, add(at, mul(row, lanes))); });
  }, [&](Value memory) {
    sumsOf(spec.cluster, [&](Value part, Value row) { return load(memory, mul(add(mul(part, tileColumns), row), lanes), floats); }, storeSum);
  });
}

// Few rows: a team's threads divide K, as they do for one row. Half a tile at a time, since the sums of a whole one leave a thread no registers for
// what it reads ahead; what a second half reads again is in the first level of cache. Up to eight rows, whose number no loop changes, are faster alone.
void MatmulEmitter::emitTeamFragments() {
  Fragments f = makeFragments();
  panelBytes();
  auto [begin, end] = partOf(index(0), superCount());
  Value from = mul(begin, w.superK()), to = mul(end, w.superK());
  auto half = [&](Value row0, Value panel) {
    Values y = fragmentProducts(f, row0, add(args.weightOffset, mul(panel, panelBytes())), from, to, 1);
    for (Value &sum : y)                             // of an empty part, nothing (a run's zero points would be subtracted)
      sum = oneRun() ? select(less(from, to), sum, arith::ConstantOp::create(b, loc, b.getZeroAttr(sum.getType()))) : sum;
    joinFragments(f, row0, y, panel);
    return Values();
  };
  auto overPanels = [&](function_ref<void(Value)> body) {
    forPanels(1, [&](Value panel, unsigned) { body(panel); });
    return Values();
  };
  auto halves = [&](Value panel) { loop(index(0), args.m, tileColumns, {}, [&](Value row0, ValueRange) { return half(row0, panel); }); };
  auto one = [&](Value panel) { half(index(0), panel); };
  ifElse(less(index(tileColumns), args.m), {}, [&] { return overPanels(halves); }, [&] { return overPanels(one); });
}
