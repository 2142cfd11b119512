// Gives every weight a layout, by what reads it, and an offset in the data region.
#include "lib/Kernel/ComponentLayout.h"
#include "lib/Kernel/Packing.h"
#include "lib/Kernel/RowLayout.h"
#include "lib/Kernel/UsedLayouts.h"
#include "qcc/Kernel/Passes.h"
#include "llvm/ADT/MapVector.h"
namespace qcc {
#define GEN_PASS_DEF_PLACEWEIGHTS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct PlaceWeightsPass : qcc::impl::PlaceWeightsBase<PlaceWeightsPass> {
  using PlaceWeightsBase::PlaceWeightsBase;
  using Layouts = llvm::MapVector<Operation *, llvm::SmallMapVector<WeightLayout, qnt::WeightDeclOp, 2>>;   // ordered, as diagnostics are

  /// The declaration of `decl`'s values in `layout`: itself for its first layout, a copy for others.
  qnt::WeightDeclOp declFor(qnt::WeightDeclOp decl, WeightLayout layout, Layouts &layouts, SymbolTable &symbols) {
    auto &known = layouts[decl];
    if (auto found = known.lookup(layout))
      return found;
    auto made = decl;
    if (!known.empty()) {
      made = decl.clone();
      made.setSymName((decl.getSymName() + "." + qnt::stringifyWeightLayout(layout)).str());
      symbols.insert(made, std::next(Block::iterator(decl)));
    }
    return known[layout] = made;
  }

  /// What the reference lowering of any use reads.
  static WeightLayout referenceLayout(qnt::WeightOp weight) {
    Type element = cast<RankedTensorType>(weight.getType()).getElementType();
    return isa<qnt::BlockType>(element) ? WeightLayout::Components : WeightLayout::Plain;
  }

  LogicalResult chooseLayouts(SymbolTable &symbols) {
    Layouts layouts;
    SmallVector<qnt::WeightOp> weights;
    getOperation().walk([&](qnt::WeightOp op) { weights.push_back(op); });
    for (qnt::WeightOp weight : weights) {
      auto decl = symbols.lookup<qnt::WeightDeclOp>(weight.getDecl());
      for (OpOperand &use : llvm::make_early_inc_range(weight->getUses())) {
        bool mixed = false;
        WeightLayout layout = reference ? referenceLayout(weight) : layoutOfUse(use, mixed);
        if (mixed)
          return weight.emitOpError("is read in several layouts by one function that it is passed to");
        auto placed = declFor(decl, layout, layouts, symbols);
        if (placed == decl)
          continue;
        OpBuilder b(weight);
        auto copy = qnt::WeightOp::create(b, weight.getLoc(), weight.getType(), placed.getSymName());
        use.set(copy);
      }
      if (weight->use_empty())
        weight.erase();
    }
    bool all = true;                                   // every weight that has no layout gets its diagnostic
    for (auto &[decl, byLayout] : layouts)
      for (auto &[layout, placed] : byLayout)
        all &= succeeded(setLayout(placed, layout, cast<qnt::WeightDeclOp>(decl).getSymName()));
    return success(all);
  }

  /// Diagnostics call the weight `name`, since copies have another one than the model gives.
  LogicalResult setLayout(qnt::WeightDeclOp decl, WeightLayout layout, StringRef name) {
    auto type = cast<RankedTensorType>(decl.getType());
    Type element = type.getElementType();
    auto error = [&] { return decl.emitError() << "weight '" << name << "': "; };
    int64_t bytes = 0;
    if (layout == WeightLayout::Panels) {
      auto panels = kernel::PanelLayout::get(element, lanes, error);
      if (failed(panels))
        return failure();
      bytes = panels->bytes(type.getDimSize(0), type.getDimSize(1));
    } else if (layout == WeightLayout::Rows) {
      auto rows = kernel::RowLayout::get(element, type.getDimSize(1), error);
      if (failed(rows))
        return failure();
      bytes = rows->bytes(type.getDimSize(0));
    } else if (layout == WeightLayout::Components) {
      auto components = kernel::ComponentLayout::get(element, type.getDimSize(1), error);
      if (failed(components))
        return failure();
      bytes = type.getDimSize(0) * components->rowBytes();
    } else {
      if (!element.isIntOrFloat())
        return error() << "is read as a plain tensor, which has no format " << qnt::formatName(element) << " [unsupported-format]";
      bytes = type.getNumElements() * std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
    }
    decl.setLayoutAttr(qnt::LayoutAttr::get(&getContext(), layout, bytes, layout == WeightLayout::Panels ? lanes : 0u));
    return success();
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    if (failed(chooseLayouts(symbols)))
      return signalPassFailure();
    int64_t offset = 0;
    for (auto decl : llvm::make_early_inc_range(getOperation().getOps<qnt::WeightDeclOp>())) {
      if (!decl.getLayout()) {                         // nothing reads it
        decl.erase();
        continue;
      }
      decl.setOffset(offset);
      offset += (decl.getLayout()->getBytes() + 63) / 64 * 64;
    }
    getOperation()->setAttr("qnt.weights_bytes", Builder(&getContext()).getI64IntegerAttr(offset));
  }
};
} // namespace
