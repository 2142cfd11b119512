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
