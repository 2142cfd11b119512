// RUN: qcc-opt %s --qcc-frontend-map-fused-ops -split-input-file -verify-diagnostics

func.func @bits(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x32xf32> {
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1024> : tensor<32x2x16xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>
  // expected-error @below {{bits = 3 is not supported (2, 4 and 8 are) [unsupported-bits]}}
  %0 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 3 : i64, block_size = 32 : i64} : (tensor<?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// More than a group has, although the sizes fit.
func.func @block(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x1xf32> {
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1048576> : tensor<1x1x1048576xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1048576, length 4> : tensor<1x1xf32>
  // expected-error @below {{block_size = 2097152 is not a power of two from 16 to 1048576 [block-size]}}
  %0 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 1 : i64, bits = 4 : i64, block_size = 2097152 : i64} : (tensor<?x64xf32>, tensor<1x1x1048576xui8>, tensor<1x1xf32>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

func.func @sizes(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x33xf32> {
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1024> : tensor<32x2x16xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>
  // expected-error @below {{has 1024 bytes of codes, but 33 rows of 64 take 1056 [codes-size]}}
  %0 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 33 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>) -> tensor<?x33xf32>
  return %0 : tensor<?x33xf32>
}

// -----

func.func @heads(%qkv: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %pk: tensor<?x2x?x8xf32> {onnx.dims = ["b", "", "past", ""]}) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  // expected-error @below {{kv_num_heads = 3 does not divide num_heads = 4 [attention-heads]}}
  %0:3 = onnx.node "GroupQueryAttention"(%qkv, %none, %none, %pk, %pk) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64, kv_num_heads = 3 : i64} : (tensor<?x?x64xf32>, none, none, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) -> (tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>)
  return %0#0 : tensor<?x?x32xf32>
}

// -----

func.func @scale(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %w: tensor<64xf32>) -> tensor<?x?x64xf32> {
  // expected-error @below {{scale must be a constant float tensor [constant-operand]}}
  %0 = onnx.node "SimplifiedLayerNormalization"(%x, %w) {since = 1 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// -----

func.func @channels(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %k: tensor<32xf32>) -> tensor<?x?x64xf32> {
  // expected-error @below {{the bias must have one element per channel [bias-shape]}}
  %0 = onnx.node "BiasGelu"(%x, %k) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?x64xf32>, tensor<32xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// -----

// One element would be broadcast.
func.func @one(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %k: tensor<1xf32>) -> tensor<?x?x64xf32> {
  // expected-error @below {{the bias must have one element per channel [bias-shape]}}
  %0 = onnx.node "BiasGelu"(%x, %k) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?x64xf32>, tensor<1xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// -----

// K where no dimension of an input tells it.
func.func @open(%x: tensor<?x?xf32>) -> tensor<?x32xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 1024> : tensor<32x2x16xui8>
  %s = onnx.initializer #onnx.bytes<"s", file 0, offset 1024, length 256> : tensor<32x2xf32>
  // expected-error @below {{K = 64 is not the last dimension of the input [matmul-k]}}
  %0 = onnx.node "MatMulNBits"(%x, %w, %s) {K = 64 : i64, N = 32 : i64, bits = 4 : i64, block_size = 32 : i64, domain = "com.microsoft", since = 1 : i64} : (tensor<?x?xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @batches(%x: tensor<4x4x4xf32>) -> tensor<4x4x4xf32> {
  // expected-error @below {{transBatchA and transBatchB are not supported [unsupported-attribute]}}
  %0 = onnx.node "FusedMatMul"(%x, %x) {domain = "com.microsoft", since = 1 : i64, transBatchA = 1 : i64} : (tensor<4x4x4xf32>, tensor<4x4x4xf32>) -> tensor<4x4x4xf32>
  return %0 : tensor<4x4x4xf32>
}

// -----

func.func @skip(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %y: tensor<?x?x64xf32> {onnx.dims = ["b", "t", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  // expected-error @below {{input and skip must have the same shape, but for a batch of one in skip [skip-shape]}}
  %0 = onnx.node "SkipSimplifiedLayerNormalization"(%x, %y, %w) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// -----

func.func @other_sizes(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %w: tensor<32x96xf32>) -> tensor<?x?x16xf32> {
  // expected-error @below {{query, key and value must have the same number of channels (qkv_hidden_sizes) [attention-heads]}}
  %0 = onnx.node "Attention"(%x, %w) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64, qkv_hidden_sizes = array<i64: 40, 40, 16>} : (tensor<?x?x32xf32>, tensor<32x96xf32>) -> tensor<?x?x16xf32>
  return %0 : tensor<?x?x16xf32>
}

// -----

func.func @rotary(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %w: tensor<32x96xf32>) -> tensor<?x?x32xf32> {
  // expected-error @below {{do_rotary is not supported [unsupported-attribute]}}
  %0 = onnx.node "Attention"(%x, %w) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64, do_rotary = 1 : i64} : (tensor<?x?x32xf32>, tensor<32x96xf32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @mask_of_pairs(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %w: tensor<32x96xf32>, %mask: tensor<?x?x?xi32> {onnx.dims = ["b", "s", "s"]}) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  // expected-error @below {{the mask must be [batch, keys], or without a past the number of keys of each row [batch] [mask-shape]}}
  %0 = onnx.node "Attention"(%x, %w, %none, %mask) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<32x96xf32>, none, tensor<?x?x?xi32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @cross(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %y: tensor<?x?x32xf32> {onnx.dims = ["b", "t", ""]}) -> tensor<?x?x32xf32> {
  // expected-error @below {{the query has s tokens, and key or value t: they must be the same [attention-length]}}
  %0 = onnx.node "MultiHeadAttention"(%x, %y, %y) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @scores_bias(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %bias: tensor<1x4x?x?xf32> {onnx.dims = ["", "", "s", "s"]}) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  // expected-error @below {{input attention_bias is not supported [unsupported-input]}}
  %0 = onnx.node "MultiHeadAttention"(%x, %x, %x, %none, %none, %bias) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, none, none, tensor<1x4x?x?xf32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @packed(%x: tensor<?x?x4x2x8xf32> {onnx.dims = ["b", "s", "", "", ""]}) -> tensor<?x?x32xf32> {
  // expected-error @below {{packed heads must be [batch, tokens, heads, 3, size] [attention-shape]}}
  %0 = onnx.node "MultiHeadAttention"(%x) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x4x2x8xf32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @segments(%ids: tensor<?x?xi32> {onnx.dims = ["b", "s"]}, %word: tensor<50x64xf32>, %position: tensor<32x64xf32>, %g: tensor<64xf32>) -> tensor<?x?x64xf32> {
  %none = onnx.none : none
  // expected-error @below {{segment_ids and segment_embedding belong together [missing-input]}}
  %0 = onnx.node "EmbedLayerNormalization"(%ids, %ids, %word, %position, %none, %g, %g) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?xi32>, tensor<?x?xi32>, tensor<50x64xf32>, tensor<32x64xf32>, none, tensor<64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// -----

func.func @double(%x: tensor<?x64xf64> {onnx.dims = ["n", ""]}, %w: tensor<64xf64>) -> tensor<?x64xf64> {
  // expected-error @below {{only float32, float16 and bfloat16 are supported [element-type]}}
  %0 = onnx.node "LayerNormalization"(%x, %w) {since = 17 : i64} : (tensor<?x64xf64>, tensor<64xf64>) -> tensor<?x64xf64>
  return %0 : tensor<?x64xf64>
}

// -----

func.func @scalar_mask(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %m: tensor<i32>) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  // expected-error @below {{the mask must be [batch, keys], or without a past the number of keys of each row [batch] [mask-shape]}}
  %0 = onnx.node "MultiHeadAttention"(%x, %x, %x, %none, %m) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, none, tensor<i32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @values_of_other_rank(%q: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "s", ""]}, %v: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x4x?x8xf32> {
  // expected-error @below {{needs float32 Q, K, V of rank 3 or 4 [attention-shape]}}
  %0 = onnx.node "Attention"(%q, %q, %v) {since = 23 : i64} : (tensor<?x4x?x8xf32>, tensor<?x4x?x8xf32>, tensor<?x?x32xf32>) -> tensor<?x4x?x8xf32>
  return %0 : tensor<?x4x?x8xf32>
}

// -----

func.func @no_bits(%i: tensor<?xi64> {onnx.dims = ["n"]}) -> tensor<?x64xf32> {
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1024> : tensor<32x32xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>
  // expected-error @below {{bits = 0 is not supported (2, 4 and 8 are) [unsupported-bits]}}
  %0 = onnx.node "GatherBlockQuantized"(%codes, %i, %scales) {domain = "com.microsoft", since = 1 : i64, bits = 0 : i64, block_size = 32 : i64} : (tensor<32x32xui8>, tensor<?xi64>, tensor<32x2xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @half_a_past(%q: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "s", ""]}, %pk: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "past", ""]}) -> tensor<?x4x?x8xf32> {
  %none = onnx.none : none
  // expected-error @below {{only one of past_key and past_value is given [past-shape]}}
  %0 = onnx.node "Attention"(%q, %q, %q, %none, %pk) {since = 23 : i64} : (tensor<?x4x?x8xf32>, tensor<?x4x?x8xf32>, tensor<?x4x?x8xf32>, none, tensor<?x4x?x8xf32>) -> tensor<?x4x?x8xf32>
  return %0 : tensor<?x4x?x8xf32>
}

// -----

func.func @norm_of_nothing(%x: tensor<?x0xf32> {onnx.dims = ["n", ""]}) -> tensor<?x0xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 0> : tensor<0xf32>
  // expected-error @below {{normalizes rows without elements [norm-channels]}}
  %0 = onnx.node "LayerNormalization"(%x, %w) {since = 17 : i64} : (tensor<?x0xf32>, tensor<0xf32>) -> tensor<?x0xf32>
  return %0 : tensor<?x0xf32>
}

// -----

func.func @norm_of_a_scalar(%x: tensor<f32> {onnx.dims = []}) -> tensor<f32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 4> : tensor<1xf32>
  // expected-error @below {{only the last axis can be normalized [norm-axis]}}
  %0 = onnx.node "LayerNormalization"(%x, %w) {since = 17 : i64} : (tensor<f32>, tensor<1xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @parameters(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 20> : tensor<5xf32>
  // expected-error @below {{has 5 elements of scale for 64 channels [norm-parameters]}}
  %0 = onnx.node "LayerNormalization"(%x, %w) {since = 17 : i64} : (tensor<?x64xf32>, tensor<5xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
