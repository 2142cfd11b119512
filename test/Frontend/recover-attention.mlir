// RUN: qcc-opt %s --qcc-frontend-recover-attention --qcc-frontend-simplify-views | FileCheck %s

// Two query heads share a KV head by Expand; the scale is split between q and k; the mask is additive, causal and by key; past is joined by Concat.
// CHECK-LABEL: func @past_groups_and_masks
// CHECK:         %[[P:.*]] = qnt.dim "p"
// CHECK:         %[[C:.*]] = qnt.cache_load %arg3, %arg4 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> <2x8xf32>
// CHECK:         qnt.kv_update %arg1, %arg2 into %[[C]] at %[[P]] : tensor<?x?x16xf32>, <2x8xf32>
// CHECK:         %[[A:.*]] = qnt.attention %arg0 over %[[C]] at %[[P]] mask %arg5 heads 4 scale 2.500000e-01 : tensor<?x?x32xf32>, <2x8xf32>, tensor<?x?xi64>
// CHECK:         %[[K:.*]], %[[V:.*]] = qnt.cache_store %[[C]] at %{{.*}} : <2x8xf32> -> tensor<?x2x?x8xf32>
// CHECK:         return %[[A]], %[[K]], %[[V]]
func.func @past_groups_and_masks(%q: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %k: tensor<?x?x16xf32> {onnx.dims = ["b", "s", ""]}, %v: tensor<?x?x16xf32> {onnx.dims = ["b", "s", ""]},
    %pk: tensor<?x2x?x8xf32> {onnx.dims = ["b", "", "p", ""]}, %pv: tensor<?x2x?x8xf32> {onnx.dims = ["b", "", "p", ""]},
    %mask: tensor<?x?xi64> {onnx.dims = ["b", "p + s"]}) -> (tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
  %i0 = onnx.constant dense<0> : tensor<i64>
  %i1 = onnx.constant dense<1> : tensor<i64>
  %i2 = onnx.constant dense<2> : tensor<i64>
  %v0 = onnx.constant dense<0> : tensor<1xi64>
  %v1 = onnx.constant dense<1> : tensor<1xi64>
  %v2 = onnx.constant dense<2> : tensor<1xi64>
  %v12 = onnx.constant dense<[1, 2]> : tensor<2xi64>
  %qs = onnx.constant dense<[0, 0, 4, 8]> : tensor<4xi64>
  %ks = onnx.constant dense<[0, 0, 2, 8]> : tensor<4xi64>
  %q0 = onnx.node "Reshape"(%q, %qs) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<4xi64>) -> tensor<?x?x4x8xf32>
  %q1 = onnx.node "Transpose"(%q0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %k0 = onnx.node "Reshape"(%k, %ks) {since = 14 : i64} : (tensor<?x?x16xf32>, tensor<4xi64>) -> tensor<?x?x2x8xf32>
  %k1 = onnx.node "Transpose"(%k0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x8xf32>) -> tensor<?x2x?x8xf32>
  %w0 = onnx.node "Reshape"(%v, %ks) {since = 14 : i64} : (tensor<?x?x16xf32>, tensor<4xi64>) -> tensor<?x?x2x8xf32>
  %w1 = onnx.node "Transpose"(%w0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x8xf32>) -> tensor<?x2x?x8xf32>
  %keys = onnx.node "Concat"(%pk, %k1) {since = 13 : i64, axis = 2 : i64} : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32>
  %values = onnx.node "Concat"(%pv, %w1) {since = 13 : i64, axis = -2 : i64} : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32>
  // Lengths.
  %kshape = onnx.node "Shape"(%keys) {since = 15 : i64} : (tensor<?x2x?x8xf32>) -> tensor<4xi64>
  %b = onnx.node "Gather"(%kshape, %v0) {since = 13 : i64} : (tensor<4xi64>, tensor<1xi64>) -> tensor<1xi64>
  %t = onnx.node "Gather"(%kshape, %i2) {since = 13 : i64} : (tensor<4xi64>, tensor<i64>) -> tensor<i64>
  %t1 = onnx.node "Unsqueeze"(%t, %v0) {since = 13 : i64} : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %pshape = onnx.node "Shape"(%pk) {since = 15 : i64} : (tensor<?x2x?x8xf32>) -> tensor<4xi64>
  %p = onnx.node "Gather"(%pshape, %i2) {since = 13 : i64} : (tensor<4xi64>, tensor<i64>) -> tensor<i64>
  // Keys and values repeated for the heads of a group.
  %two = onnx.constant dense<2> : tensor<1xi64>
  %eight = onnx.constant dense<8> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %eshape = onnx.node "Concat"(%b, %two, %two, %t1, %eight) {since = 13 : i64, axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<5xi64>
  %rshape = onnx.node "Concat"(%b, %four, %t1, %eight) {since = 13 : i64, axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  %k2 = onnx.node "Unsqueeze"(%keys, %v2) {since = 13 : i64} : (tensor<?x2x?x8xf32>, tensor<1xi64>) -> tensor<?x2x1x?x8xf32>
  %k3 = onnx.node "Expand"(%k2, %eshape) {since = 13 : i64} : (tensor<?x2x1x?x8xf32>, tensor<5xi64>) -> tensor<?x2x2x?x8xf32>
  %k4 = onnx.node "Reshape"(%k3, %rshape) {since = 14 : i64} : (tensor<?x2x2x?x8xf32>, tensor<4xi64>) -> tensor<?x4x?x8xf32>
  %w2 = onnx.node "Unsqueeze"(%values, %v2) {since = 13 : i64} : (tensor<?x2x?x8xf32>, tensor<1xi64>) -> tensor<?x2x1x?x8xf32>
  %w3 = onnx.node "Expand"(%w2, %eshape) {since = 13 : i64} : (tensor<?x2x1x?x8xf32>, tensor<5xi64>) -> tensor<?x2x2x?x8xf32>
  %w4 = onnx.node "Reshape"(%w3, %rshape) {since = 14 : i64} : (tensor<?x2x2x?x8xf32>, tensor<4xi64>) -> tensor<?x4x?x8xf32>
  // Causal: key index <= query index.
  %kr = onnx.node "Range"(%i0, %t, %i1) {since = 11 : i64} : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qr = onnx.node "Range"(%p, %t, %i1) {since = 11 : i64} : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qc = onnx.node "Unsqueeze"(%qr, %v1) {since = 13 : i64} : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.node "LessOrEqual"(%kr, %qc) {since = 16 : i64} : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %m0 = onnx.node "Cast"(%mask) {since = 13 : i64, to = 9 : i64} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %m1 = onnx.node "Unsqueeze"(%m0, %v12) {since = 13 : i64} : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.node "And"(%causal, %m1) {since = 7 : i64} : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %zero = onnx.constant dense<0.0> : tensor<f32>
  %lowest = onnx.constant dense<0xFF800000> : tensor<f32>
  %bias = onnx.node "Where"(%keep, %zero, %lowest) {since = 16 : i64} : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %q2 = onnx.node "Mul"(%q1, %half) {since = 14 : i64} : (tensor<?x4x?x8xf32>, tensor<f32>) -> tensor<?x4x?x8xf32>
  %kt = onnx.node "Transpose"(%k4) {since = 13 : i64, perm = array<i64: 0, 1, 3, 2>} : (tensor<?x4x?x8xf32>) -> tensor<?x4x8x?xf32>
  %k5 = onnx.node "Mul"(%kt, %half) {since = 14 : i64} : (tensor<?x4x8x?xf32>, tensor<f32>) -> tensor<?x4x8x?xf32>
  %scores = onnx.node "MatMul"(%q2, %k5) {since = 13 : i64} : (tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>) -> tensor<?x4x?x?xf32>
  %masked = onnx.node "Add"(%scores, %bias) {since = 14 : i64} : (tensor<?x4x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x4x?x?xf32>
  %soft = onnx.node "Softmax"(%masked) {since = 13 : i64, axis = -1 : i64} : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %o = onnx.node "MatMul"(%soft, %w4) {since = 13 : i64} : (tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>) -> tensor<?x4x?x8xf32>
  %o1 = onnx.node "Transpose"(%o) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x4x?x8xf32>) -> tensor<?x?x4x8xf32>
  %os = onnx.constant dense<[0, 0, 32]> : tensor<3xi64>
  %o2 = onnx.node "Reshape"(%o1, %os) {since = 14 : i64} : (tensor<?x?x4x8xf32>, tensor<3xi64>) -> tensor<?x?x32xf32>
  return %o2, %keys, %values : tensor<?x?x32xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}

// No past, every token sees every token that the mask keeps: an encoder. The mask is (1 - m) * lowest, as BERT's exporters write it.
// CHECK-LABEL: func @encoder
// CHECK:         %[[Z:.*]] = arith.constant 0 : index
// CHECK:         %[[C:.*]] = qnt.cache_load -> <4x8xf32>
// CHECK:         qnt.kv_update %arg1, %arg2 into %[[C]] at %[[Z]]
// CHECK:         qnt.attention %arg0 over %[[C]] at %[[Z]] mask %arg3 heads 4 scale 0.353553385 {causal = false}
func.func @encoder(%q: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %k: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}, %v: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]},
    %mask: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x?x32xf32> {
  %hs = onnx.constant dense<[0, 0, 4, 8]> : tensor<4xi64>
  %v12 = onnx.constant dense<[1, 2]> : tensor<2xi64>
  %q0 = onnx.node "Reshape"(%q, %hs) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<4xi64>) -> tensor<?x?x4x8xf32>
  %q1 = onnx.node "Transpose"(%q0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %k0 = onnx.node "Reshape"(%k, %hs) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<4xi64>) -> tensor<?x?x4x8xf32>
  %k1 = onnx.node "Transpose"(%k0) {since = 13 : i64, perm = array<i64: 0, 2, 3, 1>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x8x?xf32>
  %w0 = onnx.node "Reshape"(%v, %hs) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<4xi64>) -> tensor<?x?x4x8xf32>
  %w1 = onnx.node "Transpose"(%w0) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %m0 = onnx.node "Unsqueeze"(%mask, %v12) {since = 13 : i64} : (tensor<?x?xi64>, tensor<2xi64>) -> tensor<?x1x1x?xi64>
  %m1 = onnx.node "Cast"(%m0) {since = 13 : i64, to = 1 : i64} : (tensor<?x1x1x?xi64>) -> tensor<?x1x1x?xf32>
  %one = onnx.constant dense<1.0> : tensor<f32>
  %lowest = onnx.constant dense<-3.40282347E+38> : tensor<f32>
  %root = onnx.constant dense<2.82842708> : tensor<f32>
  %m2 = onnx.node "Sub"(%one, %m1) {since = 14 : i64} : (tensor<f32>, tensor<?x1x1x?xf32>) -> tensor<?x1x1x?xf32>
  %bias = onnx.node "Mul"(%m2, %lowest) {since = 14 : i64} : (tensor<?x1x1x?xf32>, tensor<f32>) -> tensor<?x1x1x?xf32>
  %s0 = onnx.node "MatMul"(%q1, %k1) {since = 13 : i64} : (tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>) -> tensor<?x4x?x?xf32>
  %s1 = onnx.node "Div"(%s0, %root) {since = 14 : i64} : (tensor<?x4x?x?xf32>, tensor<f32>) -> tensor<?x4x?x?xf32>
  %s2 = onnx.node "Add"(%s1, %bias) {since = 14 : i64} : (tensor<?x4x?x?xf32>, tensor<?x1x1x?xf32>) -> tensor<?x4x?x?xf32>
  %soft = onnx.node "Softmax"(%s2) {since = 13 : i64, axis = -1 : i64} : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %o = onnx.node "MatMul"(%soft, %w1) {since = 13 : i64} : (tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>) -> tensor<?x4x?x8xf32>
  %o1 = onnx.node "Transpose"(%o) {since = 13 : i64, perm = array<i64: 0, 2, 1, 3>} : (tensor<?x4x?x8xf32>) -> tensor<?x?x4x8xf32>
  %os = onnx.constant dense<[0, 0, 32]> : tensor<3xi64>
  %o2 = onnx.node "Reshape"(%o1, %os) {since = 14 : i64} : (tensor<?x?x4x8xf32>, tensor<3xi64>) -> tensor<?x?x32xf32>
  return %o2 : tensor<?x?x32xf32>
}

// A bias that is no mask (relative positions) keeps its arithmetic.
// CHECK-LABEL: func @learned_bias_stays
// CHECK-NOT:     qnt.attention
// CHECK:         onnx.node "Softmax"
func.func @learned_bias_stays(%q: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "s", ""]}, %k: tensor<?x4x8x?xf32> {onnx.dims = ["b", "", "", "s"]}, %v: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "s", ""]},
    %bias: tensor<?x4x?x?xf32> {onnx.dims = ["b", "", "s", "s"]}) -> tensor<?x4x?x8xf32> {
  %0 = onnx.node "MatMul"(%q, %k) {since = 13 : i64} : (tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.node "Add"(%0, %bias) {since = 14 : i64} : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.node "Softmax"(%1) {since = 13 : i64, axis = -1 : i64} : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %3 = onnx.node "MatMul"(%2, %v) {since = 13 : i64} : (tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>) -> tensor<?x4x?x8xf32>
  return %3 : tensor<?x4x?x8xf32>
}
