// RUN: qcc-opt %s --qcc-frontend-convert-onnx --cse | FileCheck %s

// Same shapes: the tensor operation itself. Names of inputs and dimensions move to qnt attributes.
// CHECK-LABEL: func @same_shapes(%arg0: tensor<?x8xf32> {qnt.dims = ["n", "8"], qnt.name = "x"}, %arg1: tensor<?x8xf32>
// CHECK:         %[[S:.*]] = arith.addf %arg0, %arg1 : tensor<?x8xf32>
// CHECK-NEXT:    return %[[S]]
func.func @same_shapes(%x: tensor<?x8xf32> {onnx.name = "x", onnx.dims = ["n", ""]}, %y: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x8xf32> {
  %0 = onnx.node "Add"(%x, %y) {since = 14 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func @broadcast
// CHECK:         %[[N:.*]] = qnt.dim "n"
// CHECK:         tensor.empty(%[[N]]) : tensor<?x8xf32>
// CHECK:         linalg.generic {{.*}} ins(%arg0, %arg1 : tensor<?x8xf32>, tensor<8xf32>)
// CHECK:           arith.mulf
func.func @broadcast(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<8xf32>) -> tensor<?x8xf32> {
  %0 = onnx.node "Mul"(%x, %y) {since = 14 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Shape arithmetic is gone: the shape of the result is known from the input.
// CHECK-LABEL: func @reshape_by_computed_shape
// CHECK-NOT:     tensor.from_elements
// CHECK:         tensor.expand_shape %arg0 {{\[\[}}0], [1, 2]] output_shape [%{{.*}}, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
func.func @reshape_by_computed_shape(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x2x4xf32> {
  %s = onnx.node "Shape"(%x) {since = 15 : i64} : (tensor<?x8xf32>) -> tensor<2xi64>
  %i = onnx.constant dense<[0]> : tensor<1xi64>
  %n = onnx.node "Gather"(%s, %i) {since = 13 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
  %r = onnx.constant dense<[-1, 4]> : tensor<2xi64>
  %t = onnx.node "Concat"(%n, %r) {since = 13 : i64, axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %0 = onnx.node "Reshape"(%x, %t) {since = 14 : i64} : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  return %0 : tensor<?x2x4xf32>
}

// CHECK-LABEL: func @batch_matmul_and_softmax
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK:         math.exp
// CHECK:         arith.divf
func.func @batch_matmul_and_softmax(%x: tensor<?x4x8xf32> {onnx.dims = ["b", "", ""]}, %y: tensor<?x8x4xf32> {onnx.dims = ["b", "", ""]}) -> tensor<?x4x4xf32> {
  %0 = onnx.node "MatMul"(%x, %y) {since = 13 : i64} : (tensor<?x4x8xf32>, tensor<?x8x4xf32>) -> tensor<?x4x4xf32>
  %1 = onnx.node "Softmax"(%0) {since = 13 : i64, axis = -1 : i64} : (tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
  return %1 : tensor<?x4x4xf32>
}

// CHECK-LABEL: func @movement
// CHECK:         tensor.extract_slice %arg0[0, 2] [%{{.*}}, 4] [1, 1]
// CHECK:         tensor.insert_slice
// CHECK:         linalg.transpose
func.func @movement(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<12x?xf32> {
  %a = onnx.constant dense<2> : tensor<1xi64>
  %b = onnx.constant dense<6> : tensor<1xi64>
  %c = onnx.constant dense<1> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %a, %b, %c) {since = 13 : i64} : (tensor<?x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x4xf32>
  %1 = onnx.node "Concat"(%0, %x) {since = 13 : i64, axis = 1 : i64} : (tensor<?x4xf32>, tensor<?x8xf32>) -> tensor<?x12xf32>
  %2 = onnx.node "Transpose"(%1) {since = 13 : i64} : (tensor<?x12xf32>) -> tensor<12x?xf32>
  return %2 : tensor<12x?xf32>
}

// Operators of any number of operands use all of them.
// CHECK-LABEL: func @variadic
// CHECK:         %[[M:.*]] = arith.maximumf
// CHECK-NEXT:    arith.maximumf %[[M]], %{{.*}}
// CHECK:         linalg.yield %in
func.func @variadic(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %z: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x8xf32> {
  %0 = onnx.node "Max"(%x, %y, %z) {since = 13 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.node "Max"(%0) {since = 13 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @mean
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK:         tensor.expand_shape
// CHECK:         arith.divf
func.func @mean(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x1xf32> {
  %0 = onnx.node "ReduceMean"(%x) {since = 13 : i64, axes = array<i64: -1>, keepdims = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
