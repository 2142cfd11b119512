// Walks the call graph from the functions that nobody calls: sets the types of weights, then gives each callee the types of its
// operands. The first list of types takes the callee in place, later ones a copy of how it was.
#include "RetypeWeights.h"
#include "qcc/Quantize/FormatDecisions.h"
#include "llvm/ADT/MapVector.h"
using namespace mlir;
using namespace qcc;

namespace {
class Retyper {
public:
  Retyper(ModuleOp module, const llvm::DenseMap<StringAttr, RankedTensorType> &types, unsigned &copies)
      : module(module), symbols(module), types(types), copies(copies) {}
  ~Retyper() {
    for (auto &[function, original] : originals)
      original->erase();
  }

  LogicalResult run() {
    for (auto decl : module.getOps<qnt::WeightDeclOp>())
      if (auto it = types.find(decl.getSymNameAttr()); it != types.end())
        decl.setType(it->second);
    SmallVector<func::FuncOp> roots;
    llvm::SmallPtrSet<Operation *, 8> called;
    module.walk([&](func::CallOp call) {
      if (auto callee = symbols.lookup<func::FuncOp>(call.getCallee()))
        called.insert(callee);
    });
    for (auto function : module.getOps<func::FuncOp>())
      if (!called.contains(function))
        roots.push_back(function);
    for (func::FuncOp root : roots)
      if (failed(rewrite(root)))
        return failure();
    return success();
  }

private:
  /// `function`'s arguments already have their types: sets those of the weights in it, and of its callees.
  LogicalResult rewrite(func::FuncOp function) {
    function.walk([&](qnt::WeightOp op) {
      if (auto it = types.find(op.getDeclAttr().getAttr()); it != types.end())
        op.getResult().setType(it->second);
    });
    SmallVector<func::CallOp> calls;
    function.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls) {
      FailureOr<StringAttr> name = specialize(call);
      if (failed(name))
        return failure();
      call.setCallee(*name);
    }
    return success();
  }

  /// The name of the callee's version for the types of the call's operands.
  FailureOr<StringAttr> specialize(func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    if (!callee || callee.isExternal())
      return call.getCalleeAttr().getAttr();
    StringAttr base = callee.getSymNameAttr();
    TypeRange operands = call.getOperandTypes();
    Type key = FunctionType::get(module.getContext(), operands, call.getResultTypes());
    if (StringAttr known = versions.lookup({base, key}))
      return known;
    if (callee.isPublic() && operands != TypeRange(callee.getArgumentTypes()))
      return callee.emitOpError("is public, but takes weights whose format changes"), failure();

    auto [original, isFirst] = originals.insert({base, callee});
    if (isFirst)
      original->second = callee.clone();
    else {
      callee = original->second.clone();
      symbols.insert(callee, std::next(Block::iterator(symbols.lookup(base)))); // makes the name unique
      ++copies;
    }
    versions[{base, key}] = callee.getSymNameAttr(); // before its body: recursion ends here
    callee.setFunctionType(FunctionType::get(module.getContext(), operands, callee.getResultTypes()));
    for (auto [argument, type] : llvm::zip(callee.getArguments(), operands))
      argument.setType(type);
    if (failed(rewrite(callee)))
      return failure();
    return callee.getSymNameAttr();
  }

  ModuleOp module;
  SymbolTable symbols;
  const llvm::DenseMap<StringAttr, RankedTensorType> &types;
  unsigned &copies;
  llvm::DenseMap<std::pair<StringAttr, Type>, StringAttr> versions;
  llvm::MapVector<StringAttr, func::FuncOp> originals; // how each called function was, detached
};
} // namespace

LogicalResult qcc::retypeWeights(ModuleOp module, const llvm::DenseMap<StringAttr, RankedTensorType> &types, unsigned &copies) {
  return Retyper(module, types, copies).run();
}

LogicalResult qcc::applyFormats(ModuleOp module, const llvm::DenseMap<StringAttr, RankedTensorType> &types, bool print, Pass::Statistic &numCopies) {
  unsigned copies = 0;
  if (failed(retypeWeights(module, types, copies)))
    return failure();
  numCopies += copies;
  if (print)
    printFormatDecisions(module, llvm::errs());
  return success();
}
