// Embedding: copies or decodes table rows; an id outside the table is a run-time error of the program.
#include "lib/Kernel/Kernels.h"
#include <numeric>
using namespace mlir;
using namespace qcc;

/// Columns lo..hi of the row `id` of a float table, converted.
static void copyColumns(KernelBuilder &b, const kernel::RowLayout &layout, Value table, Value id, Value output, Value row, Value lo, Value hi) {
  Value base = b.mul(id, layout.rowBytes());
  auto view = memref::ViewOp::create(b, MemRefType::get({layout.k}, layout.element), table, base, ValueRange());
  b.columns(lo, hi, layout.k, [&](Value at, Value mask) { b.storeVec(b.toF32(b.loadVec(view, at, mask)), output, {row, at}, mask); });
}

/// A number of the scale's type at byte `at`, as f32.
static Value loadScale(KernelBuilder &b, qnt::ScaleKind kind, Value table, Value at) {
  Type type = qnt::scaleType(b.getContext(), kind);
  auto view = memref::ViewOp::create(b, MemRefType::get({1}, type), table, at, ValueRange());
  return b.toF32(b.load(view, b.idx(0)));
}

/// scale * (code - zero) of columns lo..hi of a group, one code a time: a few rows of a few thousand codes per call.
static void decodeColumns(KernelBuilder &b, const kernel::RowLayout &layout, Value table, Value id, Value output, Value row, Value lo, Value hi) {
  qnt::BlockType block = layout.block();
  int64_t bits = block.getBits();
  Value base = b.mul(id, layout.rowBytes()), g = b.div(lo, layout.group());
  Value scale = loadScale(b, block.getScale(), table, b.add(b.add(base, layout.scaleOffset()), b.mul(g, layout.scaleBytes())));
  Value zero = b.f32(double(int64_t(1) << (bits - 1)));
  Value zeroAt = b.add(b.add(base, layout.zeroOffset()), b.mul(g, layout.zeroBytes()));
  if (block.getZero() == qnt::ZeroKind::Int)
    zero = arith::UIToFPOp::create(b, b.getF32Type(), b.load(table, zeroAt));
  else if (block.getZero() == qnt::ZeroKind::Float)
    zero = loadScale(b, block.getScale(), table, zeroAt);
  b.loop(lo, hi, 1, [&](Value k) {
    Value bit = b.mul(k, bits), byte = b.add(base, b.div(bit, 8));
    auto wide = [&](Value at) -> Value { return arith::ExtUIOp::create(b, b.getI32Type(), b.load(table, at)); };
    Value word = wide(byte);
    if (8 % bits)                                                  // the scales behind the codes make reading one more byte safe
      word = arith::OrIOp::create(b, word, arith::ShLIOp::create(b, wide(b.add(byte, 1)), b.i32(8)));
    Value shift = arith::IndexCastOp::create(b, b.getI32Type(), b.rem(bit, 8));
    Value code = arith::AndIOp::create(b, arith::ShRUIOp::create(b, word, shift), b.i32((1 << bits) - 1));
    Value value = b.mul(scale, b.sub(arith::UIToFPOp::create(b, b.getF32Type(), code), zero));
    b.store(value, output, {row, k});
  });
}

FlatSymbolRefAttr qcc::gatherKernel(KernelLibrary &library, const kernel::RowLayout &layout, int64_t rows, Type idType) {
  MLIRContext *context = library.context();
  auto zero = [](qnt::ZeroKind kind) { return kind == qnt::ZeroKind::None ? "" : kind == qnt::ZeroKind::Int ? "z" : "zf"; };
  std::string format = layout.block() ? "q" + std::to_string(layout.block().getBits()) + "g" + std::to_string(layout.group()) +
                                            zero(layout.block().getZero()) + stringifyScaleKind(layout.block().getScale()).str()
                                      : (layout.element.isF32() ? "f" : layout.element.isF16() ? "h" : "b") + std::to_string(layout.element.getIntOrFloatBitWidth());
  SmallVector<Type> types = {MemRefType::get({ShapedType::kDynamic}, idType),
                             MemRefType::get({rows * layout.rowBytes()}, IntegerType::get(context, 8)), rowsOf(layout.k, Float32Type::get(context))};
  return library.get("gather_" + format + "_" + Twine(rows) + "x" + Twine(layout.k) + "_i" + Twine(idType.getIntOrFloatBitWidth()), types,
                     [&](KernelBuilder &b, ValueRange args) {
    int64_t columns = b.facts.version.shareColumns, tile = layout.block() ? std::gcd(layout.group(), columns) : columns;
    b.shareTiles(b.size(args[0], 0), layout.k, tile, [&](Value row, Value lo, Value hi) {
      Value id = arith::IndexCastOp::create(b, b.getIndexType(), b.load(args[0], row));
      Value outside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, id, b.idx(rows));
      b.when(outside, [&] {
        qk::FailOp::create(b, /*QCC_RUN_INDEX_OUT_OF_RANGE*/ 1, arith::IndexCastOp::create(b, b.getI64Type(), id));
      });
      id = b.select(outside, b.idx(0), id);
      layout.block() ? decodeColumns(b, layout, args[1], id, args[2], row, lo, hi) : copyColumns(b, layout, args[1], id, args[2], row, lo, hi);
    });
  });
}
