// RUN: qcc-opt %s --qcc-frontend-convert-onnx -split-input-file -verify-diagnostics

func.func @unknown(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{operator com.example.Frobnicate v1 is not supported [unsupported-operator]}}
  %0 = onnx.node "Frobnicate"(%x) {domain = "com.example", since = 1 : i64} : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @data_dependent(%x: tensor<?xf32> {onnx.dims = ["n"]}, %shape: tensor<2xi64>) -> tensor<?x?xf32> {
  // expected-error @below {{the shape of the result depends on data [data-dependent-shape]}}
  %0 = onnx.node "Reshape"(%x, %shape) {since = 14 : i64} : (tensor<?xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @old_softmax(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{only softmax along one axis (opset 13 and later) is supported [softmax-axis]}}
  %0 = onnx.node "Softmax"(%x) {since = 1 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

func.func @end_of_data(%x: tensor<?xf32> {onnx.dims = ["n"]}, %end: tensor<1xi64>) -> tensor<?xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  // expected-error @below {{starts and ends must follow from extents (in few steps), and steps be positive numbers [slice-bounds]}}
  %0 = onnx.node "Slice"(%x, %zero, %end) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @reversed(%x: tensor<8xf32>) -> tensor<8xf32> {
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %least = onnx.constant dense<-9223372036854775808> : tensor<1xi64>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  // expected-error @below {{starts and ends must follow from extents (in few steps), and steps be positive numbers [slice-bounds]}}
  %0 = onnx.node "Slice"(%x, %last, %least, %zero, %last) {since = 13 : i64} : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @part_of_other_length(%x: tensor<?xf32> {onnx.dims = ["n"]}) -> tensor<?xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %zero, %four) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  // expected-error @below {{the extents 'n + -1*max(-4 + n, 0)' and 'n' are not the same for all inputs [extents-differ]}}
  %1 = onnx.node "Add"(%x, %0) {since = 14 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// The program's tokens are an extent of its inputs, which says how long the caches and the buffers of a session are.
func.func @rows_of_a_part(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x32xf32> attributes {onnx.graph = "g"} {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %q = onnx.node "Slice"(%x, %zero, %last, %one) {since = 13 : i64} : (tensor<?x?x32xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x32xf32>
  %past = arith.constant 0 : index
  %cache = qnt.cache_load -> <4x8xf32>
  qnt.kv_update %q, %q into %cache at %past : tensor<?x?x32xf32>, <4x8xf32>
  // expected-error @below {{attention has rows and tokens [b, -1 + s], which are not extents of inputs [attention-rows]}}
  %0 = qnt.attention %q over %cache at %past heads 4 scale 0.353553385 : tensor<?x?x32xf32>, <4x8xf32>
  return %0 : tensor<?x?x32xf32>
}

// -----

func.func @rows_of_a_product(%x: tensor<?x?x32xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<1x?x32xf32> attributes {onnx.graph = "g"} {
  %shape = onnx.constant dense<[1, -1, 32]> : tensor<3xi64>
  %q = onnx.node "Reshape"(%x, %shape) {since = 14 : i64} : (tensor<?x?x32xf32>, tensor<3xi64>) -> tensor<1x?x32xf32>
  %past = arith.constant 0 : index
  %cache = qnt.cache_load -> <4x8xf32>
  qnt.kv_update %q, %q into %cache at %past : tensor<1x?x32xf32>, <4x8xf32>
  // expected-error @below {{attention has rows and tokens [1, b*s], which are not extents of inputs [attention-rows]}}
  %0 = qnt.attention %q over %cache at %past heads 4 scale 0.353553385 : tensor<1x?x32xf32>, <4x8xf32>
  return %0 : tensor<1x?x32xf32>
}

// -----

// Every end that no other bounds doubles the expression of the extent.
func.func @ends_of_ends(%a0: tensor<?xf32> {onnx.dims = ["n"]}, %y0: tensor<?xf32> {onnx.dims = ["t0"]}, %y1: tensor<?xf32> {onnx.dims = ["t1"]}, %y2: tensor<?xf32> {onnx.dims = ["t2"]}, %y3: tensor<?xf32> {onnx.dims = ["t3"]}, %y4: tensor<?xf32> {onnx.dims = ["t4"]}, %y5: tensor<?xf32> {onnx.dims = ["t5"]}, %y6: tensor<?xf32> {onnx.dims = ["t6"]}) -> tensor<?xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %e0 = onnx.node "Shape"(%y0) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a1 = onnx.node "Slice"(%a0, %zero, %e0) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e1 = onnx.node "Shape"(%y1) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a2 = onnx.node "Slice"(%a1, %zero, %e1) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e2 = onnx.node "Shape"(%y2) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a3 = onnx.node "Slice"(%a2, %zero, %e2) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e3 = onnx.node "Shape"(%y3) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a4 = onnx.node "Slice"(%a3, %zero, %e3) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e4 = onnx.node "Shape"(%y4) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a5 = onnx.node "Slice"(%a4, %zero, %e4) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e5 = onnx.node "Shape"(%y5) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  %a6 = onnx.node "Slice"(%a5, %zero, %e5) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  %e6 = onnx.node "Shape"(%y6) {since = 15 : i64} : (tensor<?xf32>) -> tensor<1xi64>
  // expected-error @below {{starts and ends must follow from extents (in few steps), and steps be positive numbers [slice-bounds]}}
  %a7 = onnx.node "Slice"(%a6, %zero, %e6) {since = 13 : i64} : (tensor<?xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32>
  return %a7 : tensor<?xf32>
}

// -----

func.func @result_of_fewer_dimensions(%x: tensor<4x4xf32>) -> tensor<4xf32> {
  // expected-error @below {{an operand has 2 dimensions, and the result only 1 [result-rank]}}
  %0 = onnx.node "Add"(%x, %x) {since = 14 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
