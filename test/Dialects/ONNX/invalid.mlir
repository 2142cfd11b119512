// RUN: qcc-opt %s -split-input-file -verify-diagnostics

func.func @no_name(%x: tensor<4xf32>) {
  // expected-error @below {{'onnx.node' op needs an operator name}}
  %0 = onnx.node ""(%x) {since = 13 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @version_zero(%x: tensor<4xf32>) {
  // expected-error @below {{'onnx.node' op needs a version of at least 1, but 'since' is 0}}
  %0 = onnx.node "Relu"(%x) {since = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @no_version(%x: tensor<4xf32>) {
  // expected-error @below {{'onnx.node' op requires attribute 'since'}}
  %0 = onnx.node "Relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// expected-error @below {{onnx.bytes of 'tensor<4xf32>' needs 16 bytes, but has 12}}
%0 = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 12> : tensor<4xf32>

// -----

// expected-error @below {{onnx.bytes needs a static tensor type of integers or floats, but has 'tensor<?xf32>'}}
%0 = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 12> : tensor<?xf32>

// -----

// expected-error @below {{onnx.bytes needs a static tensor type of integers or floats, but has 'tensor<4611686018427387904x2xf32>'}}
%0 = onnx.initializer #onnx.bytes<"w", file 0, offset 0, length 12> : tensor<4611686018427387904x2xf32>

// -----

// expected-error @below {{onnx.bytes needs a file, offset and length of at least 0, but has 0, -8, 16}}
%0 = onnx.initializer #onnx.bytes<"w", file 0, offset -8, length 16> : tensor<4xf32>

// -----

// expected-error @below {{needs one name a dimension in 'onnx.dims', but 'tensor<?x4xf32>' has 1 names}}
func.func @main(%x: tensor<?x4xf32> {onnx.dims = ["batch_size"]}) {
  return
}

// -----

// expected-error @below {{needs a string as 'onnx.name'}}
func.func @main(%x: tensor<?x4xf32> {onnx.name = 1 : i64}) {
  return
}
