// Activations to int8: per group scale = absmax / 127, or one scale that is known (static); codes rounded to nearest even, and sums of the codes.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t block = 32;                 // columns that are loaded together, as many as the shortest group has

int64_t QuantizedRow::tile(int64_t atLeast) const {
  int64_t blocks = llvm::alignTo(k, block), unit = this->unit();
  return unit < 0 ? blocks : std::min(blocks, (atLeast + unit - 1) / unit * unit);
}

std::string QuantizedRow::name() const {
  auto suffix = [](StringRef what, int64_t n) { return n == 32 ? std::string() : n < 0 ? (what + "row").str() : (what + Twine(n)).str(); };
  return std::to_string(paddedK) + suffix("_g", group) + suffix("_s", sumGroup) + (isStatic ? "_static" : "") + (together ? "_x4" : "");
}

SmallVector<Type> QuantizedRow::types(MLIRContext *context) const {
  return {rowsOf(paddedK, IntegerType::get(context, 8)), rowsOf(scales(), Float32Type::get(context)), rowsOf(sums(), IntegerType::get(context, 32))};
}

void QuantizedRow::addTypes(SmallVectorImpl<Type> &added, MLIRContext *context) const {
  if (isStatic)
    added.push_back(MemRefType::get({1}, Float32Type::get(context)));
  llvm::append_range(added, types(context));
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

namespace {
/// Where codes and scales of a row are: in a place of its own, or between those of three others (MatmulArgs::input). All rows but the last M % 4 are.
class RowPlaces {
public:
  RowPlaces(KernelBuilder &b, const QuantizedRow &spec, Value row, Value codes, Value scales) : b(b), spec(spec), row(row), codes(codes), scales(scales) {
    if (!spec.together)
      return;
    Value rows = b.size(codes, 0), lane = b.rem(row, four), isOfFour = b.less(row, b.sub(rows, b.rem(rows, four)));
    Value first = b.select(isOfFour, b.sub(row, lane), row), none = b.idx(0);
    codesAt = b.add(b.mul(first, spec.paddedK), b.select(isOfFour, b.mul(lane, spec.together), none));
    scalesAt = b.add(b.mul(first, spec.scales()), b.select(isOfFour, lane, none));
    others = b.select(isOfFour, b.idx(four - 1), none);
    SmallVector<ReassociationIndices> all = {{0, 1}};
    this->codes = memref::CollapseShapeOp::create(b, codes, all);
    if (scales)
      this->scales = memref::CollapseShapeOp::create(b, scales, all);
  }

  void storeCodes(Value v, Value column) {
    if (!spec.together)
      return b.storeVec(v, codes, {row, column});
    constexpr int64_t unit = 4;
    for (int64_t i = 0; i < cast<VectorType>(v.getType()).getNumElements(); i += unit) {
      Value part = vector::ExtractStridedSliceOp::create(b, v, ArrayRef<int64_t>{i}, ArrayRef<int64_t>{unit}, ArrayRef<int64_t>{1});
      b.storeVec(part, codes, codeAt(b.add(column, i)));
    }
  }
  Value loadCode(Value column) { return spec.together ? b.load(codes, codeAt(column)) : b.load(codes, {row, column}); }
  void storeScale(Value v, Value group) { spec.together ? b.store(v, scales, scaleAt(group)) : b.store(v, scales, {row, group}); }
  Value loadScale(Value group) { return spec.together ? b.load(scales, scaleAt(group)) : b.load(scales, {row, group}); }

private:
  Value codeAt(Value column) {
    Value inPiece = b.rem(column, spec.together);
    return b.add(b.add(codesAt, column), b.mul(b.sub(column, inPiece), others));
  }
  Value scaleAt(Value group) { return b.add(b.add(scalesAt, group), b.mul(group, others)); }

  static constexpr int64_t four = 4;
  KernelBuilder &b;
  const QuantizedRow &spec;
  Value row, codes, scales;
  Value codesAt, scalesAt, others;                   // rows that lie between two pieces of this one
};

/// Columns of a row on their way to codes.
struct RowQuantizer {
  KernelBuilder &b;
  const QuantizedRow &spec;
  Value source;
  ValueRange at;
  Value base, row;
  ValueRange out;
  RowPlaces places = RowPlaces(b, spec, row, out[0], out[1]);

  SmallVector<Value> load(Value column) { return loadBlock(b, spec, source, at, base, column); }
  Value group(Value column, int64_t size) { return size < 0 ? b.idx(0) : b.div(column, size); }

  /// `body` over the pieces of [from, to), each `size` long but the last: a piece's start and end.
  void pieces(Value from, Value to, int64_t size, function_ref<void(Value, Value)> body) {
    size < 0 ? body(from, to) : b.loop(from, to, size, [&](Value start) { body(start, b.min(b.add(start, size), to)); });
  }

  /// 1 / scale in all lanes, 0 for a scale that is not above 0.
  Value inverseOf(Value scale) {
    Value zero = b.f32(0), some = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scale, zero);
    return b.splat(b.select(some, b.div(b.f32(1), scale), zero), b.vecF32());
  }

  /// The largest magnitudes of `x` and `most`, lane by lane.
  Value larger(Value most, ArrayRef<Value> x) {
    for (Value v : x) {
      Value size = math::AbsFOp::create(b, v);
      most = most ? b.max(most, size) : size;
    }
    return most;
  }

  Value codeOf(Value x, Value inverse) {
    Value whole = math::RoundEvenOp::create(b, b.mul(x, inverse));
    if (spec.isStatic)
      whole = b.max(b.min(whole, b.splat(127)), b.splat(-127));
    return arith::FPToSIOp::create(b, b.vec(b.lanes(), b.getI32Type()), whole);
  }
  void store(Value code, Value column) { places.storeCodes(arith::TruncIOp::create(b, b.vec(b.lanes(), b.getI8Type()), code), column); }

  /// Stores the codes of the block `x` at `column`; returns their sums added to `total`.
  Value round(Value column, Value inverse, Value total, ArrayRef<Value> x) {
    for (auto [p, v] : llvm::enumerate(x)) {
      Value code = codeOf(v, inverse);
      total = b.add(total, code);
      store(code, b.add(column, p * b.lanes()));
    }
    return total;
  }

  Value noSum() { return b.zero(b.vec(b.lanes(), b.getI32Type())); }

  /// The same with the sums of a block, one or two.
  void roundBlock(Value column, Value inverse, ArrayRef<Value> x) {
    int64_t length = std::min(spec.sumGroup, block), perSum = length / b.lanes();
    for (int64_t i = 0; i < int64_t(x.size()); i += perSum) {
      Value first = b.add(column, i * b.lanes());
      b.store(b.sum(round(first, inverse, noSum(), x.slice(i, perSum))), out[2], {row, group(first, length)});
    }
  }

  /// Codes and sums of [first, end), a scale's.
  void encode(Value first, Value end, Value inverse) {
    if (spec.sumGroup > 0 && spec.sumGroup < block)
      return b.loop(first, end, block, [&](Value column) { roundBlock(column, inverse, load(column)); });
    pieces(first, end, spec.sumGroup, [&](Value start, Value stop) {
      Value total = b.loop(start, stop, block, noSum(), [&](Value column, ValueRange carried) {
        return KernelBuilder::Values{round(column, inverse, carried[0], load(column))};
      })[0];
      b.store(b.sum(total), out[2], {row, group(start, spec.sumGroup)});
    });
  }

  /// The group [first, end), whose scale is found.
  void encodeDynamic(Value first, Value end) {
    SmallVector<Value> only;                         // the group, when it is one block
    Value largest;
    if (spec.group == block) {
      only = load(first);
      largest = larger(Value(), only);
    } else {
      largest = b.loop(first, end, block, b.zero(b.vecF32()), [&](Value column, ValueRange most) {
        return KernelBuilder::Values{larger(most[0], load(column))};
      })[0];
    }
    Value scale = b.div(b.maximum(largest), b.f32(127)), inverse = inverseOf(scale);
    places.storeScale(scale, group(first, spec.group));
    if (only.empty())
      return encode(first, end, inverse);
    roundBlock(first, inverse, only);
  }
};
} // namespace

void qcc::quantizeColumns(KernelBuilder &b, const QuantizedRow &spec, Value source, ValueRange at, Value base, Value row, Value lo, Value hi,
                          Value scale, ValueRange out) {
  RowQuantizer quantizer{b, spec, source, at, base, row, out};
  if (!spec.isStatic)
    return quantizer.pieces(lo, hi, spec.group, [&](Value first, Value end) { quantizer.encodeDynamic(first, end); });
  Value known = b.load(scale, b.idx(0));
  b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lo, b.idx(0)), [&] { b.store(known, out[1], {row, b.idx(0)}); });
  quantizer.encode(lo, hi, quantizer.inverseOf(known));
}

void qcc::quantizeVectors(KernelBuilder &b, const QuantizedRow &spec, ArrayRef<Value> x, Value first, Value row, Value scale, ValueRange out) {
  RowQuantizer quantizer{b, spec, Value(), ValueRange(), Value(), row, out};
  int64_t lanes = b.lanes(), perSum = spec.sumGroup / lanes;
  Value inverse;
  if (spec.isStatic) {
    inverse = quantizer.inverseOf(scale);
  } else {
    Value found = b.div(b.maximum(quantizer.larger(Value(), x)), b.f32(127));
    inverse = quantizer.inverseOf(found);
    quantizer.places.storeScale(found, quantizer.group(first, spec.group));
  }
  KernelBuilder::Values codes;
  for (Value v : x)
    codes.push_back(quantizer.codeOf(v, inverse));
  bool whole = spec.k % (int64_t(x.size()) * lanes) == 0;
  auto inRow = [&](Value column, function_ref<void()> body) { whole ? body() : b.when(b.less(column, b.idx(spec.k)), body); };
  for (auto [i, code] : llvm::enumerate(codes)) {
    Value column = b.add(first, int64_t(i) * lanes);
    inRow(column, [&, code = code] { quantizer.store(code, column); });
  }
  for (size_t i = 0; i < codes.size(); i += perSum) {
    Value total = codes[i];
    for (int64_t j = 1; j < perSum; ++j)
      total = b.add(total, codes[i + j]);
    Value column = b.add(first, int64_t(i) * lanes), sum = b.sum(total);
    inRow(column, [&] { b.store(sum, out[2], {row, quantizer.group(column, spec.sumGroup)}); });
  }
}

void qcc::padQuantized(KernelBuilder &b, const QuantizedRow &spec, Value row, ValueRange out) {
  auto fill = [&](int64_t from, int64_t to, function_ref<void(Value)> body) {
    if (from < to)
      b.loop(b.idx(from), b.idx(to), 1, body);
  };
  auto groups = [&](int64_t size) { return size < 0 ? 1 : (spec.k + size - 1) / size; };
  RowPlaces places(b, spec, row, out[0], out[1]);
  fill(groups(block), spec.paddedK / block, [&](Value g) { places.storeCodes(b.zero(b.vec(block, b.getI8Type())), b.mul(g, block)); });
  fill(groups(spec.group), spec.scales(), [&](Value g) { places.storeScale(b.f32(0), g); });
  fill(groups(spec.sumGroup), spec.sums(), [&](Value g) { b.store(b.i32(0), out[2], {row, g}); });
}

FlatSymbolRefAttr qcc::quantizeKernel(KernelLibrary &library, const Columns &columns, const QuantizedRow &spec) {
  SmallVector<Type> types = {columns.type(library.context())};
  spec.addTypes(types, library.context());
  return library.get("quantize_" + columns.name() + "_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    Value base = b.idx(-columns.offset), scale = spec.isStatic ? args[1] : Value();
    ValueRange out = args.take_back(3);
    b.shareTiles(b.size(out[0], 0), spec.k, spec.tile(b.facts.version.shareColumns), [&](Value row, Value lo, Value hi) {
      quantizeColumns(b, spec, args[0], row, base, row, lo, hi, scale, out);
      b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, hi, b.idx(spec.k)), [&] { padQuantized(b, spec, row, out); });
    });
  });
}

FlatSymbolRefAttr qcc::dequantizeKernel(KernelLibrary &library, const QuantizedRow &spec) {
  auto types = spec.types(library.context());
  types[2] = rowsOf(spec.k, Float32Type::get(library.context()));
  return library.get("dequantize_" + Twine(spec.k) + "_" + spec.name(), types, [&](KernelBuilder &b, ValueRange args) {
    b.share(b.size(args[2], 0), [&](Value row) {
      RowPlaces places(b, spec, row, args[0], args[1]);
      b.loop(b.idx(0), b.idx(spec.k), 1, [&](Value k) {
        Value code = arith::SIToFPOp::create(b, b.getF32Type(), places.loadCode(k));
        b.store(b.mul(code, places.loadScale(spec.group < 0 ? b.idx(0) : b.div(k, spec.group))), args[2], {row, k});
      });
    });
  });
}
