// Steps are entry points of the image. The attributes belong to functions of the LLVM dialect, so this comes after their conversion.
#include "qcc/Target/NVPTX/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_MARKKERNELS
#include "qcc/Target/NVPTX/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Blocks that must fit a multiprocessor at once. Left alone, the assembler takes as few registers as let the most threads fit, and few of a thread's
/// loads are on their way at a time. Teams of 1024 threads together leave a thread 64 registers, which the loads of an unrolled loop need; four blocks
/// of 128, the most that the runtime starts, leave it 128.
/// A step that says how many a thread needs has as many blocks as leave it those.
static constexpr int32_t teamThreads = 1024, otherBlocks = 4, registers = 64 << 10;

static int32_t blocksTogether(LLVM::LLVMFuncOp function, int32_t threads) {
  if (auto each = function->getAttrOfType<IntegerAttr>("qk.lane_registers"))
    return std::max<int32_t>(1, registers / (int32_t(each.getInt()) * threads));
  return function->hasAttr("qk.team") ? std::max(1, teamThreads / threads) : otherBlocks;
}

namespace {
struct MarkKernelsPass : qcc::impl::MarkKernelsBase<MarkKernelsPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      auto block = function->getAttrOfType<IntegerAttr>("qk.block");
      if (!block)
        continue;
      Builder b(&getContext());
      function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
      function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), b.getDenseI32ArrayAttr({int32_t(block.getInt())}));
      if (auto cluster = function->getAttrOfType<IntegerAttr>("qk.cluster"))
        function->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(), b.getDenseI32ArrayAttr({int32_t(cluster.getInt()), 1, 1}));
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(blocksTogether(function, block.getInt())));
    }
  }
};
} // namespace
