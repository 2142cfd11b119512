// Scales of input channels go into the weights before and behind: what a linear layer's columns are multiplied by divides the rows that make its input.
#include "qcc/Quantize/Passes.h"
#include "qcc/Quantize/ScaleSites.h"
#include <cmath>
namespace qcc {
#define GEN_PASS_DEF_FOLDSCALES
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

static constexpr llvm::StringLiteral requested = "qnt.channel_scales";

/// `factors` (null: 1) times `update(row)` for rows from `first` on.
static DenseElementsAttr multiplied(std::optional<DenseElementsAttr> factors, int64_t rows, int64_t first, ArrayRef<double> by, Builder b) {
  std::vector<float> values(rows, 1.0f);
  if (factors)
    llvm::copy(factors->getValues<float>(), values.begin());
  for (auto [i, factor] : llvm::enumerate(by))
    values[first + i] = float(values[first + i] * factor);
  return DenseElementsAttr::get(RankedTensorType::get({rows}, b.getF32Type()), ArrayRef(values));
}

namespace {
struct FoldScales : qcc::impl::FoldScalesBase<FoldScales> {
  void runOnOperation() override {
    bool good = true;
    ScaleSites found = findScaleSites(getOperation());
    for (const ScaleSite &site : found.sites)
      good &= succeeded(fold(site));
    for (auto &[weight, why] : found.refused)
      if (weight->hasAttr(requested))
        good &= succeeded(refuse(cast<qnt::WeightDeclOp>(weight), why));
    for (auto decl : getOperation().getOps<qnt::WeightDeclOp>())
      if (good && decl->hasAttr(requested))
        good &= succeeded(refuse(decl, "no linear layer reads it"));
    if (!good)
      signalPassFailure();
  }

private:
  static LogicalResult refuse(qnt::WeightDeclOp weight, const Twine &why) {
    return weight.emitError() << "the scales of input channels of '" << weight.getSymName() << "' cannot be folded: " << why << " [fold-scales]";
  }

  /// The scales that all readers ask for; none where they ask for none. Fails after a diagnostic.
  static FailureOr<std::vector<float>> scalesOf(const ScaleSite &site) {
    auto asks = llvm::find_if(site.readers, [](qnt::WeightDeclOp reader) { return reader->hasAttr(requested); });
    if (asks == site.readers.end())
      return std::vector<float>();
    for (qnt::WeightDeclOp reader : site.readers)
      if (reader->getAttr(requested) != (*asks)->getAttr(requested))
        return refuse(*asks, "'" + reader.getSymName() + "' reads the same input and has other scales"), failure();
    auto attribute = (*asks)->getAttrOfType<DenseFPElementsAttr>(requested);
    if (!attribute || !attribute.getElementType().isF32() || attribute.getType().getRank() != 1 || attribute.getNumElements() != site.channels)
      return refuse(*asks, "they are no tensor<" + Twine(site.channels) + "xf32>"), failure();
    std::vector<float> scales(attribute.getValues<float>().begin(), attribute.getValues<float>().end());
    for (auto [channel, scale] : llvm::enumerate(scales)) {
      if (!(scale > 0) || !std::isfinite(scale))
        return refuse(*asks, "that of channel " + Twine(channel) + " is not above 0 and finite"), failure();
      int64_t head = channel / site.headSize, like = (head - head % site.sharing) * site.headSize + channel % site.headSize;
      if (scale != scales[like])
        return refuse(*asks, Twine(site.sharing) + " heads share a head of values, and the scales of channels " + Twine(like) + " and " + Twine(channel) + " differ"), failure();
    }
    return scales;
  }

  LogicalResult fold(const ScaleSite &site) {
    FailureOr<std::vector<float>> scales = scalesOf(site);
    if (failed(scales) || scales->empty())
      return scales;
    Builder b(&getContext());
    std::vector<double> columns(scales->begin(), scales->end()), rows(site.channels / site.sharing);
    for (auto [channel, scale] : llvm::enumerate(*scales))
      rows[site.rowOf(channel)] = 1.0 / scale;
    for (qnt::WeightDeclOp reader : site.readers) {
      reader.setColumnFactorsAttr(multiplied(reader.getColumnFactors(), site.channels, 0, columns, b));
      reader->removeAttr(requested);
    }
    for (ScaleSite::Maker maker : site.makers) {
      qnt::WeightDeclOp weight = maker.weight;
      weight.setRowFactorsAttr(multiplied(weight.getRowFactors(), cast<RankedTensorType>(weight.getType()).getDimSize(0), maker.first, rows, b));
    }
    ++numFolded;
    return success();
  }
};
} // namespace
