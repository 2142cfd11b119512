// What is not layer weights (tables, padding, the head) is found by trying.
#include "lib/Compiler/SizeBudget.h"
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/Library.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/WeightPlan.h"
#include "lib/Quantize/WeightUses.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include <algorithm>
using namespace mlir;
using namespace qcc;

static constexpr double fewestBits = 1;                // below what any format takes

/// Weights of linear layers without the head, as --target-bpw counts them.
static int64_t countLayerWeights(ModuleOp module) {
  int64_t count = 0;
  for (auto &[op, use] : findWeightUses(module))
    if (use.matmul && !use.head)
      count += cast<RankedTensorType>(cast<qnt::WeightDeclOp>(op).getType()).getNumElements();
  return count;
}

/// What every candidate takes in the weights file, as layouts pad it.
static LogicalResult placeCandidates(ModuleOp module, const CompilerOptions &options, const TargetInfo &target) {
  Builder b(module.getContext());
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    auto sensitivity = decl->getAttrOfType<DictionaryAttr>("qnt.sensitivity");
    if (!sensitivity)
      continue;
    SmallVector<NamedAttribute> sizes;
    for (NamedAttribute entry : sensitivity) {
      auto type = cast<RankedTensorType>(decl.getType()).clone(qnt::parseFormat(entry.getName(), module.getContext()));
      FailureOr<int64_t> bytes = placedBytes(type, target.panelLanes, options.kernels == Kernels::Reference, [&] { return decl.emitError(); });
      if (failed(bytes))
        return failure();
      sizes.push_back(b.getNamedAttr(entry.getName(), b.getI64IntegerAttr(8 * *bytes)));
    }
    decl->setAttr("qnt.placed_bits", b.getDictionaryAttr(sizes));
  }
  return success();
}

double qcc::bitsForSize(ModuleOp module, int64_t bytes) {
  return std::clamp(8 * double(bytes) / double(std::max<int64_t>(1, countLayerWeights(module))), fewestBits, 32.0);
}

int qcc::fitSize(ModuleOp module, CompilerOptions &budget, const TargetInfo &target, PassRunner &runner) {
  int64_t count = countLayerWeights(module);
  if (!count)
    return ExitSuccess;
  if (failed(placeCandidates(module, budget, target)))
    return ExitUnsupported;
  ScopedDiagnosticHandler silence(module.getContext(), [](Diagnostic &) { return success(); });  // what there is to say, the stage says itself
  auto bytesAt = [&](double bpw) -> FailureOr<int64_t> {
    CompilerOptions tried = budget;
    tried.targetBpw = bpw;
    OwningOpRef<ModuleOp> trial = module.clone();
    auto placed = [&](OpPassManager &pm) {
      addQuantStage(pm, tried);
      addWeightPlacement(pm, tried, target);
    };
    if (failed(runner.run(*trial, placed)))
      return failure();
    return (*trial)->getAttrOfType<IntegerAttr>("qnt.weights_bytes").getInt();
  };
  FailureOr<int64_t> least = bytesAt(fewestBits);      // first: from just above what is possible, steps to it are small and many
  if (failed(least))
    return ExitSuccess;
  if (*least > *budget.targetSize)
    return complain(ExitQuantization, "no formats give " + Twine(*budget.targetSize) + " bytes of weights; the least possible is " + Twine(*least) + " [impossible-budget]");
  while (true) {
    FailureOr<int64_t> bytes = bytesAt(*budget.targetBpw);
    if (failed(bytes) || *bytes <= *budget.targetSize)
      return ExitSuccess;
    double excess = double(*bytes - *budget.targetSize);
    budget.targetBpw = std::max(fewestBits, *budget.targetBpw - std::max(1e-4, 8 * excess / double(count)));
  }
}
