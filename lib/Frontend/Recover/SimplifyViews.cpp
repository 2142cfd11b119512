// Skips nodes that only move elements back and forth: exporters transpose into heads and out again, cast to the type that is there already,
// expand to the shape that is there already. Found by asking for one element of the result, whatever the chain looks like.
#include "lib/Frontend/Recover/Recovery.h"
#include "qcc/Frontend/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_SIMPLIFYVIEWS
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct SimplifyViews : qcc::impl::SimplifyViewsBase<SimplifyViews> {
  void runOnOperation() override {
    Recovery recovery(getOperation());
    Elements::MovementOnly movementOnly(recovery.elements);
    for (onnx::NodeOp node : recovery.nodes())
      for (Value result : node.getOutputs())
        if (Value same = source(recovery, result)) {
          result.replaceAllUsesWith(same);
          ++numSkipped;
        }
    recovery.finish();
  }

  /// The value that has the elements of `result` at the same indices, or null.
  Value source(Recovery &recovery, Value result) {
    const Elements::Shape *shape = recovery.elements.shape(result);
    if (!shape || result.use_empty())
      return {};
    SmallVector<E> at = recovery.elements.variables(result);
    E element = recovery.elements.element(result, at);
    if (!element || element->kind != Kind::Load || element->tensor == result || ArrayRef<E>(element->operands) != ArrayRef<E>(at))
      return {};
    const Elements::Shape *from = recovery.elements.shape(element->tensor);
    auto elementType = [](Value value) { return cast<ShapedType>(value.getType()).getElementType(); };
    return from && *from == *shape && elementType(element->tensor) == elementType(result) ? element->tensor : Value();
  }
};
} // namespace
