// Inserts qnt.quantize in front of matmuls with quantized weights, once per value; or lets targets round float activations to bf16.
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNACTIVATIONS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Whether the weight's codes are integers in groups that integer kernels sum without splitting blocks of 32.
static bool multipliesIntegers(qnt::BlockType weight, int64_t K) {
  int64_t group = weight.getGroup();
  return weight.getElement() == qnt::Element::Int && (group < 0 || group % 32 == 0 || group >= K);
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
    // 64 Ki products of 8-bit codes and activations fit i32, whatever the zero point.
    if (group != -1 && (group < 32 || group % 32 || group > 65536)) {
      getOperation().emitError() << "activations have groups of a multiple of 32 values, up to 65536, or -1 for the whole row, not " << group.getValue();
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    qnt::BlockType format = qnt::activationFormat(&getContext(), group);
    bool failed = false;
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
      if (!qnt::sumsFit(block, format, weight.getDimSize(1))) {
        failed = true;
        InFlightDiagnostic error = matmul.emitError() << "integer products of " << weight.getDimSize(1) << " values under one scale do not fit i32 [act-group-size]";
        error.attachNote() << "--act-group-size=N ends the sum after N values, --group-size=N as well";
        return;
      }
      Value &value = quantized[matmul.getInput()];
      if (!value) {
        builder.setInsertionPointAfterValue(matmul.getInput());
        value = qnt::QuantizeOp::create(builder, matmul.getLoc(), input.clone(format), matmul.getInput());
        ++numInserted;
      }
      matmul.getInputMutable().assign(value);
    });
    if (failed)
      signalPassFailure();
  }
};
} // namespace
