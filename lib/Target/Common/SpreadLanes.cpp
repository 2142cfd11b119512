// Registers over the threads of a device: kernels are written for registers of N 32-bit lanes; where lanes are threads that run in step (a warp), each
// of them keeps its own part of every register.
//
// A vector of N*c elements becomes a vector of c: lane l has elements l*c .. l*c+c-1, so that bytes stay with the 32-bit element that they are part
// of. Vectors of other lengths and scalars are the same in every lane, or a lane's own where they come from its number (qk.lane_id); control flow is the
// same. Elementwise operations and hooks change their type and
// nothing else; loads and stores start at the lane's part; sums over a register are sums over lanes.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/TargetFacts.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "qcc/Target/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_SPREADLANES
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
class Spreader {
public:
  Spreader(func::FuncOp function, int64_t lanes) : function(function), lanes(lanes) {}

  LogicalResult run() {
    SmallVector<Operation *> ops;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op == function)
        return;
      bool blockArguments = llvm::any_of(op->getRegions(), [&](Region &region) {
        return llvm::any_of(region, [&](Block &block) { return llvm::any_of(block.getArgumentTypes(), [&](Type type) { return part(type); }); });
      });
      if (blockArguments || llvm::any_of(op->getOperandTypes(), [&](Type t) { return part(t); }) || llvm::any_of(op->getResultTypes(), [&](Type t) { return part(t); }))
        ops.push_back(op);
    });
    bool namesLanes = function.walk([](qk::LaneIdOp) { return WalkResult::interrupt(); }).wasInterrupted();   // vectors may be lanes' own
    if (ops.empty() && !namesLanes)
      return success();
    function->setAttr("qk.lanes", Builder(function.getContext()).getI64IntegerAttr(lanes));
    OpBuilder b = OpBuilder::atBlockBegin(&function.front());
    lane = qk::LaneIdOp::create(b, function.getLoc(), b.getIndexType());
    // Types change in place, so what an operation needs to know of the old ones comes first.
    for (Operation *op : ops)
      if (failed(spread(op)))
        return failure();
    return success();
  }

private:
  /// A lane's part of a register; null for what all lanes have.
  VectorType part(Type type) const {
    auto vector = dyn_cast<VectorType>(type);
    if (!vector || vector.getRank() != 1 || vector.isScalable() || vector.getNumElements() % lanes)
      return {};
    return VectorType::get(vector.getNumElements() / lanes, vector.getElementType());
  }

  Value at(ImplicitLocOpBuilder &b, int64_t perLane) { return arith::MulIOp::create(b, lane, arith::ConstantIndexOp::create(b, perLane)); }

  LogicalResult spread(Operation *op) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      return spreadConstant(b, constant);
    if (auto mask = dyn_cast<vector::ConstantMaskOp>(op)) {
      VectorType own = part(mask.getType());
      Value count = arith::ConstantIndexOp::create(b, mask.getMaskDimSizes()[0]);
      Value left = arith::SubIOp::create(b, count, at(b, own.getNumElements()));
      mask.replaceAllUsesWith(vector::CreateMaskOp::create(b, own, left).getResult());
      mask.erase();
      return success();
    }
    if (auto mask = dyn_cast<vector::CreateMaskOp>(op)) {
      VectorType own = part(mask.getType());
      mask->setOperand(0, arith::SubIOp::create(b, mask.getOperand(0), at(b, own.getNumElements())));
      mask.getResult().setType(own);
      return success();
    }
    if (auto reduction = dyn_cast<vector::ReductionOp>(op))
      return spreadReduction(b, reduction);
    if (isa<vector::LoadOp, vector::StoreOp, vector::MaskedLoadOp, vector::MaskedStoreOp>(op)) {
      moveToPart(b, op);
      return setTypes(op);
    }
    bool same = op->hasTrait<OpTrait::Elementwise>() || op->hasTrait<qk::Hook>() || isa<scf::ForOp, scf::IfOp, scf::YieldOp, scf::WhileOp, scf::ConditionOp, vector::BitCastOp>(op);
    auto broadcast = dyn_cast<vector::BroadcastOp>(op);
    if (!same && !(broadcast && !isa<VectorType>(broadcast.getSource().getType())))
      return op->emitOpError("has no form for a register whose lanes are threads");
    return setTypes(op);
  }

  LogicalResult setTypes(Operation *op) {
    for (Value result : op->getResults())
      if (VectorType own = part(result.getType()))
        result.setType(own);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (VectorType own = part(argument.getType()))
            argument.setType(own);
    return success();
  }

  /// The innermost index moves by the lane's share. A stored vector has its new type already: operands come before their users.
  void moveToPart(ImplicitLocOpBuilder &b, Operation *op) {
    auto move = [&](MutableOperandRange indices, int64_t perLane) {
      OpOperand &last = indices[indices.size() - 1];
      last.set(arith::AddIOp::create(b, last.get(), at(b, perLane)));
    };
    if (auto load = dyn_cast<vector::LoadOp>(op))
      move(load.getIndicesMutable(), load.getVectorType().getNumElements() / lanes);
    else if (auto masked = dyn_cast<vector::MaskedLoadOp>(op))
      move(masked.getIndicesMutable(), masked.getVectorType().getNumElements() / lanes);
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      move(store.getIndicesMutable(), store.getVectorType().getNumElements());
    else if (auto masked = dyn_cast<vector::MaskedStoreOp>(op))
      move(masked.getIndicesMutable(), masked.getVectorType().getNumElements());
  }

  /// 0, 1, 2, ...: the numbers of the lanes.
  bool isRamp(DenseElementsAttr values) const {
    if (values.getNumElements() != lanes || !isa<IntegerType>(values.getElementType()))
      return false;
    return llvm::all_of(llvm::enumerate(values.getValues<APInt>()), [](auto value) { return value.value() == value.index(); });
  }

  LogicalResult spreadConstant(ImplicitLocOpBuilder &b, arith::ConstantOp constant) {
    auto values = cast<DenseElementsAttr>(constant.getValue());
    VectorType own = part(constant.getType());
    if (values.isSplat()) {
      constant.getResult().setType(own);
      constant.setValueAttr(values.resizeSplat(own));
      return success();
    }
    b.setInsertionPointAfter(constant);
    if (isRamp(values)) {
      Value number = arith::IndexCastOp::create(b, own.getElementType(), lane);
      constant.replaceAllUsesWith(vector::BroadcastOp::create(b, own, number).getResult());
      constant.erase();
      return success();
    }
    // Lanes read their elements from the whole, which is a table.
    Value whole = arith::ConstantOp::create(b, values), result = arith::ConstantOp::create(b, b.getZeroAttr(own));
    for (int64_t i = 0; i < own.getNumElements(); ++i) {
      Value index = arith::AddIOp::create(b, at(b, own.getNumElements()), arith::ConstantIndexOp::create(b, i));
      result = vector::InsertOp::create(b, vector::ExtractOp::create(b, whole, OpFoldResult(index)), result, i);
    }
    constant.replaceAllUsesWith(result);
    constant.erase();
    return success();
  }

  LogicalResult spreadReduction(ImplicitLocOpBuilder &b, vector::ReductionOp op) {
    // The operand has its new type.
    auto own = cast<VectorType>(op.getVector().getType());
    Value mine = own.getNumElements() == 1 ? vector::ExtractOp::create(b, op.getVector(), 0).getResult()
                                           : vector::ReductionOp::create(b, op.getKind(), op.getVector(), op.getFastmath()).getResult();
    if (!mine.getType().isF32() && !mine.getType().isInteger(32))
      return op.emitOpError("sums something else than 32-bit numbers over the lanes of a register");
    Value all = qk::ReduceLanesOp::create(b, mine.getType(), op.getKindAttr(), mine);
    if (op.getAcc())
      all = vector::makeArithReduction(b, op.getLoc(), op.getKind(), all, op.getAcc());
    op.replaceAllUsesWith(all);
    op.erase();
    return success();
  }

  func::FuncOp function;
  int64_t lanes;
  Value lane;
};

struct SpreadLanesPass : qcc::impl::SpreadLanesBase<SpreadLanesPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function->hasAttr("qk.step") && failed(Spreader(function, getTargetFacts(function).lanes()).run()))
      signalPassFailure();
  }
};
} // namespace
