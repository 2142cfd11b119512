#ifndef QCC_GRAPH_PASSES_H
#define QCC_GRAPH_PASSES_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
namespace qcc {
#define GEN_PASS_DECL
#include "qcc/Graph/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
#endif
