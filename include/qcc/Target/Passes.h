// Passes of the llvm stage that all targets share, and the stage as one call.
#ifndef QCC_TARGET_PASSES_H
#define QCC_TARGET_PASSES_H
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
namespace qcc {
#define GEN_PASS_DECL
#include "qcc/Target/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "qcc/Target/Passes.h.inc"
/// From scf, vector, memref and math (hooks and program operations already lowered) to the LLVM dialect.
void addConversionToLlvm(mlir::OpPassManager &pm);
} // namespace qcc
#endif
