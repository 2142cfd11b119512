// From sensitivities, which are measured elsewhere, to formats; the choice itself is PrecisionPlan's.
#include "RetypeWeights.h"
#include "WeightUses.h"
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
#include "qcc/Quantize/PrecisionPlan.h"
#include "llvm/Support/Format.h"
#include <cmath>
namespace qcc {
#define GEN_PASS_DEF_ASSIGNPRECISION
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// A weight to decide on, and what its item's candidates stand for.
struct FreeWeight {
  qnt::WeightDeclOp decl;
  SmallVector<Type> formats;
};

struct AssignPrecision : qcc::impl::AssignPrecisionBase<AssignPrecision> {
  using Base::Base;
  void runOnOperation() override;

private:
  LogicalResult addItem(qnt::WeightDeclOp decl, DictionaryAttr sensitivity);
  LogicalResult collect();
  LogicalResult checkOptions();
  std::optional<PrecisionPlan> planBits();
  std::optional<PrecisionPlan> planErrors();

  std::vector<FreeWeight> free;
  std::vector<PrecisionItem> items;
  int64_t weights = 0, settledBits = 0;  // of layer weights: how many, and what those that are not free take
};
} // namespace

/// Bits of all of a weight in a format; of one that no family owns, as many as its elements have.
static int64_t bitsOf(RankedTensorType type, Type element) {
  int64_t rows = type.getRank() ? type.getDimSize(0) : 1;
  if (const qnt::FormatFamily *family = qnt::familyOf(element); family && rows)
    return rows * family->rowBits(element, type.getNumElements() / rows);
  return element.isIntOrFloat() ? type.getNumElements() * element.getIntOrFloatBitWidth() : 0;
}

LogicalResult AssignPrecision::addItem(qnt::WeightDeclOp decl, DictionaryAttr sensitivity) {
  auto type = cast<RankedTensorType>(decl.getType());
  auto sizes = decl->getAttrOfType<DictionaryAttr>("qnt.placed_bits");
  FreeWeight weight{decl, {}};
  PrecisionItem item;
  for (NamedAttribute entry : sensitivity) {
    Type format = qnt::parseFormat(entry.getName(), &getContext());
    auto error = dyn_cast<FloatAttr>(entry.getValue());
    if (!format)
      return decl.emitError() << "weight '" << decl.getSymName() << "': qnt.sensitivity: no format is named '" << entry.getName().getValue() << "'; there are:\n" << qnt::listFormats();
    if (!error || !std::isfinite(error.getValueAsDouble()) || error.getValueAsDouble() < 0)
      return decl.emitError() << "weight '" << decl.getSymName() << "': qnt.sensitivity: the error of " << entry.getName().getValue() << " is no finite number from 0 on";
    weight.formats.push_back(format);
    auto placed = sizes ? sizes.getAs<IntegerAttr>(entry.getName()) : IntegerAttr();
    item.push_back({placed ? placed.getInt() : bitsOf(type, format), error.getValueAsDouble()});
  }
  if (item.empty())
    return decl.emitError() << "weight '" << decl.getSymName() << "': qnt.sensitivity names no format";
  free.push_back(std::move(weight));
  items.push_back(std::move(item));
  return success();
}

LogicalResult AssignPrecision::collect() {
  for (auto &[op, use] : findWeightUses(getOperation())) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    auto type = cast<RankedTensorType>(decl.getType());
    if (!use.matmul || use.head)
      continue;
    weights += type.getNumElements();
    auto sensitivity = decl->getAttrOfType<DictionaryAttr>("qnt.sensitivity");
    if (!sensitivity || use.other || type.getRank() != 2)
      settledBits += bitsOf(type, type.getElementType());
    else if (failed(addItem(decl, sensitivity)))
      return failure();
  }
  return success();
}

static std::string text(const char *format, double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, number);
  return text;
}

LogicalResult AssignPrecision::checkOptions() {
  auto refuse = [&](StringRef name, double value) {
    return getOperation().emitError() << name << " = " << value << " is not supported, expected more than 0";
  };
  if (maxError == 0)
    return targetBpw > 0 ? success() : LogicalResult(refuse("target-bpw", targetBpw));
  if (targetBpw != 0)
    return getOperation().emitError() << "target-bpw and max-error exclude each other";
  return maxError > 0 && std::isfinite(maxError) ? success() : LogicalResult(refuse("max-error", maxError));
}

/// Whoever gives the least as the target gets it: it is rounded up.
std::optional<PrecisionPlan> AssignPrecision::planBits() {
  int64_t budget = int64_t(std::floor(std::min(targetBpw.getValue(), 64.0) * double(weights))) - settledBits, least = leastBits(items);
  if (std::optional<PrecisionPlan> plan = planPrecision(items, clamp ? std::max(budget, least) : budget))
    return plan;
  double bpw = std::ceil(double(least + settledBits) / double(weights) * 1e4) / 1e4;
  InFlightDiagnostic error = getOperation().emitError() << "no formats give " << text("%g", targetBpw) << " bits per layer weight; the least possible is " << text("%.4f", bpw)
                                                        << " [impossible-budget]";
  if (settledBits)
    error.attachNote() << "weights whose format is settled take " << text("%.4f", double(settledBits) / double(weights)) << " of them";
  return std::nullopt;
}

/// The least is rounded up as well, to four digits.
std::optional<PrecisionPlan> AssignPrecision::planErrors() {
  if (std::optional<PrecisionPlan> plan = planForError(items, maxError)) {
    if (weights)
      getOperation().emitRemark() << "formats chosen: " << text("%.4f", double(plan->bits + settledBits) / double(weights)) << " bits per layer weight, expected error "
                                  << text("%.4g", plan->error);
    return plan;
  }
  double least = leastError(items), unit = std::pow(10.0, std::floor(std::log10(least)) - 3);
  getOperation().emitError() << "no formats keep the error at " << text("%g", maxError) << "; the least possible is " << text("%.4g", std::ceil(least / unit) * unit)
                             << " [impossible-budget]";
  return std::nullopt;
}

void AssignPrecision::runOnOperation() {
  free.clear();
  items.clear();
  weights = settledBits = 0;
  if (failed(checkOptions()) || failed(collect()))
    return signalPassFailure();
  std::optional<PrecisionPlan> plan = maxError > 0 ? planErrors() : planBits();
  if (!plan)
    return signalPassFailure();
  llvm::DenseMap<StringAttr, RankedTensorType> types;
  for (auto [weight, chosen] : llvm::zip_equal(free, plan->chosen)) {
    weight.decl->removeAttr("qnt.sensitivity");
    weight.decl->removeAttr("qnt.placed_bits");
    weight.decl->setAttr("qnt.decided", StringAttr::get(&getContext(), maxError > 0 ? "max-error" : "target-bpw"));
    types[weight.decl.getSymNameAttr()] = cast<RankedTensorType>(weight.decl.getType()).clone(weight.formats[chosen]);
    ++numAssigned;
  }
  if (failed(applyFormats(getOperation(), types, print, numCopies)))
    signalPassFailure();
}
