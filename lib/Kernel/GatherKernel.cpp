// Embedding: copies or decodes table rows; an id outside the table is a run-time error of the program.
#include "dialects/Quant/Formats/CodeTables.h"
#include "lib/Kernel/Kernels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <numeric>
using namespace mlir;
using namespace qcc;

/// Columns lo..hi of the row `id` of a float table, converted.
static void copyColumns(KernelBuilder &b, const kernel::RowLayout &layout, Value table, Value id, Value output, Value row, Value lo, Value hi) {
  Value base = b.mul(id, layout.rowBytes());
  auto view = memref::ViewOp::create(b, MemRefType::get({layout.k}, layout.element), table, base, ValueRange());
  b.columns(lo, hi, layout.k, [&](Value at, Value mask) { b.storeVec(b.toF32(b.loadVec(view, at, mask)), output, {row, at}, mask); });
}

namespace {
/// Reads one row of a quantized table.
class RowReader {
public:
  RowReader(KernelBuilder &b, const kernel::RowLayout &layout, Value table, int64_t rows, Value id)
      : b(b), layout(layout), block(layout.block()), table(table), row(b.mul(id, layout.rowBytes())), numbers(rows * layout.rowBytes()) {}

  /// What belongs to the group of element `k`, as codes need it to be decoded.
  qnt::ElementValues group(Value k) {
    qnt::ElementValues element;
    Value g = b.div(k, layout.group()), s = b.div(k, layout.scaleK());
    element.scale = number(layout.scaleOffset(), s);
    if (block.getSuper())
      element.side = bits(layout.subOffset(), g, block.getSubBits());
    else if (layout.zero() == qnt::ZeroKind::Int)
      element.side = byte(b.add(b.add(row, layout.zeroOffset()), g));
    else if (layout.zero() == qnt::ZeroKind::Float)
      element.side = number(layout.zeroOffset(), g);
    if (layout.zero() == qnt::ZeroKind::Min)
      element.min = number(layout.zeroOffset(), s);
    else if (layout.zero() == qnt::ZeroKind::Shift)
      element.min = element.scale;
    if (qnt::hasSubMinima(block))
      element.subMin = bits(layout.subMinOffset(), g, block.getSubBits());
    if (layout.zero() == qnt::ZeroKind::Shift)
      element.subMin = qnt::shiftedMinimum(b, b.getLoc(), block.getBits(), block.getSubBits(), element.side, element.subMin);
    return element;
  }

  Value decode(qnt::ElementValues element, Value k) {
    element.code = bits(0, k, block.getBits());
    return qnt::familyOf(block)->decode(b, b.getLoc(), block, element);
  }

private:
  Value byte(Value at) { return arith::ExtUIOp::create(b, b.getI32Type(), b.load(table, at)); }

  /// Field `i` of the bit stream at `offset`. What lies behind every stream makes reading one more byte safe.
  Value bits(int64_t offset, Value i, unsigned width) {
    Value bit = b.mul(i, width), at = b.add(b.add(row, offset), b.div(bit, 8)), word = byte(at);
    if (8 % width)
      word = arith::OrIOp::create(b, word, arith::ShLIOp::create(b, byte(b.add(at, 1)), b.i32(8)));
    Value shift = arith::IndexCastOp::create(b, b.getI32Type(), b.rem(bit, 8));
    return arith::AndIOp::create(b, arith::ShRUIOp::create(b, word, shift), b.i32((1 << width) - 1));
  }

  /// The number of `type` at byte `at` of the table.
  Value numberAt(Type type, Value at) {
    auto view = memref::ViewOp::create(b, MemRefType::get({1}, type), table, at, ValueRange());
    return b.load(view, b.idx(0));
  }

  /// The `i`-th number of the scale's kind from `offset` on, as f32.
  Value number(int64_t offset, Value i) {
    qnt::ScaleKind kind = block.getScale();
    Value at = b.add(b.add(row, offset), b.mul(i, layout.scaleBytes()));
    if (Type type = qnt::scaleType(b.getContext(), kind))
      return qnt::loadedScale(b, b.getLoc(), kind, numberAt(type, at));
    qnt::ScaleStorage storage = qnt::scaleStorage(kind);
    if (!storage.table)
      return qnt::loadedScale(b, b.getLoc(), kind, byte(at));
    auto values = DenseElementsAttr::get(RankedTensorType::get({int64_t(storage.table->values.size())}, b.getF32Type()), ArrayRef<float>(storage.table->values));
    Value code = arith::IndexCastUIOp::create(b, b.getIndexType(), byte(at));
    Value relative = tensor::ExtractOp::create(b, arith::ConstantOp::create(b, values), ValueRange{code});
    auto ofTable = [&](int64_t n) { return numberAt(b.getF32Type(), b.idx(numbers + 4 * n)); };
    return storage.numbers == 2 ? b.fma(relative, ofTable(0), ofTable(1)) : b.mul(relative, ofTable(0));
  }

  KernelBuilder &b;
  const kernel::RowLayout &layout;
  qnt::BlockType block;
  Value table, row;
  int64_t numbers;                                     // where those of the table are
};
} // namespace

/// Columns lo..hi, of one group, one code a time: a few rows of a few thousand codes per call.
static void decodeColumns(KernelBuilder &b, const kernel::RowLayout &layout, Value table, int64_t rows, Value id, Value output, Value row, Value lo, Value hi) {
  RowReader reader(b, layout, table, rows, id);
  qnt::ElementValues group = reader.group(lo);
  b.loop(lo, hi, 1, [&](Value k) { b.store(reader.decode(group, k), output, {row, k}); });
}

/// Part of the kernel's name: all that decoding depends on.
static std::string nameOf(const kernel::RowLayout &layout) {
  if (!layout.block())
    return (layout.element.isF32() ? "f" : layout.element.isF16() ? "h" : "b") + std::to_string(layout.element.getIntOrFloatBitWidth());
  return qnt::formatName(layout.element);
}

FlatSymbolRefAttr qcc::gatherKernel(KernelLibrary &library, const kernel::RowLayout &layout, int64_t rows, Type idType) {
  MLIRContext *context = library.context();
  SmallVector<Type> types = {MemRefType::get({ShapedType::kDynamic}, idType),
                             MemRefType::get({layout.bytes(rows)}, IntegerType::get(context, 8)), rowsOf(layout.k, Float32Type::get(context))};
  return library.get("gather_" + nameOf(layout) + "_" + Twine(rows) + "x" + Twine(layout.k) + "_i" + Twine(idType.getIntOrFloatBitWidth()), types,
                     [&](KernelBuilder &b, ValueRange args) {
    int64_t columns = b.facts.version.shareColumns, tile = layout.block() ? std::gcd(layout.group(), columns) : columns;
    b.shareTiles(b.size(args[0], 0), layout.k, tile, [&](Value row, Value lo, Value hi) {
      Value id = arith::IndexCastOp::create(b, b.getIndexType(), b.load(args[0], row));
      Value outside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, id, b.idx(rows));
      b.when(outside, [&] {
        qk::FailOp::create(b, /*QCC_RUN_INDEX_OUT_OF_RANGE*/ 1, arith::IndexCastOp::create(b, b.getI64Type(), id));
      });
      id = b.select(outside, b.idx(0), id);
      layout.block() ? decodeColumns(b, layout, args[1], rows, id, args[2], row, lo, hi) : copyColumns(b, layout, args[1], id, args[2], row, lo, hi);
    });
  });
}
