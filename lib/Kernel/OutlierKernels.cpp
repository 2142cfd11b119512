// LLM.int8(): finds channels of large activations at run time, and multiplies them as floats with columns that it decodes from int8 weights.
//
// A few channels out of thousands are outliers, so weights are read by column: a byte of every lane's word. Each thread gathers the numbers of the
// outliers once, then decodes some of the columns of a panel and adds their products to all rows.
#include "lib/Kernel/Kernels.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
using namespace mlir;
using namespace qcc;

FlatSymbolRefAttr qcc::splitOutliersKernel(KernelLibrary &library, int64_t width, double threshold) {
  Type f32 = Float32Type::get(library.context()), i32 = IntegerType::get(library.context(), 32);
  Type rows = rowsOf(width, f32);
  std::string name = llvm::formatv("split_outliers_{0}_{1:x-}", width, llvm::bit_cast<uint32_t>(float(threshold))).str();
  return library.get(name, {rows, rows, rows, MemRefType::get({width}, i32)}, [&](KernelBuilder &b, ValueRange args) {
    auto ints = b.vec(b.lanes(), b.getI32Type());
    b.share(b.idx((width + b.lanes() - 1) / b.lanes()), [&](Value unit) {
      Value at = b.mul(unit, b.lanes()), mask;
      if (width % b.lanes())
        mask = vector::CreateMaskOp::create(b, b.vec(b.lanes(), b.getI1Type()), ValueRange{b.min(b.sub(b.idx(width), at), b.idx(b.lanes()))});
      Value count = b.size(args[0], 0);
      Value most = b.loop(b.idx(0), count, 1, b.zero(b.vecF32()), [&](Value row, ValueRange most) {
        return KernelBuilder::Values{arith::MaxNumFOp::create(b, most[0], math::AbsFOp::create(b, b.loadVec(args[0], {row, at}, mask)))};
      })[0];
      Value isOutlier = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, most, b.splat(threshold));
      b.storeVec(arith::ExtUIOp::create(b, ints, isOutlier), args[3], at, mask);
      b.loop(b.idx(0), count, 1, [&](Value row) {
        Value x = b.loadVec(args[0], {row, at}, mask), zero = b.zero(b.vecF32());
        b.storeVec(b.select(isOutlier, zero, x), args[1], {row, at}, mask);
        b.storeVec(b.select(isOutlier, x, zero), args[2], {row, at}, mask);
      });
    });
  });
}

bool qcc::multipliesOutliers(const kernel::PanelLayout &weight) {
  return weight.isCodes() && weight.bits == 8 && weight.perRow() && weight.scale == qnt::ScaleKind::F16 && weight.zero == qnt::ZeroKind::None && !weight.super && !weight.table;
}

namespace {
/// One panel of the weight while columns of it are multiplied.
struct OutlierPanel {
  KernelBuilder &b;
  const kernel::PanelLayout &weight;
  int64_t n, k;
  Value weights, panel;

  Value at() { return b.mul(panel, weight.panelBytes(k)); }
  Value column() { return b.mul(panel, weight.lanes); }

  /// Codes less 128 of column `k`: byte k % 4 of the words of its unit.
  Value codes(Value k) {
    Value unit = b.add(at(), b.mul(b.div(k, 4), 4 * weight.lanes));
    auto words = b.vec(weight.lanes, b.getI32Type());
    Value word = vector::BitCastOp::create(b, words, b.loadVec(weights, unit, {}, 4 * weight.lanes));
    Value shift = b.splat(arith::IndexCastOp::create(b, b.getI32Type(), b.mul(b.rem(k, 4), 8)), words);
    Value code = arith::AndIOp::create(b, arith::ShRUIOp::create(b, word, shift), b.splat(b.i32(255), words));
    return b.toF32(b.sub(code, b.splat(b.i32(weight.implicitZero()), words)));
  }

  /// Behind the last superblock.
  Value scales() {
    Value place = b.add(at(), weight.paddedK(k) / weight.superK() * weight.superBytes());
    return b.toF32(vector::BitCastOp::create(b, b.vec(weight.lanes, b.getF16Type()), b.loadVec(weights, place, {}, 2 * weight.lanes)));
  }

  /// Of the lanes that are columns of the product; null where all are.
  Value mask() {
    if (n % weight.lanes == 0)
      return {};
    return vector::CreateMaskOp::create(b, b.vec(weight.lanes, b.getI1Type()), ValueRange{b.min(b.sub(b.idx(n), column()), b.idx(weight.lanes))});
  }
};
} // namespace

FlatSymbolRefAttr qcc::outlierProductKernel(KernelLibrary &library, int64_t n, int64_t k, const kernel::PanelLayout &weight) {
  constexpr int64_t together = 32;                    // columns that are decoded before they are multiplied: 2 KiB at 16 lanes
  MLIRContext *context = library.context();
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32), i8 = IntegerType::get(context, 8);
  SmallVector<Type> types = {rowsOf(k, f32), MemRefType::get({k}, i32), MemRefType::get({weight.bytes(n, k)}, i8), rowsOf(n, f32)};
  return library.get("outliers_" + Twine(n) + "x" + Twine(k) + "_" + weight.name(), types, [&](KernelBuilder &b, ValueRange args) {
    Value found = args[1], output = args[3], zero = b.idx(0), rows = b.size(output, 0);
    Value list = b.scratch({k}, b.getI32Type()), decoded = b.scratch({together * weight.lanes}, b.getF32Type());
    // Every channel is written, and counted if it is one: the next takes its place if not.
    Value count = b.loop(zero, b.idx(k), 1, zero, [&](Value channel, ValueRange count) {
      b.store(arith::IndexCastOp::create(b, b.getI32Type(), channel), list, count[0]);
      return KernelBuilder::Values{b.add(count[0], arith::IndexCastOp::create(b, b.getIndexType(), b.load(found, channel)))};
    })[0];
    auto channelAt = [&](Value i) { return arith::IndexCastOp::create(b, b.getIndexType(), b.load(list, i)).getResult(); };
    b.share(b.idx(weight.panels(n)), [&](Value number) {
      OutlierPanel panel{b, weight, n, k, args[2], number};
      Value mask = panel.mask(), scales = panel.scales(), column = panel.column();
      auto vector = b.vec(weight.lanes, b.getF32Type());
      // Once also without outliers: the product is 0.
      b.loop(zero, b.max(count, b.idx(1)), together, [&](Value first) {
        Value end = b.min(b.add(first, together), count), isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first, zero);
        Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, end, count);
        b.loop(first, end, 1, [&](Value i) { b.storeVec(panel.codes(channelAt(i)), decoded, b.mul(b.sub(i, first), weight.lanes)); });
        b.loop(zero, rows, 1, [&](Value row) {
          Value before = b.select(isFirst, b.zero(vector), b.loadVec(output, {row, column}, mask, weight.lanes));
          Value sum = b.loop(first, end, 1, before, [&](Value i, ValueRange sum) {
            Value x = b.splat(b.load(args[0], {row, channelAt(i)}), vector);
            return KernelBuilder::Values{b.fma(x, b.loadVec(decoded, b.mul(b.sub(i, first), weight.lanes), {}, weight.lanes), sum[0])};
          })[0];
          b.storeVec(b.select(isLast, b.mul(sum, scales), sum), output, {row, column}, mask);
        });
      });
    });
  });
}
