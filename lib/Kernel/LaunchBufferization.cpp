// How a launch bufferizes: it overwrites its outputs without reading them, and its kernel wants dense memory.
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/AllInterfaces.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/AllocationOpInterfaceImpl.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/BufferizableOpInterfaceImpl.h"
#include "qcc/Kernel/Pipeline.h"
using namespace mlir;
using namespace mlir::bufferization;
using namespace qcc;

static bool isDense(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  return !type || type.getLayout().isIdentity();
}

/// Dense memory for as many elements.
static Value denseLike(RewriterBase &rewriter, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(memref::DimOp::create(rewriter, loc, buffer, i));
  return memref::AllocOp::create(rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()), sizes);
}

namespace {
struct LaunchModel : DstBufferizableOpInterfaceExternalModel<LaunchModel, qk::LaunchOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options, BufferizationState &state) const {
    auto launch = cast<qk::LaunchOp>(op);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> inputs, outputs, results;
    auto convert = [&](Value value, SmallVector<Value> &into) {
      if (!isa<TensorType>(value.getType())) {
        into.push_back(value);
        return success();
      }
      auto buffer = getBuffer(rewriter, value, options, state);
      if (succeeded(buffer))
        into.push_back(*buffer);
      return LogicalResult(buffer);
    };
    for (Value input : launch.getInputs())
      if (failed(convert(input, inputs)))
        return failure();
    for (Value output : launch.getOutputs()) {
      if (failed(convert(output, outputs)))
        return failure();
      if (isa<TensorType>(output.getType()))
        results.push_back(outputs.back());
    }
    for (Value &input : inputs)
      if (!isDense(input)) {
        Value copy = denseLike(rewriter, op->getLoc(), input);
        memref::CopyOp::create(rewriter, op->getLoc(), input, copy);
        input = copy;
      }
    SmallVector<std::pair<Value, Value>> parts;      // computed in dense memory, and the part of a tensor that it belongs to
    for (Value &output : outputs)
      if (!isDense(output)) {
        parts.push_back({denseLike(rewriter, op->getLoc(), output), output});
        output = parts.back().first;
      }
    auto made = qk::LaunchOp::create(rewriter, op->getLoc(), TypeRange(), launch.getKernelAttr(), inputs, outputs);
    made->setDiscardableAttrs(launch->getDiscardableAttrDictionary());
    for (auto [computed, part] : parts)
      memref::CopyOp::create(rewriter, op->getLoc(), computed, part);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};
} // namespace

void qcc::registerKernelInterfaces(DialectRegistry &registry) {
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerAllDialectInterfaceImplementations(registry);
  memref::registerAllocationOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
  registry.addExtension(+[](MLIRContext *context, qk::QkDialect *) { qk::LaunchOp::attachInterface<LaunchModel>(*context); });
}
