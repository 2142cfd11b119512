#include "InlinedCopy.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
using namespace mlir;
using namespace qcc;

/// Replaces `call` by the body of `callee`. The copies of its operations join `added`.
static void inlineCall(func::CallOp call, func::FuncOp callee, SmallVectorImpl<func::CallOp> &added) {
  IRMapping mapping;
  mapping.map(callee.getArguments(), call.getOperands());
  OpBuilder b(call);
  for (Operation &op : callee.front().without_terminator())
    if (auto inner = dyn_cast<func::CallOp>(b.clone(op, mapping)))
      added.push_back(inner);
  for (auto [result, value] : llvm::zip(call.getResults(), callee.front().getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(value));
  call.erase();
}

OwningOpRef<ModuleOp> qcc::inlinedCopy(ModuleOp module) {
  OwningOpRef<ModuleOp> copy(module.clone());
  SymbolTable symbols(*copy);
  constexpr int64_t most = 1 << 16; // programs whose functions call themselves are left as they are
  SmallVector<func::CallOp> calls;
  for (auto function : copy->getOps<func::FuncOp>())
    if (function.isPublic())
      function.walk([&](func::CallOp call) { calls.push_back(call); });
  for (int64_t done = 0; !calls.empty() && done < most; ++done) {
    func::CallOp call = calls.pop_back_val();
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    if (callee && callee.isPrivate() && callee.getBody().hasOneBlock())
      inlineCall(call, callee, calls);
  }
  for (auto function : llvm::make_early_inc_range(copy->getOps<func::FuncOp>()))
    if (function.isPrivate())
      function.erase();
  return copy;
}
