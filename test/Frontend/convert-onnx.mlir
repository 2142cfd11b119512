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

// An end that passes the extent is cut to it: min(n, 4). An extent of an input is at least 1, so that its last part is one row.
// CHECK-LABEL: func @clamped_ends
// CHECK-SAME:    -> (tensor<?x8xf32> {qnt.dims = ["n + -1*max(-4 + n, 0)", "8"]}, tensor<1x8xf32> {qnt.dims = ["1", "8"]})
// CHECK:         %[[OVER:.*]] = arith.addi %{{.*}}, %{{.*}} : index
// CHECK:         %[[CUT:.*]] = arith.maxsi %[[OVER]], %c0
// CHECK:         tensor.extract_slice %arg0[0, 0] [%{{.*}}, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
// CHECK:         tensor.extract_slice %arg0[%{{.*}}, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
func.func @clamped_ends(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x8xf32> {onnx.dims = ["m", ""]}, tensor<1x8xf32>) attributes {onnx.graph = "g"} {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %most = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %zero, %four) {since = 13 : i64} : (tensor<?x8xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x8xf32>
  %1 = onnx.node "Slice"(%x, %last, %most) {since = 13 : i64} : (tensor<?x8xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<1x8xf32>
}

// Whether -k counts from the end shows at run time only: it does not where k is 0, which a past's length may be.
// CHECK-LABEL: func @last_k
// CHECK-SAME:    qnt.dims = ["n + -1*n*k + n*max(-1 + k, 0) + k + -1*max(-1*n*k + n*max(-1 + k, 0) + k, 0)"]
// CHECK-COUNT-2: arith.maxsi %{{.*}}, %c0
// CHECK:         tensor.extract_slice %arg0[%{{.*}}] [%{{.*}}] [1] : tensor<?xf32> to tensor<?xf32>
func.func @last_k(%x: tensor<?xf32> {onnx.dims = ["n"]}, %past: tensor<1x2x?x4xf32> {onnx.dims = ["", "", "k", ""]}) -> (tensor<?xf32> {onnx.dims = ["m"]}) attributes {onnx.graph = "g"} {
  %k = onnx.node "Shape"(%past) {since = 15 : i64, start = 2 : i64, end = 3 : i64} : (tensor<1x2x?x4xf32>) -> tensor<1xi64>
  %start = onnx.node "Neg"(%k) {since = 13 : i64} : (tensor<1xi64>) -> tensor<1xi64>
  %most = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %start, %most) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// Parts of the same extent, however they are spelled, are of one shape.
// CHECK-LABEL: func @same_parts
// CHECK:         arith.subf %{{.*}}, %{{.*}} : tensor<?xf32>
func.func @same_parts(%x: tensor<?xf32> {onnx.dims = ["n"]}) -> tensor<?xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %most = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %one, %most) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %1 = onnx.node "Slice"(%x, %zero, %last) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %2 = onnx.node "Sub"(%0, %1) {since = 14 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}

// A table of positions is taken to be long enough: its part is as long as the tokens. Past its end the last row is read.
// CHECK-LABEL: func @table
// CHECK:         %[[N:.*]] = qnt.dim "n"
// CHECK:         tensor.empty(%[[N]]) : tensor<?xf32>
// CHECK:         arith.minsi
func.func @table(%x: tensor<?xf32> {onnx.dims = ["n"]}) -> tensor<?xf32> {
  %t = onnx.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %n = onnx.node "Shape"(%x) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %0 = onnx.node "Slice"(%t, %zero, %n) {since = 13 : i64} : (tensor<4xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %1 = onnx.node "Add"(%x, %0) {since = 14 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// The program has signless integers; that a port has unsigned ones stays with it. What is done with the elements tells the sign.
// CHECK-LABEL: func @unsigned_elements(%arg0: tensor<?x8xi8> {qnt.dims = ["n", "8"], qnt.unsigned}, %arg1: tensor<8xi8> {qnt.unsigned}) -> (tensor<?x8xf32>, tensor<?x8xi8> {qnt.unsigned})
// CHECK:         %[[M:.*]] = linalg.generic {{.*}} ins(%arg0, %arg1 : tensor<?x8xi8>, tensor<8xi8>)
// CHECK:           arith.maxui
// CHECK:         linalg.generic {{.*}} ins(%[[M]] : tensor<?x8xi8>)
// CHECK:           arith.uitofp
func.func @unsigned_elements(%x: tensor<?x8xui8> {onnx.dims = ["n", ""]}, %y: tensor<8xui8>) -> (tensor<?x8xf32>, tensor<?x8xui8>) {
  %0 = onnx.node "Max"(%x, %y) {since = 13 : i64} : (tensor<?x8xui8>, tensor<8xui8>) -> tensor<?x8xui8>
  %1 = onnx.node "Cast"(%0) {since = 13 : i64, to = 1 : i64} : (tensor<?x8xui8>) -> tensor<?x8xf32>
  return %1, %0 : tensor<?x8xf32>, tensor<?x8xui8>
}

// A dimension whose name is a number has that size, whatever the declared type says; for what stays, too.
// CHECK-LABEL: func @number_as_name(%arg0: tensor<?x4xf32> {qnt.dims = ["n", "4"]}) -> (tensor<?x4xf32>, tensor<?x4xf32>)
// CHECK-NOT:     cast
// CHECK:         return %arg0, %{{.*}} : tensor<?x4xf32>, tensor<?x4xf32>
func.func @number_as_name(%x: tensor<?x?xf32> {onnx.dims = ["n", "4"]}) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %0 = onnx.node "Exp"(%x) {since = 13 : i64} : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %x, %0 : tensor<?x?xf32>, tensor<?x?xf32>
}
