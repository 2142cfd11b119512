// RUN: qcc-opt %s --qcc-frontend-recover-norm | FileCheck %s

// The exporter's spelling: x * (1 / sqrt(mean(x^2) + eps)), then the weight from the left.
// CHECK-LABEL: func @rms_by_reciprocal
// CHECK:         %[[W:.*]] = qnt.weight @w : tensor<64xf32>
// CHECK:         %[[N:.*]] = qnt.norm rms %arg0, %[[W]] eps 9.99999974E-6 : tensor<?x?x64xf32>, tensor<64xf32>
// CHECK-NEXT:    return %[[N]]
func.func @rms_by_reciprocal(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %0 = onnx.node "Pow"(%x, %two) {since = 15 : i64} : (tensor<?x?x64xf32>, tensor<f32>) -> tensor<?x?x64xf32>
  %1 = onnx.node "ReduceMean"(%0, %axis) {since = 18 : i64, keepdims = 1 : i64} : (tensor<?x?x64xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %2 = onnx.node "Add"(%1, %eps) {since = 14 : i64} : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %3 = onnx.node "Sqrt"(%2) {since = 13 : i64} : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %4 = onnx.node "Div"(%one, %3) {since = 14 : i64} : (tensor<f32>, tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %5 = onnx.node "Mul"(%x, %4) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
  %6 = onnx.node "Cast"(%5) {since = 13 : i64, to = 1 : i64} : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  %7 = onnx.node "Mul"(%w, %6) {since = 14 : i64} : (tensor<64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  return %7 : tensor<?x?x64xf32>
}

// Another spelling of the same: the square as a product, the quotient with the root.
// CHECK-LABEL: func @rms_by_quotient
// CHECK:         qnt.norm rms %arg0
// CHECK-NOT:     onnx.node
func.func @rms_by_quotient(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  %eps = onnx.constant dense<1.0e-6> : tensor<f32>
  %0 = onnx.node "Mul"(%x, %x) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  %1 = onnx.node "ReduceMean"(%0) {since = 13 : i64, axes = array<i64: -1>} : (tensor<?x?x64xf32>) -> tensor<?x?x1xf32>
  %2 = onnx.node "Add"(%eps, %1) {since = 14 : i64} : (tensor<f32>, tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %3 = onnx.node "Sqrt"(%2) {since = 13 : i64} : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %4 = onnx.node "Mul"(%x, %w) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  %5 = onnx.node "Div"(%4, %3) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
  return %5 : tensor<?x?x64xf32>
}

// CHECK-LABEL: func @layer_norm
// CHECK:         qnt.norm layer %arg0, %{{.*}} bias %{{.*}} eps 9.99999974E-6
// CHECK-NOT:     onnx.node
func.func @layer_norm(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  %b = onnx.initializer #onnx.bytes<"b", file 0, offset 256, length 256> : tensor<64xf32>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %mean = onnx.node "ReduceMean"(%x) {since = 13 : i64, axes = array<i64: -1>} : (tensor<?x?x64xf32>) -> tensor<?x?x1xf32>
  %c = onnx.node "Sub"(%x, %mean) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
  %0 = onnx.node "Pow"(%c, %two) {since = 15 : i64} : (tensor<?x?x64xf32>, tensor<f32>) -> tensor<?x?x64xf32>
  %1 = onnx.node "ReduceMean"(%0) {since = 13 : i64, axes = array<i64: -1>} : (tensor<?x?x64xf32>) -> tensor<?x?x1xf32>
  %2 = onnx.node "Add"(%1, %eps) {since = 14 : i64} : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %3 = onnx.node "Sqrt"(%2) {since = 13 : i64} : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %4 = onnx.node "Div"(%c, %3) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
  %5 = onnx.node "Mul"(%4, %w) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  %6 = onnx.node "Add"(%5, %b) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %6 : tensor<?x?x64xf32>
}

// CHECK-LABEL: func @mean_without_square_is_no_norm
// CHECK-NOT:     qnt.norm
func.func @mean_without_square_is_no_norm(%x: tensor<?x?x64xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x64xf32> {
  %w = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 256> : tensor<64xf32>
  %0 = onnx.node "ReduceMean"(%x) {since = 13 : i64, axes = array<i64: -1>} : (tensor<?x?x64xf32>) -> tensor<?x?x1xf32>
  %1 = onnx.node "Sqrt"(%0) {since = 13 : i64} : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %2 = onnx.node "Div"(%x, %1) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<?x?x1xf32>) -> tensor<?x?x64xf32>
  %3 = onnx.node "Mul"(%2, %w) {since = 14 : i64} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return %3 : tensor<?x?x64xf32>
}
