// Gives functions a copy for each tuple of shapes that they are called with: later passes follow dimensions from arguments to one call.
#include "lib/Kernel/SymbolicDims.h"
#include "qcc/Kernel/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
namespace qcc {
#define GEN_PASS_DEF_SPECIALIZESHAPES
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// The extents of all tensors that `call` passes, by name.
static std::string shapesOf(func::CallOp call) {
  std::string text;
  for (Value operand : call.getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    for (int64_t i = 0; type && i < type.getRank(); ++i)
      text += dimName(operand, i).value_or("?") + ",";
    text += ";";
  }
  return text;
}

namespace {
struct SpecializeShapesPass : qcc::impl::SpecializeShapesBase<SpecializeShapesPass> {
  /// Callers come before what they call: their own arguments are told apart by then.
  void specializeCalls(func::FuncOp caller, SymbolTable &symbols, llvm::StringMap<llvm::StringMap<func::FuncOp>> &copies, llvm::StringSet<> &seen) {
    if (caller.isExternal() || !seen.insert(caller.getSymName()).second)
      return;
    SmallVector<func::CallOp> calls;
    caller.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (!callee)
        continue;
      llvm::StringMap<func::FuncOp> &known = copies[callee.getSymName()];
      std::string shapes = shapesOf(call);
      if (known.empty())
        known[shapes] = callee;
      func::FuncOp &copy = known[shapes];
      if (!copy) {
        copy = callee.clone();
        symbols.insert(copy, std::next(Block::iterator(callee)));
      }
      call.setCallee(copy.getSymName());
      specializeCalls(copy, symbols, copies, seen);   // before the next call: the shapes of this one's results follow from what it calls
    }
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    llvm::StringMap<llvm::StringMap<func::FuncOp>> copies;
    llvm::StringSet<> seen;
    if (auto main = symbols.lookup<func::FuncOp>("main"))
      specializeCalls(main, symbols, copies, seen);
  }
};
} // namespace
