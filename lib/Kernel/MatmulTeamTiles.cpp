// Many rows of int8 codes on a matrix unit that four registers feed together (qk.team_mma): a team computes a tile of 64 or 32 rows and four panels, one a
// thread. Sums and rescaling are those of MatmulFragments.cpp in its order, so results are the same bits.
//
// Weights are the unit's first operand, since that may come from registers: a lane has 16 columns' codes in two halves of 16 rows of the unit, decoded
// on their way. Rows of activations are the second, in team memory, where all four threads have them: of a stage of K, while those of the next one are on
// their way to registers. Pieces of 16 k of eight rows are 128 bytes, 144 apart: then the lanes that store parts of one row use different banks. Codes of
// two units come as one word's (MatmulFragments.cpp), so words of rows are stored as even and odd ones.
// A lane's sums are of two neighbouring rows of each eight, for four neighbouring columns.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

namespace {
constexpr int64_t blockK = 32, stageK = 128, pieceK = 16, pieceStride = 144, tileRows = 8, ownRows = 2, ownColumns = 4, halves = 2;
constexpr int64_t codeBytes = teamTileRows / tileRows * (stageK / pieceK) * pieceStride, runsOfStage = stageK / blockK, numbersOfStage = runsOfStage * teamTileRows;

/// The unit's bytes are signed: codes of 8 bits are less this number, which sums have at their start.
int64_t codeOffset(const PanelLayout &w) { return w.bits == 8 ? 128 : 0; }
} // namespace

struct MatmulEmitter::TeamTile {
  unsigned rows;
  Value row0, panel, panelAt;
  Value isPanel;                                     // false: a thread without one computes another's and does not store it
  Value thread;                                      // lanes of the team are numbered together
  Value end;                                         // of K, in whole superblocks
  Value codes, scales, sums;                         // team memory: two stages' rows and, of their runs, scales and sums (or what sums start at)
  Fragments f;
  unsigned tiles() const { return rows / tileRows; }
};

/// What a lane has of a stage before it is used.
struct MatmulEmitter::TeamStage {
  int64_t length;
  bool ofRuns;                                       // it holds whole runs
  Values input, rowScales, rowSums;                  // go to team memory
  Values words, scales, zeros;                       // of the own panel, as stored
  Values kept() const { return llvm::to_vector(llvm::concat<const Value>(words, scales, zeros)); }
  TeamStage with(ValueRange kept) const {
    TeamStage s{length, ofRuns, {}, {}, {}, {}, {}, {}};
    s.words = Values(kept.take_front(words.size()));
    s.scales = Values(kept.slice(words.size(), scales.size()));
    s.zeros = Values(kept.take_back(zeros.size()));
    return s;
  }
};

// Scales and zero points of the lane's four columns for the run at k, as stored.
std::pair<Value, Value> MatmulEmitter::loadParams(const TeamTile &t, Value k) {
  Value inSuper = rem(k, w.superK()), superAt = add(t.panelAt, mul(div(k, w.superK()), w.superBytes()));
  Value tail = w.perRow() ? add(t.panelAt, mul(superCount(), w.superBytes())) : Value();
  auto part = [&](int64_t offset, int64_t each, int64_t bytes, int64_t inTail) {
    Value at = tail ? add(tail, inTail) : add(add(superAt, offset), mul(div(inSuper, each), lanes * bytes));
    auto load = vector::LoadOp::create(b, loc, VectorType::get(ownColumns * bytes, b.getI8Type()), args.weights, ValueRange{add(at, mul(t.f.eighth, ownColumns * bytes))});
    load.setAlignment(ownColumns * bytes);
    return load.getResult();
  };
  Value scale = part(w.scaleOffset(), w.scaleK(), w.scaleBytes(), 0);
  return {scale, w.zeroBytes() ? part(w.zeroOffset(), w.zeroK(), w.zeroBytes(), lanes * w.scaleBytes()) : Value()};
}

// The same of one of the columns, as numbers, for all own rows of eight.
MatmulEmitter::StepParams MatmulEmitter::columnParams(const TeamTile &t, Value scale, Value zero, unsigned column) {
  StepParams all, one;
  {
    OwnColumns own(*this, ownColumns);
    all.scale = numberOf(scale);
    if (zero)
      all.zero = w.zero == qnt::ZeroKind::Int ? arith::ExtUIOp::create(b, loc, sums, zero).getResult() : numberOf(zero);
  }
  OwnColumns own(*this, ownRows);
  one.scale = splat(vector::ExtractOp::create(b, loc, all.scale, column));
  one.zero = zero ? splat(vector::ExtractOp::create(b, loc, all.zero, column)) : Value();
  return one;
}

MatmulEmitter::TeamStage MatmulEmitter::loadStage(const TeamTile &t, Value k, int64_t length, bool ofRuns) {
  TeamStage s{length, ofRuns, {}, {}, {}, {}, {}, {}};
  int64_t blocks = length / blockK, threads = int64_t(lanes) * spec.team;
  auto overThreads = [&](int64_t count, function_ref<void(Value)> body) {
    for (int64_t i = 0; i < count; i += threads)      // several store the same where there is less
      body(count < threads ? rem(t.thread, count) : add(t.thread, i));
  };
  overThreads(t.rows * blocks, [&](Value block) {
    Value row = tokenNumber(t, add(t.row0, div(block, blocks)));
    Value at = add(mul(row, args.inputStride), add(k, mul(rem(block, blocks), blockK)));
    for (int64_t half : {0, 1})
      s.input.push_back(ownWords(args.input, add(at, half * blockK / 2), blockK / 8));
  });
  for (int64_t from = 0; from < length; from += blockK)
    llvm::append_range(s.words, loadColumns(t.f, t.panelAt, add(k, from)));
  if (!ofRuns)
    return s;
  for (int64_t from = 0; from < length; from += spec.run()) {
    auto [scale, zero] = loadParams(t, add(k, from));
    s.scales.push_back(scale);
    if (zero)
      s.zeros.push_back(zero);
  }
  overThreads(length / spec.run() * t.rows, [&](Value number) {
    Row row = rowAt(tokenNumber(t, add(t.row0, rem(number, t.rows))));
    Value at = add(k, mul(div(number, t.rows), spec.run()));
    s.rowScales.push_back(loadScalar(args.scales, scaleIndex(row, at)));
    s.rowSums.push_back(scalarSum(row, at, add(at, spec.run()), spec.run()));
  });
  return s;
}

// What a sum of the row starts at, where that is the same for all columns; else the sum of its activations.
Value MatmulEmitter::rowStart(Value activationSum) {
  if (startsAtZero() || w.zero == qnt::ZeroKind::Int)
    return activationSum;
  auto number = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); };
  return arith::SubIOp::create(b, loc, number(sumOffsetBits()), arith::MulIOp::create(b, loc, activationSum, number(w.implicitZero() - codeOffset(w))));
}

void MatmulEmitter::storeStage(const TeamTile &t, const TeamStage &s, Value buffer) {
  int64_t blocks = s.length / blockK, threads = int64_t(lanes) * spec.team, inputs = t.rows * blocks, numbers = s.ofRuns ? s.length / spec.run() * t.rows : 0;
  auto number = [&](int64_t count, unsigned i) { return count < threads ? rem(t.thread, count) : add(t.thread, i * threads); };
  for (unsigned i = 0; i < s.input.size() / 2; ++i) {
    Value block = number(inputs, i), row = div(block, blocks);
    Value at = add(mul(buffer, codeBytes), mul(div(row, tileRows), s.length / pieceK * pieceStride));
    at = add(at, add(mul(rem(block, blocks), blockK / pieceK * pieceStride), mul(rem(row, tileRows), pieceK)));
    for (int64_t odd : {0, 1}) {
      Values words;
      for (unsigned half : {0, 1})
        for (int64_t word : {0, 2})
          words.push_back(vector::ExtractOp::create(b, loc, s.input[2 * i + half], word + odd));
      Value four = vector::FromElementsOp::create(b, loc, VectorType::get(4, b.getI32Type()), words);
      Value piece = vector::BitCastOp::create(b, loc, VectorType::get(pieceK, b.getI8Type()), four);
      vector::StoreOp::create(b, loc, piece, t.codes, ValueRange{add(at, odd * pieceStride)}).setAlignment(pieceK);
    }
  }
  for (unsigned i = 0; i < s.rowScales.size(); ++i) {
    Value at = add(mul(buffer, numbersOfStage), number(numbers, i));
    memref::StoreOp::create(b, loc, s.rowScales[i], t.scales, ValueRange{at});
    memref::StoreOp::create(b, loc, rowStart(s.rowSums[i]), t.sums, ValueRange{at});
  }
  qk::TeamBarrierOp::create(b, loc, /*tiles=*/true);
}

// First sums of half the lane's columns: one vector for each eight rows.
Values MatmulEmitter::startTeamSums(const TeamTile &t, unsigned half, Value scale, Value zero, function_ref<Value(unsigned)> rowStartAt) {
  auto four = VectorType::get(ownRows * ownColumns / halves, b.getI32Type());
  if (startsAtZero() && !codeOffset(w))
    return Values(t.tiles(), arith::ConstantOp::create(b, loc, b.getZeroAttr(four)));
  OwnColumns own(*this, ownRows);
  Values acc;
  for (unsigned tile = 0; tile < t.tiles(); ++tile) {
    Value start = rowStartAt(tile);
    Values words;
    for (unsigned column = 0; column < ownColumns / halves; ++column) {
      Value of = startsAtZero() ? arith::MulIOp::create(b, loc, start, splatInt(codeOffset(w))).getResult() : start;
      if (w.zero == qnt::ZeroKind::Int) {
        Value point = columnParams(t, scale, zero, half * ownColumns / halves + column).zero;
        Value taken = arith::MulIOp::create(b, loc, start, arith::SubIOp::create(b, loc, point, splatInt(codeOffset(w))));
        of = arith::SubIOp::create(b, loc, splatInt(sumOffsetBits()), taken);
      }
      for (int64_t i = 0; i < ownRows; ++i)
        words.push_back(vector::ExtractOp::create(b, loc, of, i));
    }
    acc.push_back(vector::FromElementsOp::create(b, loc, four, words));
  }
  return acc;
}

// acc + the products of `count` blocks of the stage from `first` on.
Values MatmulEmitter::multiplyStage(const TeamTile &t, const TeamStage &s, Value buffer, unsigned half, unsigned first, unsigned count, ValueRange acc) {
  unsigned each = s.words.size() / (s.length / blockK);
  Values codes;
  auto four = VectorType::get(4, b.getI32Type());
  for (unsigned block = first; block < first + count; ++block) {
    Values words = unpackColumns(t.f, ArrayRef(s.words).slice(block * each, each), half * ownColumns / halves, ownColumns / halves);
    codes.push_back(vector::FromElementsOp::create(b, loc, four, words));
    if (codeOffset(w))
      codes.back() = arith::XOrIOp::create(b, loc, codes.back(), arith::ConstantOp::create(b, loc, DenseElementsAttr::get(four, int32_t(0x80808080))));
  }
  Value at = add(mul(buffer, codeBytes), int64_t(first) * blockK / pieceK * pieceStride);
  return Values(qk::TeamMmaOp::create(b, loc, acc.getTypes(), acc, codes, t.codes, at, pieceStride, s.length / pieceK * pieceStride).getResults());
}

// y[half][eight rows][column] + a run's sums. `sumAt`: where finishRun needs it.
void MatmulEmitter::finishTeamRun(const TeamTile &t, unsigned half, Value scale, Value zero, ValueRange acc, function_ref<Value(unsigned)> scaleAt,
                                  function_ref<Value(unsigned)> sumAt, Values &y) {
  constexpr unsigned columns = ownColumns / halves;
  SmallVector<StepParams> p;
  for (unsigned column = 0; column < columns; ++column)
    p.push_back(columnParams(t, scale, zero, half * columns + column));
  OwnColumns own(*this, ownRows);
  for (unsigned tile = 0; tile < t.tiles(); ++tile) {
    Value rowScale = scaleAt(tile), rowSum = startsAtZero() ? sumAt(tile) : Value();
    for (unsigned column = 0; column < columns; ++column) {
      Value mine = vector::ExtractStridedSliceOp::create(b, loc, acc[tile], ArrayRef<int64_t>{column * ownRows}, ArrayRef<int64_t>{ownRows}, ArrayRef<int64_t>{1});
      Value &sum = y[(half * t.tiles() + tile) * columns + column];
      sum = finishRun(mine, rowSum, rowScale, p[column], sum);
    }
  }
}

// y + the stage's runs.
Values MatmulEmitter::stageOfRuns(const TeamTile &t, const TeamStage &s, Value buffer, ValueRange carried) {
  Values y(carried);
  int64_t run = spec.run(), blocks = run / blockK;
  for (unsigned i = 0; i < s.length / run; ++i) {
    auto own = [&](Value memory, Type type) {
      return [this, &t, buffer, i, memory, type](unsigned tile) -> Value {
        Value at = add(add(mul(buffer, numbersOfStage), int64_t(i) * t.rows + tile * tileRows), mul(t.f.quarter, ownRows));
        auto load = vector::LoadOp::create(b, loc, VectorType::get(ownRows, type), memory, ValueRange{at});
        load.setAlignment(ownRows * 4);
        return load;
      };
    };
    auto scaleAt = own(t.scales, b.getF32Type()), sumAt = own(t.sums, b.getI32Type());
    Value zero = s.zeros.empty() ? Value() : s.zeros[i];
    for (unsigned half = 0; half < halves; ++half) {
      Values acc = startTeamSums(t, half, s.scales[i], zero, sumAt);
      acc = multiplyStage(t, s, buffer, half, i * blocks, blocks, acc);
      finishTeamRun(t, half, s.scales[i], zero, acc, scaleAt, sumAt, y);
    }
  }
  return y;
}

// Stages of `length` k from..to: `carried` are results of whole runs, or [half][eight rows] sums of a part of one.
Values MatmulEmitter::overStages(const TeamTile &t, Value from, Value to, int64_t length, bool ofRuns, ValueRange carried) {
  unsigned count = carried.size();
  auto stages = [&] {
    TeamStage first = loadStage(t, from, length, ofRuns);
    storeStage(t, first, index(0));
    Values state(carried);
    state.push_back(index(0));
    llvm::append_range(state, first.kept());
    Values last = loop(from, to, length, state, [&](Value k, ValueRange state) {
      Value buffer = state[count];
      TeamStage mine = first.with(state.drop_front(count + 1)), next = loadStage(t, min(add(k, length), sub(to, index(length))), length, ofRuns);
      Values sums;
      if (ofRuns)
        sums = stageOfRuns(t, mine, buffer, state.take_front(count));
      else
        for (unsigned half = 0; half < halves; ++half)
          llvm::append_range(sums, multiplyStage(t, mine, buffer, half, 0, length / blockK, state.slice(half * t.tiles(), t.tiles())));
      Value other = sub(index(1), buffer);
      storeStage(t, next, other);
      sums.push_back(other);
      llvm::append_range(sums, next.kept());
      return sums;
    });
    last.truncate(count);
    return last;
  };
  return ifElse(less(from, to), carried.getTypes(), stages, [&] { return Values(carried); });
}

// y + a run that is longer than a stage, or has no stages of its own.
Values MatmulEmitter::teamRun(const TeamTile &t, Value k, Value end, ValueRange carried) {
  auto [scale, zero] = loadParams(t, k);
  auto ofRows = [&](unsigned tile, Type type, function_ref<Value(const Row &)> number) -> Value {
    Values two;
    for (unsigned i = 0; i < ownRows; ++i)
      two.push_back(number(rowAt(tokenNumber(t, add(add(t.row0, tile * tileRows + i), mul(t.f.quarter, ownRows))))));
    return vector::FromElementsOp::create(b, loc, VectorType::get(ownRows, type), two);
  };
  auto scaleAt = [&](unsigned tile) { return ofRows(tile, b.getF32Type(), [&](const Row &row) { return loadScalar(args.scales, scaleIndex(row, k)); }); };
  auto sumAt = [&](unsigned tile) { return ofRows(tile, b.getI32Type(), [&](const Row &row) { return rowStart(scalarSum(row, k, end, spec.run())); }); };
  Values acc, y(carried);
  for (unsigned half = 0; half < halves; ++half)
    llvm::append_range(acc, startTeamSums(t, half, scale, zero, sumAt));
  Value middle = k;
  if (spec.run() < 0 || spec.run() > stageK) {
    middle = add(k, mul(div(sub(end, k), stageK), stageK));
    acc = overStages(t, k, middle, stageK, false, acc);
  }
  acc = overStages(t, middle, end, blockK, false, acc);
  for (unsigned half = 0; half < halves; ++half)
    finishTeamRun(t, half, scale, zero, ArrayRef(acc).slice(half * t.tiles(), t.tiles()), scaleAt, sumAt, y);
  return y;
}

void MatmulEmitter::storeTeamTile(const TeamTile &t, ValueRange y) {
  constexpr unsigned columns = ownColumns / halves;
  OwnColumns own(*this, ownColumns);
  Value column = add(mul(t.panel, w.lanes), mul(t.f.eighth, ownColumns));
  for (unsigned tile = 0; tile < t.tiles(); ++tile)
    for (unsigned i = 0; i < ownRows; ++i) {
      Values four;
      for (unsigned half = 0; half < halves; ++half)
        for (unsigned j = 0; j < columns; ++j)
          four.push_back(vector::ExtractOp::create(b, loc, y[(half * t.tiles() + tile) * columns + j], i));
      Value sum = vector::FromElementsOp::create(b, loc, floats, four), row = add(add(t.row0, tile * tileRows + i), mul(t.f.quarter, ownRows));
      Value writes = arith::AndIOp::create(b, loc, less(row, args.m), t.isPanel), left = select(writes, sub(args.n, column), index(0));
      storeOwnColumns(sum, row, column, left);
    }
}

void MatmulEmitter::emitTeamTile(const TeamTile &t) {
  int64_t run = spec.run();
  Values y(ownColumns * t.tiles(), arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get(ownRows, b.getF32Type()))));
  if (run < 0)
    return storeTeamTile(t, teamRun(t, index(0), t.end, y));
  Value middle = index(0);
  bool fits = stageK % run == 0;
  if (fits) {
    middle = mul(div(t.end, stageK), stageK);
    y = overStages(t, index(0), middle, stageK, true, y);
  }
  if (!fits || w.superK() % stageK)
    y = loop(middle, t.end, run, y, [&](Value k, ValueRange y) { return teamRun(t, k, runEnd(k, run, t.end), y); });
  storeTeamTile(t, y);
}

void MatmulEmitter::emitTeamTiles() {
  TeamTile t;
  t.f.span = blockK;
  Value lane = qk::LaneIdOp::create(b, loc, b.getIndexType()), rank = qk::TeamRankOp::create(b, loc, b.getIndexType());
  t.f.quarter = rem(lane, 4);
  t.f.eighth = div(lane, 4);
  t.thread = add(mul(rank, lanes), lane);
  t.end = mul(superCount(), w.superK());
  int64_t at = 0;
  auto memory = [&](int64_t count, Type element) {
    Value memory = qk::BindOp::create(b, loc, MemRefType::get({2 * count}, element), qk::Storage::Team, 0, index(at), ValueRange());
    at += 2 * count * element.getIntOrFloatBitWidth() / 8;
    return memory;
  };
  t.codes = memory(codeBytes, b.getI8Type());
  t.scales = memory(numbersOfStage, b.getF32Type());
  t.sums = memory(numbersOfStage, b.getI32Type());
  Value begin = args.rowBegin, bytes = panelBytes();
  loop(args.panelBegin, args.panelEnd, spec.team, {}, [&](Value panel0, ValueRange) {
    Value own = add(panel0, rank);
    t.isPanel = less(own, args.panelEnd);
    t.panel = min(own, sub(args.panelEnd, index(1)));
    t.panelAt = add(args.weightOffset, mul(t.panel, bytes));
    auto rowsOf = [&](int64_t rows) {
      return [&, rows] {
        t.rows = rows;
        return loop(begin, args.m, rows, {}, [&](Value row0, ValueRange) { return t.row0 = row0, emitTeamTile(t), Values(); });
      };
    };
    ifElse(less(index(smallTeamTileRows), sub(args.m, begin)), {}, rowsOf(teamTileRows), rowsOf(smallTeamTileRows));
    return Values();
  });
}
