// One case per kind of layout that PlaceWeights gives.
#include "lib/Compiler/WeightPlan.h"
#include "lib/Kernel/ComponentLayout.h"
#include "lib/Kernel/Packing.h"
#include "lib/Kernel/RowLayout.h"
using namespace mlir;
using namespace qcc;

FailureOr<WeightPacking> qcc::packingOf(qnt::WeightDeclOp decl) {
  auto error = [&] { return decl.emitOpError(); };
  auto type = cast<RankedTensorType>(decl.getType());
  if (!decl.getLayout())
    return decl.emitOpError("has no layout"), failure();
  qnt::WeightLayout kind = decl.getLayout()->getKind();
  int64_t columns = type.getNumElements() / std::max<int64_t>(1, type.getDimSize(0));
  if (kind == qnt::WeightLayout::Panels) {
    unsigned lanes = decl.getLayout()->getLanes();
    auto layout = kernel::PanelLayout::get(type.getElementType(), lanes, error);
    if (failed(layout))
      return failure();
    return WeightPacking{lanes, layout->panelBytes(columns), layout->numbersBytes(),
                         [layout = *layout](const qnt::QuantizedRows &rows, uint8_t *out) { kernel::packPanels(layout, rows, out); }};
  }
  if (kind == qnt::WeightLayout::Components) {
    auto layout = kernel::ComponentLayout::get(type.getElementType(), columns, error);
    if (failed(layout))
      return failure();
    return WeightPacking{1, layout->rowBytes(), 0, [layout = *layout](const qnt::QuantizedRows &rows, uint8_t *out) { kernel::packComponents(layout, rows, out); }};
  }
  // Plain tensors are rows without codes.
  auto layout = kernel::RowLayout::get(type.getElementType(), columns, error);
  if (failed(layout))
    return failure();
  return WeightPacking{1, layout->rowBytes(), layout->numbersBytes(), [layout = *layout](const qnt::QuantizedRows &rows, uint8_t *out) { kernel::packRows(layout, rows, out); }};
}

FailureOr<int64_t> qcc::placedBytes(RankedTensorType weight, unsigned lanes, bool reference, llvm::function_ref<InFlightDiagnostic()> emitError) {
  int64_t rows = weight.getDimSize(0), bytes = 0;
  if (reference) {
    auto layout = kernel::ComponentLayout::get(weight.getElementType(), weight.getDimSize(1), emitError);
    if (failed(layout))
      return failure();
    bytes = rows * layout->rowBytes();
  } else {
    auto layout = kernel::PanelLayout::get(weight.getElementType(), lanes, emitError);
    if (failed(layout))
      return failure();
    bytes = layout->bytes(rows, weight.getDimSize(1));
  }
  return int64_t(llvm::alignTo(bytes, 64));
}
