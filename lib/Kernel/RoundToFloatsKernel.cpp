// Activations to 8-bit floats under a scale per row or group. No target multiplies such codes, so what is kept are the values that they stand for,
// as f32: products read them as they read any floats.
#include "dialects/Quant/Formats/CodeTables.h"
#include "lib/Kernel/Kernels.h"
#include "llvm/ADT/bit.h"
using namespace mlir;
using namespace qcc;

static constexpr int32_t sizeBits = 0x7fffffff, exponentBits = 0x7f800000;

namespace {
struct FloatRounder {
  KernelBuilder &b;
  const qnt::CodeTable &table;
  int64_t n;                                         // columns of a row
  VectorType words = b.vec(b.lanes(), b.getI32Type());

  Value word(int64_t v) { return b.splat(b.i32(v), words); }
  Value bitsOf(Value x) { return arith::BitcastOp::create(b, words, x); }
  Value floatOf(Value bits) { return arith::BitcastOp::create(b, b.vecF32(), bits); }

  Value maskAt(Value column) {
    if (n % b.lanes() == 0)
      return Value();
    return vector::CreateMaskOp::create(b, b.vec(b.lanes(), b.getI1Type()), ValueRange{b.min(b.sub(b.idx(n), column), b.idx(b.lanes()))});
  }

  /// absmax / largest of columns [first, end). Magnitudes are compared as integers, of which those of infinity and NaN are the largest: they stay.
  Value scaleOf(Value source, Value row, Value offset, Value first, Value end) {
    Value most = b.loop(first, end, b.lanes(), b.zero(words), [&](Value column, ValueRange carried) {
      Value x = b.loadVec(source, {row, b.add(column, offset)}, maskAt(column));
      return KernelBuilder::Values{b.max(carried[0], arith::AndIOp::create(b, bitsOf(x), word(sizeBits)))};
    })[0];
    Value largest = vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, most);
    return b.div(arith::BitcastOp::create(b, b.getF32Type(), largest), b.f32(table.largest()));
  }

  /// The nearest value of the table. Added to a power of two whose last place is worth as much as that of an 8-bit float of the magnitude's exponent, a
  /// magnitude is rounded to it, ties to even.
  Value nearest(Value x) {
    Value bits = bitsOf(x), most = b.splat(table.largest()), size = floatOf(arith::AndIOp::create(b, bits, word(sizeBits)));
    size = b.select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, size, most), most, size);     // a NaN stays
    Value exponent = arith::AndIOp::create(b, bitsOf(size), word(exponentBits));
    exponent = b.max(exponent, word(llvm::bit_cast<int32_t>(table.values[1 << table.mantissaBits])));  // that of the smallest normal number
    Value shift = floatOf(b.add(exponent, word(int64_t(23 - table.mantissaBits) << 23)));
    Value rounded = b.sub(b.add(size, shift), shift);
    Value sign = arith::AndIOp::create(b, bits, word(~int64_t(sizeBits)));
    return floatOf(arith::OrIOp::create(b, bitsOf(rounded), sign));
  }
};
} // namespace

FlatSymbolRefAttr qcc::roundToFloatsKernel(KernelLibrary &library, const Columns &columns, qnt::BlockType format) {
  SmallVector<Type> types = {columns.type(library.context()), rowsOf(columns.width, Float32Type::get(library.context()))};
  return library.get("round_" + columns.name() + "_" + qnt::formatName(format), types, [&](KernelBuilder &b, ValueRange args) {
    FloatRounder rounder{b, *qnt::floatTableOf(format), columns.width};
    int64_t group = format.getGroup() < 0 ? columns.width : format.getGroup();
    Value offset = b.idx(columns.offset);
    b.shareTiles(b.size(args[1], 0), columns.width, group, [&](Value row, Value first, Value end) {
      Value scale = rounder.scaleOf(args[0], row, offset, first, end), one = b.f32(1);
      Value vanishes = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, b.f32(0));
      Value divisor = b.splat(b.select(vanishes, one, scale), b.vecF32()), factor = b.splat(scale, b.vecF32());
      b.loop(first, end, b.lanes(), [&](Value column) {
        Value mask = rounder.maskAt(column), x = b.loadVec(args[0], {row, b.add(column, offset)}, mask);
        b.storeVec(b.mul(rounder.nearest(b.div(x, divisor)), factor), args[1], {row, column}, mask);
      });
    });
  });
}
