// RUN: qcc-opt %s --qcc-frontend-map-fused-ops -split-input-file -verify-diagnostics

func.func @bits(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x32xf32> {
  %codes = onnx.initializer #onnx.bytes<"codes", file 0, offset 0, length 1024> : tensor<32x2x16xui8>
  %scales = onnx.initializer #onnx.bytes<"scales", file 0, offset 1024, length 256> : tensor<32x2xf32>
  // expected-error @below {{bits = 3 is not supported (2, 4 and 8 are) [unsupported-bits]}}
  %0 = onnx.node "MatMulNBits"(%x, %codes, %scales) {domain = "com.microsoft", since = 1 : i64, K = 64 : i64, N = 32 : i64, bits = 3 : i64, block_size = 32 : i64} : (tensor<?x64xf32>, tensor<32x2x16xui8>, tensor<32x2xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
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
