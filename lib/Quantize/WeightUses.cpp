// Follows the value of qnt.weight into the arguments of the functions it is passed to. A layer's argument stands for the weights
// of all its callers, so uses found there belong to each of them.
#include "WeightUses.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
using namespace mlir;
using namespace qcc;

namespace {
class UseFinder {
public:
  explicit UseFinder(ModuleOp module) : module(module) {}
  WeightUse find(qnt::WeightDeclOp decl, ArrayRef<qnt::WeightOp> values) {
    WeightUse use;
    seen.clear();
    for (qnt::WeightOp value : values)
      follow(value, use);
    auto vocabulary = module->getAttrOfType<IntegerAttr>("qnt.vocabulary");
    int64_t rows = cast<ShapedType>(decl.getType()).getDimSize(0);
    use.head |= use.matmul && (decl.getRole() == "head" || (vocabulary && vocabulary.getInt() == rows));
    return use;
  }

private:
  void follow(Value value, WeightUse &use) {
    if (!seen.insert(value).second)
      return;
    for (OpOperand &operand : value.getUses()) {
      Operation *user = operand.getOwner();
      if (auto matmul = dyn_cast<qnt::MatmulOp>(user); matmul && &operand == &matmul.getWeightMutable()) {
        use.matmul = true;
        use.head |= leavesProgram(matmul.getResult());
      } else if (isa<qnt::ObserveOp>(user)) {
        // Shows what reaches a matmul of the weight, and reads nothing of it.
      } else if (auto gather = dyn_cast<qnt::GatherOp>(user)) {
        use.gather = true;
      } else if (auto call = dyn_cast<func::CallOp>(user)) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        if (callee && !callee.isExternal())
          follow(callee.getArgument(operand.getOperandNumber()), use);
        else
          use.other = true;
      } else {
        use.other = true;
        followView(user, use);
      }
    }
  }
  /// The products that read the values as they are, or seen in another shape or order.
  void followView(Operation *user, WeightUse &use) {
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, linalg::TransposeOp>(user))
      for (OpOperand &operand : user->getResult(0).getUses())
        followView(operand.getOwner(), use);
    else if (auto loops = dyn_cast<linalg::LinalgOp>(user); loops && linalg::isaContractionOpInterface(loops) && !llvm::is_contained(use.products, user))
      use.products.push_back(user);
  }
  static bool leavesProgram(Value result) {
    return llvm::any_of(result.getUsers(), [](Operation *user) {
      auto function = dyn_cast<func::FuncOp>(user->getParentOp());
      return isa<func::ReturnOp>(user) && function && function.isPublic();
    });
  }

  ModuleOp module;
  llvm::SmallPtrSet<Value, 8> seen;
};
} // namespace

llvm::MapVector<Operation *, WeightUse> qcc::findWeightUses(ModuleOp module) {
  llvm::DenseMap<StringAttr, SmallVector<qnt::WeightOp>> values;
  module.walk([&](qnt::WeightOp op) { values[op.getDeclAttr().getAttr()].push_back(op); });
  UseFinder finder(module);
  llvm::MapVector<Operation *, WeightUse> uses;
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    uses[decl] = finder.find(decl, values.lookup(decl.getSymNameAttr()));
  return uses;
}
