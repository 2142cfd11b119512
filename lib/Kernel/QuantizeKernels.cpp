// Activations to int8: per group scale = absmax / 127, codes rounded to nearest even, and sums of the codes.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t block = 32;                 // columns that are loaded together, as many as the shortest group has

int64_t QuantizedRow::tile(int64_t atLeast) const {
  int64_t blocks = llvm::alignTo(k, block);
  return group < 0 ? blocks : std::min(blocks, (atLeast + group - 1) / group * group);
}

std::string QuantizedRow::name() const {
  auto suffix = [](StringRef what, int64_t n) { return n == 32 ? std::string() : n < 0 ? (what + "row").str() : (what + Twine(n)).str(); };
  return std::to_string(paddedK) + suffix("_g", group) + suffix("_s", sumGroup);
}

SmallVector<Type> QuantizedRow::types(MLIRContext *context) const {
  return {rowsOf(paddedK, IntegerType::get(context, 8)), rowsOf(scales(), Float32Type::get(context)), rowsOf(sums(), IntegerType::get(context, 32))};
}

/// The block at column `first`, in vectors; columns past the row's end are 0.
static SmallVector<Value> loadBlock(KernelBuilder &b, const QuantizedRow &spec, Value source, ValueRange at, Value base, Value first) {
  SmallVector<Value> x;
  for (int64_t p = 0; p < block; p += b.lanes()) {
    Value column = b.add(first, p), mask;
    if (spec.k % block)
      mask = vector::CreateMaskOp::create(b, b.vec(b.lanes(), b.getI1Type()), ValueRange{b.max(b.sub(b.idx(spec.k), column), b.idx(0))});
    SmallVector<Value> place(at);
    place.push_back(b.sub(column, base));
    x.push_back(b.loadVec(source, place, mask));
  }
  return x;
}

void qcc::quantizeColumns(KernelBuilder &b, const QuantizedRow &spec, Value source, ValueRange at, Value base, Value row, Value lo, Value hi,
                          ValueRange out) {
  int64_t lanes = b.lanes();
  auto ints = b.vec(lanes, b.getI32Type()), bytes = b.vec(lanes, b.getI8Type());
  Value none = b.idx(0);
  auto in = [&](Value column, int64_t group) { return group < 0 ? none : b.div(column, group); };
  // `body` over the pieces of [from, to), each `size` long but the last: a piece's start and end.
  auto pieces = [&](Value from, Value to, int64_t size, function_ref<void(Value, Value)> body) {
    size < 0 ? body(from, to) : b.loop(from, to, size, [&](Value start) { body(start, b.min(b.add(start, size), to)); });
  };
  pieces(lo, hi, spec.group, [&](Value first, Value end) {
    SmallVector<Value> only;                         // the group, when it is one block
    Value largest;
    auto larger = [&](Value most, ArrayRef<Value> x) {
      for (Value v : x) {
        Value size = math::AbsFOp::create(b, v);
        most = most ? b.max(most, size) : size;
      }
      return most;
    };
    if (spec.group == block) {
      only = loadBlock(b, spec, source, at, base, first);
      largest = larger(Value(), only);
    } else {
      largest = b.loop(first, end, block, b.zero(b.vecF32()), [&](Value column, ValueRange most) {
        return KernelBuilder::Values{larger(most[0], loadBlock(b, spec, source, at, base, column))};
      })[0];
    }
    Value most = b.maximum(largest), zero = b.f32(0);
    Value scale = b.div(most, b.f32(127));
    Value some = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scale, zero);
    Value inverse = b.splat(b.select(some, b.div(b.f32(1), scale), zero), b.vecF32());
    b.store(scale, out[1], {row, in(first, spec.group)});
    auto round = [&](Value column, Value total, ArrayRef<Value> x) {
      for (auto [p, v] : llvm::enumerate(x)) {
        Value code = arith::FPToSIOp::create(b, ints, math::RoundEvenOp::create(b, b.mul(v, inverse)));
        total = b.add(total, code);
        b.storeVec(arith::TruncIOp::create(b, bytes, code), out[0], {row, b.add(column, p * lanes)});
      }
      return total;
    };
    if (!only.empty()) {
      b.store(b.sum(round(first, b.zero(ints), only)), out[2], {row, in(first, spec.sumGroup)});
      return;
    }
    pieces(first, end, spec.sumGroup, [&](Value start, Value stop) {
      Value total = b.loop(start, stop, block, b.zero(ints), [&](Value column, ValueRange carried) {
        return KernelBuilder::Values{round(column, carried[0], loadBlock(b, spec, source, at, base, column))};
      })[0];
      b.store(b.sum(total), out[2], {row, in(start, spec.sumGroup)});
    });
  });
}

void qcc::padQuantized(KernelBuilder &b, const QuantizedRow &spec, Value row, ValueRange out) {
  auto fill = [&](int64_t from, int64_t to, function_ref<void(Value)> body) {
    if (from < to)
      b.loop(b.idx(from), b.idx(to), 1, body);
  };
  auto groups = [&](int64_t size) { return size < 0 ? 1 : (spec.k + size - 1) / size; };
  fill(groups(block), spec.paddedK / block, [&](Value g) { b.storeVec(b.zero(b.vec(block, b.getI8Type())), out[0], {row, b.mul(g, block)}); });
  fill(groups(spec.group), spec.scales(), [&](Value g) { b.store(b.f32(0), out[1], {row, g}); });
  fill(groups(spec.sumGroup), spec.sums(), [&](Value g) { b.store(b.i32(0), out[2], {row, g}); });
}

FlatSymbolRefAttr qcc::quantizeKernel(KernelLibrary &library, const Columns &columns, const QuantizedRow &spec) {
  SmallVector<Type> types = {columns.type(library.context())};
  llvm::append_range(types, spec.types(library.context()));
  return library.get("quantize_" + columns.name() + "_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    Value base = b.idx(-columns.offset);
    b.shareTiles(b.size(args[1], 0), spec.k, spec.tile(b.facts.version.shareColumns), [&](Value row, Value lo, Value hi) {
      quantizeColumns(b, spec, args[0], row, base, row, lo, hi, args.drop_front());
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(spec.k)), [&] { padQuantized(b, spec, row, args.drop_front()); });
    });
  });
}

FlatSymbolRefAttr qcc::dequantizeKernel(KernelLibrary &library, const QuantizedRow &spec) {
  auto types = spec.types(library.context());
  types[2] = rowsOf(spec.k, Float32Type::get(library.context()));
  return library.get("dequantize_" + Twine(spec.k) + "_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    b.share(b.size(args[2], 0), [&](Value row) {
      b.loop(b.idx(0), b.idx(spec.k), 1, [&](Value k) {
        Value code = arith::SIToFPOp::create(b, b.getF32Type(), b.load(args[0], {row, k}));
        b.store(b.mul(code, b.load(args[1], {row, spec.group < 0 ? b.idx(0) : b.div(k, spec.group)})), args[2], {row, k});
      });
    });
  });
}
