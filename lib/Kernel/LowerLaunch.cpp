// Launches become calls and barriers.
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERLAUNCH
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// `memref` with its leading dimensions collapsed (or ones put before them) to the type of a kernel's parameter.
static Value fit(OpBuilder &b, Location loc, Value memref, Type wanted) {
  auto to = dyn_cast<MemRefType>(wanted);
  auto from = dyn_cast<MemRefType>(memref.getType());
  if (!to || !from || from == to)
    return memref;
  int64_t extra = from.getRank() - to.getRank();
  if (extra < 0) {                                                  // a vector as a row
    SmallVector<ReassociationIndices> groups(1);
    for (int64_t i = 0; i < to.getRank(); ++i)
      groups[0].push_back(i);
    SmallVector<int64_t> shape(-extra, 1);
    llvm::append_range(shape, from.getShape());
    memref = memref::ExpandShapeOp::create(b, loc, shape, memref, groups);
  } else if (extra > 0) {
    SmallVector<ReassociationIndices> groups(to.getRank());
    for (int64_t i = 0; i < from.getRank(); ++i)
      groups[std::max<int64_t>(0, i - extra)].push_back(i);
    memref = memref::CollapseShapeOp::create(b, loc, memref, groups);
  }
  return memref.getType() == to ? memref : memref::CastOp::create(b, loc, to, memref).getResult();
}

namespace {
struct LowerLaunchPass : qcc::impl::LowerLaunchBase<LowerLaunchPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<qk::LaunchOp> launches;
    getOperation().walk([&](qk::LaunchOp op) { launches.push_back(op); });
    for (qk::LaunchOp launch : launches) {
      auto kernel = symbols.lookup<func::FuncOp>(launch.getKernel());
      OpBuilder b(launch);
      SmallVector<Value> operands;
      for (auto [operand, type] : llvm::zip(launch->getOperands(), kernel.getArgumentTypes())) {
        auto from = dyn_cast<MemRefType>(operand.getType());
        if (from && !memref::CastOp::areCastCompatible(operand.getType(), type) && !from.getLayout().isIdentity()) {
          launch.emitOpError("passes ") << operand.getType() << " where the kernel takes " << type;
          return signalPassFailure();
        }
        operands.push_back(fit(b, launch.getLoc(), operand, type));
      }
      func::CallOp::create(b, launch.getLoc(), kernel, operands);
      qk::BarrierOp::create(b, launch.getLoc());
      launch.erase();
    }
  }
};
} // namespace
