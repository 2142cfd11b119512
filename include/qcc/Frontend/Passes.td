#ifndef QCC_FRONTEND_PASSES
#define QCC_FRONTEND_PASSES
include "mlir/Pass/PassBase.td"

class FrontendPass<string flag> : Pass<"qcc-frontend-" # flag, "mlir::func::FuncOp"> {
  let dependentDialects = ["::qcc::onnx::OnnxDialect", "::qcc::qnt::QntDialect", "::mlir::arith::ArithDialect"];
}
// Passes that declare weights add symbols to the module, so they run on the module's functions one after the other.
class FrontendModulePass<string flag> : Pass<"qcc-frontend-" # flag, "mlir::ModuleOp"> {
  let dependentDialects = ["::qcc::onnx::OnnxDialect", "::qcc::qnt::QntDialect", "::mlir::arith::ArithDialect"];
}

def SimplifyViews : FrontendPass<"simplify-views"> {
  let summary = "Skip nodes that only move elements back to where they were";
  let description = [{
    A value whose every element is the element of another value at the same index is that value: casts to the same type, expansions to the
    same shape, transposes that undo each other.
    Example:
      %0 = onnx.node "Transpose"(%x) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x4x8xf32>) -> tensor<?x8x4xf32>
      %1 = onnx.node "Transpose"(%0) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x8x4xf32>) -> tensor<?x4x8xf32>
      return %1
    becomes
      return %x
  }];
  let statistics = [Statistic<"numSkipped", "num-skipped", "values replaced by what they are a view of">];
}

def MapFusedOps : FrontendModulePass<"map-fused-ops"> {
  let summary = "Operators that are one qnt op, or a few: quantized weights, norms, attention of ONNX Runtime and of opset 23";
  let description = [{
    The rows are in lib/Frontend/Ops, one table per family. A row that cannot hold refuses with a reason.
    Example:
      %1 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 4 : i64, block_size = 32 : i64} : ...
    becomes
      qnt.weight_decl @w : tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32>> [#qnt.part<rows = 32, ...>]
      %w = qnt.weight @w : tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32>>
      %1 = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32>> -> tensor<?x?x32xf32>
  }];
  let options = [Option<"maxContext", "max-context", "int64_t", "4096", "positions of rotary tables that the compiler computes">];
  let statistics = [Statistic<"numMapped", "num-mapped", "nodes mapped">];
}

def RecoverLinear : FrontendModulePass<"recover-linear"> {
  let summary = "Products with constants become qnt.matmul, rows of constant tables become qnt.gather";
  let description = [{
    A constant side of MatMul or Gemm, seen through transposes, casts and extents of 1, becomes a weight declaration; a constant addend per channel its
    bias. A constant on the left is the layer of the other side transposed; Gemm's other factors and addends stand behind the product. Where the input's
    last extent is open it becomes K, by an Identity that a run checks. Outer products (K = 1) and empty sums stay.
    Example:
      %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 8192> : tensor<32x64xf32>
      %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x?x32xf32>, tensor<32x64xf32>) -> tensor<?x?x64xf32>
    becomes
      qnt.weight_decl @w : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = true, data = <"w", file 0, offset 0, length 8192> : tensor<32x64xf32>>]
      %w = qnt.weight @w : tensor<64x32xf32>
      %0 = qnt.matmul %x, %w : tensor<?x?x32xf32>, tensor<64x32xf32> -> tensor<?x?x64xf32>
  }];
  let statistics = [Statistic<"numLinear", "num-linear", "linear layers">, Statistic<"numEmbeddings", "num-embeddings", "embeddings">];
}

def RecoverNorm : FrontendModulePass<"recover-norm"> {
  let summary = "Recover RMS and layer norms from their arithmetic";
  let description = [{
    Compares in normal form, so every spelling of the same formula is found.
    Example:
      %2 = onnx.constant dense<2.0> : tensor<f32>
      %axis = onnx.constant dense<-1> : tensor<1xi64>
      %eps = onnx.constant dense<1.0e-5> : tensor<f32>
      %0 = onnx.node "Pow"(%x, %2) {since = 15 : i64} : (tensor<?x?x64xf32>, tensor<f32>) -> tensor<?x?x64xf32>
      %1 = onnx.node "ReduceMean"(%0, %axis) {since = 18 : i64} : (tensor<?x?x64xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
      %3 = onnx.node "Add"(%1, %eps) {since = 14 : i64} : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
      %4 = onnx.node "Sqrt"(%3) {since = 13 : i64} : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
      %5 = onnx.node "Div"(%x, %4) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
      %6 = onnx.node "Mul"(%5, %w) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
    becomes
      %6 = qnt.norm rms %x, %w eps 9.99999974E-6 : tensor<?x?x64xf32>, tensor<64xf32>
  }];
  let statistics = [Statistic<"numNorms", "num-norms", "norms">];
}

def RecoverActivation : FrontendPass<"recover-activation"> {
  let summary = "Recover activation functions from their arithmetic";
  let description = [{
    Example:
      %0 = onnx.node "Sigmoid"(%x) {since = 13 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
      %1 = onnx.node "Mul"(%x, %0) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    becomes
      %1 = qnt.activate silu %x : tensor<?x64xf32>
  }];
  let statistics = [Statistic<"numActivations", "num-activations", "activation functions">];
}

def RecoverRotary : FrontendModulePass<"recover-rotary"> {
  let summary = "Recover rotary position embedding";
  let description = [{
    Both channels of a pair are evaluated symbolically and compared with the rotation by theta = position * frequency. Frequencies that are in
    the graph become rotary tables of `max-context` rows, computed when weights are written; tables of the model stay its own.
    Example:
      %half = onnx.node "Split"(%x) ... ; %neg = onnx.node "Neg"(%half#1) ; %rotated = onnx.node "Concat"(%neg, %half#0)
      %0 = onnx.node "Mul"(%x, %cos) ; %1 = onnx.node "Mul"(%rotated, %sin) ; %2 = onnx.node "Add"(%0, %1)
    becomes
      %2 = qnt.rotary %x at %positions, %cosTable, %sinTable heads 8 : tensor<?x?x256xf32>, tensor<?x?xi64>, tensor<4096x16xf32>
  }];
  let options = [Option<"maxContext", "max-context", "int64_t", "4096", "rows of the tables that are computed">];
  let statistics = [Statistic<"numRotary", "num-rotary", "rotary embeddings">];
}

def RecoverAttention : FrontendModulePass<"recover-attention"> {
  let summary = "Recover attention over past and new keys and values";
  let description = [{
    The product of a softmax with values, as one expression: scale, grouped heads, past and mask are read off it. Past and present stay the
    model's inputs and outputs here (make-state turns them into state).
    Example:
      %keys = onnx.node "Concat"(%pastKey, %key) ; %scores = onnx.node "MatMul"(%query, %keysT) ; ... ; %p = onnx.node "Softmax"(%masked)
      %0 = onnx.node "MatMul"(%p, %values)
    becomes
      %cache = qnt.cache_load %pastKey, %pastValue : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> !qnt.cache<4x32xf32>
      qnt.kv_update %key, %value into %cache at %past : tensor<?x?x128xf32>, !qnt.cache<4x32xf32>
      %0 = qnt.attention %query over %cache at %past mask %mask heads 8 scale 0.176776707 : tensor<?x?x256xf32>, !qnt.cache<4x32xf32>, tensor<?x?xi64>
  }];
  let statistics = [Statistic<"numAttentions", "num-attentions", "attentions">];
}

def ConvertOnnx : FrontendModulePass<"convert-onnx"> {
  let summary = "Lower the remaining operators to linalg, tensor, arith and math, and end the onnx dialect";
  let description = [{
    The generic path: correct for any arrangement of the operators in lib/Frontend/Ops, on symbolic shapes. Nodes that only compute shapes have
    no users any more and vanish. Refusals name the node and say why. Arguments and results of unsigned integers become signless ones with the
    attribute `qnt.unsigned`.
    Example:
      %0 = onnx.node "Add"(%x, %y) {since = 14 : i64} : (tensor<?x?x256xf32>, tensor<?x?x256xf32>) -> tensor<?x?x256xf32>
    becomes
      %0 = arith.addf %x, %y : tensor<?x?x256xf32>
  }];
  let dependentDialects = ["::qcc::qnt::QntDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numGeneric", "num-generic", "nodes on the generic path">];
}
#endif
