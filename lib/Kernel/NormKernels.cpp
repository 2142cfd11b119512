// Norms: one row a time, f32 sums; optionally quantized while the row is at hand. Where threads form teams, a team divides a row.
#include "lib/Kernel/Kernels.h"
#include <numeric>
using namespace mlir;
using namespace qcc;

std::string Columns::place() const { return stride == width ? "" : "at" + std::to_string(offset) + "of" + std::to_string(stride); }
std::string Columns::name() const { return std::to_string(width) + place(); }

static std::string nameOf(const NormSpec &spec) {
  uint32_t bits;
  memcpy(&bits, &spec.epsilon, 4);
  return (Twine("norm_") + stringifyNormKind(spec.kind) + "_" + spec.columns.name() + "_e" + llvm::utohexstr(bits, true) + (spec.bias ? "_b" : "")).str();
}

static SmallVector<Type> inputsOf(MLIRContext *context, const NormSpec &spec) {
  auto vector = MemRefType::get({spec.columns.width}, Float32Type::get(context));
  SmallVector<Type> types = {spec.columns.type(context), vector};
  if (spec.bias)
    types.push_back(vector);
  return types;
}

/// Normalizes row `row` of args[0]; `put` gets each vector of the result.
static void normRow(KernelBuilder &b, const NormSpec &spec, ValueRange args, Value row, function_ref<void(Value, Value, Value)> put) {
  int64_t n = spec.columns.width;
  Value mean;
  auto input = [&](Value at, Value mask) { return b.loadVec(args[0], {row, b.add(at, spec.columns.offset)}, mask); };
  Value none = b.zero(b.vecF32());
  if (spec.kind == qnt::NormKind::Layer) {
    Value total = b.columns(n, none, [&](Value at, Value mask, ValueRange sums) {
      return KernelBuilder::Values{b.add(sums[0], input(at, mask))};
    })[0];
    mean = b.splat(b.mul(b.sum(total), b.f32(1.0 / n)), b.vecF32());
  }
  auto centered = [&](Value at, Value mask) {
    Value x = input(at, mask);
    if (!mean)
      return x;
    x = b.sub(x, mean);
    return mask ? b.select(mask, x, none) : x;
  };
  Value squares = b.columns(n, none, [&](Value at, Value mask, ValueRange sums) {
    Value x = centered(at, mask);
    return KernelBuilder::Values{b.fma(x, x, sums[0])};
  })[0];
  Value variance = b.add(b.mul(b.sum(squares), b.f32(1.0 / n)), b.f32(spec.epsilon));
  Value scale = b.splat(b.div(b.f32(1.0), math::SqrtOp::create(b, variance)), b.vecF32());
  b.columns(n, [&](Value at, Value mask) {
    Value y = b.mul(b.mul(centered(at, mask), scale), b.loadVec(args[1], at, mask));
    if (spec.bias)
      y = b.add(y, b.loadVec(args[2], at, mask));
    put(y, at, mask);
  });
}

/// A row's parts, each of whole units, over a team. They are as many as the usual team has threads, so that the sum over them has the same bits in a
/// team of any size.
struct Parts {
  int64_t count = 0, columns = 0, team = 1;          // of a row; of a part, 0: not divided; threads
  Value rank;
  int64_t each() const { return llvm::divideCeil(count, team); }
};

static Parts partsOf(const TargetFacts &facts, int64_t n, int64_t unit, int64_t team) {
  constexpr int64_t mostVectors = 16;                // that a thread holds
  Parts parts;
  parts.count = facts.version.teamThreads;
  parts.team = team;
  if (parts.count == 1 || team == 1 || unit <= 0)
    return {};
  parts.columns = llvm::alignTo(llvm::divideCeil(n, parts.count), std::lcm(unit, facts.lanes()));
  return parts.each() * parts.columns <= mostVectors * facts.lanes() ? parts : Parts();
}

/// The sum of all parts' numbers, of which the calling thread has `mine`, added up in their order; number `slot` of a row.
static Value teamSum(KernelBuilder &b, const Parts &parts, ValueRange mine, int64_t slot) {
  constexpr int64_t slots = 2;
  int64_t places = std::max(parts.count, parts.team);
  Value memory = qk::BindOp::create(b, MemRefType::get({slots * places}, b.getF32Type()), qk::Storage::Team, 0, b.idx(0), ValueRange());
  for (auto [i, number] : llvm::enumerate(mine))
    b.store(number, memory, b.add(parts.rank, slot * places + int64_t(i) * parts.team));
  qk::TeamBarrierOp::create(b);
  Value sum = b.load(memory, b.idx(slot * places));
  for (int64_t i = 1; i < parts.count; ++i)
    sum = b.add(sum, b.load(memory, b.idx(slot * places + i)));
  return sum;
}

/// normRow by a team: the calling thread holds its parts, reads everything at once and `put`s the vectors of each of them, normalized, with the part's first column.
static void normParts(KernelBuilder &b, const NormSpec &spec, ValueRange args, Value row, const Parts &parts, function_ref<void(ArrayRef<Value>, Value, ArrayRef<Value>)> put) {
  int64_t n = spec.columns.width, lanes = b.lanes(), perPart = parts.columns / lanes;
  bool whole = parts.columns * parts.count == n && parts.team <= parts.count;
  KernelBuilder::Values first, mask, x, gain, bias;
  for (int64_t i = 0; i < parts.each(); ++i) {
    first.push_back(b.mul(b.add(parts.rank, i * parts.team), parts.columns));
    for (int64_t column = 0; column < parts.columns; column += lanes) {
      Value at = b.add(first.back(), column), left = whole ? Value() : b.max(b.sub(b.idx(n), at), b.idx(0));
      mask.push_back(whole ? Value() : vector::CreateMaskOp::create(b, b.vec(lanes, b.getI1Type()), left).getResult());
      x.push_back(b.loadVec(args[0], {row, b.add(at, spec.columns.offset)}, mask.back()));
      gain.push_back(b.loadVec(args[1], at, mask.back()));
      if (spec.bias)
        bias.push_back(b.loadVec(args[2], at, mask.back()));
    }
  }
  Value none = b.zero(b.vecF32());
  auto sumOf = [&](int64_t slot, function_ref<Value(Value, Value)> add) {
    KernelBuilder::Values mine;
    for (int64_t i = 0; i < parts.each(); ++i) {
      Value total = none;
      for (Value v : ArrayRef(x).slice(i * perPart, perPart))
        total = add(v, total);
      mine.push_back(b.sum(total));
    }
    return teamSum(b, parts, mine, slot);
  };
  if (spec.kind == qnt::NormKind::Layer) {
    Value mean = b.splat(b.mul(sumOf(0, [&](Value v, Value total) { return b.add(total, v); }), b.f32(1.0 / n)), b.vecF32());
    for (auto [i, v] : llvm::enumerate(x))
      v = whole ? b.sub(v, mean) : b.select(mask[i], b.sub(v, mean), none);
  }
  Value variance = b.add(b.mul(sumOf(1, [&](Value v, Value total) { return b.fma(v, v, total); }), b.f32(1.0 / n)), b.f32(spec.epsilon));
  Value scale = b.splat(b.div(b.f32(1.0), math::SqrtOp::create(b, variance)), b.vecF32());
  for (auto [i, v] : llvm::enumerate(x)) {
    v = b.mul(b.mul(v, scale), gain[i]);
    v = spec.bias ? b.add(v, bias[i]) : v;
  }
  for (int64_t i = 0; i < parts.each(); ++i)
    put(ArrayRef(x).slice(i * perPart, perPart), first[i], ArrayRef(mask).slice(i * perPart, perPart));
}

/// Runs `body` for every row, on a team.
static void eachTeamRow(KernelBuilder &b, Value rows, Parts parts, function_ref<void(Value, const Parts &)> body) {
  b.getInsertionBlock()->getParentOp()->setAttr("qk.team", b.getI64IntegerAttr(parts.team));
  parts.rank = qk::TeamRankOp::create(b, b.getIndexType());
  b.share(rows, [&](Value row) {
    body(row, parts);
    qk::TeamBarrierOp::create(b);                    // before the next row's sums
  });
}

FlatSymbolRefAttr qcc::normKernel(KernelLibrary &library, const NormSpec &spec) {
  MLIRContext *context = library.context();
  SmallVector<Type> types = inputsOf(context, spec);
  types.push_back(rowsOf(spec.columns.width, Float32Type::get(context)));
  return library.get(nameOf(spec), types, [&](KernelBuilder &b, ValueRange args) {
    if (Parts parts = partsOf(b.facts, spec.columns.width, b.lanes(), b.facts.version.teamThreads); parts.columns)
      return eachTeamRow(b, b.size(args.back(), 0), parts, [&](Value row, const Parts &parts) {
        normParts(b, spec, args, row, parts, [&](ArrayRef<Value> y, Value first, ArrayRef<Value> mask) {
          for (size_t i = 0; i < y.size(); ++i)
            b.storeVec(y[i], args.back(), {row, b.add(first, int64_t(i) * b.lanes())}, mask[i]);
        });
      });
    b.share(b.size(args.back(), 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, args.back(), {row, at}, mask); });
    });
  });
}

/// Row `row` normalized and quantized by a team; `scale`: the memref of a static one.
static void quantizeParts(KernelBuilder &b, const NormSpec &spec, const QuantizedRow &row8, ValueRange args, Value row, const Parts &parts, Value scale, ValueRange out) {
  Value known = scale ? b.load(scale, b.idx(0)) : Value();
  normParts(b, spec, args, row, parts, [&](ArrayRef<Value> y, Value first, ArrayRef<Value>) {
    int64_t unit = row8.unit() / b.lanes();
    bool whole = spec.columns.width == parts.columns * parts.count && parts.team <= parts.count;
    for (int64_t i = 0; i < int64_t(y.size()); i += unit) {
      Value column = b.add(first, i * b.lanes());
      auto quantize = [&] { quantizeVectors(b, row8, y.slice(i, unit), column, row, known, out); };
      whole ? quantize() : b.when(b.less(column, b.idx(spec.columns.width)), quantize);
    }
  });
  b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, parts.rank, b.idx(0)), [&] {
    if (known)
      b.store(known, out[1], {row, b.idx(0)});
    padQuantized(b, row8, row, out);
  });
}

static Parts quantizedParts(const TargetFacts &facts, const NormSpec &spec, const QuantizedRow &row8, int64_t team) {
  return partsOf(facts, spec.columns.width, row8.unit(), team);
}

FlatSymbolRefAttr qcc::normQuantizeKernel(KernelLibrary &library, const NormSpec &spec, const QuantizedRow &row8) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  row8.addTypes(types, library.context());
  return library.get(nameOf(spec) + "_a8_" + row8.name(), types, [&](KernelBuilder &b, ValueRange args) {
    ValueRange out = args.take_back(3);
    Value scale = row8.isStatic ? args[args.size() - 4] : Value();
    int64_t n = spec.columns.width;
    if (Parts parts = quantizedParts(b.facts, spec, row8, b.facts.version.teamThreads); parts.columns)
      return eachTeamRow(b, b.size(out[0], 0), parts, [&](Value row, const Parts &parts) { quantizeParts(b, spec, row8, args, row, parts, scale, out); });
    Value line = b.scratch({(n + 31) / 32 * 32}, b.getF32Type());
    b.share(b.size(out[0], 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, line, at, mask); });
      quantizeColumns(b, row8, line, {}, b.idx(0), row, b.idx(0), b.idx(n), scale, out);
      padQuantized(b, row8, row, out);
    });
  });
}

bool qcc::canNormalizeFirst(const TargetFacts &facts, const NormSpec &spec, const QuantizedRow &row, const LinearSpec &linear) {
  return repeatsRow(facts, row, linear) && quantizedParts(facts, spec, row, linear.matmul.team).columns;
}

FlatSymbolRefAttr qcc::normLinearKernel(KernelLibrary &library, const NormSpec &spec, const QuantizedRow &row8, const LinearSpec &linear) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  unsigned inputs = types.size();
  return linearOfRowKernel(library, nameOf(spec), types, row8, linear, [=](KernelBuilder &b, ValueRange args, Value rank, Value scale, ValueRange out) {
    Parts parts = quantizedParts(b.facts, spec, row8, linear.matmul.team);
    parts.rank = rank;
    quantizeParts(b, spec, row8, args.take_front(inputs), b.idx(0), parts, scale, out);
  });
}
