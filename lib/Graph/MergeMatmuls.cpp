// Merges linear layers that share their input: the input is read and quantized once, and one launch streams all their weights.
#include "dialects/Quant/Quant.h"
#include "lib/Graph/Extents.h"
#include "qcc/Graph/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/DebugLog.h"
#define DEBUG_TYPE "merge-matmuls"
namespace qcc {
#define GEN_PASS_DEF_MERGEMATMULS
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct MergeMatmuls : qcc::impl::MergeMatmulsBase<MergeMatmuls> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    llvm::DenseMap<StringAttr, unsigned> uses;
    getOperation().walk([&](qnt::WeightOp weight) {
      for (OpOperand &use : weight->getUses())
        (void)use, ++uses[weight.getDeclAttr().getAttr()];
    });
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      llvm::MapVector<Value, SmallVector<qnt::MatmulOp>> byInput;
      func.walk([&](qnt::MatmulOp matmul) {
        auto weight = matmul.getWeight().getDefiningOp<qnt::WeightOp>();
        // A weight with a second user (a tied embedding) keeps its own bytes, and so does the head, which has bits of its own.
        if (weight && !isHead(matmul) && uses[weight.getDeclAttr().getAttr()] == 1 && (!matmul.getBias() || matmul.getBias().getDefiningOp<qnt::WeightOp>()))
          byInput[matmul.getInput()].push_back(matmul);
      });
      for (auto &[input, group] : byInput)
        if (group.size() > 1)
          merge(symbols, group);
    }
    llvm::DenseSet<StringAttr> read; // declarations of biases that were merged
    getOperation().walk([&](qnt::WeightOp weight) { read.insert(weight.getDeclAttr().getAttr()); });
    for (auto decl : llvm::make_early_inc_range(getOperation().getOps<qnt::WeightDeclOp>()))
      if (!read.contains(decl.getSymNameAttr()))
        symbols.erase(decl);
  }

  /// Whether it makes the program's scores of the vocabulary.
  static bool isHead(qnt::MatmulOp matmul) {
    return llvm::any_of(matmul->getUses(), [](OpOperand &use) {
      auto function = dyn_cast<func::FuncOp>(use.getOwner()->getParentOp());
      auto role = function && isa<func::ReturnOp>(use.getOwner()) ? function.getResultAttrOfType<StringAttr>(use.getOperandNumber(), "qnt.role") : StringAttr();
      return role && role.getValue() == "logits";
    });
  }

  /// Gate before up: the half that an activation reads comes first.
  static bool isGate(qnt::MatmulOp matmul) { return llvm::any_of(matmul->getUsers(), [](Operation *user) { return isa<qnt::ActivateOp>(user); }); }

  static std::string joinNames(MutableArrayRef<qnt::WeightDeclOp> decls) {
    StringRef first = decls.front().getSymName();
    size_t prefix = first.size(), suffix = first.size();
    for (auto decl : decls.drop_front()) {
      StringRef name = decl.getSymName();
      size_t i = 0, j = 0;
      while (i < std::min(prefix, name.size()) && name[i] == first[i])
        ++i;
      while (j < std::min(suffix, name.size()) && name[name.size() - 1 - j] == first[first.size() - 1 - j])
        ++j;
      prefix = std::min(prefix, i), suffix = std::min(suffix, j);
    }
    prefix = first.take_front(prefix).rfind('.') + 1; // whole words only; no '.' gives 0
    size_t dot = first.take_back(suffix).find('.');
    suffix = dot == StringRef::npos ? 0 : suffix - dot;
    std::string joined = first.take_front(prefix).str();
    for (auto [i, decl] : llvm::enumerate(decls)) {
      StringRef name = decl.getSymName();
      joined += (i ? "+" : "") + (name.size() >= prefix + suffix ? name.drop_front(prefix).drop_back(suffix) : name).str();
    }
    return joined + first.take_back(suffix).str();
  }

  void merge(SymbolTable &symbols, SmallVector<qnt::MatmulOp> group) {
    auto skip = [&](const char *why) { LDBG() << group.size() << " matmuls at " << group.front().getLoc() << " stay apart: " << why; };
    if (!llvm::all_of(group, [&](qnt::MatmulOp m) { return m->getBlock() == group.front()->getBlock(); }))
      return skip("they are in several blocks");
    llvm::sort(group, [](qnt::MatmulOp a, qnt::MatmulOp b) { return isGate(a) != isGate(b) ? isGate(a) : a->isBeforeInBlock(b); });
    if (llvm::is_contained(cast<ShapedType>(group.front().getType()).getShape(), 0))
      return skip("they have no rows");
    SmallVector<qnt::WeightDeclOp> decls, biases;
    SmallVector<Attribute> parts, biasParts;
    int64_t rows = 0;
    auto shape = cast<RankedTensorType>(group.front().getWeight().getType());
    for (qnt::MatmulOp matmul : group) {
      auto type = cast<RankedTensorType>(matmul.getWeight().getType());
      if (type.getElementType() != shape.getElementType() || type.getDimSize(1) != shape.getDimSize(1) || !matmul.getBias() != !group.front().getBias())
        return skip("their weights have other element types or columns, or only some have a bias");
      auto decl = symbols.lookup<qnt::WeightDeclOp>(matmul.getWeight().getDefiningOp<qnt::WeightOp>().getDecl());
      if (!decl || decl.getLayout() || decl.isChanged())
        return skip("a weight is placed or scaled already");
      decls.push_back(decl);
      llvm::append_range(parts, decl.getParts());
      if (matmul.getBias()) {
        biases.push_back(symbols.lookup<qnt::WeightDeclOp>(matmul.getBias().getDefiningOp<qnt::WeightOp>().getDecl()));
        if (!biases.back())
          return skip("a bias has no declaration");
        llvm::append_range(biasParts, biases.back().getParts());
      }
      rows += type.getDimSize(0);
    }
    OpBuilder b(&getContext());
    auto first = *llvm::min_element(group, [](qnt::MatmulOp a, qnt::MatmulOp b) { return a->isBeforeInBlock(b); });
    SmallVector<Location> locations;
    for (qnt::MatmulOp matmul : group)
      locations.push_back(matmul.getLoc());
    // With metadata, or another fusion around it would take it apart.
    Location loc = FusedLoc::get(locations, StringAttr::get(&getContext(), "merged"), &getContext());
    auto type = RankedTensorType::get({rows, shape.getDimSize(1)}, shape.getElementType());
    b.setInsertionPoint(decls.front());
    auto decl = qnt::WeightDeclOp::create(b, loc, joinNames(decls), type, b.getArrayAttr(parts));
    symbols.insert(decl, Block::iterator(decls.front()));
    b.setInsertionPoint(first);
    Value weight = qnt::WeightOp::create(b, loc, type, FlatSymbolRefAttr::get(decl.getSymNameAttr()));
    SmallVector<int64_t> out(cast<RankedTensorType>(first.getType()).getShape());
    unsigned last = out.size() - 1;
    out[last] = rows;
    Value bias;
    if (!biases.empty()) { // the old declarations may have other users: they go when nothing reads them
      auto biasType = RankedTensorType::get({rows}, b.getF32Type());
      OpBuilder atModule(biases.front());
      auto biasDecl = qnt::WeightDeclOp::create(atModule, loc, joinNames(biases), biasType, b.getArrayAttr(biasParts));
      symbols.insert(biasDecl, Block::iterator(biases.front()));
      bias = qnt::WeightOp::create(b, loc, biasType, FlatSymbolRefAttr::get(biasDecl.getSymNameAttr()));
    }
    Value merged = qnt::MatmulOp::create(b, loc, RankedTensorType::get(out, b.getF32Type()), first.getInput(), weight, bias);
    SmallVector<OpFoldResult> offsets(out.size(), b.getIndexAttr(0)), sizes, strides(out.size(), b.getIndexAttr(1));
    for (unsigned i = 0; i < last; ++i)
      sizes.push_back(ShapedType::isDynamic(out[i]) ? OpFoldResult(graph::dimension(b, loc, first.getInput(), i)) : OpFoldResult(b.getIndexAttr(out[i])));
    sizes.push_back(OpFoldResult());
    int64_t start = 0;
    for (auto [matmul, old] : llvm::zip(group, decls)) {
      int64_t n = cast<RankedTensorType>(matmul.getWeight().getType()).getDimSize(0);
      offsets[last] = b.getIndexAttr(start), sizes[last] = b.getIndexAttr(n);
      auto sliceType = cast<RankedTensorType>(matmul.getType());
      Value slice = tensor::ExtractSliceOp::create(b, matmul.getLoc(), sliceType, merged, offsets, sizes, strides);
      matmul.getResult().replaceAllUsesWith(slice);
      start += n;
      ++numMerged;
    }
    for (auto [matmul, old] : llvm::zip(group, decls)) { // last: the builder stands at one of them
      Operation *weightOp = matmul.getWeight().getDefiningOp();
      auto biasOp = matmul.getBias() ? matmul.getBias().getDefiningOp<qnt::WeightOp>() : qnt::WeightOp();
      matmul.erase();
      weightOp->erase();
      symbols.erase(old);
      if (biasOp && biasOp->use_empty())
        biasOp->erase();
    }
  }
};
} // namespace
