// RUN: qcc-opt %s --qcc-frontend-recover-linear | FileCheck %s

// CHECK: qnt.weight_decl @w : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = true, data = <"w", file 0, offset 0, length 8192> : tensor<32x64xf32>>]
// CHECK: qnt.weight_decl @table : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false,

// CHECK-LABEL: func @product_with_a_constant
// CHECK:         %[[W:.*]] = qnt.weight @w
// CHECK:         qnt.matmul %arg0, %[[W]] : tensor<?x?x32xf32>, tensor<64x32xf32> -> tensor<?x?x64xf32>
func.func @product_with_a_constant(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 8192> : tensor<32x64xf32>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x?x32xf32>, tensor<32x64xf32>) -> tensor<?x?x64xf32>
  return %0 : tensor<?x?x64xf32>
}

// Tied: one declaration serves the embedding and, transposed in the graph, the head.
// CHECK-LABEL: func @tied_embedding
// CHECK:         qnt.gather %arg0, %{{.*}} : tensor<?x?xi64>, tensor<100x32xf32> -> tensor<?x?x32xf32>
// CHECK:         %[[T:.*]] = qnt.weight @table
// CHECK:         qnt.matmul %{{.*}}, %[[T]]
func.func @tied_embedding(%ids: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x?x100xf32> {
  %table = onnx.initializer #onnx.bytes<"table", file 0, offset 9000, length 12800> : tensor<100x32xf32>
  %x = onnx.node "Gather"(%table, %ids) {since = 13 : i64} : (tensor<100x32xf32>, tensor<?x?xi64>) -> tensor<?x?x32xf32>
  %t = onnx.node "Transpose"(%table) {since = 13 : i64, perm = array<i64: 1, 0>} : (tensor<100x32xf32>) -> tensor<32x100xf32>
  %0 = onnx.node "MatMul"(%x, %t) {since = 13 : i64} : (tensor<?x?x32xf32>, tensor<32x100xf32>) -> tensor<?x?x100xf32>
  return %0 : tensor<?x?x100xf32>
}

// CHECK-LABEL: func @bias
// CHECK:         qnt.matmul %arg0, %{{.*}} bias %{{.*}} : tensor<?x32xf32>, tensor<64x32xf32>, tensor<64xf32> -> tensor<?x64xf32>
// CHECK:         qnt.matmul %arg0, %{{.*}} bias %{{.*}} : tensor<?x32xf32>, tensor<16x32xf32>, tensor<16xf32> -> tensor<?x16xf32>
func.func @bias(%x: tensor<?x32xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x64xf32>, tensor<?x16xf32>) {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 8192> : tensor<32x64xf32>
  %b = onnx.initializer #onnx.bytes<"b", file 0, offset 30000, length 256> : tensor<64xf32>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf32>, tensor<32x64xf32>) -> tensor<?x64xf32>
  %1 = onnx.node "Add"(%b, %0) {since = 14 : i64} : (tensor<64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %v = onnx.initializer #onnx.bytes<"v", file 0, offset 40000, length 2048> : tensor<16x32xf32>
  %c = onnx.initializer #onnx.bytes<"c", file 0, offset 50000, length 64> : tensor<16xf32>
  %2 = onnx.node "Gemm"(%x, %v, %c) {since = 13 : i64, transB = 1 : i64} : (tensor<?x32xf32>, tensor<16x32xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  return %1, %2 : tensor<?x64xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func @product_of_activations_stays
// CHECK:         onnx.node "MatMul"
func.func @product_of_activations_stays(%x: tensor<?x32xf32>, %y: tensor<32x?xf32>) -> tensor<?x?xf32> {
  %0 = onnx.node "MatMul"(%x, %y) {since = 13 : i64} : (tensor<?x32xf32>, tensor<32x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// float16 is widened around what computes in float32.
// CHECK-LABEL: func @half
// CHECK:         %[[X:.*]] = onnx.node "Cast"(%arg0) {{.*}} : (tensor<?x32xf16>) -> tensor<?x32xf32>
// CHECK:         %[[P:.*]] = qnt.matmul %[[X]], %{{.*}} -> tensor<?x64xf32>
// CHECK:         %[[Y:.*]] = onnx.node "Cast"(%[[P]]) {{.*}} : (tensor<?x64xf32>) -> tensor<?x64xf16>
// CHECK:         return %[[Y]]
func.func @half(%x: tensor<?x32xf16> {onnx.dims = ["n", ""]}) -> tensor<?x64xf16> {
  %w = onnx.initializer #onnx.bytes<"h", file 0, offset 0, length 4096> : tensor<32x64xf16>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf16>, tensor<32x64xf16>) -> tensor<?x64xf16>
  return %0 : tensor<?x64xf16>
}

// Of float64 there is no linear layer.
// CHECK-LABEL: func @double
// CHECK-NOT:     qnt.matmul
func.func @double(%x: tensor<?x32xf64> {onnx.dims = ["n", ""]}) -> tensor<?x64xf64> {
  %w = onnx.initializer #onnx.bytes<"d", file 0, offset 0, length 16384> : tensor<32x64xf64>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf64>, tensor<32x64xf64>) -> tensor<?x64xf64>
  return %0 : tensor<?x64xf64>
}

// A bias of more dimensions than the product gives the sum more: it is no bias of the layer.
// CHECK-LABEL: func @bias_with_more_dimensions
// CHECK:         %[[P:.*]] = qnt.matmul %arg0, %{{[^ ]*}} : {{.*}} -> tensor<?x64xf32>
// CHECK:         onnx.node "Add"(%[[P]], %{{.*}}) {{.*}} -> tensor<1x?x64xf32>
func.func @bias_with_more_dimensions(%x: tensor<?x32xf32> {onnx.dims = ["n", ""]}) -> tensor<1x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"more", file 0, offset 0, length 8192> : tensor<32x64xf32>
  %b = onnx.initializer #onnx.bytes<"b", file 0, offset 0, length 256> : tensor<64xf32>
  %k = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf32>, tensor<32x64xf32>) -> tensor<?x64xf32>
  %1 = onnx.node "Unsqueeze"(%b, %k) {since = 13 : i64} : (tensor<64xf32>, tensor<2xi64>) -> tensor<1x1x64xf32>
  %2 = onnx.node "Add"(%0, %1) {since = 14 : i64} : (tensor<?x64xf32>, tensor<1x1x64xf32>) -> tensor<1x?x64xf32>
  return %2 : tensor<1x?x64xf32>
}

// The weight tells K where only a run tells the input's: the Identity becomes a cast, whose extents a run compares.
// CHECK-LABEL: func @open_channels
// CHECK:         %[[X:.*]] = onnx.node "Identity"(%arg0) {{.*}} : (tensor<?x?xf32>) -> tensor<?x32xf32>
// CHECK:         qnt.matmul %[[X]], %{{.*}} : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
func.func @open_channels(%x: tensor<?x?xf32> {onnx.dims = ["n", "k"]}) -> tensor<?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 8192> : tensor<32x64xf32>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x?xf32>, tensor<32x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// Extents of 1 in front of the matrix are the result's.
// CHECK-LABEL: func @unit_extents
// CHECK:         %[[X:.*]] = onnx.node "Unsqueeze"(%arg0, %{{.*}}) {{.*}} -> tensor<1x?x32xf32>
// CHECK:         qnt.matmul %[[X]], %{{.*}} : tensor<1x?x32xf32>, tensor<64x32xf32> -> tensor<1x?x64xf32>
func.func @unit_extents(%x: tensor<?x32xf32> {onnx.dims = ["n", ""]}) -> tensor<1x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"unit", file 0, offset 0, length 8192> : tensor<1x32x64xf32>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf32>, tensor<1x32x64xf32>) -> tensor<1x?x64xf32>
  return %0 : tensor<1x?x64xf32>
}

// Two matrices are no weight of one layer.
// CHECK-LABEL: func @batch_of_matrices
// CHECK-NOT:     qnt.matmul
func.func @batch_of_matrices(%x: tensor<?x32xf32> {onnx.dims = ["n", ""]}) -> tensor<2x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"batch", file 0, offset 0, length 16384> : tensor<2x32x64xf32>
  %0 = onnx.node "MatMul"(%x, %w) {since = 13 : i64} : (tensor<?x32xf32>, tensor<2x32x64xf32>) -> tensor<2x?x64xf32>
  return %0 : tensor<2x?x64xf32>
}

// W x is the transposed of x' W'.
// CHECK-LABEL: func @weight_on_the_left
// CHECK:         %[[X:.*]] = onnx.node "Transpose"(%arg0) {{.*}} -> tensor<?x32xf32>
// CHECK:         %[[P:.*]] = qnt.matmul %[[X]], %{{.*}} : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
// CHECK:         onnx.node "Transpose"(%[[P]]) {{.*}} -> tensor<64x?xf32>
func.func @weight_on_the_left(%x: tensor<32x?xf32> {onnx.dims = ["", "n"]}) -> tensor<64x?xf32> {
  %w = onnx.initializer #onnx.bytes<"left", file 0, offset 0, length 8192> : tensor<64x32xf32>
  %0 = onnx.node "MatMul"(%w, %x) {since = 13 : i64} : (tensor<64x32xf32>, tensor<32x?xf32>) -> tensor<64x?xf32>
  return %0 : tensor<64x?xf32>
}

// CHECK-LABEL: func @scaled
// CHECK:         %[[P:.*]] = qnt.matmul %arg0, %{{[^ ]*}} : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
// CHECK:         %[[A:.*]] = onnx.node "Mul"(%[[P]], %{{.*}})
// CHECK:         %[[B:.*]] = onnx.node "Mul"(%{{.*}}, %{{.*}}) {{.*}} -> tensor<64xf32>
// CHECK:         onnx.node "Add"(%[[A]], %[[B]])
func.func @scaled(%x: tensor<?x32xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 8192> : tensor<32x64xf32>
  %b = onnx.initializer #onnx.bytes<"b", file 0, offset 30000, length 256> : tensor<64xf32>
  %0 = onnx.node "Gemm"(%x, %w, %b) {since = 13 : i64, alpha = 0.5 : f32, beta = 2.0 : f32} : (tensor<?x32xf32>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// Positions times frequencies, and sums of nothing, are no layers.
// CHECK-LABEL: func @no_sums
// CHECK-NOT:     qnt.matmul
func.func @no_sums(%x: tensor<?x1xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x0xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %f = onnx.initializer #onnx.bytes<"f", file 0, offset 0, length 256> : tensor<1x64xf32>
  %e = onnx.initializer #onnx.bytes<"e", file 0, offset 0, length 0> : tensor<0x64xf32>
  %0 = onnx.node "MatMul"(%x, %f) {since = 13 : i64} : (tensor<?x1xf32>, tensor<1x64xf32>) -> tensor<?x64xf32>
  %1 = onnx.node "MatMul"(%y, %e) {since = 13 : i64} : (tensor<?x0xf32>, tensor<0x64xf32>) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}
