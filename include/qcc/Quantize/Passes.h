// The passes of the quant stage.
#ifndef QCC_QUANTIZE_PASSES_H
#define QCC_QUANTIZE_PASSES_H
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
namespace qcc {
#define GEN_PASS_DECL
#include "qcc/Quantize/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
#endif
