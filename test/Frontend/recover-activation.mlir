// RUN: qcc-opt %s --qcc-frontend-recover-activation | FileCheck %s

// CHECK-LABEL: func @silu
// CHECK:         %[[A:.*]] = qnt.activate silu %arg0 : tensor<?x64xf32>
// CHECK-NEXT:    return %[[A]]
func.func @silu(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %0 = onnx.node "Sigmoid"(%x) {since = 13 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = onnx.node "Mul"(%x, %0) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// CHECK-LABEL: func @gelu_by_erf
// CHECK:         qnt.activate gelu %arg0 : tensor<?x64xf32>
// CHECK-NOT:     onnx.node
func.func @gelu_by_erf(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %root2 = onnx.constant dense<1.4142135> : tensor<f32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %0 = onnx.node "Div"(%x, %root2) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %1 = onnx.node "Erf"(%0) {since = 13 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %2 = onnx.node "Add"(%1, %one) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %3 = onnx.node "Mul"(%x, %2) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %4 = onnx.node "Mul"(%3, %half) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  return %4 : tensor<?x64xf32>
}

// CHECK-LABEL: func @gelu_by_tanh
// CHECK:         qnt.activate gelu_tanh %arg0 : tensor<?x64xf32>
// CHECK-NOT:     onnx.node
func.func @gelu_by_tanh(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %three = onnx.constant dense<3.0> : tensor<f32>
  %c = onnx.constant dense<0.044715> : tensor<f32>
  %root = onnx.constant dense<0.797884583> : tensor<f32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %0 = onnx.node "Pow"(%x, %three) {since = 15 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %1 = onnx.node "Mul"(%0, %c) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %2 = onnx.node "Add"(%x, %1) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %3 = onnx.node "Mul"(%2, %root) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %4 = onnx.node "Tanh"(%3) {since = 13 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %5 = onnx.node "Add"(%4, %one) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %6 = onnx.node "Mul"(%x, %half) {since = 14 : i64} : (tensor<?x64xf32>, tensor<f32>) -> tensor<?x64xf32>
  %7 = onnx.node "Mul"(%6, %5) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %7 : tensor<?x64xf32>
}

// CHECK-LABEL: func @sigmoid_of_another_is_a_gate_not_silu
// CHECK-NOT:     qnt.activate
func.func @sigmoid_of_another_is_a_gate_not_silu(%x: tensor<?x64xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x64xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %0 = onnx.node "Sigmoid"(%x) {since = 13 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = onnx.node "Mul"(%y, %0) {since = 14 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
