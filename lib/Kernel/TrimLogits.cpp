// Logits of the last `keep` positions only: cuts the rows before the head.
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_TRIMLOGITS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// The value before the final run of operations that treat rows alike, each with no other use.
static OpOperand *startOfHead(OpOperand &logits) {
  OpOperand *at = &logits;
  while (Operation *op = at->get().getDefiningOp()) {
    if (!isa<qnt::MatmulOp, qnt::NormOp, qnt::QuantizeOp>(op) || !op->hasOneUse())
      break;
    at = &op->getOpOperand(0);
  }
  return at;
}

namespace {
struct TrimLogitsPass : qcc::impl::TrimLogitsBase<TrimLogitsPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal())
      return;
    bool state = llvm::any_of(main.getArgumentTypes(), [](Type type) { return isa<qnt::CacheType>(type); });
    if (!state)
      return;
    for (OpOperand &result : main.getBody().back().getTerminator()->getOpOperands()) {
      unsigned i = result.getOperandNumber();
      auto role = main.getResultAttrOfType<StringAttr>(i, "qnt.role");
      auto dims = main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims");
      OpOperand *start = startOfHead(result);
      auto type = dyn_cast<RankedTensorType>(start->get().getType());
      if (!role || role != "logits" || !dims || dims.size() != 3 || start == &result || !type || type.getRank() != 3 || !type.isDynamicDim(1))
        continue;
      trim(*start);
      Builder b(&getContext());
      main.setResultAttr(i, "qnt.dims", b.getArrayAttr({dims[0], b.getStringAttr("keep"), dims[2]}));
      addDim(b.getStringAttr("keep"));
    }
  }

  static void trim(OpOperand &head) {
    OpOperand &start = ofFloats(head);
    auto type = cast<RankedTensorType>(start.get().getType());
    OpBuilder b(start.getOwner());
    Location loc = start.getOwner()->getLoc();
    OpFoldResult batch = b.getIndexAttr(type.getDimSize(0));
    if (type.isDynamicDim(0))
      batch = qnt::DimOp::create(b, loc, "batch").getResult();
    Value seq = qnt::DimOp::create(b, loc, "seq"), keep = qnt::DimOp::create(b, loc, "keep");
    Value from = arith::SubIOp::create(b, loc, seq, keep);
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    start.set(tensor::ExtractSliceOp::create(b, loc, type, start.get(), ArrayRef<OpFoldResult>{zero, from, zero},
                                             ArrayRef<OpFoldResult>{batch, keep, b.getIndexAttr(type.getDimSize(2))},
                                             ArrayRef<OpFoldResult>{one, one, one}));
  }

  /// Rows of codes cannot be cut: where other products read the same, the head gets its own, made of the rows that are left.
  static OpOperand &ofFloats(OpOperand &start) {
    auto quantize = start.get().getDefiningOp<qnt::QuantizeOp>();
    if (!quantize)
      return start;
    OpBuilder b(start.getOwner());
    Operation *own = b.clone(*quantize);
    start.set(own->getResult(0));
    return own->getOpOperand(0);
  }

  void addDim(StringAttr name) {
    SmallVector<Attribute> dims;
    if (auto known = getOperation()->getAttrOfType<ArrayAttr>("qnt.dims"))
      dims.append(known.begin(), known.end());
    if (!llvm::is_contained(dims, name))
      dims.push_back(name);
    getOperation()->setAttr("qnt.dims", ArrayAttr::get(&getContext(), dims));
  }
};
} // namespace
