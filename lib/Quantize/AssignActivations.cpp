// Inserts qnt.quantize in front of matmuls with quantized weights, once per value, with outliers apart if asked; or lets targets round float activations to bf16.
#include "ActivationRules.h"
#include "RetypeWeights.h"
#include "ScaleOperands.h"
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNACTIVATIONS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

static RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Whether the weight has integers, in groups that integer kernels sum without splitting steps of 16.
static bool multipliesIntegers(RankedTensorType weight) {
  auto block = dyn_cast<qnt::BlockType>(weight.getElementType());
  int64_t group = block ? block.getGroup() : 0;
  return block && qnt::hasIntegers(block) && (group < 0 || group % 16 == 0 || group >= weight.getDimSize(1));
}

/// Whether norms make `value`, whoever calls.
static bool isMadeByNorm(Value value, const Callers &callers) {
  return callers.always(value, [](Value origin) { return bool(origin.getDefiningOp<qnt::NormOp>()); });
}

namespace {
/// What becomes of a value that matmuls read.
struct Split {
  Value quantized, outliers;            // outliers: null where all channels are quantized
};

struct AssignActivations : qcc::impl::AssignActivationsBase<AssignActivations> {
  using Base::Base;
  void runOnOperation() override {
    if (abits == 32)
      return;
    if (abits == 16)
      return roundProducts();
    if (failed(checkOptions()) || failed(quantizeInputs()))
      signalPassFailure();
  }

private:
  void roundProducts() {
    getOperation().walk([](qnt::MatmulOp matmul) {
      if (isa<FloatType>(tensorType(matmul.getInput()).getElementType()))
        matmul.setBf16(true);
    });
  }

  LogicalResult checkOptions() {
    if (abits != 8 && abits != 0)
      return getOperation().emitError() << "activations have 8, 16 or 32 bits, not " << abits.getValue();
    // 64 Ki products of 8-bit codes and activations fit i32, whatever the zero point.
    if (group != -1 && (group < 32 || group % 32 || group > 65536))
      return getOperation().emitError() << "activations have groups of a multiple of 32 values, up to 65536, or -1 for the whole row, not "
                                        << group.getValue();
    if (scales != "dynamic" && scales != "static")
      return getOperation().emitError() << "scales of activations are dynamic or static, not '" << scales << "'";
    if (outliers > 0 && (scales == "static" || !types.empty()))
      return getOperation().emitError() << "outliers are found at run time, and so are the scales of what is left: "
                                        << "they exclude static scales and --act-type";
    return success();
  }

  LogicalResult quantizeInputs() {
    if (failed(applyRules()))
      return failure();
    Callers callers(getOperation());
    ScaleOperands operands(getOperation());
    SmallVector<std::pair<qnt::MatmulOp, ActivationChoice>> chosen;
    getOperation().walk([&](qnt::MatmulOp matmul) {
      if (isa<FloatType>(tensorType(matmul.getInput()).getElementType()) && isa<qnt::BlockType>(tensorType(matmul.getWeight()).getElementType()))
        chosen.push_back({matmul, choose(matmul, callers, operands)});
    });
    forgetRules();
    bool good = true;
    for (auto [matmul, activations] : chosen)
      if (activations.kind == Activations::Floats8)
        quantizeToFloats(matmul, activations.format);
      else if (activations.kind != Activations::Float)
        good &= succeeded(quantizeInput(matmul, activations.kind == Activations::Static, operands));
    if (scales == "static" && !numStatic && !chosen.empty())
      getOperation().emitWarning() << "no activations have static scales: no norm makes the inputs of integer products; --act-type names others";
    for (auto &made : splits)
      made.clear();
    floats.clear();
    return success(good);
  }

  /// Until forgetRules, the type of a weight that a rule names carries what it says, so that layers which rules tell apart are copied, as those of
  /// different formats are.
  LogicalResult applyRules() {
    ActivationRules rules;
    if (failed(rules.read(types, &getContext(), [&] { return getOperation().emitError(); })))
      return failure();
    if (rules.empty())
      return success();
    DenseMap<StringAttr, RankedTensorType> marked;
    for (auto decl : getOperation().getOps<qnt::WeightDeclOp>()) {
      auto type = cast<RankedTensorType>(decl.getType());
      if (type.getRank() != 2 || !isa<qnt::BlockType>(type.getElementType()))
        continue;
      if (std::optional<ActivationChoice> choice = rules.find(decl, multipliesIntegers(type))) {
        auto kind = IntegerAttr::get(IntegerType::get(&getContext(), 8), int(choice->kind));
        Attribute mark = choice->format ? Attribute(TypeAttr::get(choice->format)) : kind;
        marked[decl.getSymNameAttr()] = RankedTensorType::get(type.getShape(), type.getElementType(), mark);
      }
    }
    for (const ActivationRules::Rule &rule : rules.all())
      if (!rule.matched)
        getOperation().emitWarning() << "--act-type=" << rule.text << " matches no " << (rule.isForIntegers() ? "weight of integer products" : "quantized weight");
    unsigned copies = 0;
    LogicalResult done = retypeWeights(getOperation(), marked, copies);
    numCopies += copies;
    return done;
  }

  void forgetRules() {
    auto plain = [](Type type) -> Type {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor ? RankedTensorType::get(tensor.getShape(), tensor.getElementType()) : type;
    };
    if (types.empty())
      return;
    for (auto decl : getOperation().getOps<qnt::WeightDeclOp>())
      decl.setType(cast<RankedTensorType>(plain(decl.getType())));
    getOperation().walk([&](qnt::WeightOp weight) { weight.getResult().setType(cast<RankedTensorType>(plain(weight.getType()))); });
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      for (BlockArgument argument : function.getArguments())
        argument.setType(plain(argument.getType()));
      function.setFunctionType(FunctionType::get(&getContext(), function.front().getArgumentTypes(), function.getResultTypes()));
    }
  }

  ActivationChoice choose(qnt::MatmulOp matmul, const Callers &callers, const ScaleOperands &operands) {
    RankedTensorType weight = tensorType(matmul.getWeight());
    if (auto rule = dyn_cast_if_present<TypeAttr>(weight.getEncoding()))
      return {Activations::Floats8, cast<qnt::BlockType>(rule.getValue())};
    if (!multipliesIntegers(weight)) {
      ++numKept;
      return {};
    }
    if (auto rule = dyn_cast_if_present<IntegerAttr>(weight.getEncoding()))
      return {Activations(rule.getInt()), {}};
    bool isStatic = scales == "static" && isMadeByNorm(matmul.getInput(), callers) && operands.hasDeclaration(matmul.getWeight());
    return {isStatic ? Activations::Static : Activations::Dynamic, {}};
  }

  void quantizeToFloats(qnt::MatmulOp matmul, qnt::BlockType format) {
    Value input = matmul.getInput(), &made = floats[{input, format}];
    if (!made) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(input);
      made = qnt::QuantizeOp::create(builder, matmul.getLoc(), tensorType(input).clone(format), input, Value());
      ++numInserted;
      ++numFloats;
    }
    matmul.getInputMutable().assign(made);
  }

  LogicalResult quantizeInput(qnt::MatmulOp matmul, bool isStatic, ScaleOperands &operands) {
    RankedTensorType input = tensorType(matmul.getInput()), weight = tensorType(matmul.getWeight());
    qnt::BlockType format = qnt::activationFormat(&getContext(), isStatic ? -1 : int64_t(group));
    if (!qnt::sumsFit(cast<qnt::BlockType>(weight.getElementType()), format, weight.getDimSize(1))) {
      InFlightDiagnostic error = matmul.emitError();
      error << "integer products of " << weight.getDimSize(1) << " values under one scale do not fit i32 [act-group-size]";
      error.attachNote() << (isStatic ? "--act-type=<regex>=dynamic and --act-group-size=N end" : "--act-group-size=N ends")
                         << " the sum after N values, --group-size=N as well";
      return error;
    }
    Split &split = splits[isStatic][matmul.getInput()];
    if (!split.quantized)
      split = makeSplit(matmul, input.clone(format), isStatic ? operands.scaleOf(matmul.getWeight()) : Value());
    matmul.getInputMutable().assign(split.quantized);
    if (split.outliers)
      addProduct(matmul, split.outliers);
    return success();
  }

  Split makeSplit(qnt::MatmulOp matmul, RankedTensorType type, Value scale) {
    Split split;
    Value value = matmul.getInput();
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(isa<BlockArgument>(value) && scale ? scale : value);   // scales are defined where functions begin
    if (outliers > 0) {
      auto parts = qnt::SplitOutliersOp::create(builder, matmul.getLoc(), value.getType(), value.getType(), value, builder.getF32FloatAttr(float(outliers)));
      value = parts.getRest();
      split.outliers = parts.getOutliers();
    }
    split.quantized = qnt::QuantizeOp::create(builder, matmul.getLoc(), type, value, scale);
    ++numInserted;
    numStatic += bool(scale);
    return split;
  }

  /// Adds the product of `outliers` with the same weight.
  static void addProduct(qnt::MatmulOp matmul, Value outliers) {
    OpBuilder builder(matmul.getContext());
    builder.setInsertionPointAfter(matmul);
    auto product = qnt::MatmulOp::create(builder, matmul.getLoc(), matmul.getType(), outliers, matmul.getWeight(), Value());
    auto sum = arith::AddFOp::create(builder, matmul.getLoc(), product.getResult(), matmul.getResult());
    matmul.getResult().replaceAllUsesExcept(sum, sum);
  }

  DenseMap<Value, Split> splits[2];     // of values, by whether their scale is static
  DenseMap<std::pair<Value, Type>, Value> floats;
};
} // namespace
