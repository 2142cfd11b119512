// Inserts qnt.quantize in front of matmuls with quantized weights, once per value, with outliers apart if asked; or lets targets round float activations to bf16.
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNACTIVATIONS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Whether the weight has integers, in groups that integer kernels sum without splitting steps of 16.
static bool multipliesIntegers(qnt::BlockType weight, int64_t K) {
  int64_t group = weight.getGroup();
  return qnt::hasIntegers(weight) && (group < 0 || group % 16 == 0 || group >= K);
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
    llvm::DenseMap<Value, Split> splits;
    SmallVector<qnt::MatmulOp> matmuls;
    getOperation().walk([&](qnt::MatmulOp matmul) { matmuls.push_back(matmul); });
    for (qnt::MatmulOp matmul : matmuls) {
      auto input = cast<RankedTensorType>(matmul.getInput().getType());
      auto weight = cast<RankedTensorType>(matmul.getWeight().getType());
      auto block = dyn_cast<qnt::BlockType>(weight.getElementType());
      if (!block || !isa<FloatType>(input.getElementType()))
        continue;
      if (!multipliesIntegers(block, weight.getDimSize(1))) {
        ++numKept;
        continue;
      }
      if (!qnt::sumsFit(block, format, weight.getDimSize(1))) {
        failed = true;
        InFlightDiagnostic error = matmul.emitError() << "integer products of " << weight.getDimSize(1) << " values under one scale do not fit i32 [act-group-size]";
        error.attachNote() << "--act-group-size=N ends the sum after N values, --group-size=N as well";
        continue;
      }
      Split &split = splits[matmul.getInput()];
      if (!split.quantized) {
        split = makeSplit(builder, matmul, input.clone(format));
        ++numInserted;
      }
      matmul.getInputMutable().assign(split.quantized);
      if (split.outliers)
        addProduct(builder, matmul, split.outliers);
    }
    if (failed)
      signalPassFailure();
  }

private:
  /// What becomes of a value that matmuls read.
  struct Split {
    Value quantized, outliers;            // outliers: null where all channels are quantized
  };

  Split makeSplit(OpBuilder &builder, qnt::MatmulOp matmul, RankedTensorType type) {
    Split split;
    Value value = matmul.getInput();
    builder.setInsertionPointAfterValue(value);
    if (outliers > 0) {
      auto parts = qnt::SplitOutliersOp::create(builder, matmul.getLoc(), value.getType(), value.getType(), value, builder.getF32FloatAttr(float(outliers)));
      value = parts.getRest();
      split.outliers = parts.getOutliers();
    }
    split.quantized = qnt::QuantizeOp::create(builder, matmul.getLoc(), type, value);
    return split;
  }

  /// Adds the product of `outliers` with the same weight.
  static void addProduct(OpBuilder &builder, qnt::MatmulOp matmul, Value outliers) {
    builder.setInsertionPointAfter(matmul);
    auto product = qnt::MatmulOp::create(builder, matmul.getLoc(), matmul.getType(), outliers, matmul.getWeight(), Value());
    auto sum = arith::AddFOp::create(builder, matmul.getLoc(), product.getResult(), matmul.getResult());
    matmul.getResult().replaceAllUsesExcept(sum, sum);
  }
};
} // namespace
