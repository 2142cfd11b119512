// RUN: qcc-opt %s --qcc-frontend-simplify-views | FileCheck %s

// CHECK-LABEL: func @transposes_that_undo_each_other
// CHECK-NOT:     onnx.node
// CHECK:         return %arg0 : tensor<?x4x8xf32>
func.func @transposes_that_undo_each_other(%x: tensor<?x4x8xf32> {onnx.dims = ["n", "", ""]}) -> tensor<?x4x8xf32> {
  %0 = onnx.node "Transpose"(%x) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x4x8xf32>) -> tensor<?x8x4xf32>
  %1 = onnx.node "Transpose"(%0) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x8x4xf32>) -> tensor<?x4x8xf32>
  return %1 : tensor<?x4x8xf32>
}

// Channels split into heads by a computed shape and joined again: the shape arithmetic goes with it.
// CHECK-LABEL: func @heads_and_back
// CHECK-NOT:     onnx.node
// CHECK:         return %arg0 : tensor<?x?x32xf32>
func.func @heads_and_back(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x?xf32> {
  %shape = onnx.node "Shape"(%x) {since = 15 : i64} : (tensor<?x?x32xf32>) -> tensor<3xi64>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %axis = onnx.constant dense<0> : tensor<1xi64>
  %bs = onnx.node "Slice"(%shape, %zero, %two, %axis) {since = 13 : i64} : (tensor<3xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %open = onnx.constant dense<-1> : tensor<1xi64>
  %d = onnx.constant dense<8> : tensor<1xi64>
  %split = onnx.node "Concat"(%bs, %open, %d) {since = 13 : i64, axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  %0 = onnx.node "Reshape"(%x, %split) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<4xi64>) -> tensor<?x?x?x8xf32>
  %joined = onnx.node "Concat"(%bs, %open) {since = 13 : i64, axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<3xi64>
  %1 = onnx.node "Reshape"(%0, %joined) {since = 14 : i64} : (tensor<?x?x?x8xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  return %1 : tensor<?x?x?xf32>
}

// CHECK-LABEL: func @a_real_transpose_stays
// CHECK:         onnx.node "Transpose"
func.func @a_real_transpose_stays(%x: tensor<?x4x4xf32> {onnx.dims = ["n", "", ""]}) -> tensor<?x4x4xf32> {
  %0 = onnx.node "Transpose"(%x) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
  return %0 : tensor<?x4x4xf32>
}

// CHECK-LABEL: func @arithmetic_is_no_view
// CHECK:         onnx.node "Add"
func.func @arithmetic_is_no_view(%x: tensor<?xf32> {onnx.dims = ["n"]}) -> tensor<?xf32> {
  %0 = onnx.node "Add"(%x, %x) {since = 14 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// Integers that are data lose bits in a narrower type; in a wider one they do not.
// CHECK-LABEL: func @narrowing_stays
// CHECK:         %[[N:.*]] = onnx.node "Cast"(%arg0) {{.*}} -> tensor<?xi32>
// CHECK:         %[[W:.*]] = onnx.node "Cast"(%[[N]]) {{.*}} -> tensor<?xi64>
// CHECK:         return %[[W]], %[[N]]
func.func @narrowing_stays(%x: tensor<?xi64> {onnx.dims = ["n"]}) -> (tensor<?xi64>, tensor<?xi32>) {
  %0 = onnx.node "Cast"(%x) {since = 13 : i64, to = 6 : i64} : (tensor<?xi64>) -> tensor<?xi32>
  %1 = onnx.node "Cast"(%0) {since = 13 : i64, to = 7 : i64} : (tensor<?xi32>) -> tensor<?xi64>
  %2 = onnx.node "Cast"(%1) {since = 13 : i64, to = 6 : i64} : (tensor<?xi64>) -> tensor<?xi32>
  return %1, %2 : tensor<?xi64>, tensor<?xi32>
}
