// Clones the program for each class of row counts, so that later passes pick kernels per class.
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
#include "qcc/Kernel/RowClasses.h"
#include "mlir/IR/SymbolTable.h"
namespace qcc {
#define GEN_PASS_DEF_SPECIALIZEROWS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct SpecializeRowsPass : qcc::impl::SpecializeRowsBase<SpecializeRowsPass> {
  /// Clones `function` for `rows` and, first, what it calls; each once.
  func::FuncOp specialize(func::FuncOp function, StringRef rows, StringRef name, SymbolTable &symbols, llvm::StringMap<func::FuncOp> &done) {
    if (auto known = done.lookup(function.getSymName()))
      return known;
    auto clone = function.clone();
    clone.setSymName(name);
    clone->setAttr("qk.rows", StringAttr::get(&getContext(), rows));
    symbols.insert(clone, std::next(Block::iterator(function)));
    done[function.getSymName()] = clone;
    clone.walk([&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (callee && !callee.isExternal())
        call.setCallee(specialize(callee, rows, (callee.getSymName() + "." + rows).str(), symbols, done).getSymName());
    });
    clone.walk([&](qnt::DimOp dim) {
      bool one = rows == "decode" && (dim.getName() == "batch" || dim.getName() == "seq");
      std::optional<int64_t> extent = one ? 1 : fixedDim(dim, dim.getName());
      if (!extent)
        return;
      OpBuilder b(dim);
      dim.replaceAllUsesWith(arith::ConstantIndexOp::create(b, dim.getLoc(), *extent).getResult());
      dim.erase();
    });
    return clone;
  }

  /// Can a call have as many rows? Fixed dimensions bound them.
  bool isPossible(const RowClass &rows) {
    std::optional<int64_t> batch = fixedDim(getOperation(), "batch"), seq = fixedDim(getOperation(), "seq");
    int64_t least = batch.value_or(1) * seq.value_or(1);
    return least <= rows.max && (!batch || !seq || least >= rows.min);
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto main = symbols.lookup<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("has no function @main to compile");
      return signalPassFailure();
    }
    llvm::StringMap<func::FuncOp> old;
    for (const RowClass &rows : rowClasses) {
      if (!isPossible(rows))
        continue;
      llvm::StringMap<func::FuncOp> done;
      specialize(main, rows.name, rows.name, symbols, done);
      for (auto &entry : done)
        old[entry.getKey()] = symbols.lookup<func::FuncOp>(entry.getKey());
    }
    for (auto &entry : old)
      symbols.erase(entry.second);
  }
};
} // namespace
