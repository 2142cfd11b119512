// Inserts qnt.quantize in front of matmuls with quantized weights, once per value; or lets targets round float activations to bf16.
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNACTIVATIONS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Activations have one scale per this many values, as llama.cpp's do.
static constexpr int64_t activationGroup = 32;

/// Whether the weight's codes are integers, and one activation scale holds within each of its groups.
static bool multipliesIntegers(qnt::BlockType weight, int64_t K) {
  int64_t group = weight.getGroup();
  return weight.getElement() == qnt::Element::Int && (group < 0 || group % activationGroup == 0 || group >= K);
}

namespace {
struct AssignActivations : qcc::impl::AssignActivationsBase<AssignActivations> {
  using Base::Base;
  void runOnOperation() override {
    if (abits == 32)
      return;
    if (abits == 16) {
      getOperation().walk([](qnt::MatmulOp matmul) {
        if (isa<FloatType>(cast<RankedTensorType>(matmul.getInput().getType()).getElementType()))
          matmul.setBf16(true);
      });
      return;
    }
    if (abits != 8 && abits != 0) {
      getOperation().emitError() << "activations have 8, 16 or 32 bits, not " << abits.getValue();
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    llvm::DenseMap<Value, Value> quantized;
    getOperation().walk([&](qnt::MatmulOp matmul) {
      auto input = cast<RankedTensorType>(matmul.getInput().getType());
      auto weight = cast<RankedTensorType>(matmul.getWeight().getType());
      auto block = dyn_cast<qnt::BlockType>(weight.getElementType());
      if (!block || !isa<FloatType>(input.getElementType()))
        return;
      if (!multipliesIntegers(block, weight.getDimSize(1))) {
        ++numKept;
        return;
      }
      Value &value = quantized[matmul.getInput()];
      if (!value) {
        builder.setInsertionPointAfterValue(matmul.getInput());
        value = qnt::QuantizeOp::create(builder, matmul.getLoc(), input.clone(qnt::activationFormat(&getContext(), activationGroup)), matmul.getInput());
        ++numInserted;
      }
      matmul.getInputMutable().assign(value);
    });
  }
};
} // namespace
