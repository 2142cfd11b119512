// RUN: qcc-opt %s --qcc-frontend-recover-rotary=max-context=16 --qcc-frontend-simplify-views | FileCheck %s

// CHECK: qnt.weight_decl @rotary_cos : tensor<16x2xf32> [#qnt.part<rows = 16, transposed = false, rotary = <cos, 1.000000e+00 : f32, dense<[1.000000e+00, 0.00999999977]> : tensor<2xf32>>>]
// CHECK: qnt.weight_decl @rotary_sin

// Frequencies in the graph, halves: cos and sin of (position * frequency) twice over, rotate_half by Split, Neg and Concat.
// CHECK-LABEL: func @computed_tables_and_halves
// CHECK:         %[[C:.*]] = qnt.weight @rotary_cos : tensor<16x2xf32>
// CHECK:         %[[S:.*]] = qnt.weight @rotary_sin : tensor<16x2xf32>
// CHECK:         qnt.rotary %arg0 at %arg1, %[[C]], %[[S]] heads 3 : tensor<?x?x12xf32>, tensor<?x?xi64>, tensor<16x2xf32>
// CHECK-NOT:     onnx.node "{{Cos|Sin|Neg|Add}}"
func.func @computed_tables_and_halves(%q: tensor<?x?x12xf32> {onnx.dims = ["b", "s", ""]}, %positions: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x3x?x4xf32> {
  %heads = onnx.constant dense<[0, 0, 3, 4]> : tensor<4xi64>
  %0 = onnx.node "Reshape"(%q, %heads) {since = 14 : i64} : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<?x?x3x4xf32>
  %x = onnx.node "Transpose"(%0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x3x4xf32>) -> tensor<?x3x?x4xf32>
  %frequencies = onnx.constant dense<[[[1.0], [0.01]]]> : tensor<1x2x1xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %p0 = onnx.node "Unsqueeze"(%positions, %one) {since = 13 : i64} : (tensor<?x?xi64>, tensor<1xi64>) -> tensor<?x1x?xi64>
  %p = onnx.node "Cast"(%p0) {since = 13 : i64, to = 1 : i64} : (tensor<?x1x?xi64>) -> tensor<?x1x?xf32>
  %a0 = onnx.node "MatMul"(%frequencies, %p) {since = 13 : i64} : (tensor<1x2x1xf32>, tensor<?x1x?xf32>) -> tensor<?x2x?xf32>
  %a = onnx.node "Transpose"(%a0) {since = 13 : i64, perm = array<i64: 0, 2, 1>} : (tensor<?x2x?xf32>) -> tensor<?x?x2xf32>
  %angles = onnx.node "Concat"(%a, %a) {since = 13 : i64, axis = -1 : i64} : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x4xf32>
  %c0 = onnx.node "Cos"(%angles) {since = 7 : i64} : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %s0 = onnx.node "Sin"(%angles) {since = 7 : i64} : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %cos = onnx.node "Unsqueeze"(%c0, %one) {since = 13 : i64} : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x1x?x4xf32>
  %sin = onnx.node "Unsqueeze"(%s0, %one) {since = 13 : i64} : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x1x?x4xf32>
  %half:2 = onnx.node "Split"(%x) {since = 18 : i64, axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x3x?x4xf32>) -> (tensor<?x3x?x2xf32>, tensor<?x3x?x2xf32>)
  %neg = onnx.node "Neg"(%half#1) {since = 13 : i64} : (tensor<?x3x?x2xf32>) -> tensor<?x3x?x2xf32>
  %rotated = onnx.node "Concat"(%neg, %half#0) {since = 13 : i64, axis = 3 : i64} : (tensor<?x3x?x2xf32>, tensor<?x3x?x2xf32>) -> tensor<?x3x?x4xf32>
  %1 = onnx.node "Mul"(%x, %cos) {since = 14 : i64} : (tensor<?x3x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x3x?x4xf32>
  %2 = onnx.node "Mul"(%rotated, %sin) {since = 14 : i64} : (tensor<?x3x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x3x?x4xf32>
  %3 = onnx.node "Add"(%1, %2) {since = 14 : i64} : (tensor<?x3x?x4xf32>, tensor<?x3x?x4xf32>) -> tensor<?x3x?x4xf32>
  return %3 : tensor<?x3x?x4xf32>
}

// Tables of the model, pairs (2i, 2i+1): the halves of each pair by Slice with a step, the result by Concat and Reshape.
// CHECK-LABEL: func @given_tables_and_pairs
// CHECK:         qnt.rotary %{{.*}} at %arg1, %{{.*}}, %{{.*}} heads 3 {interleaved = true} : tensor<?x?x12xf32>, tensor<?x?xi64>, tensor<32x2xf32>
func.func @given_tables_and_pairs(%x: tensor<?x?x3x4xf32> {onnx.dims = ["b", "s", "", ""]}, %positions: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x?x3x4xf32> {
  %ct = onnx.initializer #onnx.bytes<"cos", file 0, offset 0, length 256> : tensor<32x2xf32>
  %st = onnx.initializer #onnx.bytes<"sin", file 0, offset 256, length 256> : tensor<32x2xf32>
  %c0 = onnx.node "Gather"(%ct, %positions) {since = 13 : i64, axis = 0 : i64} : (tensor<32x2xf32>, tensor<?x?xi64>) -> tensor<?x?x2xf32>
  %s0 = onnx.node "Gather"(%st, %positions) {since = 13 : i64, axis = 0 : i64} : (tensor<32x2xf32>, tensor<?x?xi64>) -> tensor<?x?x2xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %three = onnx.constant dense<3> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %cos = onnx.node "Unsqueeze"(%c0, %two) {since = 13 : i64} : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1x2xf32>
  %sin = onnx.node "Unsqueeze"(%s0, %two) {since = 13 : i64} : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1x2xf32>
  %even = onnx.node "Slice"(%x, %zero, %four, %three, %two) {since = 13 : i64} : (tensor<?x?x3x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x3x2xf32>
  %odd = onnx.node "Slice"(%x, %one, %four, %three, %two) {since = 13 : i64} : (tensor<?x?x3x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x3x2xf32>
  %ec = onnx.node "Mul"(%even, %cos) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x1x2xf32>) -> tensor<?x?x3x2xf32>
  %os = onnx.node "Mul"(%odd, %sin) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x1x2xf32>) -> tensor<?x?x3x2xf32>
  %es = onnx.node "Mul"(%even, %sin) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x1x2xf32>) -> tensor<?x?x3x2xf32>
  %oc = onnx.node "Mul"(%odd, %cos) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x1x2xf32>) -> tensor<?x?x3x2xf32>
  %low = onnx.node "Sub"(%ec, %os) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x3x2xf32>) -> tensor<?x?x3x2xf32>
  %high = onnx.node "Add"(%es, %oc) {since = 14 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x3x2xf32>) -> tensor<?x?x3x2xf32>
  %l = onnx.node "Unsqueeze"(%low, %four) {since = 13 : i64} : (tensor<?x?x3x2xf32>, tensor<1xi64>) -> tensor<?x?x3x2x1xf32>
  %h = onnx.node "Unsqueeze"(%high, %four) {since = 13 : i64} : (tensor<?x?x3x2xf32>, tensor<1xi64>) -> tensor<?x?x3x2x1xf32>
  %both = onnx.node "Concat"(%l, %h) {since = 13 : i64, axis = 4 : i64} : (tensor<?x?x3x2x1xf32>, tensor<?x?x3x2x1xf32>) -> tensor<?x?x3x2x2xf32>
  %shape = onnx.constant dense<[0, 0, 3, 4]> : tensor<4xi64>
  %0 = onnx.node "Reshape"(%both, %shape) {since = 14 : i64} : (tensor<?x?x3x2x2xf32>, tensor<4xi64>) -> tensor<?x?x3x4xf32>
  return %0 : tensor<?x?x3x4xf32>
}

// The sign of the sine is the direction of the rotation: this one turns the other way and is left alone.
// CHECK-LABEL: func @other_direction
// CHECK-NOT:     qnt.rotary
func.func @other_direction(%x: tensor<?x?x3x4xf32> {onnx.dims = ["b", "s", "", ""]}, %positions: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x?x3x4xf32> {
  %ct = onnx.initializer #onnx.bytes<"cos", file 0, offset 0, length 512> : tensor<32x4xf32>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %c0 = onnx.node "Gather"(%ct, %positions) {since = 13 : i64, axis = 0 : i64} : (tensor<32x4xf32>, tensor<?x?xi64>) -> tensor<?x?x4xf32>
  %cos = onnx.node "Unsqueeze"(%c0, %two) {since = 13 : i64} : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x?x1x4xf32>
  %half:2 = onnx.node "Split"(%x) {since = 18 : i64, axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x?x3x4xf32>) -> (tensor<?x?x3x2xf32>, tensor<?x?x3x2xf32>)
  %rotated = onnx.node "Concat"(%half#1, %half#0) {since = 13 : i64, axis = 3 : i64} : (tensor<?x?x3x2xf32>, tensor<?x?x3x2xf32>) -> tensor<?x?x3x4xf32>
  %0 = onnx.node "Mul"(%x, %cos) {since = 14 : i64} : (tensor<?x?x3x4xf32>, tensor<?x?x1x4xf32>) -> tensor<?x?x3x4xf32>
  %1 = onnx.node "Mul"(%rotated, %cos) {since = 14 : i64} : (tensor<?x?x3x4xf32>, tensor<?x?x1x4xf32>) -> tensor<?x?x3x4xf32>
  %2 = onnx.node "Add"(%0, %1) {since = 14 : i64} : (tensor<?x?x3x4xf32>, tensor<?x?x3x4xf32>) -> tensor<?x?x3x4xf32>
  return %2 : tensor<?x?x3x4xf32>
}
