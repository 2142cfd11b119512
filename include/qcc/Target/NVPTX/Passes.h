// Passes of NVIDIA GPUs: from steps (OutlineSteps), whose hooks are lowered, to kernels.
#ifndef QCC_TARGET_NVPTX_PASSES_H
#define QCC_TARGET_NVPTX_PASSES_H
#include "qcc/Target/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
namespace qcc {
#define GEN_PASS_DECL
#include "qcc/Target/NVPTX/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "qcc/Target/NVPTX/Passes.h.inc"
} // namespace qcc
#endif
