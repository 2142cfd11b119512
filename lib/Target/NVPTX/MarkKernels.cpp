// Steps are entry points of the image. The attributes belong to functions of the LLVM dialect, so this comes after their conversion.
#include "qcc/Target/NVPTX/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_MARKKERNELS
#include "qcc/Target/NVPTX/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Blocks of a team that must fit a multiprocessor at once. Left alone, the assembler gives a thread of 512 32 registers, so that four blocks fit, and few
/// of its loads are on their way at a time; two blocks leave it 64, which the loads of an unrolled loop need.
static constexpr int32_t teamBlocks = 2;

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
      if (function->hasAttr("qk.team"))
        function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(teamBlocks));
    }
  }
};
} // namespace
