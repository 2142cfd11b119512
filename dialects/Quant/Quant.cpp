// Registration of the qnt dialect.
#include "dialects/Quant/Quant.h"
#include "mlir/Transforms/InliningUtils.h"
using namespace qcc::qnt;
#include "dialects/Quant/QuantDialect.cpp.inc"
#include "dialects/Quant/QuantInterfaces.cpp.inc"

namespace {
/// Operations name weights and dimensions of their module: any function of it may hold them.
struct QntInliner : mlir::DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(mlir::Operation *, mlir::Region *, bool, mlir::IRMapping &) const override { return true; }
};
} // namespace

void QntDialect::initialize() {
  registerTypesAndAttributes();
  addInterfaces<QntInliner>();
  addOperations<
#define GET_OP_LIST
#include "dialects/Quant/QuantOps.cpp.inc"
      >();
}
