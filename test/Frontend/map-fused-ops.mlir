// RUN: qcc-opt %s --qcc-frontend-map-fused-ops --qcc-frontend-simplify-views | FileCheck %s

// CHECK: qnt.weight_decl @codes : tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32>> [#qnt.part<rows = 32, transposed = false, data = <"codes", file 0, offset 0, length 1024> : tensor<32x2x16xui8>, scales = <"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>>]
// CHECK: qnt.weight_decl @affine : tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32, zero = int>>
// CHECK: qnt.weight_decl @floats : tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32, zero = float>>

// CHECK-LABEL: func @block_quantized_weights
// CHECK:         %[[W:.*]] = qnt.weight @codes
// CHECK:         qnt.matmul %arg0, %[[W]] : tensor<?x?x64xf32>, tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32>> -> tensor<?x?x32xf32>
// CHECK:         qnt.matmul %arg0, %{{.*}} : tensor<?x?x64xf32>, tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32, zero = int>> -> tensor<?x?x32xf32>
// CHECK:         qnt.matmul %arg0, %{{.*}} : tensor<?x?x64xf32>, tensor<32x64x!qnt.block<bits = 4, group = 32, scale = f32, zero = float>> -> tensor<?x?x32xf32>
func.func @block_quantized_weights(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>) {
  %none = onnx.none : none
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1024> : tensor<32x2x16xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>
  %affine = onnx.initializer #onnx.bytes<"affine", file 0, offset 2000, length 1024> : tensor<32x2x16xui8>
  %floats = onnx.initializer #onnx.bytes<"floats", file 0, offset 4000, length 1024> : tensor<32x2x16xui8>
  %packed = onnx.initializer #onnx.bytes<"zeros", file 0, offset 5024, length 32> : tensor<32x1xui8>
  %unpacked = onnx.initializer #onnx.bytes<"fzeros", file 0, offset 6024, length 256> : tensor<32x2xf32>
  %0 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<?x?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>) -> tensor<?x?x32xf32>
  %1 = onnx.node "MatMulNBits"(%x, %affine, %scales, %packed) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<?x?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>, tensor<32x1xui8>) -> tensor<?x?x32xf32>
  %2 = onnx.node "MatMulNBits"(%x, %floats, %scales, %unpacked, %none) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<?x?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>, tensor<32x2xf32>, none) -> tensor<?x?x32xf32>
  return %0, %1, %2 : tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>
}

// CHECK-LABEL: func @residual_norm
// CHECK:         %[[S:.*]] = arith.addf %arg0, %arg1 : tensor<?x?x64xf32>
// CHECK:         %[[N:.*]] = qnt.norm rms %[[S]], %{{.*}} eps 9.99999974E-6
// CHECK:         return %[[N]], %[[S]]
func.func @residual_norm(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %y: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  %0:4 = onnx.node "SkipSimplifiedLayerNormalization"(%x, %y, %w) {domain = "com.microsoft", since = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>) -> (tensor<?x?x64xf32>, none, none, tensor<?x?x64xf32>)
  return %0#0, %0#3 : tensor<?x?x64xf32>, tensor<?x?x64xf32>
}

// CHECK-LABEL: func @group_query_attention
// CHECK-DAG:     %[[P:.*]] = qnt.dim "past"
// CHECK-DAG:     %[[S:.*]] = qnt.row_starts %arg3 at %[[P]] : tensor<?xi32> -> tensor<?xi64>
// CHECK-DAG:     %[[AT:.*]] = qnt.positions at %[[P]] rows %[[S]] : tensor<?xi64> : tensor<?x?xi64>
// CHECK:         qnt.rotary %{{.*}} at %[[AT]], %{{.*}}, %{{.*}} heads 4 : tensor<?x?x32xf32>
// CHECK:         %[[K:.*]] = qnt.rotary %{{.*}} at %[[AT]], %{{.*}}, %{{.*}} heads 2 : tensor<?x?x16xf32>
// CHECK:         %[[C:.*]] = qnt.cache_load %arg1, %arg2
// CHECK:         qnt.kv_update %[[K]], %{{.*}} into %[[C]] at %[[P]] rows %[[S]] : tensor<?xi64> : tensor<?x?x16xf32>, <2x8xf32>
// CHECK:         qnt.attention %{{.*}} over %[[C]] at %[[P]] rows %[[S]] : tensor<?xi64> heads 4 scale 0.353553385 : tensor<?x?x32xf32>, <2x8xf32>
// CHECK:         qnt.cache_store %[[C]] at %{{.*}} rows %[[S]] : tensor<?xi64>
func.func @group_query_attention(%qkv: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %pk: tensor<?x2x?x8xf32> {onnx.dims = ["b", "", "past", ""]}, %pv: tensor<?x2x?x8xf32> {onnx.dims = ["b", "", "past", ""]},
    %lengths: tensor<?xi32>, %total: tensor<i32>) -> (tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
  %none = onnx.none : none
  %cos = onnx.initializer #onnx.bytes<"cos", file 0, offset 0, length 512> : tensor<32x4xf32>
  %sin = onnx.initializer #onnx.bytes<"sin", file 0, offset 512, length 512> : tensor<32x4xf32>
  %0:3 = onnx.node "GroupQueryAttention"(%qkv, %none, %none, %pk, %pv, %lengths, %total, %cos, %sin) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64, kv_num_heads = 2 : i64, do_rotary = 1 : i64} : (tensor<?x?x64xf32>, none, none, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?xi32>, tensor<i32>, tensor<32x4xf32>, tensor<32x4xf32>) -> (tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>)
  return %0#0, %0#1, %0#2 : tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}

// Operators that stand for several of ONNX's become those again, so that linear layers and embeddings are found in them.
// CHECK-LABEL: func @fused_activation
// CHECK:         %[[A:.*]] = onnx.node "Add"(%arg0, %{{.*}})
// CHECK:         qnt.activate gelu %[[A]]
func.func @fused_activation(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %k = onnx.initializer #onnx.bytes<"k", file 0, offset 0, length 256> : tensor<64xf32>
  %0 = onnx.node "BiasGelu"(%x, %k) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// CHECK-LABEL: func @fused_product
// CHECK:         %[[T:.*]] = onnx.node "Transpose"(%arg1) {perm = array<i64: 0, 2, 1>, since = 13 : i64} : (tensor<?x?x64xf32>) -> tensor<?x64x?xf32>
// CHECK:         %[[P:.*]] = onnx.node "MatMul"(%arg0, %[[T]]) {{.*}} -> tensor<?x?x?xf32>
// CHECK:         onnx.node "Mul"(%[[P]], %{{.*}})
func.func @fused_product(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}, %y: tensor<?x?x64xf32> {onnx.dims = ["b", "t", ""]}) -> tensor<?x?x?xf32> {
  %0 = onnx.node "FusedMatMul"(%x, %y) {domain = "com.microsoft", since = 1 : i64, transB = 1 : i64, alpha = 1.25e-1 : f32} : (tensor<?x?x64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x?xf32>
  return %0 : tensor<?x?x?xf32>
}

// CHECK-LABEL: func @packed_attention
// CHECK:         %[[ALL:.*]] = onnx.node "MatMul"(%arg0, %{{.*}}) {{.*}} -> tensor<?x?x96xf32>
// CHECK-COUNT-3: onnx.node "Slice"(%[[ALL]], {{.*}} -> tensor<?x?x32xf32>
// CHECK:         qnt.attention %{{.*}} over %{{.*}} at %{{.*}} mask %arg1 heads 4 scale 0.353553385 {causal = false}
func.func @packed_attention(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %mask: tensor<?x?xi32> {onnx.dims = ["b", "s"]}) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 12288> : tensor<32x96xf32>
  %0 = onnx.node "Attention"(%x, %w, %none, %mask) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<32x96xf32>, none, tensor<?x?xi32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// The number of tokens of each row instead of a mask.
// CHECK-LABEL: func @heads
// CHECK:         %[[IN:.*]] = onnx.node "Less"(%{{.*}}, %{{.*}}) {{.*}} -> tensor<?x?xi1>
// CHECK:         %[[MASK:.*]] = onnx.node "Cast"(%[[IN]])
// CHECK:         qnt.attention %arg0 over %{{.*}} at %{{.*}} mask %[[MASK]] heads 4
func.func @heads(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %lengths: tensor<?xi32> {onnx.dims = ["b"]}) -> tensor<?x?x32xf32> {
  %none = onnx.none : none
  %0 = onnx.node "MultiHeadAttention"(%x, %x, %x, %none, %lengths) {domain = "com.microsoft", since = 1 : i64, num_heads = 4 : i64} : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, none, tensor<?xi32>) -> tensor<?x?x32xf32>
  return %0 : tensor<?x?x32xf32>
}

// CHECK-LABEL: func @embeddings
// CHECK:         %[[W:.*]] = onnx.node "Gather"(%{{.*}}, %arg0)
// CHECK:         %[[P:.*]] = onnx.node "Slice"
// CHECK:         %[[S:.*]] = onnx.node "Add"(%[[W]], %[[P]])
// CHECK:         qnt.norm layer %[[S]], %{{.*}} bias %{{.*}} eps
func.func @embeddings(%ids: tensor<?x?xi32> {onnx.dims = ["b", "s"]}) -> tensor<?x?x64xf32> {
  %none = onnx.none : none
  %word = onnx.initializer #onnx.bytes<"word", file 0, offset 0, length 12800> : tensor<50x64xf32>
  %position = onnx.initializer #onnx.bytes<"position", file 0, offset 12800, length 8192> : tensor<32x64xf32>
  %g = onnx.initializer #onnx.bytes<"g", file 0, offset 20992, length 256> : tensor<64xf32>
  %e = onnx.initializer #onnx.bytes<"e", file 0, offset 21248, length 256> : tensor<64xf32>
  %0:2 = onnx.node "EmbedLayerNormalization"(%ids, %none, %word, %position, %none, %g, %e) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x?xi32>, none, tensor<50x64xf32>, tensor<32x64xf32>, none, tensor<64xf32>, tensor<64xf32>) -> (tensor<?x?x64xf32>, none)
  return %0#0 : tensor<?x?x64xf32>
}

// float16 is widened around what computes in float32.
// CHECK-LABEL: func @half_norm
// CHECK:         %[[X:.*]] = onnx.node "Cast"(%arg0) {{.*}} : (tensor<?x64xf16>) -> tensor<?x64xf32>
// CHECK:         %[[N:.*]] = qnt.norm layer %[[X]], %{{.*}} : tensor<?x64xf32>
// CHECK:         %[[Y:.*]] = onnx.node "Cast"(%[[N]]) {{.*}} : (tensor<?x64xf32>) -> tensor<?x64xf16>
// CHECK:         return %[[Y]]
func.func @half_norm(%x: tensor<?x64xf16> {onnx.dims = ["n", ""]}) -> tensor<?x64xf16> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 128> : tensor<64xf16>
  %0 = onnx.node "LayerNormalization"(%x, %w) {since = 17 : i64} : (tensor<?x64xf16>, tensor<64xf16>) -> tensor<?x64xf16>
  return %0 : tensor<?x64xf16>
}
