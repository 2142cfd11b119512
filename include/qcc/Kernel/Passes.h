#ifndef QCC_KERNEL_PASSES_H
#define QCC_KERNEL_PASSES_H
#include "dialects/Kernel/Kernel.h"
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
namespace qcc {
#define GEN_PASS_DECL
#include "qcc/Kernel/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
#endif
