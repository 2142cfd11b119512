// RUN: qcc-opt %s --split-input-file --qcc-quantize-insert-hadamards | FileCheck %s

// One matrix for an input that two layers read; rows of the weight may be rotated already. What else reads the input sees it as it was. A layer that is
// called twice is rotated for both weights.
// CHECK-LABEL: module @rotated
// CHECK: qnt.weight_decl @down {{.*}} {column_rotation = #qnt.rotation<block = 16>, row_rotation = #qnt.rotation<block = 8, seed = 1>}
// CHECK: qnt.weight_decl @other {{.*}} {column_rotation = #qnt.rotation<block = 16>}
// CHECK: qnt.weight_decl @first {{.*}} {column_rotation = #qnt.rotation<block = 24>}
// CHECK: qnt.weight_decl @second {{.*}} {column_rotation = #qnt.rotation<block = 24>}
// CHECK: func.func @main
// CHECK: %[[A:.*]] = qnt.activate relu
// CHECK: %[[H:.*]] = qnt.hadamard %[[A]] block 16 : tensor<?x16xf32>
// CHECK-NOT: qnt.hadamard
// CHECK: qnt.matmul %[[H]], %{{.*}} : tensor<?x16xf32>, tensor<8x16xf32>
// CHECK: qnt.matmul %[[H]], %{{.*}} : tensor<?x16xf32>, tensor<4x16xf32>
// CHECK: return %{{.*}}, %{{.*}}, %[[A]]
// CHECK: func.func private @layer
// CHECK: %[[G:.*]] = qnt.glu silu
// CHECK: qnt.hadamard %[[G]] block 24 : tensor<?x24xf32>
module @rotated {
  qnt.weight_decl @down : tensor<8x16xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x16xf32>>] {row_rotation = #qnt.rotation<block = 8, seed = 1>}
  qnt.weight_decl @other : tensor<4x16xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x16xf32>>]
  qnt.weight_decl @first : tensor<48x24xf32> [#qnt.part<rows = 48, transposed = false, values = dense<1.0> : tensor<48x24xf32>>]
  qnt.weight_decl @second : tensor<48x24xf32> [#qnt.part<rows = 48, transposed = false, values = dense<2.0> : tensor<48x24xf32>>]
  func.func @main(%x: tensor<?x16xf32>, %g: tensor<?x48xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x16xf32>, tensor<?x48xf32>) {
    %down = qnt.weight @down : tensor<8x16xf32>
    %other = qnt.weight @other : tensor<4x16xf32>
    %first = qnt.weight @first : tensor<48x24xf32>
    %second = qnt.weight @second : tensor<48x24xf32>
    %a = qnt.activate relu %x : tensor<?x16xf32>
    %y = qnt.matmul %a, %down : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
    %z = qnt.matmul %a, %other : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
    %h = call @layer(%g, %first) : (tensor<?x48xf32>, tensor<48x24xf32>) -> tensor<?x48xf32>
    %i = call @layer(%h, %second) : (tensor<?x48xf32>, tensor<48x24xf32>) -> tensor<?x48xf32>
    return %y, %z, %a, %i : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x16xf32>, tensor<?x48xf32>
  }
  func.func private @layer(%x: tensor<?x48xf32>, %w: tensor<48x24xf32>) -> tensor<?x48xf32> {
    %g = qnt.glu silu %x : tensor<?x48xf32> -> tensor<?x24xf32>
    %y = qnt.matmul %g, %w : tensor<?x24xf32>, tensor<48x24xf32> -> tensor<?x48xf32>
    return %y : tensor<?x48xf32>
  }
}

// -----

// Left as they are: an input that a linear layer makes, too few channels, a weight that something else reads, one whose columns are scaled, one that is
// computed, and a layer one of whose weights is of these.
// CHECK-LABEL: module @left
// CHECK-NOT: column_rotation
// CHECK-NOT: qnt.hadamard
module @left {
  qnt.weight_decl @linear : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, values = dense<1.0> : tensor<16x16xf32>>]
  qnt.weight_decl @few : tensor<4x8xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x8xf32>>]
  qnt.weight_decl @shared : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, values = dense<1.0> : tensor<16x16xf32>>]
  qnt.weight_decl @scaled : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, values = dense<1.0> : tensor<16x16xf32>>] {column_factors = dense<2.0> : tensor<16xf32>}
  qnt.weight_decl @free : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, values = dense<1.0> : tensor<16x16xf32>>]
  func.func @main(%x: tensor<?x16xf32>, %s: tensor<?x8xf32>) -> (tensor<?x16xf32>, tensor<?x4xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
    %linear = qnt.weight @linear : tensor<16x16xf32>
    %few = qnt.weight @few : tensor<4x8xf32>
    %shared = qnt.weight @shared : tensor<16x16xf32>
    %scaled = qnt.weight @scaled : tensor<16x16xf32>
    %free = qnt.weight @free : tensor<16x16xf32>
    %h = qnt.matmul %x, %linear : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    %i = qnt.matmul %h, %shared : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    %a = qnt.activate relu %s : tensor<?x8xf32>
    %y = qnt.matmul %a, %few : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %b = qnt.activate relu %i : tensor<?x16xf32>
    %z = qnt.matmul %b, %shared : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    %double = arith.addf %linear, %linear : tensor<16x16xf32>
    %u = qnt.matmul %b, %double : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    %v = call @layer(%x, %scaled) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %w = call @layer(%v, %free) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    return %i, %y, %z, %u, %w : tensor<?x16xf32>, tensor<?x4xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  }
  func.func private @layer(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?x16xf32> {
    %a = qnt.activate relu %x : tensor<?x16xf32>
    %y = qnt.matmul %a, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
