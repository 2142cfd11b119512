// Follows the inputs of linear layers back to the weights that make them. Everything on the way has to be linear in each channel, and read by nobody
// else. Layers are outlined, and may be cut anywhere: a copy of the program is looked at in which all calls are inlined.
#include "qcc/Quantize/ScaleSites.h"
#include "InlinedCopy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
using namespace mlir;
using namespace qcc;

namespace {
class SiteFinder {
public:
  explicit SiteFinder(ModuleOp module) : flat(inlinedCopy(module)), symbols(module) {
    flat->walk([&](qnt::WeightOp weight) {
      for (OpOperand &use : weight->getUses())
        uses[weight.getDeclAttr().getAttr()].push_back(&use);
    });
  }

  ScaleSites find() {
    ScaleSites found;
    llvm::MapVector<Value, SmallVector<qnt::MatmulOp>> byInput;
    flat->walk([&](qnt::MatmulOp matmul) { byInput[floatInput(matmul)].push_back(matmul); });
    for (auto &[input, matmuls] : byInput) {
      ScaleSite site;
      why.clear();
      if (addReaders(input, matmuls, site) && trace(input, 0, site)) {
        found.sites.push_back(site);
        continue;
      }
      for (qnt::MatmulOp matmul : matmuls)
        if (auto weight = matmul.getWeight().getDefiningOp<qnt::WeightOp>())
          found.refused[declOf(weight)] = why;
    }
    for (const ScaleSite &site : found.sites)
      for (qnt::WeightDeclOp reader : site.readers)
        found.refused.erase(reader);
    return found;
  }

private:
  static Value floatInput(qnt::MatmulOp matmul) {
    auto quantize = matmul.getInput().getDefiningOp<qnt::QuantizeOp>();
    return quantize ? quantize.getInput() : matmul.getInput();
  }
  qnt::WeightDeclOp declOf(qnt::WeightOp weight) const { return symbols.lookup<qnt::WeightDeclOp>(weight.getDecl()); }

  bool refuse(const Twine &reason) {
    why = reason.str();
    return false;
  }

  /// A weight that only `user` reads, and whose values are floats. Null, with a reason, for any other.
  qnt::WeightDeclOp ownWeight(Value value, Operation *user) {
    auto weight = value.getDefiningOp<qnt::WeightOp>();
    if (!weight)
      return refuse("a weight is computed at run time"), qnt::WeightDeclOp();
    qnt::WeightDeclOp decl = declOf(weight);
    std::string name = "'" + decl.getSymName().str() + "'";
    for (OpOperand *use : uses.lookup(decl.getSymNameAttr()))
      if (use->getOwner() != user)
        return refuse(name + " has other users: " + use->getOwner()->getName().getStringRef()), qnt::WeightDeclOp();
    if (llvm::any_of(decl.getParts().getAsRange<qnt::PartAttr>(), [](qnt::PartAttr part) { return bool(part.getScales()); }))
      return refuse(name + " arrives quantized"), qnt::WeightDeclOp();
    return decl;
  }

  bool addReaders(Value input, MutableArrayRef<qnt::MatmulOp> matmuls, ScaleSite &site) {
    site.channels = cast<RankedTensorType>(matmuls.front().getWeight().getType()).getDimSize(1);
    for (qnt::MatmulOp matmul : matmuls) {
      qnt::WeightDeclOp decl = ownWeight(matmul.getWeight(), matmul);
      if (!decl)
        return false;
      site.readers.push_back(decl);
    }
    auto readsInput = [&](Operation *user) { return isa<qnt::ObserveOp>(user) || (isa<qnt::MatmulOp>(user) && floatInput(cast<qnt::MatmulOp>(user)) == input); };
    for (Operation *user : input.getUsers())
      if (isa<qnt::QuantizeOp>(user) ? !llvm::all_of(user->getUsers(), readsInput) : !readsInput(user))
        return refuse("its input has other users: " + user->getName().getStringRef());
    return true;
  }

  bool addMaker(Value weight, Operation *user, int64_t first, ScaleSite &site) {
    qnt::WeightDeclOp decl = ownWeight(weight, user);
    if (decl)
      site.makers.push_back({decl, first});
    return bool(decl);
  }

  /// Whether nothing but `user` reads the value, so that its channels can be anything that `user` takes.
  bool isOnlyFor(Value value, Operation *user) {
    for (Operation *other : value.getUsers())
      if (other != user)
        return refuse("what makes its input has other users: " + other->getName().getStringRef());
    return true;
  }

  /// Channel `first` of `value` is channel 0 of the site's, or of its heads': finds the weights whose rows make them.
  bool trace(Value value, int64_t first, ScaleSite &site) {
    Operation *op = value.getDefiningOp();
    if (auto norm = dyn_cast_or_null<qnt::NormOp>(op)) {
      site.isNorm = true;
      return addMaker(norm.getScale(), norm, first, site) && (!norm.getBias() || addMaker(norm.getBias(), norm, first, site));
    }
    if (auto matmul = dyn_cast_or_null<qnt::MatmulOp>(op))
      return addMaker(matmul.getWeight(), matmul, first, site) && (!matmul.getBias() || addMaker(matmul.getBias(), matmul, first, site));
    if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op))
      return traceSlice(slice, first, site);
    if (auto glu = dyn_cast_or_null<qnt::GluOp>(op))       // act(gate) * up: linear in the second half
      return isOnlyFor(glu.getInput(), glu) && trace(glu.getInput(), cast<RankedTensorType>(glu.getType()).getShape().back() + first, site);
    if (auto activate = dyn_cast_or_null<qnt::ActivateOp>(op); activate && activate.getActivation() == qnt::Activation::Relu) // relu(x / s) = relu(x) / s
      return isOnlyFor(activate.getInput(), activate) && trace(activate.getInput(), first, site);
    if (auto product = dyn_cast_or_null<arith::MulFOp>(op))
      return traceProduct(product, first, site);
    if (auto attention = dyn_cast_or_null<qnt::AttentionOp>(op))
      return traceValues(attention, first, site);
    return refuse(op ? "no scale passes " + op->getName().getStringRef() + ", which makes its input" : "its input comes from outside of the program");
  }

  /// Channels of a merged layer. Others have to read other ones.
  bool traceSlice(tensor::ExtractSliceOp slice, int64_t first, ScaleSite &site) {
    auto range = [](tensor::ExtractSliceOp op) { return std::pair(op.getStaticOffsets().back(), op.getStaticSizes().back()); };
    auto isStatic = [](tensor::ExtractSliceOp op) {
      return !ShapedType::isDynamic(op.getStaticOffsets().back()) && !ShapedType::isDynamic(op.getStaticSizes().back()) && op.getStaticStrides().back() == 1 &&
             op.getSourceType().getRank() == op.getType().getRank();
    };
    auto [offset, size] = range(slice);
    for (Operation *user : slice.getSource().getUsers()) {
      auto other = dyn_cast<tensor::ExtractSliceOp>(user);
      if (!other || !isStatic(other))
        return refuse("what makes its input has other users: " + user->getName().getStringRef());
      auto [from, count] = range(other);
      if (other != slice && from < offset + size && offset < from + count)
        return refuse("what makes its input has other users: " + user->getName().getStringRef());
    }
    return trace(slice.getSource(), offset + first, site);
  }

  /// A product of two tensors is linear in both; one of them has to be made by rows of a weight.
  bool traceProduct(arith::MulFOp product, int64_t first, ScaleSite &site) {
    for (Value factor : {product.getRhs(), product.getLhs()})
      if (ScaleSite attempt = site; product.getLhs() != product.getRhs() && isOnlyFor(factor, product) && trace(factor, first, attempt)) {
        site = attempt;
        return true;
      }
    return refuse("no scale passes arith.mulf, which makes its input");
  }

  /// Attention's output is linear in each channel of the values that it reads.
  bool traceValues(qnt::AttentionOp attention, int64_t first, ScaleSite &site) {
    if (site.sharing > 1 || site.headSize > 1)
      return refuse("no scale passes two attentions");
    auto load = attention.getCache().getDefiningOp<qnt::CacheLoadOp>();
    if (load && !load.getPast().empty())
      return refuse("past keys and values come from outside of the program");
    qnt::KvUpdateOp update;
    for (Operation *user : attention.getCache().getUsers()) {
      if (user == attention)
        continue;
      if (update || !isa<qnt::KvUpdateOp>(user))
        return refuse("its cache has other users: " + user->getName().getStringRef());
      update = cast<qnt::KvUpdateOp>(user);
    }
    if (!update)
      return refuse("nothing writes its cache");
    if (update.getKey() == update.getValue())
      return refuse("its keys are its values");
    auto cache = cast<qnt::CacheType>(attention.getCache().getType());
    site.headSize = cache.getHeadDim();
    site.sharing = attention.getHeads() / cache.getKvHeads();
    return isOnlyFor(update.getValue(), update) && trace(update.getValue(), first, site);
  }

  OwningOpRef<ModuleOp> flat;
  SymbolTable symbols;            // of the original
  llvm::DenseMap<StringAttr, SmallVector<OpOperand *>> uses;  // of weights in the copy, by the name of their declaration
  std::string why;                // of the last refusal
};
} // namespace

ScaleSites qcc::findScaleSites(ModuleOp module) { return SiteFinder(module).find(); }
