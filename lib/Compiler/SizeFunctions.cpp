// Folds the operations of a function of sizes, which are straight lines of index arithmetic and calls, with constants in the place of dimensions.
#include "lib/Compiler/SizeFunctions.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
using namespace mlir;
using namespace qcc;

std::optional<int64_t> qcc::evaluateSize(ModuleOp lowered, StringRef name, const llvm::StringMap<int64_t> &dims) {
  auto function = lowered.lookupSymbol<func::FuncOp>(name);
  if (!function || function.getNumArguments() || function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return std::nullopt;
  Builder b(lowered.getContext());
  llvm::DenseMap<Value, Attribute> known;
  for (Operation &op : function.getBody().front().without_terminator()) {
    std::optional<int64_t> size;
    if (auto dim = dyn_cast<qk::DimOp>(op)) {
      if (auto at = dims.find(dim.getName()); at != dims.end())
        size = at->second;
    } else if (auto call = dyn_cast<func::CallOp>(op)) {
      size = evaluateSize(lowered, call.getCallee(), dims);
    } else {
      SmallVector<Attribute> operands;
      for (Value operand : op.getOperands())
        operands.push_back(known.lookup(operand));
      SmallVector<OpFoldResult> results;
      if (failed(op.fold(operands, results)) || results.size() != 1)
        return std::nullopt;
      Attribute result = isa<Attribute>(results[0]) ? cast<Attribute>(results[0]) : known.lookup(cast<Value>(results[0]));
      if (!result)
        return std::nullopt;
      known[op.getResult(0)] = result;
      continue;
    }
    if (!size)
      return std::nullopt;
    known[op.getResult(0)] = b.getIndexAttr(*size);
  }
  auto result = dyn_cast_or_null<IntegerAttr>(known.lookup(function.getBody().front().getTerminator()->getOperand(0)));
  return result ? std::optional(result.getInt()) : std::nullopt;
}
