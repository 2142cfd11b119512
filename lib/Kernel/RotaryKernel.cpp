// Rotary position embedding. RoFormer, arXiv 2104.09864.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

/// Rotates the pair of channels (i, j) of a head that starts at `from` (input) and `to` (output); vectors when `mask` says how many.
static void rotate(KernelBuilder &b, ValueRange io, Value row, Value inI, Value inJ, Value outI, Value outJ, Value cos, Value sin, Value mask, bool scalar) {
  auto get = [&](Value at) { return scalar ? b.load(io[0], {row, at}) : b.loadVec(io[0], {row, at}, mask); };
  auto put = [&](Value v, Value at) { scalar ? b.store(v, io[1], {row, at}) : b.storeVec(v, io[1], {row, at}, mask); };
  Value x = get(inI), y = get(inJ);
  put(b.sub(b.mul(x, cos), b.mul(y, sin)), outI);
  put(b.add(b.mul(y, cos), b.mul(x, sin)), outJ);
}

Value qcc::rotated(KernelBuilder &b, Value at, Value partner, Value cos, Value sin, Value lower) {
  Value x = b.mul(at, cos), y = b.mul(partner, sin);
  return b.select(lower, b.sub(x, y), b.add(x, y));
}

Value qcc::rotaryPosition(KernelBuilder &b, const RotarySpec &spec, Value row) {
  return b.min(b.add(b.dim("past"), b.rem(row, b.dim("seq"))), b.idx(spec.context - 1));
}

MemRefType qcc::rotaryTable(MLIRContext *context, const RotarySpec &spec) { return MemRefType::get({spec.context, spec.half}, Float32Type::get(context)); }

FlatSymbolRefAttr qcc::rotaryKernel(KernelLibrary &library, const RotarySpec &spec) {
  MLIRContext *context = library.context();
  Type f32 = Float32Type::get(context);
  auto table = rotaryTable(context, spec);
  SmallVector<Type> types = {spec.columns.type(context)};
  if (spec.positions)
    types.push_back(MemRefType::get({ShapedType::kDynamic}, spec.positions));
  types.append({table, table, rowsOf(spec.columns.width, f32)});
  std::string name = ("rotary_" + spec.columns.name() + "_h" + Twine(spec.heads) + "_r" + Twine(spec.half) + "x" + Twine(spec.context) +
                      (spec.interleaved ? "_pairs" : "") + (spec.positions ? "_p" + Twine(spec.positions.getIntOrFloatBitWidth()) : Twine(""))).str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value input = args[0], output = args.back(), cos = args[args.size() - 3], sin = args[args.size() - 2];
    int64_t head = spec.columns.width / spec.heads, half = spec.half;
    b.shareTiles(b.size(output, 0), spec.heads, std::max<int64_t>(1, b.facts.version.shareColumns / head), [&](Value row, Value firstHead, Value lastHead) {
      Value position;
      if (spec.positions) {
        position = arith::IndexCastOp::create(b, b.getIndexType(), b.load(args[1], row));
        Value outside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, position, b.idx(spec.context));
        b.when(outside, [&] { qk::FailOp::create(b, 1, arith::IndexCastOp::create(b, b.getI64Type(), position)); });
        position = b.select(outside, b.idx(0), position);
      } else {
        position = rotaryPosition(b, spec, row);
      }
      b.loop(firstHead, lastHead, 1, [&](Value h) {
        Value to = b.mul(h, head), from = b.add(to, spec.columns.offset);
        if (spec.interleaved)
          b.loop(b.idx(0), b.idx(half), 1, [&](Value i) {
            Value i2 = b.mul(i, 2);
            rotate(b, {input, output}, row, b.add(from, i2), b.add(b.add(from, i2), 1), b.add(to, i2), b.add(b.add(to, i2), 1),
                   b.load(cos, {position, i}), b.load(sin, {position, i}), Value(), true);
          });
        else
          b.columns(half, [&](Value i, Value mask) {
            rotate(b, {input, output}, row, b.add(from, i), b.add(b.add(from, i), half), b.add(to, i), b.add(b.add(to, i), half),
                   b.loadVec(cos, {position, i}, mask), b.loadVec(sin, {position, i}, mask), mask, false);
          });
        if (2 * half < head)
          b.columns(head - 2 * half, [&](Value i, Value mask) {
            Value x = b.loadVec(input, {row, b.add(b.add(from, i), 2 * half)}, mask);
            b.storeVec(x, output, {row, b.add(b.add(to, i), 2 * half)}, mask);
          });
      });
    });
  });
}
