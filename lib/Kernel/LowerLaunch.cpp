// Launches become calls, with barriers where a step needs what an earlier one wrote, or writes what it read or wrote.
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
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
    SmallVector<ReassociationIndices> groups(from.getRank() ? 1 : 0);  // a scalar has no dimension to expand
    for (int64_t i = 0; from.getRank() && i < to.getRank(); ++i)
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
/// Which memory a memref is in, as far as steps may depend on each other: an argument, a port, or a place in the arena or the state. PlaceBuffers
/// gives each slot one offset value, and slots do not overlap.
struct Place {
  Value root;
  int64_t number;
  bool operator==(const Place &other) const { return root == other.root && number == other.number; }
};

Place placeOf(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto bind = dyn_cast<qk::BindOp>(op))
      return {bind.getOffset(), int64_t(bind.getStorage()) * 1024 + int64_t(bind.getPort())};
    if (!isa<ViewLikeOpInterface, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op))
      break;
    memref = op->getOperand(0);
  }
  return {memref, -1};
}

/// Steps since the last barrier.
class Pending {
public:
  bool conflicts(qk::LaunchOp launch) const {
    auto hits = [](ValueRange memrefs, ArrayRef<Place> places) {
      return llvm::any_of(memrefs, [&](Value v) { return isa<MemRefType>(v.getType()) && llvm::is_contained(places, placeOf(v)); });
    };
    return hits(launch.getInputs(), written) || hits(launch.getOutputs(), written) || hits(launch.getOutputs(), read);
  }
  void add(qk::LaunchOp launch) {
    for (Value v : launch.getInputs())
      if (isa<MemRefType>(v.getType()))
        read.push_back(placeOf(v));
    for (Value v : launch.getOutputs())
      written.push_back(placeOf(v));
  }
  void clear() { read.clear(), written.clear(); }
  bool empty() const { return written.empty(); }

private:
  SmallVector<Place> read, written;
};

struct LowerLaunchPass : qcc::impl::LowerLaunchBase<LowerLaunchPass> {
  LogicalResult makeCall(qk::LaunchOp launch, func::FuncOp kernel) {
    OpBuilder b(launch);
    SmallVector<Value> operands;
    for (auto [operand, type] : llvm::zip(launch->getOperands(), kernel.getArgumentTypes())) {
      auto from = dyn_cast<MemRefType>(operand.getType());
      if (from && from != type && !from.getLayout().isIdentity())
        return launch.emitOpError("passes ") << from << " where the kernel takes " << type;
      operands.push_back(fit(b, launch.getLoc(), operand, type));
    }
    func::CallOp::create(b, launch.getLoc(), kernel, operands)->setDiscardableAttrs(launch->getDiscardableAttrDictionary());
    return success();
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || function->hasAttr("qk.kernel"))
        continue;
      Pending pending;
      for (Operation &op : llvm::make_early_inc_range(function.front())) {
        auto launch = dyn_cast<qk::LaunchOp>(op);
        // Anything that may touch memory meets finished steps only: loops of the generic path, calls, the function's end.
        bool waits = launch ? pending.conflicts(launch) : !isMemoryEffectFree(&op) || op.hasTrait<OpTrait::IsTerminator>();
        if (waits && !pending.empty()) {
          OpBuilder b(&op);
          if (!isa<qk::BarrierOp>(op))
            qk::BarrierOp::create(b, op.getLoc());
          pending.clear();
        }
        if (!launch)
          continue;
        pending.add(launch);
        if (failed(makeCall(launch, symbols.lookup<func::FuncOp>(launch.getKernel()))))
          return signalPassFailure();
        launch.erase();
      }
    }
  }
};
} // namespace
