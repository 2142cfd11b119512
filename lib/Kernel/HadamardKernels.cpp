// Hadamard matrices online: rows times the matrix of Hadamard.h, by butterflies (n log n additions), optionally quantized on the way.
#include "lib/Kernel/Kernels.h"
#include "dialects/Quant/Hadamard.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

namespace {
/// One block of a row, which lies in memory of its own.
class BlockRotation {
public:
  BlockRotation(KernelBuilder &b, int64_t block, Value line)
      : b(b), order(*qnt::hadamardOrder(block)), width(std::min<int64_t>(b.lanes(), order.inner)), type(b.vec(unsigned(width), b.getF32Type())),
        line(line) {
    if (order.outer > 1)
      mixed = b.scratch({order.outer * width}, b.getF32Type());
  }

  /// The block that begins at `base`.
  void run(Value base) {
    this->base = base;
    runs();
    for (int64_t half = runVectors() * width; half < order.inner; half *= 2)
      pairs(half);
    if (order.outer > 1)
      mix();
  }

private:
  /// Vectors that are multiplied in registers at a time, half of those that there are at most.
  int64_t runVectors() const { return std::min<int64_t>(order.inner / width, std::min<int64_t>(16, b.facts.version.numVectorRegisters / 2)); }
  Value load(Value at) { return b.loadVec(line, b.add(base, at), {}, unsigned(width)); }
  void store(Value x, Value at) { b.storeVec(x, line, b.add(base, at)); }
  double scale() const { return 1 / std::sqrt(double(order.size())); }

  /// Sums and differences of elements `half` apart within a vector.
  Value within(Value x, int64_t half) {
    SmallVector<int64_t> partner;
    SmallVector<float> signs;
    for (int64_t i = 0; i < width; ++i) {
      partner.push_back(i ^ half);
      signs.push_back(i & half ? -1.0f : 1.0f);
    }
    Value other = vector::ShuffleOp::create(b, x, x, partner);
    Value sign = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef(signs)));
    return b.fma(x, sign, other);
  }

  /// Sylvester's matrix of as many channels as registers hold.
  void runs() {
    int64_t count = runVectors();
    b.loop(b.idx(0), b.idx(order.size()), count * width, [&](Value first) {
      SmallVector<Value> x;
      for (int64_t v = 0; v < count; ++v)
        x.push_back(b.mul(load(b.add(first, v * width)), b.splat(b.f32(scale()), type)));
      for (int64_t half = 1; half < width; half *= 2)
        for (Value &v : x)
          v = within(v, half);
      for (int64_t half = 1; half < count; half *= 2)
        for (int64_t v = 0; v < count; ++v)
          if (!(v & half)) {
            Value low = x[v], high = x[v + half];
            x[v] = b.add(low, high);
            x[v + half] = b.sub(low, high);
          }
      for (int64_t v = 0; v < count; ++v)
        store(x[v], b.add(first, v * width));
    });
  }

  /// Sums and differences of vectors `half` channels apart.
  void pairs(int64_t half) {
    b.loop(b.idx(0), b.idx(order.size()), 2 * half, [&](Value first) {
      b.loop(first, b.add(first, half), width, [&](Value at) {
        Value low = load(at), high = load(b.add(at, half));
        store(b.add(low, high), at);
        store(b.sub(low, high), b.add(at, half));
      });
    });
  }

  /// Paley's matrix over the runs of `inner` channels: additions and subtractions that the program spells out.
  void mix() {
    std::vector<int8_t> matrix = qnt::paleyMatrix(order.outer);
    int64_t together = std::min<int64_t>(order.outer, b.facts.version.numVectorRegisters - 4);  // sums in registers
    b.loop(b.idx(0), b.idx(order.inner), width, [&](Value at) {
      for (int64_t first = 0; first < order.outer; first += together) {
        int64_t last = std::min(order.outer, first + together);
        SmallVector<Value> sums;
        for (int64_t from = 0; from < order.outer; ++from) {
          Value x = load(b.add(at, from * order.inner));
          for (int64_t to = first; to < last; ++to) {
            bool isNegative = matrix[from * order.outer + to] < 0;
            if (from == 0)
              sums.push_back(isNegative ? b.sub(b.zero(type), x) : x);
            else
              sums[to - first] = isNegative ? b.sub(sums[to - first], x) : b.add(sums[to - first], x);
          }
        }
        for (int64_t to = first; to < last; ++to)
          b.storeVec(sums[to - first], mixed, b.idx(to * width));
      }
      for (int64_t to = 0; to < order.outer; ++to)
        store(b.loadVec(mixed, b.idx(to * width), {}, unsigned(width)), b.add(at, to * order.inner));
    });
  }

  KernelBuilder &b;
  qnt::HadamardOrder order;
  int64_t width;                 // of vectors: a register, or all of a short run
  VectorType type;
  Value line, base, mixed;       // mixed: of the outer matrix, one vector of each run
};
} // namespace

/// Columns of a row that are computed together: whole blocks, whole registers (or all of the row), and whole groups of codes.
static int64_t tileOf(const HadamardSpec &spec, const QuantizedRow *row8, int64_t lanes) {
  int64_t unit = !row8 ? lanes : row8->unit();
  return unit > 0 && spec.block % unit == 0 ? spec.block : spec.width;
}

FlatSymbolRefAttr qcc::hadamardKernel(KernelLibrary &library, const HadamardSpec &spec, const QuantizedRow *row8) {
  MLIRContext *context = library.context();
  Type f32 = Float32Type::get(context);
  SmallVector<Type> types = {spec.input.type(context)};
  if (row8)
    row8->addTypes(types, context);
  else
    types.push_back(rowsOf(spec.width, f32));
  std::string gate = spec.gate ? ("glu_" + stringifyActivation(*spec.gate) + "_").str() : "";
  std::string name = gate + "hadamard" + std::to_string(spec.block) + "_" + std::to_string(spec.width) + spec.input.place() + (row8 ? "_a8_" + row8->name() : "");
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    int64_t tile = tileOf(spec, row8, b.lanes());
    Value line = b.scratch({int64_t(llvm::alignTo(tile, 32))}, b.getF32Type()), scale = row8 && row8->isStatic ? args[1] : Value();
    BlockRotation rotation(b, spec.block, line);
    b.shareTiles(b.size(args.back(), 0), spec.width, tile, [&](Value row, Value lo, Value hi) {
      b.columns(lo, hi, spec.width, [&](Value at, Value mask) {
        Value x = b.loadVec(args[0], {row, b.add(at, spec.input.offset)}, mask);
        if (spec.gate)
          x = b.mul(activated(b, *spec.gate, x), b.loadVec(args[0], {row, b.add(at, spec.input.offset + spec.width)}, mask));
        b.storeVec(x, line, b.sub(at, lo), mask);
      });
      b.loop(b.idx(0), b.idx(tile), spec.block, [&](Value base) { rotation.run(base); });
      if (!row8)
        return b.columns(lo, hi, spec.width, [&](Value at, Value mask) {
          b.storeVec(b.loadVec(line, b.sub(at, lo), mask), args.back(), {row, at}, mask);
        });
      ValueRange out = args.take_back(3);
      quantizeColumns(b, *row8, line, {}, lo, row, lo, hi, scale, out);
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(spec.width)), [&] { padQuantized(b, *row8, row, out); });
    });
  });
}
