// Few rows (M < 16): the time is that of reading the weights once, so codes go from memory through registers into products, without scratch.
// Each stream is a contiguous run of panels read strictly forwards, several of them side by side, since one sequential stream gets 0.6 of DRAM's
// rate on Intel. Whether to prefetch is the processor's business, so the distance is an argument: on Sapphire Rapids this kernel reads at 0.80 of
// the best probe without and at 1.0 with prefetches 2304 bytes ahead; on Zen 4 at 1.0 without and at 0.68 with them (they take the buffers of its
// own prefetchers). The blocks of a superblock stay a loop: unrolled, LLVM's scheduler gathers the prefetches and the rate drops.
//
// Rows share what was unpacked, four at a time (floats: eight). More rows take turns over a chunk of the panels that stays in L1; their sums wait in
// scratch.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

// Registers: two chains of sums a panel for one row, one for each of four rows; 16 registers are enough for half of that. Panels of several registers are
// so many fewer.
int64_t MatmulEmitter::streamCount() const {
  int64_t registers = spec.rows == RowClass::Decode && version.numVectorRegisters >= 32 ? 4 : 2;
  return spec.team > 1 ? 1 : std::max<int64_t>(1, registers / panelRegisters());
}

void MatmulEmitter::forStreams(function_ref<void(ArrayRef<Value>)> body) {
  int64_t streams = streamCount();
  Value length = div(sub(args.panelEnd, args.panelBegin), streams), zero = index(0);
  loop(zero, length, 1, {}, [&](Value p, ValueRange) {
    SmallVector<Value> panels;
    for (int64_t s = 0; s < streams; ++s)
      panels.push_back(add(args.panelBegin, add(mul(length, s), p)));
    return body(panels), Values();
  });
  loop(add(args.panelBegin, mul(length, streams)), args.panelEnd, 1, {}, [&](Value p, ValueRange) { return body(p), Values(); });
}

// One row outruns a line's way from L2, so its lines go to L1. Several rows leave the time for that, and L1 to what they share.
void MatmulEmitter::prefetchAhead(ArrayRef<Value> starts, int64_t lines, Value distance) {
  unsigned locality = spec.rows == RowClass::Decode ? 3 : 2;
  Value wanted = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, distance, index(0));
  ifElse(wanted, {}, [&] {
    for (int64_t line = 0; line < lines; ++line)
      for (Value start : starts)
        prefetch(args.weights, add(add(start, distance), line * 64), locality);
    return Values();
  }, [] { return Values(); });
}

Values MatmulEmitter::overSupers(const Streams &s, ValueRange y, function_ref<Values(ArrayRef<Value>, Value, ValueRange)> body) {
  int64_t lines = w.superBytes() / 64, perBlock = lines / blocksPerSuper(), ofBlocks = perBlock * blocksPerSuper();
  return loop(s.superBegin, s.superEnd, 1, y, [&](Value super, ValueRange carried) {
    Value at = mul(super, w.superBytes());
    SmallVector<Value> superAt, rest;
    for (Value panel : s.panelAt) {
      superAt.push_back(add(panel, at));
      rest.push_back(add(superAt.back(), ofBlocks * 64));
    }
    if (lines > ofBlocks)
      prefetchAhead(rest, lines - ofBlocks, s.prefetch);
    return body(superAt, super, carried);
  });
}

Values MatmulEmitter::overBlocksOf(const Streams &s, ArrayRef<Value> superAt, Value super, Value from, Value to, ValueRange y, BlockBody body) {
  int64_t perBlock = w.superBytes() / 64 / blocksPerSuper();
  return loop(from, to, 1, y, [&](Value block, ValueRange carried) {
    SmallVector<Value> starts;
    for (Value panel : superAt)
      starts.push_back(add(panel, mul(block, perBlock * 64)));
    prefetchAhead(starts, perBlock, s.prefetch);
    return body(s, superAt, super, block, carried);
  });
}

Values MatmulEmitter::overBlocks(const Streams &s, ValueRange y, BlockBody body) {
  return overSupers(s, y, [&](ArrayRef<Value> superAt, Value super, ValueRange carried) {
    return overBlocksOf(s, superAt, super, index(0), index(blocksPerSuper()), carried, body);
  });
}

SmallVector<Value> MatmulEmitter::panelStarts(ArrayRef<Value> panels) {
  SmallVector<Value> starts;
  for (Value p : panels)
    starts.push_back(add(args.weightOffset, mul(p, panelBytes())));
  return starts;
}

Values MatmulEmitter::addProducts(const Streams &s, ValueRange y) {
  if (!w.isCodes())
    return floatWeights(s, y);
  if (spec.intActivations)
    return intRuns(s, y);
  return overBlocks(s, y, [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) {
    return floatBlock(s, superAt, super, block, y);
  });
}

// Teams: every thread sums a part of K of the same panels, so that few panels keep many threads busy.
std::pair<Value, Value> MatmulEmitter::partOf(Value begin, Value end) {
  if (spec.team == 1)
    return {begin, end};
  if (oneRun()) {                                     // cannot be divided: the last thread has it
    Value last = equal(qk::TeamRankOp::create(b, loc, b.getIndexType()), index(spec.team - 1));
    return {select(last, begin, end), end};
  }
  int64_t unit = spec.intActivations ? std::max<int64_t>(1, spec.run() / w.superK()) : 1;
  int64_t parts = int64_t(spec.team) * spec.cluster;
  Value rank = qk::TeamRankOp::create(b, loc, b.getIndexType()), count = div(add(sub(end, begin), unit - 1), unit);
  if (spec.cluster > 1)
    rank = add(mul(qk::ClusterRankOp::create(b, loc, b.getIndexType()), spec.team), rank);
  auto at = [&](Value r) { return min(add(begin, mul(div(mul(count, r), parts), unit)), end); };
  return {at(rank), at(add(rank, 1))};
}

void MatmulEmitter::joinParts(ValueRange y, function_ref<void(ValueRange)> store) {
  int64_t team = spec.team, count = y.size();
  if (team == 1)
    return store(y);
  auto type = MemRefType::get({team * count * lanes}, b.getF32Type());
  Value parts = qk::BindOp::create(b, loc, type, qk::Storage::Team, 0, index(0), ValueRange()), rank = qk::TeamRankOp::create(b, loc, b.getIndexType());
  auto place = [&](Value part, int64_t i) { return mul(add(mul(part, count), i), lanes); };
  for (int64_t i = 0; i < count; ++i)
    this->store(y[i], parts, place(rank, i));
  qk::TeamBarrierOp::create(b, loc);
  auto onFirst = [&](function_ref<void()> body) {
    auto then = [&] { return body(), Values(); };
    ifElse(equal(rank, index(0)), {}, then, [] { return Values(); });
  };
  auto addUp = [&](Values sums, int64_t number, function_ref<Value(int64_t, int64_t)> at) {
    for (int64_t part = 1; part < number; ++part)
      for (int64_t i = 0; i < count; ++i)
        sums[i] = arith::AddFOp::create(b, loc, sums[i], at(part, i));
    return sums;
  };
  auto ofTeam = [&] { return addUp(y, team, [&](int64_t part, int64_t i) { return load(parts, place(index(part), i), floats); }); };
  if (spec.cluster == 1) {
    onFirst([&] { store(ofTeam()); });
    qk::TeamBarrierOp::create(b, loc);               // before the next panels' parts
    return;
  }
  overCluster(count * lanes, [&](Value memory, Value at) {
    onFirst([&] {
      for (auto [i, sum] : llvm::enumerate(ofTeam()))
        this->store(sum, memory, add(at, int64_t(i) * lanes));
    });
  }, [&](Value memory) {
    onFirst([&] {
      auto at = [&](int64_t part, int64_t i) { return load(memory, index((part * count + i) * lanes), floats); };
      Values first;
      for (int64_t i = 0; i < count; ++i)
        first.push_back(at(0, i));
      store(addUp(first, spec.cluster, at));
    });
  });
}

// The last arrival says that the memory is free for the next panels.
void MatmulEmitter::overCluster(int64_t each, function_ref<void(Value, Value)> put, function_ref<void(Value)> take) {
  auto type = MemRefType::get({spec.cluster * each}, b.getF32Type());
  Value memory = qk::BindOp::create(b, loc, type, qk::Storage::Cluster, 0, index(0), ValueRange()), team = qk::ClusterRankOp::create(b, loc, b.getIndexType());
  qk::ClusterWaitOp::create(b, loc);
  put(memory, mul(team, each));
  qk::ClusterArriveOp::create(b, loc);
  qk::ClusterWaitOp::create(b, loc);
  ifElse(equal(team, index(0)), {}, [&] { return take(memory), Values(); }, [] { return Values(); });
  qk::ClusterArriveOp::create(b, loc);
}

// The sums of a part; of an empty one, nothing (a run's zero points would be subtracted).
Values MatmulEmitter::productsOfPart(const Streams &s) {
  Values y = addProducts(s, Values(s.count(), splatFloat(0)));
  if (spec.team > 1 && oneRun())
    for (Value &sum : y)
      sum = select(less(s.superBegin, s.superEnd), sum, splatFloat(0));
  return y;
}

//===-- a superblock in registers -------------------------------------------------------------------------------------------------===//

// As few registers as a thread can hold twice, and numbers of whole runs beside the codes.
bool kernel::holdsSupers(const MatmulSpec &spec) {
  constexpr int64_t mostRegisters = 20;
  const PanelLayout &w = spec.weight;
  bool plain = w.isCodes() && !w.table && !w.super && !w.perRow() && !qnt::scaleStorage(w.scale).table;
  if (spec.team == 1 || spec.rows != RowClass::Decode || !spec.intActivations || !plain || spec.run() % 32 || w.superK() % spec.run())
    return false;
  return w.superK() / 32 * w.bits + w.superK() / w.group * (w.zeroBytes() ? 2 : 1) <= mostRegisters;
}

// Codes of all blocks, then scales and zero points of all groups as they are stored.
Values MatmulEmitter::readSuper(Value superAt) {
  Values held;
  for (int64_t i = 0; i < blocksPerSuper(); ++i) {
    BlockReader reader = block(superAt, index(i));
    for (auto [plane, registers] : llvm::enumerate(w.planes()))
      for (unsigned reg = 0; reg < registers; ++reg)
        held.push_back(planeRegister(reader, plane, reg));
  }
  auto numbers = [&](int64_t offset, int64_t each) {
    for (int64_t k = 0; each && k < w.superK(); k += w.group)
      held.push_back(load(args.weights, add(superAt, offset + k / w.group * lanes * each), VectorType::get(lanes * each, b.getI8Type())));
  };
  numbers(w.scaleOffset(), w.scaleBytes());
  numbers(w.zeroOffset(), w.zeroBytes());
  return held;
}

Values MatmulEmitter::heldRuns(const Streams &s, Value super, ValueRange held, ValueRange carried) {
  Values y(carried);
  unsigned next = 0;
  SmallVector<BlockReader> readers;
  for (int64_t i = 0; i < blocksPerSuper(); ++i) {
    readers.push_back({Value(), {}});
    for (auto [plane, registers] : llvm::enumerate(w.planes()))
      for (unsigned reg = 0; reg < registers; ++reg)
        readers.back().planes[plane].push_back(held[next++]);
  }
  int64_t groups = w.superK() / w.group;
  SmallVector<StepParams> numbers(groups);
  for (int64_t g = 0; g < groups; ++g)
    numbers[g].scale = numberOf(held[next + g]);
  for (int64_t g = 0; w.zeroBytes() && g < groups; ++g) {
    Value zero = held[next + groups + g];
    numbers[g].zero = w.zero == qnt::ZeroKind::Int ? arith::ExtUIOp::create(b, loc, sums, zero).getResult() : numberOf(zero);
  }
  for (int64_t from = 0; from < w.superK(); from += spec.run()) {
    StepParams p = numbers[from / w.group];
    Value k = add(mul(super, w.superK()), from), end = add(k, spec.run());
    Values sums = startRun(s, p, k, end);
    for (int64_t i = from / 32; i < (from + spec.run()) / 32; ++i)
      sums = addUnits(s, readers[i], s.panelAt, super, index(i), 0, 8, sums);
    y = finishRun(s, p, k, end, sums, y);
  }
  return y;
}

// Every superblock is read before the one in front of it is multiplied, the first of a panel while the panel before it ends.
void MatmulEmitter::emitHeldDecode() {
  panelBytes();
  Value zero = index(0), supers = superCount();
  auto [begin, end] = partOf(zero, supers);
  auto read = [&](Value panel, Value super) {
    return readSuper(add(add(args.weightOffset, mul(panel, panelBytes())), mul(super, w.superBytes())));
  };
  auto readIf = [&](Value condition, Value panel, Value super) {
    SmallVector<Type> types;
    auto branch = [&] {
      Values held = read(panel, super);
      return held;
    };
    auto none = [&] {
      Values zeros;
      for (Type type : types)
        zeros.push_back(arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
      return zeros;
    };
    for (int64_t i = 0; i < blocksPerSuper() * int64_t(w.bits); ++i)
      types.push_back(bytes);
    for (int64_t each : {w.scaleBytes(), w.zeroBytes()})
      for (int64_t g = 0; each && g < w.superK() / w.group; ++g)
        types.push_back(VectorType::get(lanes * each, b.getI8Type()));
    return ifElse(condition, types, branch, none);
  };
  Value works = arith::AndIOp::create(b, loc, less(args.panelBegin, args.panelEnd), less(begin, end));
  loop(args.panelBegin, args.panelEnd, 1, readIf(works, args.panelBegin, begin), [&, begin = begin, end = end](Value panel, ValueRange first) {
    Streams s{panelStarts(panel), {Row{zero, zero, zero, zero}}, begin, end, args.prefetch};
    Values carried = {splatFloat(0)};
    carried.append(first.begin(), first.end());
    carried = loop(begin, end, 1, carried, [&](Value super, ValueRange carried) {
      Value next = add(super, 1), same = less(next, end), nextPanel = select(same, panel, add(panel, 1));
      Values after = readIf(less(nextPanel, args.panelEnd), nextPanel, select(same, next, begin));
      Values values = heldRuns(s, super, carried.drop_front(1), carried.take_front(1));
      values.append(after);
      return values;
    });
    joinParts(carried.front(), [&](ValueRange y) { storeRow(y[0], zero, panel); });
    return Values(ArrayRef(carried).drop_front(1));
  });
}

void MatmulEmitter::emitDecode() {
  if (!spec.intActivations)
    copyInputTail();
  if (holdsSupers(spec))
    return emitHeldDecode();
  makeNumbers();
  panelBytes();                                      // before the loops, for all of them
  Value zero = index(0), supers = superCount();
  forStreams([&](ArrayRef<Value> panels) {
    auto [begin, end] = partOf(zero, supers);
    Streams s{panelStarts(panels), {Row{zero, zero, zero, zero}}, begin, end, args.prefetch};
    joinParts(productsOfPart(s), [&](ValueRange y) {
      for (size_t i = 0; i < panels.size(); ++i)
        storeRow(y[i], zero, panels[i]);
    });
  });
}

void MatmulEmitter::emitTeamShort() {
  constexpr unsigned rowsTogether = 4;
  Value zero = index(0), supers = superCount();
  panelBytes();
  forStreams([&](ArrayRef<Value> panels) {
    Value from = zero;
    for (unsigned rows = rowsTogether; rows > 0; --rows) {
      Value to = add(from, mul(div(sub(args.m, from), rows), rows));
      loop(from, to, rows, {}, [&](Value m, ValueRange) {
        auto [begin, end] = partOf(zero, supers);
        Streams s{panelStarts(panels), {}, begin, end, args.prefetch};
        for (unsigned r = 0; r < rows; ++r)
          s.rows.push_back(rowAt(add(m, r)));
        joinParts(productsOfPart(s), [&](ValueRange y) {
          for (unsigned i = 0; i < y.size(); ++i)
            storeRow(y[i], add(m, i / panels.size()), panels[i % panels.size()]);
        });
        return Values();
      });
      from = to;
    }
  });
}

void MatmulEmitter::emitShort() {
  if (!spec.intActivations)
    copyInputTail();
  if (usesFragments())
    return emitTeamFragments();
  if (spec.team > 1)
    return emitTeamShort();
  makeNumbers();
  // Half of L1 for the chunk of all streams.
  int64_t chunk = std::max<int64_t>(1, version.l1Bytes / 2 / streamCount() / w.superBytes()), run = spec.run() / w.superK();
  if (spec.intActivations && run > 1)                // weights with a scale per row
    chunk = std::max<int64_t>(1, chunk / run) * run;
  Value zero = index(0), supers = superCount();
  panelBytes();
  // Rows of a turn. Float products have one operation for each weight and row, so that decoding shows: eight rows share it.
  SmallVector<unsigned> sizes = {4, 3, 2, 1};
  if (!spec.intActivations && version.numVectorRegisters >= 32)
    sizes.insert(sizes.begin(), 8);
  Value partial = scratch(16 * streamCount() * lanes, oneRun() ? Type(b.getI32Type()) : b.getF32Type());
  // From three rows on no processor looks far enough ahead itself: Zen 4 reads for four rows at 11.6 GB/s without prefetches and at 21 with them.
  // Float weights are so many bytes that this happens later: for four rows they are read at 16 GB/s without and at 12 with.
  constexpr int64_t far = 4608;
  Value distance = select(less(args.m, index(w.isCodes() ? 3 : 5)), args.prefetch, index(far));
  // One turn for all rows: one chunk.
  Value oneTurn = arith::OrIOp::create(b, loc, less(args.m, index(5)), arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, args.m, index(sizes.front())));
  Value step = select(oneTurn, arith::MaxUIOp::create(b, loc, supers, index(1)), index(chunk));
  forStreams([&](ArrayRef<Value> panels) {
    loop(zero, supers, step, {}, [&](Value begin, ValueRange) {
      Value end = min(add(begin, step), supers), from = zero;
      for (unsigned rows : sizes) {
        Value to = add(from, mul(div(sub(args.m, from), rows), rows));
        loop(from, to, rows, {}, [&](Value m, ValueRange) { return shortRows(panels, m, rows, begin, end, distance, partial), Values(); });
        from = to;
      }
      return Values();
    });
  });
}

// Rows m.. of superblocks begin..end of the panels. Between chunks there are sums of finished runs or, when the row is one run, of that.
void MatmulEmitter::shortRows(ArrayRef<Value> panels, Value m, unsigned rows, Value begin, Value end, Value distance, Value partial) {
  unsigned count = panels.size() * rows;
  Value zero = index(0), isFirst = equal(begin, zero), isLast = equal(end, superCount());
  Streams s{panelStarts(panels), {}, begin, end, select(equal(m, zero), distance, zero)};  // the first rows bring the chunk
  for (unsigned r = 0; r < rows; ++r)
    s.rows.push_back(rowAt(add(m, r)));
  VectorType type = oneRun() ? sums : floats;
  SmallVector<StepParams> p;
  if (oneRun())
    for (Value panel : s.panelAt)
      p.push_back(params(panel, panel, zero));
  auto place = [&](unsigned i) { return mul(add(mul(m, panels.size()), i), lanes); };
  Values values = ifElse(isFirst, SmallVector<Type>(count, type), [&] {
    Values first = oneRun() ? startRun(s, p, zero, args.k) : Values(count, splatFloat(0));
    first.resize(count);                             // other chains start at 0
    return first;
  }, [&] {
    Values waiting;
    for (unsigned i = 0; i < count; ++i)
      waiting.push_back(load(partial, place(i), type));
    return waiting;
  });
  if (oneRun()) {
    if (hasTwoChains(s))
      values.append(count, splatInt(0));
    values = overBlocks(s, values, [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange sums) {
      return addBlock(s, superAt, super, block, sums);
    });
    for (unsigned i = 0; hasTwoChains(s) && i < count; ++i)
      values[i] = arith::AddIOp::create(b, loc, values[i], values[count + i]);
    values.resize(count);
  } else {
    values = addProducts(s, values);
  }
  ifElse(isLast, {}, [&] {
    Values y = oneRun() ? finishRun(s, p, zero, args.k, values, Values(count, splatFloat(0))) : values;
    for (unsigned i = 0; i < count; ++i)
      storeRow(y[i], add(m, i / panels.size()), panels[i % panels.size()]);
    return Values();
  }, [&] {
    for (unsigned i = 0; i < count; ++i)
      store(values[i], partial, place(i));
    return Values();
  });
}

// Scales that take a chain of operations wait for it together, a superblock's at a time: by themselves, in front of every run, they make the products
// wait. Of two levels with 32 k and more only where several rows need them: one row has to wait for memory, and reads on meanwhile.
bool MatmulEmitter::decodesNumbers() const {
  bool twoLevels = w.super && !spec.hasSubscales() && (spec.rows == RowClass::Short || w.group < 32);
  bool takesLong = qnt::scaleStorage(w.scale).table || twoLevels;
  return spec.intActivations && takesLong && !w.perRow() && spec.team == 1;
}

// Of 8-bit floats what is common to many, in registers full of them. The conversion is no chain, and of numbers in memory it takes one operation.
bool MatmulEmitter::decodesHalves() const {
  const qnt::CodeTable *table = qnt::scaleStorage(w.scale).table;
  return decodesNumbers() && table && table->mantissaBits && w.numbers() == 1 && !addsMinimum();
}

Value MatmulEmitter::numberPlace(Value kInSuper, unsigned panel, bool ofMin) {
  int64_t each = addsMinimum() ? 2 : 1;
  if (decodesHalves())
    return add(mul(div(kInSuper, w.group), lanes), panel * w.superK() / w.group * lanes);
  return mul(add(mul(div(kInSuper, w.group), streamCount() * each), panel * each + ofMin), lanes);
}

void MatmulEmitter::makeNumbers() {
  if (decodesNumbers())
    numbers = scratch(w.superK() / w.group * streamCount() * (addsMinimum() ? 2 : 1) * lanes, decodesHalves() ? Type(b.getI16Type()) : b.getF32Type());
}

void MatmulEmitter::decodeNumbers(const Streams &s, ArrayRef<Value> superAt) {
  if (!decodesNumbers())
    return;
  for (unsigned i = 0; decodesHalves() && i < superAt.size(); ++i) {
    int64_t count = w.superK() / w.group * lanes;
    Value codes = load(args.weights, add(superAt[i], w.scaleOffset()), VectorType::get(count, b.getI8Type()));
    Value words = arith::ExtSIOp::create(b, loc, VectorType::get(count, b.getI16Type()), codes);
    store(halvesOf(*qnt::scaleStorage(w.scale).table, upperBytes(words)), numbers, numberPlace(index(0), i, /*ofMin=*/false));
  }
  for (int64_t k = 0; !decodesHalves() && k < w.superK(); k += w.group)
    for (unsigned i = 0; i < superAt.size(); ++i) {
      StepParams p = params(s.panelAt[i], superAt[i], index(k));
      store(p.scale, numbers, numberPlace(index(k), i, /*ofMin=*/false));
      if (addsMinimum())
        store(p.zero, numbers, numberPlace(index(k), i, /*ofMin=*/true));
    }
}

SmallVector<MatmulEmitter::StepParams> MatmulEmitter::paramsAt(const Streams &s, ArrayRef<Value> superAt, Value kInSuper) {
  SmallVector<StepParams> p(superAt.size());
  for (unsigned i = 0; i < superAt.size(); ++i) {
    if (!decodesNumbers()) {
      p[i] = params(s.panelAt[i], superAt[i], kInSuper);
      continue;
    }
    Value place = numberPlace(kInSuper, i, /*ofMin=*/false);
    p[i].scale = decodesHalves() ? ofWeight(floatsOf(load(numbers, place, VectorType::get(lanes, b.getI16Type())))) : load(numbers, place, floats);
    if (addsMinimum())
      p[i].zero = load(numbers, numberPlace(kInSuper, i, /*ofMin=*/true), floats);
  }
  return p;
}

Values MatmulEmitter::intRuns(const Streams &s, ValueRange y) {
  int64_t run = spec.run(), blocks = blocksPerSuper();
  auto supers = [&](function_ref<Values(ArrayRef<Value>, Value, ValueRange)> body) {
    return overSupers(s, y, [&](ArrayRef<Value> superAt, Value super, ValueRange carried) {
      decodeNumbers(s, superAt);
      return body(superAt, super, carried);
    });
  };
  if (run > 0 && run <= 32 && (w.perRow() || w.group % 32 || w.group == 32))
    return supers([&](ArrayRef<Value> superAt, Value super, ValueRange y) {
      return overBlocksOf(s, superAt, super, index(0), index(blocks), y, [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) {
        return intBlock(s, superAt, super, block, {}, y);
      });
    });
  auto add32 = [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange sums) {
    return addBlock(s, superAt, super, block, sums);
  };
  if (w.perRow()) {                                  // scales are the activations', and a superblock is a block
    auto overRun = [&](Value first, Value end, ValueRange y) {
      Streams part = s;
      part.superBegin = first, part.superEnd = end;
      SmallVector<StepParams> p = paramsAt(s, s.panelAt, index(0));
      Value k = mul(first, 32), kEnd = mul(end, 32);
      return finishRun(s, p, k, kEnd, overBlocks(part, startRun(s, p, k, kEnd), add32), y);
    };
    if (run < 0)
      return overRun(s.superBegin, s.superEnd, y);
    return loop(s.superBegin, s.superEnd, run / 32, y, [&](Value first, ValueRange y) {
      return overRun(first, min(add(first, run / 32), s.superEnd), y);
    });
  }
  if (run == 32)                                     // a group's numbers serve several runs
    return supers([&](ArrayRef<Value> superAt, Value super, ValueRange carried) {
      return loop(index(0), index(blocks), w.group / 32, carried, [&](Value first, ValueRange y) {
        SmallVector<StepParams> p = paramsAt(s, superAt, mul(first, 32));
        return overBlocksOf(s, superAt, super, first, add(first, w.group / 32), y, [&](const Streams &s, ArrayRef<Value> superAt, Value super, Value block, ValueRange y) {
          return intBlock(s, superAt, super, block, p, y);
        });
      });
    });
  // Superblocks hold whole runs.
  return supers([&](ArrayRef<Value> superAt, Value super, ValueRange carried) {
    return loop(index(0), index(blocks), run / 32, carried, [&](Value first, ValueRange y) {
      SmallVector<StepParams> p = paramsAt(s, superAt, mul(first, 32));
      Value k = mul(add(mul(super, blocks), first), 32), end = add(k, run);
      return finishRun(s, p, k, end, overBlocksOf(s, superAt, super, first, add(first, run / 32), startRun(s, p, k, end), add32), y);
    });
  });
}

Values MatmulEmitter::startRun(const Streams &s, ArrayRef<StepParams> p, Value k, Value end) {
  Values sums;
  for (const Row &row : s.rows)                      // sub-scales: every block has a start of its own
    sums.append(spec.hasSubscales() ? Values(p.size(), splatInt(0)) : startSums(row, k, end, spec.run(), p, w.integerZero()));
  if (hasTwoChains(s) && !spec.hasSubscales())
    sums.append(s.count(), splatInt(0));
  return sums;
}

Values MatmulEmitter::addUnits(const Streams &s, MutableArrayRef<BlockReader> readers, ArrayRef<Value> superAt, Value super, Value blockInSuper, unsigned from,
                               unsigned to, ValueRange carried) {
  unsigned panels = superAt.size(), count = s.count(), parts = w.integerBytes();
  bool twoChains = hasTwoChains(s);                  // or the latency of dot4 would show
  Value blockAt = mul(add(mul(super, blocksPerSuper()), blockInSuper), 32), k = add(blockAt, 4 * from);
  Values sums(carried), step = sums;
  if (spec.hasSubscales()) {
    SmallVector<StepParams> none(panels);
    step.clear();
    for (const Row &row : s.rows)
      step.append(startSums(row, k, add(k, stepK()), stepK(), none, w.integerZero()));
    step.append(twoChains ? count : 0, splatInt(0));
  }
  Values high(parts > 1 ? count : 0, splatInt(0));
  SmallVector<Values> activations(s.rows.size());
  for (unsigned u = from; u < to; ++u)
    for (auto [r, row] : llvm::enumerate(s.rows)) {
      Value a = bcast4(activations[r], add(row.inputAt, blockAt), u);
      for (unsigned i = 0; i < panels; ++i) {
        Value &chain = step[(twoChains && u % 2 ? count : 0) + r * panels + i];
        chain = dot4(chain, integers(readers[i], u, 0), a, maxInteger(0));
        if (parts > 1)
          high[r * panels + i] = dot4(high[r * panels + i], integers(readers[i], u, 1), a, maxInteger(1));
      }
    }
  for (auto [i, sum] : llvm::enumerate(high))
    step[i] = joinBytes(step[i], sum);
  if (!spec.hasSubscales())
    return step;
  for (unsigned i = 0; i < count; ++i) {
    Value sum = twoChains ? arith::AddIOp::create(b, loc, step[i], step[count + i]).getResult() : step[i];
    Value subscale = subField(superAt[i % panels], add(mul(blockInSuper, 32), 4 * from), /*ofMin=*/false);
    sums[i] = addScaled(sums[i], sum, subscale);
  }
  return sums;
}

Values MatmulEmitter::addBlock(const Streams &s, ArrayRef<Value> superAt, Value super, Value blockInSuper, ValueRange sums) {
  SmallVector<BlockReader> readers;
  for (Value at : superAt)
    readers.push_back(block(at, blockInSuper));
  return addUnits(s, readers, superAt, super, blockInSuper, 0, 8, sums);
}

Values MatmulEmitter::finishRun(const Streams &s, ArrayRef<StepParams> p, Value k, Value end, ValueRange sums, ValueRange carried) {
  Values y(carried);
  for (auto [r, row] : llvm::enumerate(s.rows)) {
    Value scale = activationScale(row, k), rowSum;
    for (unsigned i = 0; i < p.size(); ++i) {
      if (i == 0 || spec.hasSubscales())             // else the same for all columns
        rowSum = finishSum(row, k, end, [&](Value at) { return subMinAt(s.panelAt[i], at); });
      unsigned at = r * p.size() + i;
      Value sum = sums.size() > s.count() ? arith::AddIOp::create(b, loc, sums[at], sums[s.count() + at]).getResult() : sums[at];
      y[at] = finishRun(sum, rowSum, scale, p[i], y[at]);
    }
  }
  return y;
}

Values MatmulEmitter::intBlock(const Streams &s, ArrayRef<Value> superAt, Value super, Value blockInSuper, ArrayRef<StepParams> shared, ValueRange carried) {
  Values y(carried);
  Value kBlock = mul(add(mul(super, blocksPerSuper()), blockInSuper), 32);
  SmallVector<BlockReader> readers;
  for (Value at : superAt)
    readers.push_back(block(at, blockInSuper));
  for (int64_t step = 0; step < 32; step += stepK()) {
    SmallVector<StepParams> p = shared.empty() ? paramsAt(s, superAt, add(mul(blockInSuper, 32), step)) : SmallVector<StepParams>(shared);
    Value k = add(kBlock, step), end = add(k, stepK());
    Values sums = startRun(s, p, k, end);
    y = finishRun(s, p, k, end, addUnits(s, readers, superAt, super, blockInSuper, step / 4, (step + stepK()) / 4, sums), y);
  }
  return y;
}
