// Finds the extents that operations take as equal though their names differ, and lists them for the runtime to compare.
#include "lib/Kernel/NodeNames.h"
#include "lib/Kernel/SymbolicDims.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Kernel/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
namespace qcc {
#define GEN_PASS_DEF_REQUIREEQUALDIMS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
using Require = llvm::function_ref<void(std::optional<std::string>, std::optional<std::string>)>;

/// Extents that one loop runs over, whichever operand it reads.
void requireOfLoops(linalg::LinalgOp op, Require require) {
  SmallVector<std::optional<std::string>> loops(op.getNumLoops());
  auto visit = [&](OpOperand &operand) {
    for (auto [i, at] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(at)) {
        std::optional<std::string> name = dimName(operand.get(), i);
        if (loops[dim.getPosition()])
          require(loops[dim.getPosition()], name);
        else
          loops[dim.getPosition()] = name;
      }
  };
  for (OpOperand &init : op.getDpsInitsMutable())     // the shape that was asked for comes first
    visit(init);
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()))
      visit(*input);
}

void requireOfElements(Operation *op, Require require) {
  Value first;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (type && first)
      for (int64_t i = 0; i < type.getRank(); ++i)
        require(dimName(first, i), dimName(operand, i));
    if (type && !first)
      first = operand;
  }
}

/// A tensor goes where the sizes say, whole.
void requireOfInsertion(tensor::InsertSliceOp op, Require require) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t source = 0;
  for (auto [i, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped.test(i))
      require(indexName(size), dimName(op.getSource(), source++));
}

/// A product as text that does not depend on the order of its factors; nothing when one has no name.
std::optional<std::string> product(llvm::SmallVector<std::optional<std::string>> factors) {
  int64_t number = 1;
  SmallVector<std::string> names;
  for (const std::optional<std::string> &factor : factors)
    if (int64_t known; !factor)
      return std::nullopt;
    else if (!StringRef(*factor).getAsInteger(10, known))
      number *= known;
    else
      names.push_back(StringRef(*factor).contains(" + ") ? "(" + *factor + ")" : *factor);
  llvm::sort(names);
  if (number != 1 || names.empty())
    names.insert(names.begin(), std::to_string(number));
  return llvm::join(names, "*");
}

/// As many elements before as after.
void requireOfReshape(tensor::ReshapeOp op, Require require) {
  SmallVector<std::optional<std::string>> before, after;
  for (int64_t i = 0; i < cast<RankedTensorType>(op.getSource().getType()).getRank(); ++i)
    before.push_back(dimName(op.getSource(), i));
  for (int64_t i = 0; i < cast<RankedTensorType>(op.getType()).getRank(); ++i)
    after.push_back(dimName(op.getResult(), i));
  require(product(before), product(after));
}

/// Rows that two operands share: token by token.
void requireOfRows(Value a, Value b, Require require) {
  for (int64_t i = 0; i < 2; ++i)
    require(dimName(a, i), dimName(b, i));
}

void forEachPair(Operation *op, Require require) {
  if (auto loops = dyn_cast<linalg::LinalgOp>(op))
    return requireOfLoops(loops, require);
  if (OpTrait::hasElementwiseMappableTraits(op))
    return requireOfElements(op, require);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return requireOfInsertion(insert, require);
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    return requireOfReshape(reshape, require);
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    for (int64_t i = 0; i < cast.getType().getRank(); ++i)
      if (!cast.getType().isDynamicDim(i))
        require(dimName(cast.getSource(), i), std::to_string(cast.getType().getDimSize(i)));
    return;
  }
  if (auto matmul = dyn_cast<qnt::MatmulOp>(op))
    return require(dimName(matmul.getInput(), cast<RankedTensorType>(matmul.getInput().getType()).getRank() - 1), dimName(matmul.getWeight(), 1));
  if (auto norm = dyn_cast<qnt::NormOp>(op))
    return require(dimName(norm.getInput(), cast<RankedTensorType>(norm.getInput().getType()).getRank() - 1), dimName(norm.getScale(), 0));
  if (auto rotary = dyn_cast<qnt::RotaryOp>(op))
    return requireOfRows(rotary.getInput(), rotary.getPositions(), require);
  if (auto update = dyn_cast<qnt::KvUpdateOp>(op)) {
    requireOfRows(update.getKey(), update.getValue(), require);
    return require("batch", dimName(update.getKey(), 0));
  }
  if (auto attention = dyn_cast<qnt::AttentionOp>(op)) {
    for (Operation *user : attention.getCache().getUsers())
      if (auto update = dyn_cast<qnt::KvUpdateOp>(user))
        requireOfRows(attention.getQuery(), update.getKey(), require);
    if (Value mask = attention.getKeyMask())
      require(dimName(attention.getQuery(), 0), dimName(mask, 0));
    return;
  }
  if (auto load = dyn_cast<qnt::CacheLoadOp>(op))
    for (Value past : load.getPast()) {
      require("batch", dimName(past, 0));
      require(dimName(load.getPast()[0], 2), dimName(past, 2));
    }
}

struct RequireEqualDimsPass : qcc::impl::RequireEqualDimsBase<RequireEqualDimsPass> {
  llvm::SetVector<Attribute> listed(StringRef attribute) {
    auto list = getOperation()->getAttrOfType<ArrayAttr>(attribute);
    return list ? llvm::SetVector<Attribute>(list.begin(), list.end()) : llvm::SetVector<Attribute>();
  }
  /// In terms of dimensions that a program may list: one that compilation fixed is a number, and `total` is a sum.
  std::string written(StringRef name, const llvm::SetVector<Attribute> &dims) {
    if (std::optional<int64_t> fixed = fixedDim(getOperation(), name))
      return std::to_string(*fixed);
    Builder b(&getContext());
    if (name != "total" || dims.contains(b.getStringAttr(name)))
      return name.str();
    return dims.contains(b.getStringAttr("past")) ? "past + seq" : "seq";
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder b(&getContext());
    llvm::SetVector<Attribute> dims = listed("qnt.dims"), derived = listed("qnt.derived_dims"), pairs = listed("qnt.equal_dims");
    llvm::StringSet<> known;
    auto list = [&](StringRef name) {
      int64_t number;
      if (name.getAsInteger(10, number) && dims.insert(b.getStringAttr(name)))
        derived.insert(b.getStringAttr(name));
    };
    module.walk([&](Operation *op) {
      forEachPair(op, [&](std::optional<std::string> a, std::optional<std::string> c) {
        if (!a || !c || *a == *c)
          return;
        std::string left = written(*a, dims), right = written(*c, dims);
        if (left == right || !known.insert(std::min(left, right) + "\n" + std::max(left, right)).second)
          return;
        list(left);
        list(right);
        pairs.insert(b.getStrArrayAttr({left, right, nodesOf(op->getLoc())}));
      });
    });
    if (pairs.empty())
      return;
    module->setAttr("qnt.dims", b.getArrayAttr(dims.getArrayRef()));
    module->setAttr("qnt.equal_dims", b.getArrayAttr(pairs.getArrayRef()));
    if (!derived.empty())
      module->setAttr("qnt.derived_dims", b.getArrayAttr(derived.getArrayRef()));
  }
};
} // namespace
