#ifndef QCC_QUANT_OPS
#define QCC_QUANT_OPS
include "dialects/Quant/QuantAttrs.td"
include "dialects/Quant/QuantInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Qnt_Op<string mnemonic, list<Trait> traits = []> : Op<Qnt_Dialect, mnemonic, traits>;
class Qnt_PureOp<string mnemonic, list<Trait> traits = []>
  : Qnt_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<ReferenceLowering>], traits)>;
def Qnt_F32Tensor : TensorOf<[F32]>;
def Qnt_Act : AnyTypeOf<[TensorOf<[F32]>, TensorOf<[Qnt_BlockType]>], "float or quantized activations">;
def Qnt_Weight : AnyTypeOf<[TensorOf<[F32, F16, BF16]>, TensorOf<[Qnt_BlockType]>], "weight tensor">;
def Qnt_Ids : TensorOf<[I64, I32]>;
def Qnt_Starts : 1DTensorOf<[I64]>;      // the first new token of each row of the batch: qnt.row_starts

//===-- weights -----------------------------------------------------------------------------------------------------------------===//

def Qnt_WeightDeclOp : Qnt_Op<"weight_decl", [Symbol]> {
  let summary = "Declare a weight: its type and where its values come from";
  let description = [{
    Values never enter the IR: `parts` refer to byte ranges of input files. Parts are stacked along the first dimension (merged QKV).
    `row_factors` (one for each row) and `column_factors` (one for each of the other elements of a row) multiply what the parts say: scales that were
    folded in. What becomes of a channel that was rotated is said before that: `column_gains` (parts of a vector, one value for each column: a norm's
    scale) multiply the columns, `column_rotation` then rotates every row, `row_rotation` every column. The reader of weights does all of it in double,
    before anything is encoded. After the quant stage `type`'s element is a `!qnt.block`; after packing `layout` and `offset` say where in the weights file it lies.
    Example:
      qnt.weight_decl @qkv0 : tensor<512x256xf32> [#qnt.part<rows = 256, transposed = true, data = #qnt.bytes<"onnx::MatMul_1", file 0, offset 64, length 262144> : tensor<256x256xf32>>]
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, TypedArrayAttrBase<Qnt_PartAttr, "parts">:$parts,
    OptionalAttr<Qnt_LayoutAttr>:$layout, OptionalAttr<I64Attr>:$offset, OptionalAttr<StrAttr>:$role,
    OptionalAttr<FloatElementsAttr<32>>:$row_factors, OptionalAttr<FloatElementsAttr<32>>:$column_factors,
    OptionalAttr<TypedArrayAttrBase<Qnt_PartAttr, "parts">>:$column_gains, OptionalAttr<Qnt_RotationAttr>:$row_rotation, OptionalAttr<Qnt_RotationAttr>:$column_rotation);
  let assemblyFormat = "$sym_name `:` $type $parts attr-dict";
  let builders = [OpBuilder<(ins "const ::llvm::Twine &":$name, "::mlir::RankedTensorType":$type, "::mlir::ArrayAttr":$parts)>];
  let extraClassDeclaration = [{
    /// Its parts without the nodes that use them: declarations with equal sources have equal values. Names of tensors do not tell, since one tensor may
    /// be read as it is and transposed.
    ::mlir::ArrayAttr getSource();
    /// Whether the file holds codes, which are kept.
    bool arrivesQuantized();
    /// Whether its values are not what the parts say: factors, gains or rotations.
    bool isChanged();
  }];
  let hasVerifier = 1;
}

def Qnt_WeightOp : Qnt_Op<"weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a declared weight";
  let arguments = (ins FlatSymbolRefAttr:$decl);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$decl attr-dict `:` type($result)";
}

//===-- transformer operations --------------------------------------------------------------------------------------------------===//

def Qnt_GatherOp : Qnt_PureOp<"gather", [Qnt_KeepsRows]> {
  let summary = "Embedding: rows of a table";
  let description = [{ `ids [..]`, `table [V, C]` -> `[.., C]`. An id outside `0..V-1` is a run-time error of the program. }];
  let arguments = (ins Qnt_Ids:$ids, Qnt_Weight:$table);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Qnt_NormOp : Qnt_PureOp<"norm", [Qnt_KeepsRows, AllTypesMatch<["input", "result"]>]> {
  let summary = "RMS or layer normalization over the last dimension";
  let description = [{ rms: `x / sqrt(mean(x^2) + eps) * scale`; layer: `(x - mean) / sqrt(var + eps) * scale + bias`. }];
  let arguments = (ins Qnt_F32Tensor:$input, Qnt_F32Tensor:$scale, Optional<Qnt_F32Tensor>:$bias, Qnt_NormKind:$kind, F32Attr:$epsilon);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$kind $input `,` $scale (`bias` $bias^)? `eps` $epsilon attr-dict `:` type($input) `,` type($scale) (`,` type($bias)^)?";
  let hasVerifier = 1;
}

def Qnt_MatmulOp : Qnt_PureOp<"matmul", [Qnt_KeepsRows]> {
  let summary = "Linear layer: input [.., K] times weight [N, K] transposed, plus bias [N]";
  let description = [{
    Sums are f32. With quantized `input` (8 bits, a scale per group or row) the products of every run of k in which the float scales are constant
    are summed exactly in i32, with integer zero points and sub-scales, then scaled: `y = sum_r sx[r] * sw[r] * (sum_k qx (qw - zw))`, runs in
    ascending order. A run is gcd(k per stored weight scale, activation group); one that could overflow i32 is refused.
    Of inputs or weights that are no integers the values are multiplied: `sum_k (sx qx) (sw qw)`, each factor rounded to f32 once.
    `bf16` allows a target to round float activations and decoded weights to bfloat16 before multiplying: the result is within
    `(2^-7 + 2^-16) * sum |x w|` of the exact one, plus the error of an f32 sum. The reference lowering does not round.
    Example:
      %y = qnt.matmul %x, %w bf16 : tensor<?x?x256xf32>, tensor<512x256x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x512xf32>
  }];
  let arguments = (ins Qnt_Act:$input, Qnt_Weight:$weight, Optional<Qnt_F32Tensor>:$bias, UnitAttr:$bf16);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = [{ $input `,` $weight (`bias` $bias^)? (`bf16` $bf16^)? attr-dict `:` type($input) `,` type($weight) (`,` type($bias)^)? `->` type($result) }];
  let hasVerifier = 1;
}

def Qnt_RotaryOp : Qnt_PureOp<"rotary", [Qnt_KeepsRows, AllTypesMatch<["input", "result"]>, AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Rotary position embedding";
  let description = [{
    `input [B, S, heads*D]`, `positions [B, S]`, tables `cos`, `sin` `[context, R/2]` with rotary dimension R <= D.
    Halves (`interleaved = false`): pairs (i, i + R/2); interleaved: pairs (2i, 2i+1). Channels past R are copied. RoFormer, arXiv 2104.09864.
  }];
  let arguments = (ins Qnt_F32Tensor:$input, Qnt_Ids:$positions, Qnt_F32Tensor:$cos, Qnt_F32Tensor:$sin, I64Attr:$heads, DefaultValuedAttr<BoolAttr, "false">:$interleaved);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$input `at` $positions `,` $cos `,` $sin `heads` $heads attr-dict `:` type($input) `,` type($positions) `,` type($cos)";
  let hasVerifier = 1;
}

def Qnt_PositionsOp : Qnt_PureOp<"positions"> {
  let summary = "Consecutive positions of this call's tokens";
  let description = [{
    `[B, S]`: element (b, s) is `past + s`, or `starts[b] + s`. Consumers compute it from `past`; it need not exist in memory.
    Example:
      %positions = qnt.positions at %past : tensor<?x?xi64>
  }];
  let arguments = (ins Index:$past, Optional<Qnt_Starts>:$starts);
  let results = (outs Qnt_Ids:$result);
  let assemblyFormat = "`at` $past (`rows` $starts^ `:` type($starts))? attr-dict `:` type($result)";
}

def Qnt_KvUpdateOp : Qnt_Op<"kv_update", [DeclareOpInterfaceMethods<ReferenceLowering>, AllTypesMatch<["key", "value"]>]> {
  let summary = "Append keys and values to a layer's cache, in place";
  let description = [{
    `key`, `value` `[B, S, kvHeads*D]` go to tokens `past .. past+S-1` of every batch row, or to `starts[b] ..`. Rounds to the cache's element type,
    or quantizes as `!qnt.cache` says: every token by itself, so that codes do not depend on how a text is cut into calls.
  }];
  let arguments = (ins Qnt_F32Tensor:$key, Qnt_F32Tensor:$value, Arg<Qnt_CacheType, "", [MemWrite]>:$cache, Index:$past, Optional<Qnt_Starts>:$starts);
  let assemblyFormat = "$key `,` $value `into` $cache `at` $past (`rows` $starts^ `:` type($starts))? attr-dict `:` type($key) `,` type($cache)";
  let hasVerifier = 1;
}

def Qnt_RowStartsOp : Qnt_Op<"row_starts", [Pure]> {
  let summary = "How many tokens of the past each row of a batch has";
  let description = [{
    `lengths [B]` are the tokens of each row less one, as ONNX Runtime's `seqlens_k`: its new tokens are numbers `lengths[b] + 1 - S` on, and the
    past behind that number is padding. At the beginning (`past` 0) all rows start at 0 and may be padded on the right, where causal attention
    does not look. A row with fewer tokens than are new, or with more than `past + S`, is a run-time error of the program.
    Example:
      %starts = qnt.row_starts %seqlens at %past : tensor<?xi32> -> tensor<?xi64>
  }];
  let arguments = (ins Qnt_Ids:$lengths, Index:$past);
  let results = (outs Qnt_Starts:$starts);
  let assemblyFormat = "$lengths `at` $past attr-dict `:` type($lengths) `->` type($starts)";
}

def Qnt_AttentionOp : Qnt_Op<"attention", [Qnt_KeepsRows, DeclareOpInterfaceMethods<ReferenceLowering>, AttrSizedOperandSegments, AllTypesMatch<["query", "result"]>]> {
  let summary = "Attention over a layer's cache, grouped heads";
  let description = [{
    `query [B, S, heads*D]` attends to tokens `0 .. past+S-1` of the cache; query head h reads KV head `h / (heads/kvHeads)`.
    `softmax(softcap(scale * q.k) + mask) . v`; `causal`: query s sees tokens up to `past + s`. `window > 0`: only the last `window` of them.
    `keyMask [B, T]` (optional, integers): tokens with 0 are not attended; a row with no token left gives 0 (not NaN).
    `starts [B]` (optional) stands for `past`, for each row of the batch.
  }];
  let arguments = (ins Qnt_F32Tensor:$query, Arg<Qnt_CacheType, "", [MemRead]>:$cache, Index:$past, Optional<Qnt_Ids>:$keyMask, Optional<Qnt_Starts>:$starts,
    I64Attr:$heads, F32Attr:$scale, DefaultValuedAttr<BoolAttr, "true">:$causal, DefaultValuedAttr<F32Attr, "0.0f">:$softcap, DefaultValuedAttr<I64Attr, "0">:$window);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = [{ $query `over` $cache `at` $past (`rows` $starts^ `:` type($starts))? (`mask` $keyMask^)? `heads` $heads `scale` $scale attr-dict `:` type($query) `,` type($cache) (`,` type($keyMask)^)? }];
  let hasVerifier = 1;
}

def Qnt_CacheLoadOp : Qnt_Op<"cache_load", [DeclareOpInterfaceMethods<ReferenceLowering>]> {
  let summary = "A cache that lives for one call and starts with the given past keys and values";
  let description = [{
    `past` is key and value `[B, kvHeads, P, D]`, which become tokens `0 .. P-1` (the `--kv-cache=io` form: the caller holds the state). Without operands the
    cache starts empty (attention that keeps no state). Rounds to the cache's element type, which is no integer where there is a past.
    Example:
      %cache = qnt.cache_load %pastKey, %pastValue : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> !qnt.cache<4x32xf32>
  }];
  let arguments = (ins Variadic<Qnt_F32Tensor>:$past);
  let results = (outs Res<Qnt_CacheType, "", [MemAlloc, MemWrite]>:$cache);
  let assemblyFormat = "($past^ `:` type($past))? attr-dict `->` type($cache)";
  let hasVerifier = 1;
}

def Qnt_CacheStoreOp : Qnt_Op<"cache_store", [DeclareOpInterfaceMethods<ReferenceLowering>, AllTypesMatch<["key", "value"]>]> {
  let summary = "The keys and values that a cache holds";
  let description = [{
    Tokens `0 .. total-1` as tensors `[B, kvHeads, total, D]`; with `starts`, zeros behind a row's last token `starts[b] + S - 1`.
    Example:
      %key, %value = qnt.cache_store %cache at %total : !qnt.cache<4x32xf32> -> tensor<?x4x?x32xf32>
  }];
  let arguments = (ins Arg<Qnt_CacheType, "", [MemRead]>:$cache, Index:$total, Optional<Qnt_Starts>:$starts);
  let results = (outs Qnt_F32Tensor:$key, Qnt_F32Tensor:$value);
  let assemblyFormat = "$cache `at` $total (`rows` $starts^ `:` type($starts))? attr-dict `:` type($cache) `->` type($key)";
  let hasVerifier = 1;
}

def Qnt_CacheViewOp : Qnt_Op<"cache_view", [Pure, AllTypesMatch<["key", "value"]>]> {
  let summary = "The keys and values of a cache as memory, channels innermost";
  let description = [{
    `[B, kvHeads, capacity, D]` each, of the cache's element type; capacity is at least the tokens that the cache may hold. Reference lowerings of
    operations on caches read and write through it; a program that has it lays its caches out this way, so fast paths cannot share them.
    A quantized cache has bytes of codes, and in `scales` those of keys and of values, `[B, kvHeads, capacity]` each. Of codes of 4 bits byte i has
    channel 2i in its low half and 2i + 1 in its high half.
    Example:
      %key, %value = qnt.cache_view %cache : !qnt.cache<4x32xf16> -> memref<?x4x?x32xf16, strided<[?, ?, 32, 1], offset: ?>>
  }];
  let arguments = (ins Qnt_CacheType:$cache);
  let results = (outs AnyMemRef:$key, AnyMemRef:$value, Variadic<AnyMemRef>:$scales);
  let assemblyFormat = "$cache attr-dict `:` type($cache) `->` type($key) (`,` type($scales)^)?";
  let builders = [OpBuilder<(ins "::mlir::Value":$cache)>];
  let hasVerifier = 1;
}

def Qnt_GluOp : Qnt_PureOp<"glu", [Qnt_KeepsRows]> {
  let summary = "Gated activation: act(gate) * up, of a merged [gate, up] tensor";
  let description = [{ `input [.., 2F]` (first half gate) -> `[.., F]`. }];
  let arguments = (ins Qnt_F32Tensor:$input, Qnt_Activation:$activation);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$activation $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Qnt_ActivateOp : Qnt_PureOp<"activate", [Qnt_KeepsRows, AllTypesMatch<["input", "result"]>]> {
  let summary = "Elementwise activation function";
  let arguments = (ins Qnt_F32Tensor:$input, Qnt_Activation:$activation);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$activation $input attr-dict `:` type($input)";
}

def Qnt_HadamardOp : Qnt_PureOp<"hadamard", [Qnt_KeepsRows, AllTypesMatch<["input", "result"]>]> {
  let summary = "Channels times a Hadamard matrix, at run time";
  let description = [{
    Every `block` channels x of `input [.., K]` become `x H / sqrt(block)`, as `#qnt.rotation<block = ..>` says (without signs): the weight behind it has
    that as its `column_rotation`, so that their product stays the same. n log n additions (n (q + log p) with a Paley matrix of order q), and no channel that stands out is left.
    Source: Ashkboos et al. 2024, QuaRot, arXiv 2404.00456, section 4.
    Example:
      %y = qnt.hadamard %x block 768 : tensor<?x?x768xf32>
  }];
  let arguments = (ins Qnt_F32Tensor:$input, I64Attr:$block);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$input `block` $block attr-dict `:` type($input)";
  let hasVerifier = 1;
}

//===-- quantization ------------------------------------------------------------------------------------------------------------===//

def Qnt_SplitOutliersOp : Qnt_PureOp<"split_outliers", [Qnt_KeepsRows, AllTypesMatch<["input", "rest", "outliers"]>]> {
  let summary = "Separate the channels that hold large values, at run time (LLM.int8())";
  let description = [{
    A channel of `input [.., K]` is an outlier if `|x| >= threshold` in any row of the call. `outliers` has those channels and 0 elsewhere, `rest` the
    others: their sum is `input`. Products with each, one of them quantized, add up to that of `input`.
    Source: Dettmers et al. 2022, arXiv 2208.07339, section 3.2.
    Example:
      %rest, %outliers = qnt.split_outliers %x above 6.0 : tensor<?x?x256xf32>
  }];
  let arguments = (ins Qnt_F32Tensor:$input, F32Attr:$threshold);
  let results = (outs Qnt_F32Tensor:$rest, Qnt_F32Tensor:$outliers);
  let assemblyFormat = "$input `above` $threshold attr-dict `:` type($input)";
}
def Qnt_QuantizeOp : Qnt_PureOp<"quantize", [Qnt_KeepsRows]> {
  let summary = "Quantize activations at run time, symmetric, round to nearest even";
  let description = [{
    Dynamic: every group has the scale absmax / 127. Static, with `scale [1]`: all rows have this one, known before the program runs, and values
    beyond 127 times it become the nearest code, -127 or 127. A scale that is not above 0 makes codes of 0.

    8-bit floats (`element = table`) have the scale absmax / largest (448 of e4m3, 57344 of e5m2), always dynamic; a code is the value nearest to x / scale,
    that of the largest magnitude beyond it. A scale that vanishes (zeros, or magnitudes of some 2^-141) makes zeros. A NaN or an infinity makes the scale one, so that all
    values under it become NaN: they stay visible.
    Example:
      %q = qnt.quantize %x by %scale : tensor<?x64xf32>, tensor<1xf32> -> tensor<?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
  }];
  let arguments = (ins Qnt_F32Tensor:$input, Optional<Qnt_F32Tensor>:$scale);
  let results = (outs TensorOf<[Qnt_BlockType]>:$result);
  let assemblyFormat = "$input (`by` $scale^)? attr-dict `:` type($input) (`,` type($scale)^)? `->` type($result)";
  let hasVerifier = 1;
}
def Qnt_DequantizeOp : Qnt_PureOp<"dequantize", [Qnt_KeepsRows]> {
  let summary = "The float values of a quantized tensor";
  let arguments = (ins TensorOf<[Qnt_BlockType]>:$input);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Qnt_ComposeOp : Qnt_Op<"compose", [Pure]> {
  let summary = "A quantized tensor from its components";
  let description = [{
    For `[.., K]`: codes `[.., K]` as stored (unsigned, one byte each), stored scales `[.., ceil(K/group)]` as f32 (two-level: `[.., ceil(K/super)]`),
    and for formats that have them integer zero points or sub-scales (i8) or float zero points (f32) `[.., ceil(K/group)]`, minima as scales, and
    their sub-minima (i8) `[.., ceil(K/group)]`.
    `qnt.decompose` is its inverse. Where reference lowerings make and read quantized tensors; fast paths never see either.
    Example:
      %x = qnt.compose %codes, %scales : tensor<?x64xi8>, tensor<?x2xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
  }];
  let arguments = (ins TensorOf<[I8]>:$codes, Qnt_F32Tensor:$scales, Variadic<TensorOf<[I8, F32]>>:$side);
  let results = (outs TensorOf<[Qnt_BlockType]>:$result);
  let assemblyFormat = "$codes `,` $scales (`,` $side^)? attr-dict `:` type($codes) `,` type($scales) (`,` type($side)^)? `->` type($result)";
  let hasVerifier = 1;
}
def Qnt_DecomposeOp : Qnt_Op<"decompose", [Pure]> {
  let summary = "The components of a quantized tensor; see qnt.compose";
  let arguments = (ins TensorOf<[Qnt_BlockType]>:$input);
  let results = (outs TensorOf<[I8]>:$codes, Qnt_F32Tensor:$scales, Variadic<TensorOf<[I8, F32]>>:$side);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($codes) `,` type($scales) (`,` type($side)^)?";
  let builders = [OpBuilder<(ins "::mlir::Value":$input)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===-- calibration -------------------------------------------------------------------------------------------------------------===//

def Qnt_ObserveOp : Qnt_Op<"observe", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Show the program's caller what is about to be multiplied with a weight";
  let description = [{
    `input [.., K]` reaches matmuls of `weight [N, K]`. The caller may change the weight's values in memory before it returns: what follows reads
    the new ones (methods that quantize layer after layer). Nothing is shown to a caller that has not asked (qcc_observe).
    Example:
      qnt.observe %x of %w : tensor<?x?x256xf32>, tensor<512x256xf32>
  }];
  let arguments = (ins Qnt_F32Tensor:$input, Qnt_Weight:$weight);
  let assemblyFormat = "$input `of` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

//===-- verification ------------------------------------------------------------------------------------------------------------===//

def Qnt_TapOp : Qnt_Op<"tap", [Qnt_KeepsRows, AllTypesMatch<["input", "result"]>, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Show a value to the program's caller, who may replace it";
  let description = [{
    `result` is `input [.., N]`, or what the caller writes over it (qcc_observe): two programs of one model are compared value by value, and the second
    goes on with what the first has computed, so that differences do not travel. Taps keep their order.
    Example:
      %1 = qnt.tap %0 : tensor<?x?x256xf32>
  }];
  let arguments = (ins Qnt_F32Tensor:$input);
  let results = (outs Qnt_F32Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

//===-- program -----------------------------------------------------------------------------------------------------------------===//

def Qnt_DimOp : Qnt_Op<"dim", [Pure]> {
  let summary = "The value of a symbolic dimension of the program";
  let description = [{ `batch`, `seq`, `past` and what else the model's inputs name; bound by the caller at run time. `total` is `past + seq`. }];
  let arguments = (ins StrAttr:$name);
  let results = (outs Index:$result);
  let assemblyFormat = "$name attr-dict";
}
#endif
