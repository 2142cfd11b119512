// Elementwise kernels: activation functions, gated or not, optionally quantized on the way; residual addition.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static Value sigmoid(KernelBuilder &b, Value x) {
  return b.div(b.splat(1), b.add(b.splat(1), b.exp(b.sub(b.splat(0), x))));
}

Value qcc::activated(KernelBuilder &b, qnt::Activation kind, Value x) {
  switch (kind) {
  case qnt::Activation::None:
    return x;
  case qnt::Activation::Silu:
    return b.mul(x, sigmoid(b, x));
  case qnt::Activation::Gelu:
    return b.mul(b.mul(x, b.splat(0.5)), b.add(b.splat(1), math::ErfOp::create(b, b.mul(x, b.splat(0.70710678118654752)))));
  case qnt::Activation::GeluTanh: {                                 // 0.5 (1 + tanh u) = sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3)
    Value cube = b.fma(b.mul(b.mul(x, x), x), b.splat(0.044715), x);
    return b.mul(x, sigmoid(b, b.mul(cube, b.splat(1.5957691216057308))));
  }
  case qnt::Activation::Relu:
    return b.max(x, b.splat(0));
  }
  llvm_unreachable("all activations are above");
}

FlatSymbolRefAttr qcc::activationKernel(KernelLibrary &library, qnt::Activation kind, const Columns &input, bool gated) {
  int64_t width = gated ? input.width / 2 : input.width;
  SmallVector<Type> types = {input.type(library.context()), rowsOf(width, Float32Type::get(library.context()))};
  std::string name = ((gated ? "glu_" : "activate_") + stringifyActivation(kind) + "_" + Twine(width) + input.place()).str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    b.shareTiles(b.size(args[1], 0), width, b.facts.version.shareColumns, [&](Value row, Value lo, Value hi) {
      b.columns(lo, hi, width, [&](Value at, Value mask) {
        Value y = activated(b, kind, b.loadVec(args[0], {row, b.add(at, input.offset)}, mask));
        if (gated)
          y = b.mul(y, b.loadVec(args[0], {row, b.add(at, input.offset + width)}, mask));
        b.storeVec(y, args[1], {row, at}, mask);
      });
    });
  });
}

FlatSymbolRefAttr qcc::gluQuantizeKernel(KernelLibrary &library, qnt::Activation kind, const Columns &input, const QuantizedRow &spec) {
  SmallVector<Type> types = {input.type(library.context())};
  spec.addTypes(types, library.context());
  std::string name = ("glu_" + stringifyActivation(kind) + "_" + Twine(spec.k) + input.place() + "_a8_" + spec.name()).str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    int64_t tile = spec.tile(b.facts.version.shareColumns), vectors = tile / b.lanes();  // whole groups
    Value line = b.scratch({tile}, b.getF32Type()), scale = spec.isStatic ? args[1] : Value();
    ValueRange out = args.take_back(3);
    b.shareTiles(b.size(out[0], 0), spec.k, tile, [&](Value row, Value lo, Value hi) {
      if (spec.k % tile == 0 && vectors <= 8) {      // few enough to be read before the first is stored
        KernelBuilder::Values gate, up;
        for (int64_t i = 0; i < vectors; ++i) {
          gate.push_back(b.loadVec(args[0], {row, b.add(lo, input.offset + i * b.lanes())}));
          up.push_back(b.loadVec(args[0], {row, b.add(lo, input.offset + spec.k + i * b.lanes())}));
        }
        for (int64_t i = 0; i < vectors; ++i)
          b.storeVec(b.mul(activated(b, kind, gate[i]), up[i]), line, b.idx(i * b.lanes()));
      } else {
        b.columns(lo, hi, spec.k, [&](Value at, Value mask) {
          Value gate = activated(b, kind, b.loadVec(args[0], {row, b.add(at, input.offset)}, mask));
          b.storeVec(b.mul(gate, b.loadVec(args[0], {row, b.add(at, input.offset + spec.k)}, mask)), line, b.sub(at, lo), mask);
        });
      }
      quantizeColumns(b, spec, line, {}, lo, row, lo, hi, scale, out);
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(spec.k)), [&] { padQuantized(b, spec, row, out); });
    });
  });
}

/// Columns of a row that a team makes: the teams of a cluster what they multiply, where these parts are of whole groups and superblocks.
static int64_t gateSpan(const QuantizedRow &row, const LinearSpec &linear) {
  const kernel::MatmulSpec &matmul = linear.matmul;
  int64_t span = row.k / matmul.cluster, units = std::max<int64_t>(matmul.run(), matmul.weight.superK());
  return row.k % matmul.cluster == 0 && span % row.unit() == 0 && span % units == 0 ? span : row.k;
}

/// Groups (static: sums) of a row that a thread of the team makes at most, and vectors of one.
static std::pair<int64_t, int64_t> gateShare(const TargetFacts &facts, const QuantizedRow &row, const LinearSpec &linear) {
  int64_t unit = row.unit();
  if (unit <= 0 || unit % facts.lanes())
    return {0, 0};
  return {llvm::divideCeil(llvm::divideCeil(gateSpan(row, linear), unit), linear.matmul.team), unit / facts.lanes()};
}

bool qcc::canGateFirst(const TargetFacts &facts, const QuantizedRow &row, const LinearSpec &linear) {
  constexpr int64_t mostVectors = 16;                // of the gate, and as many of what it multiplies
  auto [groups, vectors] = gateShare(facts, row, linear);
  return repeatsRow(facts, row, linear) && groups && groups * vectors <= mostVectors;
}

FlatSymbolRefAttr qcc::gluLinearKernel(KernelLibrary &library, qnt::Activation kind, const QuantizedRow &row, const LinearSpec &linear) {
  std::string name = ("glu_" + stringifyActivation(kind)).str();
  Type input = rowsOf(2 * row.k, Float32Type::get(library.context()));
  return linearOfRowKernel(library, name, input, row, linear, [=](KernelBuilder &b, ValueRange args, Value rank, Value scale, ValueRange out) {
    auto share = gateShare(b.facts, row, linear);
    int64_t groups = share.first, vectors = share.second, unit = vectors * b.lanes();
    int64_t span = gateSpan(row, linear);
    bool whole = span % (unit * linear.matmul.team) == 0;
    Value begin = span == row.k ? b.idx(0) : b.mul(qk::ClusterRankOp::create(b, b.getIndexType()), span), end = b.add(begin, span);
    KernelBuilder::Values first, gate, up;
    for (int64_t i = 0; i < groups; ++i) {           // all of it is read before anything is computed
      first.push_back(b.add(begin, b.mul(b.add(rank, i * linear.matmul.team), unit)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = b.add(first.back(), v * b.lanes()), left = whole ? Value() : b.max(b.sub(end, at), b.idx(0));
        Value mask = whole ? Value() : vector::CreateMaskOp::create(b, b.vec(b.lanes(), b.getI1Type()), left).getResult();
        gate.push_back(b.loadVec(args[0], {b.idx(0), at}, mask));
        up.push_back(b.loadVec(args[0], {b.idx(0), b.add(at, row.k)}, mask));
      }
    }
    Value known = scale ? b.load(scale, b.idx(0)) : Value();
    for (int64_t i = 0; i < groups; ++i) {
      auto quantize = [&] {
        KernelBuilder::Values x;
        for (int64_t v = i * vectors; v < (i + 1) * vectors; ++v)
          x.push_back(b.mul(activated(b, kind, gate[v]), up[v]));
        quantizeVectors(b, row, x, first[i], b.idx(0), known, out);
      };
      whole ? quantize() : b.when(b.less(first[i], end), quantize);
    }
    b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rank, b.idx(0)), [&] {
      if (known)
        b.store(known, out[1], {b.idx(0), b.idx(0)});
      padQuantized(b, row, b.idx(0), out);
    });
  });
}

FlatSymbolRefAttr qcc::addKernel(KernelLibrary &library, int64_t width) {
  Type rows = rowsOf(width, Float32Type::get(library.context()));
  return library.get("add_" + Twine(width), {rows, rows, rows}, [&](KernelBuilder &b, ValueRange args) {
    b.shareTiles(b.size(args[2], 0), width, b.facts.version.shareColumns, [&](Value row, Value lo, Value hi) {
      b.columns(lo, hi, width, [&](Value at, Value mask) {
        b.storeVec(b.add(b.loadVec(args[0], {row, at}, mask), b.loadVec(args[1], {row, at}, mask)), args[2], {row, at}, mask);
      });
    });
  });
}
