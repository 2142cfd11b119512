// Who calls the private functions of a module: what their arguments stand for.
#ifndef QCC_LIB_QUANTIZE_CALLERS_H
#define QCC_LIB_QUANTIZE_CALLERS_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace qcc {
class Callers {
public:
  explicit Callers(mlir::ModuleOp module) {
    module.walk([&](mlir::func::CallOp call) { calls[call.getCalleeAttr().getAttr()].push_back(call); });
  }
  /// The calls of the private function whose argument `value` is; none for any other value, or where the module's user may call it too.
  llvm::ArrayRef<mlir::func::CallOp> of(mlir::Value value) const {
    auto argument = llvm::dyn_cast<mlir::BlockArgument>(value);
    auto function = argument ? llvm::dyn_cast<mlir::func::FuncOp>(argument.getOwner()->getParentOp()) : mlir::func::FuncOp();
    auto found = function && function.isPrivate() && argument.getOwner()->isEntryBlock() ? calls.find(function.getSymNameAttr()) : calls.end();
    return found == calls.end() ? llvm::ArrayRef<mlir::func::CallOp>() : llvm::ArrayRef<mlir::func::CallOp>(found->second);
  }

  /// Whether `holds` is true of every value that `value` stands for: of what callers pass for arguments, as far back as they do.
  bool always(mlir::Value value, llvm::function_ref<bool(mlir::Value)> holds) const {
    llvm::SmallPtrSet<mlir::Value, 8> seen;
    llvm::SmallVector<mlir::Value> open = {value};
    while (!open.empty()) {
      mlir::Value next = open.pop_back_val();
      llvm::ArrayRef<mlir::func::CallOp> calls = of(next);
      if (!seen.insert(next).second)
        continue;
      if (calls.empty() && !holds(next))
        return false;
      for (mlir::func::CallOp call : calls)
        open.push_back(mlir::Value(call.getOperand(llvm::cast<mlir::BlockArgument>(next).getArgNumber())));
    }
    return true;
  }

private:
  llvm::DenseMap<mlir::StringAttr, llvm::SmallVector<mlir::func::CallOp>> calls;
};
} // namespace qcc
#endif
