// RUN: qcc-opt %s | qcc-opt | FileCheck %s
// RUN: qcc-opt %s -emit-bytecode | qcc-opt | FileCheck %s

// CHECK: module attributes {qnt.files = ["model.onnx", "model.onnx.data"]}
module attributes {qnt.files = ["model.onnx", "model.onnx.data"]} {
  // CHECK: func.func @main(%[[IDS:.*]]: tensor<?x?xi64> {onnx.dims = ["batch_size", ""], onnx.name = "input_ids"})
  // CHECK-SAME: -> (tensor<?x?x8xf32> {onnx.dims = ["batch_size", "", ""], onnx.name = "logits"})
  // CHECK-SAME: attributes {onnx.graph = "main_graph"}
  func.func @main(%ids: tensor<?x?xi64> {onnx.name = "input_ids", onnx.dims = ["batch_size", ""]})
      -> (tensor<?x?x8xf32> {onnx.name = "logits", onnx.dims = ["batch_size", "", ""]}) attributes {onnx.graph = "main_graph"} {
    // CHECK: %[[TABLE:.*]] = onnx.initializer #onnx.bytes<"embed", file 0, offset 1024, length 1024> : tensor<32x8xf32>
    %table = onnx.initializer #onnx.bytes<"embed", file 0, offset 1024, length 1024> : tensor<32x8xf32>
    // CHECK: onnx.initializer #onnx.bytes<"codes", file 1, offset 0, length 13> : tensor<5x5xui4>
    %codes = onnx.initializer #onnx.bytes<"codes", file 1, offset 0, length 13> : tensor<5x5xui4>
    // CHECK: onnx.constant dense<[0, -1]> : tensor<2xi64>
    %shape = onnx.constant dense<[0, -1]> : tensor<2xi64>
    // CHECK: %[[NONE:.*]] = onnx.none : none
    %none = onnx.none : none
    // CHECK: %[[ROWS:.*]] = onnx.node "Gather"(%[[TABLE]], %[[IDS]]) {axis = 0 : i64, since = 13 : i64} : (tensor<32x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    %rows = onnx.node "Gather"(%table, %ids) {since = 13 : i64, axis = 0 : i64} : (tensor<32x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    // CHECK: onnx.node "SkipLayerNormalization"(%[[ROWS]], %[[ROWS]], %[[NONE]]) {domain = "com.microsoft", epsilon = 9.99999974E-6 : f32, since = 1 : i64}
    // CHECK-SAME: -> (tensor<?x?x8xf32>, none, none, tensor<*xf32>)
    %norm:4 = onnx.node "SkipLayerNormalization"(%rows, %rows, %none) {domain = "com.microsoft", since = 1 : i64, epsilon = 1.0e-5 : f32}
        : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, none) -> (tensor<?x?x8xf32>, none, none, tensor<*xf32>)
    return %norm#0 : tensor<?x?x8xf32>
  }
}
