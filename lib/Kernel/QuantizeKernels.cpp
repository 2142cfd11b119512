// Activations to int8: per 32 values scale = absmax / 127, codes rounded to nearest even, and the sum of the codes.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

SmallVector<Type> QuantizedRow::types(MLIRContext *context) const {
  return {rowsOf(paddedK, IntegerType::get(context, 8)), rowsOf(paddedK / group, Float32Type::get(context)),
          rowsOf(paddedK / group, IntegerType::get(context, 32))};
}

void qcc::quantizeColumns(KernelBuilder &b, const QuantizedRow &spec, Value source, ValueRange at, Value base, Value row, Value lo, Value hi,
                          ValueRange out) {
  constexpr int64_t group = QuantizedRow::group;
  int64_t lanes = b.lanes(), pieces = group / lanes;
  auto ints = b.vec(lanes, b.getI32Type()), bytes = b.vec(lanes, b.getI8Type());
  b.loop(lo, hi, group, [&](Value first) {
    SmallVector<Value> x;
    Value largest;
    for (int64_t p = 0; p < pieces; ++p) {
      Value column = b.add(first, p * lanes), mask;
      if (spec.k % group) {
        Value left = b.max(b.sub(b.idx(spec.k), column), b.idx(0));
        mask = vector::CreateMaskOp::create(b, b.vec(lanes, b.getI1Type()), ValueRange{left});
      }
      SmallVector<Value> place(at);
      place.push_back(b.sub(column, base));
      x.push_back(b.loadVec(source, place, mask));
      Value size = math::AbsFOp::create(b, x.back());
      largest = largest ? b.max(largest, size) : size;
    }
    Value most = b.maximum(largest), zero = b.f32(0);
    Value scale = b.div(most, b.f32(127));
    Value some = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scale, zero);
    Value inverse = b.splat(b.select(some, b.div(b.f32(1), scale), zero), b.vecF32());
    Value total = b.zero(ints);
    for (int64_t p = 0; p < pieces; ++p) {
      Value code = arith::FPToSIOp::create(b, ints, math::RoundEvenOp::create(b, b.mul(x[p], inverse)));
      total = b.add(total, code);
      b.storeVec(arith::TruncIOp::create(b, bytes, code), out[0], {row, b.add(first, p * lanes)});
    }
    Value g = b.div(first, group);
    b.store(scale, out[1], {row, g});
    b.store(b.sum(total), out[2], {row, g});
  });
}

void qcc::padQuantized(KernelBuilder &b, const QuantizedRow &spec, Value row, ValueRange out) {
  int64_t done = (spec.k + QuantizedRow::group - 1) / QuantizedRow::group;
  if (done * QuantizedRow::group == spec.paddedK)
    return;
  b.loop(b.idx(done), b.idx(spec.paddedK / QuantizedRow::group), 1, [&](Value g) {
    b.storeVec(b.zero(b.vec(QuantizedRow::group, b.getI8Type())), out[0], {row, b.mul(g, QuantizedRow::group)});
    b.store(b.f32(0), out[1], {row, g});
    b.store(b.i32(0), out[2], {row, g});
  });
}

FlatSymbolRefAttr qcc::quantizeKernel(KernelLibrary &library, const Columns &columns, const QuantizedRow &spec) {
  SmallVector<Type> types = {columns.type(library.context())};
  llvm::append_range(types, spec.types(library.context()));
  return library.get("quantize_" + columns.name() + "_" + Twine(spec.paddedK), types, [&](KernelBuilder &b, ValueRange args) {
    Value base = b.idx(-columns.offset);
    b.shareTiles(b.size(args[1], 0), spec.k, 256, [&](Value row, Value lo, Value hi) {
      quantizeColumns(b, spec, args[0], row, base, row, lo, hi, args.drop_front());
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(spec.k)), [&] { padQuantized(b, spec, row, args.drop_front()); });
    });
  });
}

FlatSymbolRefAttr qcc::dequantizeKernel(KernelLibrary &library, const QuantizedRow &spec) {
  auto types = spec.types(library.context());
  types[2] = rowsOf(spec.k, Float32Type::get(library.context()));
  return library.get("dequantize_" + Twine(spec.k) + "_" + Twine(spec.paddedK), types, [&](KernelBuilder &b, ValueRange args) {
    b.share(b.size(args[2], 0), [&](Value row) {
      b.loop(b.idx(0), b.idx(spec.k), 1, [&](Value k) {
        Value code = arith::SIToFPOp::create(b, b.getF32Type(), b.load(args[0], {row, k}));
        b.store(b.mul(code, b.load(args[1], {row, b.div(k, QuantizedRow::group)})), args[2], {row, k});
      });
    });
  });
}
