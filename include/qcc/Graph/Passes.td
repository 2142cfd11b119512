#ifndef QCC_GRAPH_PASSES
#define QCC_GRAPH_PASSES
include "mlir/Pass/PassBase.td"

class GraphPass<string flag> : Pass<"qcc-graph-" # flag, "mlir::ModuleOp"> {
  let dependentDialects = ["::qcc::qnt::QntDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::tensor::TensorDialect"];
}

def AssignRoles : GraphPass<"assign-roles"> {
  let summary = "Say what inputs, outputs and dimensions are: tokens, segments, positions, mask, past, logits; batch, seq, past, total";
  let description = [{
    By use, not by name: tokens are what selects from the table with a row for every score, or else the largest one, segments what selects from a table of at most 16 rows, positions what
    selects from another table or what rotary turns by, the mask what attention masks keys by, the past what caches start with. Dimensions of these get their canonical names everywhere; others that the file calls so get another name (`total_1`).
    Example:
      func.func @main(%ids: tensor<?x?xi64> {qnt.name = "input_ids", qnt.dims = ["batch_size", "sequence_length"]}) ...
        %x = qnt.gather %ids, %table : ...
        %n = qnt.dim "sequence_length"
    becomes
      func.func @main(%ids: tensor<?x?xi64> {qnt.name = "input_ids", qnt.role = "tokens", qnt.dims = ["batch", "seq"]}) ...
        %x = qnt.gather %ids, %table : ...
        %n = qnt.dim "seq"
  }];
}

def MergeMatmuls : GraphPass<"merge-matmuls"> {
  let summary = "One matmul for those that share an input: QKV, gate and up";
  let description = [{
    The weights' parts are stacked in program order, but what an activation reads comes first (gate before up). Shared weights are not merged.
    Example:
      %k = qnt.matmul %x, %wk : tensor<?x?x64xf32>, tensor<16x64xf32> -> tensor<?x?x16xf32>
      %v = qnt.matmul %x, %wv : tensor<?x?x64xf32>, tensor<16x64xf32> -> tensor<?x?x16xf32>
    becomes
      %kv = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
      %k = tensor.extract_slice %kv[0, 0, 0] [%batch, %seq, 16] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x?x16xf32>
      %v = tensor.extract_slice %kv[0, 0, 16] [%batch, %seq, 16] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x?x16xf32>
  }];
  let statistics = [Statistic<"numMerged", "num-merged", "matmuls merged into another">];
}

def FuseGlu : GraphPass<"fuse-glu"> {
  let summary = "act(gate) * up on the halves of one tensor becomes qnt.glu";
  let description = [{
    Only where the halves have all rows of that tensor.
    Example:
      %b = qnt.dim "batch"
      %s = qnt.dim "seq"
      %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
      %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
      %a = qnt.activate silu %g : tensor<?x?x32xf32>
      %y = arith.mulf %a, %u : tensor<?x?x32xf32>
    becomes
      %y = qnt.glu silu %x : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
  }];
  let statistics = [Statistic<"numFused", "num-fused", "gated units">];
}

def MakeState : GraphPass<"make-state"> {
  let summary = "Past inputs and present outputs become state";
  let description = [{
    With `kv-cache=state`, a cache that starts with two inputs becomes a `!qnt.cache` argument, and outputs that only store it vanish. Position
    and mask inputs of what goes through it vanish too: positions are taken as consecutive from the past, every token of the past as attended, which
    is what generating programs pass. The cache's element becomes `element`; i8 and i4 are codes (`!qnt.cache`), and a past that cannot become state
    is an error then. With `kv-cache=io` inputs and outputs stay. Both forms say the longest context (`qnt.max_context`).
    Example:
      func.func @main(%tokens: tensor<?x?xi64>, %pk: tensor<?x4x?x32xf32> {qnt.role = "past"}, %pv: tensor<?x4x?x32xf32> {qnt.role = "past"}) ... {
        %c = qnt.cache_load %pk, %pv : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> !qnt.cache<4x32xf32>
    becomes
      func.func @main(%tokens: tensor<?x?xi64>, %c: !qnt.cache<4x32xf16> {qnt.role = "state", qnt.state = 0 : i64}) ... {
  }];
  let options = [
    Option<"kvCache", "kv-cache", "std::string", "\"state\"", "state | io">,
    Option<"element", "element", "std::string", "\"f16\"", "element type of the state: f16 | f32 | i8 | i4">,
    Option<"maxContext", "max-context", "int64_t", "0", "longest context; 0: the rows of the model's rotary tables, else 4096">];
}

def OutlineLayers : GraphPass<"outline-layers"> {
  let summary = "Repeated layers become one function, called with their own weights";
  let description = [{
    The operations are put into an order that depends on nothing but the data flow, then the longest repeated sequence becomes a private
    function. What differs between the repetitions (weights, caches, activations) is an argument.
    Example:
      %a = qnt.weight @a0 ... ; %y0 = qnt.norm rms %x, %a ... ; %b = qnt.weight @a1 ... ; %y1 = qnt.norm rms %y0, %b ...
    becomes
      %a = qnt.weight @a0 ... ; %y0 = call @layer(%x, %a) ... ; %b = qnt.weight @a1 ... ; %y1 = call @layer(%y0, %b) ...
      func.func private @layer(%x: ..., %a: ...) -> ... { ... }
  }];
  let statistics = [Statistic<"numCalls", "num-calls", "calls of outlined functions">];
}
#endif
