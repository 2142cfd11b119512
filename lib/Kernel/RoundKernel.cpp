// Activations to bf16 in tile order, for a matrix unit: once per value, by all threads, before the products that read them. Nearest, ties to
// even; a NaN stays one. Rows past M and columns past K are zero.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t tileRows = 16, tileK = 32;

/// The upper halves of f32, rounded, as bf16.
static Value toBf16(KernelBuilder &b, Value x) {
  unsigned n = cast<VectorType>(x.getType()).getNumElements();
  auto words = b.vec(n, b.getI32Type());
  auto constant = [&](int64_t v) { return b.splat(b.i32(v), words); };
  Value bits = arith::BitcastOp::create(b, words, x), sixteen = constant(16);
  Value isOdd = arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, sixteen), constant(1));
  Value nearest = b.add(b.add(bits, constant(0x7fff)), isOdd), quiet = arith::OrIOp::create(b, bits, constant(1 << 22));
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value upper = arith::ShRUIOp::create(b, b.select(isNan, quiet, nearest), sixteen);
  return arith::BitcastOp::create(b, b.vec(n, b.getBF16Type()), arith::TruncIOp::create(b, b.vec(n, b.getI16Type()), upper));
}

FlatSymbolRefAttr qcc::roundKernel(KernelLibrary &library, const Columns &columns, int64_t stride) {
  SmallVector<Type> types = {columns.type(library.context()), rowsOf(stride, BFloat16Type::get(library.context()))};
  return library.get("round_" + columns.name() + "_bf16_" + Twine(stride), types, [&](KernelBuilder &b, ValueRange args) {
    Value flat = memref::CollapseShapeOp::create(b, args[1], ArrayRef<ReassociationIndices>{{0, 1}});
    Value rows = b.size(args[0], 0), none = b.idx(0);
    int64_t blocks = stride / tileK;
    b.share(b.mul(b.div(b.size(args[1], 0), tileRows), blocks), [&](Value tile) {
      Value row0 = b.mul(b.div(tile, blocks), tileRows), k0 = b.mul(b.rem(tile, blocks), tileK), at = b.mul(tile, tileRows * tileK);
      b.loop(none, b.idx(tileRows), 1, [&](Value r) {
        Value row = b.add(row0, r), inside = b.less(row, rows);
        for (int64_t p = 0; p < tileK; p += b.lanes()) {
          Value k = b.add(k0, p), left = b.max(b.sub(b.idx(columns.width), k), none);
          Value mask = vector::CreateMaskOp::create(b, b.vec(b.lanes(), b.getI1Type()), ValueRange{b.select(inside, left, none)});
          Value x = b.loadVec(args[0], {row, b.add(k, columns.offset)}, mask);
          b.storeVec(toBf16(b, x), flat, b.add(b.add(at, b.mul(r, tileK)), p));
        }
      });
    });
  });
}
