// Weights are known by declaration in @main only, so arguments of layers are followed back through the calls.
#include "lib/Compiler/TapLabels.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
using namespace mlir;
using namespace qcc;

/// "model.layers.3" of "model.layers.3.mlp.up_proj.weight" and "model.layers.3.self_attn.q_proj.weight".
static std::string commonName(ArrayRef<std::string> names) {
  if (names.empty())
    return "";
  StringRef common = names.front();
  for (StringRef name : names) {
    size_t same = 0;
    while (same < std::min(common.size(), name.size()) && common[same] == name[same])
      ++same;
    common = common.take_front(same);
  }
  size_t end = common.find_last_of("./");
  return end == StringRef::npos ? "" : common.take_front(end).str();
}

/// The weight's own name: a declaration that was copied for another layout has that behind it.
static std::string nameOf(qnt::WeightDeclOp decl) {
  StringRef name = decl.getSymName();
  if (auto layout = decl.getLayout(); layout && name.ends_with(("." + qnt::stringifyWeightLayout(layout->getKind())).str()))
    name = name.drop_back(qnt::stringifyWeightLayout(layout->getKind()).size() + 1);
  return name.str();
}

namespace {
class Labeller {
public:
  Labeller(ModuleOp module, bool layers) : module(module), layers(layers) {}
  std::vector<TapLabel> run() {
    if (auto main = module.lookupSymbol<func::FuncOp>("main"))
      follow(main);
    return std::move(labels);
  }

private:
  void follow(func::FuncOp function) {
    for (Operation &op : function.front()) {
      if (auto tap = dyn_cast<qnt::TapOp>(op))
        labels.push_back(labelOf(tap));
      auto call = dyn_cast<func::CallOp>(op);
      auto callee = call ? module.lookupSymbol<func::FuncOp>(call.getCallee()) : func::FuncOp();
      if (!callee || callee.isExternal())
        continue;
      calls.push_back(call);
      follow(callee);
      calls.pop_back();
    }
  }

  /// The declaration of a weight as the innermost call sees it.
  qnt::WeightDeclOp declOf(Value weight, size_t depth) {
    if (auto argument = dyn_cast<BlockArgument>(weight))
      return depth ? declOf(calls[depth - 1].getOperand(argument.getArgNumber()), depth - 1) : qnt::WeightDeclOp();
    auto op = weight.getDefiningOp<qnt::WeightOp>();
    return op ? module.lookupSymbol<qnt::WeightDeclOp>(op.getDecl()) : qnt::WeightDeclOp();
  }

  TapLabel labelOf(qnt::TapOp tap) {
    TapLabel label{TapLabel::Result, "?", "", false, 0};
    Operation *producer = tap.getInput().getDefiningOp();
    if (auto call = dyn_cast_or_null<func::CallOp>(producer)) {
      name(label, call);
    } else if (auto product = dyn_cast_or_null<qnt::MatmulOp>(producer); product && !layers) {
      name(label, TapLabel::Product, product);
    } else if (auto reader = readerOf(tap); reader && !layers) {
      name(label, TapLabel::Input, reader);
    } else if (!tap->use_empty() && isa<func::ReturnOp>(*tap->user_begin())) {
      auto main = tap->getParentOfType<func::FuncOp>();
      if (auto known = main.getResultAttrOfType<StringAttr>(tap->use_begin()->getOperandNumber(), "qnt.name"))
        label.name = known.str();
    }
    return label;
  }

  static qnt::MatmulOp readerOf(qnt::TapOp tap) {
    for (Operation *user : tap->getUsers()) {
      if (auto matmul = dyn_cast<qnt::MatmulOp>(user))
        return matmul;
      for (Operation *next : user->getUsers())
        if (auto matmul = dyn_cast<qnt::MatmulOp>(next))
          return matmul;
    }
    return {};
  }

  void name(TapLabel &label, TapLabel::Kind kind, qnt::MatmulOp matmul) {
    auto decl = declOf(matmul.getWeight(), calls.size());
    auto weight = cast<RankedTensorType>(matmul.getWeight().getType());
    label.kind = kind;
    label.name = decl ? nameOf(decl) : "a computed weight";
    label.section = decl ? sectionName(decl) : "";
    auto activations = dyn_cast<qnt::BlockType>(cast<ShapedType>(matmul.getInput().getType()).getElementType());
    label.isInteger = kind == TapLabel::Product && activations && qnt::hasIntegers(activations);
    label.terms = weight.getDimSize(1);
  }

  void name(TapLabel &label, func::CallOp call) {
    std::vector<std::string> names;
    for (Value operand : call.getOperands())
      if (auto decl = declOf(operand, calls.size()))
        names.push_back(nameOf(decl));
    label.kind = TapLabel::Layer;
    label.name = commonName(names);
    if (label.name.empty())
      label.name = (call.getCallee() + " " + Twine(numLayers)).str();
    ++numLayers;
  }

  ModuleOp module;
  bool layers;
  SmallVector<func::CallOp> calls;
  std::vector<TapLabel> labels;
  int64_t numLayers = 0;
};
} // namespace

std::vector<TapLabel> qcc::labelTaps(ModuleOp module, bool layers) { return Labeller(module, layers).run(); }
