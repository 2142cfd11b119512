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

/// Columns of a thread's part of a row that a team normalizes, in whole units; 0 where there are no teams or the part is too long for registers.
static int64_t teamPart(const TargetFacts &facts, int64_t n, int64_t unit) {
  constexpr int64_t mostVectors = 16;
  int64_t team = facts.version.teamThreads, lanes = facts.lanes();
  if (team == 1 || unit <= 0)
    return 0;
  int64_t part = llvm::alignTo(llvm::divideCeil(n, team), std::lcm(unit, lanes));
  return part <= mostVectors * lanes ? part : 0;
}

/// `mine` of all threads of a team, added up in their order; number `slot` of a row.
static Value teamSum(KernelBuilder &b, Value mine, Value rank, int64_t slot) {
  constexpr int64_t slots = 2;
  int64_t team = b.facts.version.teamThreads;
  Value parts = qk::BindOp::create(b, MemRefType::get({slots * team}, b.getF32Type()), qk::Storage::Team, 0, b.idx(0), ValueRange());
  b.store(mine, parts, b.add(rank, slot * team));
  qk::TeamBarrierOp::create(b);
  Value sum = b.load(parts, b.idx(slot * team));
  for (int64_t i = 1; i < team; ++i)
    sum = b.add(sum, b.load(parts, b.idx(slot * team + i)));
  return sum;
}

/// normRow by a team: the calling thread holds `part` columns from `first` on, reads everything at once and `put`s what it normalized.
static void normPart(KernelBuilder &b, const NormSpec &spec, ValueRange args, Value row, Value rank, Value first, int64_t part, function_ref<void(Value, Value, Value)> put) {
  int64_t n = spec.columns.width, lanes = b.lanes();
  bool whole = part * int64_t(b.facts.version.teamThreads) == n;
  KernelBuilder::Values at, mask, x, gain, bias;
  for (int64_t i = 0; i < part; i += lanes) {
    at.push_back(b.add(first, i));
    Value left = whole ? Value() : b.max(b.sub(b.idx(n), at.back()), b.idx(0));
    mask.push_back(whole ? Value() : vector::CreateMaskOp::create(b, b.vec(lanes, b.getI1Type()), left).getResult());
    x.push_back(b.loadVec(args[0], {row, b.add(at.back(), spec.columns.offset)}, mask.back()));
    gain.push_back(b.loadVec(args[1], at.back(), mask.back()));
    if (spec.bias)
      bias.push_back(b.loadVec(args[2], at.back(), mask.back()));
  }
  Value none = b.zero(b.vecF32());
  if (spec.kind == qnt::NormKind::Layer) {
    Value total = none;
    for (Value v : x)
      total = b.add(total, v);
    Value mean = b.splat(b.mul(teamSum(b, b.sum(total), rank, 0), b.f32(1.0 / n)), b.vecF32());
    for (auto [i, v] : llvm::enumerate(x))
      v = whole ? b.sub(v, mean) : b.select(mask[i], b.sub(v, mean), none);
  }
  Value squares = none;
  for (Value v : x)
    squares = b.fma(v, v, squares);
  Value variance = b.add(b.mul(teamSum(b, b.sum(squares), rank, 1), b.f32(1.0 / n)), b.f32(spec.epsilon));
  Value scale = b.splat(b.div(b.f32(1.0), math::SqrtOp::create(b, variance)), b.vecF32());
  for (auto [i, v] : llvm::enumerate(x)) {
    Value y = b.mul(b.mul(v, scale), gain[i]);
    put(spec.bias ? b.add(y, bias[i]) : y, at[i], mask[i]);
  }
  qk::TeamBarrierOp::create(b);                      // before the next row's sums
}

/// Runs `body(row, rank, first column)` for every row, on a team.
static void eachTeamRow(KernelBuilder &b, Value rows, int64_t part, function_ref<void(Value, Value, Value)> body) {
  b.getInsertionBlock()->getParentOp()->setAttr("qk.team", b.getI64IntegerAttr(b.facts.version.teamThreads));
  Value rank = qk::TeamRankOp::create(b, b.getIndexType()), first = b.mul(rank, part);
  b.share(rows, [&](Value row) { body(row, rank, first); });
}

FlatSymbolRefAttr qcc::normKernel(KernelLibrary &library, const NormSpec &spec) {
  MLIRContext *context = library.context();
  SmallVector<Type> types = inputsOf(context, spec);
  types.push_back(rowsOf(spec.columns.width, Float32Type::get(context)));
  return library.get(nameOf(spec), types, [&](KernelBuilder &b, ValueRange args) {
    if (int64_t part = teamPart(b.facts, spec.columns.width, b.lanes()))
      return eachTeamRow(b, b.size(args.back(), 0), part, [&](Value row, Value rank, Value first) {
        normPart(b, spec, args, row, rank, first, part, [&](Value y, Value at, Value mask) { b.storeVec(y, args.back(), {row, at}, mask); });
      });
    b.share(b.size(args.back(), 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, args.back(), {row, at}, mask); });
    });
  });
}

FlatSymbolRefAttr qcc::normQuantizeKernel(KernelLibrary &library, const NormSpec &spec, const QuantizedRow &row8) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  row8.addTypes(types, library.context());
  return library.get(nameOf(spec) + "_a8_" + row8.name(), types, [&](KernelBuilder &b, ValueRange args) {
    ValueRange out = args.take_back(3);
    Value scale = row8.isStatic ? args[args.size() - 4] : Value();
    int64_t n = spec.columns.width;
    if (int64_t part = teamPart(b.facts, n, row8.isStatic ? row8.sumGroup : row8.group)) {
      Value line = b.scratch({part}, b.getF32Type());
      return eachTeamRow(b, b.size(out[0], 0), part, [&](Value row, Value rank, Value first) {
        normPart(b, spec, args, row, rank, first, part, [&](Value y, Value at, Value) { b.storeVec(y, line, b.sub(at, first)); });
        quantizeColumns(b, row8, line, {}, first, row, b.min(first, b.idx(n)), b.min(b.add(first, part), b.idx(n)), scale, out);
        b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rank, b.idx(0)), [&] { padQuantized(b, row8, row, out); });
      });
    }
    Value line = b.scratch({(n + 31) / 32 * 32}, b.getF32Type());
    b.share(b.size(out[0], 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, line, at, mask); });
      quantizeColumns(b, row8, line, {}, b.idx(0), row, b.idx(0), b.idx(n), scale, out);
      padQuantized(b, row8, row, out);
    });
  });
}
