// Windows into a program, for calibration and verification: one thread calls out, the others go on to the barrier that ends the step.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

FlatSymbolRefAttr qcc::observeKernel(KernelLibrary &library, int64_t width, Type weight) {
  SmallVector<Type> types = {rowsOf(width, Float32Type::get(library.context())), weight};
  int64_t bytes = cast<MemRefType>(weight).getNumElements();
  return library.get("observe_" + Twine(width) + "_of" + Twine(bytes), types, [&](KernelBuilder &b, ValueRange args) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, qk::ThreadIdOp::create(b, b.getIndexType()), b.idx(0));
    b.when(isFirst, [&] { qk::ObserveOp::create(b, args[0], args[1]); });
  });
}

FlatSymbolRefAttr qcc::tapKernel(KernelLibrary &library, int64_t width) {
  Type rows = rowsOf(width, Float32Type::get(library.context()));
  return library.get("tap_" + Twine(width), {rows, rows}, [&](KernelBuilder &b, ValueRange args) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, qk::ThreadIdOp::create(b, b.getIndexType()), b.idx(0));
    b.when(isFirst, [&] {
      // A copy is shown: others may read what was computed.
      b.loop(b.idx(0), b.size(args[0], 0), 1, [&](Value row) {
        b.loop(b.idx(0), b.idx(width), 1, [&](Value column) { b.store(b.load(args[0], {row, column}), args[1], {row, column}); });
      });
      qk::ObserveOp::create(b, args[1], Value());
    });
  });
}
