// Numbers barriers and describes what lies between them, so that the runtime can say where the time goes.
#include "lib/Kernel/NodeNames.h"
#include "qcc/Kernel/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
namespace qcc {
#define GEN_PASS_DEF_DESCRIBEREGIONS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// What threads do between two barriers.
class Region {
public:
  void add(Operation *op, StringRef kernel, DictionaryAttr work) {
    kernels.insert(kernel);
    if (std::string nodes = nodesOf(op->getLoc()); !nodes.empty())
      this->nodes.insert(StringAttr::get(op->getContext(), nodes));
    if (!work)
      return;
    weightBytes += work.getAs<IntegerAttr>("weight_bytes").getInt();
    auto products = work.getAs<IntegerAttr>("macs");
    if (!products)
      return;
    auto dims = work.getAs<ArrayAttr>("rows");
    known &= dims && (!rows || rows == dims);
    rows = dims;
    macs += products.getInt();
  }
  DictionaryAttr describe(MLIRContext *context) const {
    Builder b(context);
    NamedAttrList attrs;
    attrs.set("kernels", b.getStringAttr(llvm::join(kernels, " + ")));
    attrs.set("nodes", b.getStringAttr(llvm::join(llvm::map_range(nodes, [](StringAttr name) { return name.getValue(); }), ", ")));
    attrs.set("weight_bytes", b.getI64IntegerAttr(weightBytes));
    if (rows && known) {
      attrs.set("macs", b.getI64IntegerAttr(macs));
      attrs.set("rows", rows);
    }
    return attrs.getDictionary(context);
  }

private:
  llvm::SetVector<StringRef> kernels;
  llvm::SetVector<StringAttr> nodes;
  int64_t weightBytes = 0, macs = 0;
  ArrayAttr rows;
  bool known = true;                                                // all products have the same rows
};

struct DescribeRegionsPass : qcc::impl::DescribeRegionsBase<DescribeRegionsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    Builder b(&getContext());
    SmallVector<Attribute> regions;
    auto isKernel = [&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      return callee && callee->hasAttr("qk.kernel");
    };
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || function->hasAttr("qk.kernel"))
        continue;
      Region region;
      for (Operation &op : function.front()) {
        if (auto barrier = dyn_cast<qk::BarrierOp>(op)) {
          barrier.setRegion(regions.size());
          regions.push_back(region.describe(&getContext()));
          region = Region();
        } else if (auto call = dyn_cast<func::CallOp>(op); call && isKernel(call)) {
          region.add(call, call.getCallee(), call->getAttrOfType<DictionaryAttr>("qk.work"));
          call->removeAttr("qk.work");
        } else if (op.getNumRegions()) {
          region.add(&op, "loops", {});
        }
      }
    }
    getOperation()->setAttr("qk.regions", b.getArrayAttr(regions));
  }
};
} // namespace
