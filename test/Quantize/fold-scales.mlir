// RUN: qcc-opt %s --split-input-file --qcc-quantize-fold-scales | FileCheck %s

// Scales of a norm's two readers divide its scale and its bias; factors that are there already stay. Layers are looked through, and inputs may be quantized.
// CHECK-LABEL: module @norm
// CHECK: qnt.weight_decl @n : tensor<2xf32> {{.*}} {row_factors = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>}
// CHECK: qnt.weight_decl @bias : tensor<2xf32> {{.*}} {row_factors = dense<[5.000000e-01, 7.500000e-01]> : tensor<2xf32>}
// CHECK: qnt.weight_decl @w : tensor<4x2xf32> {{.*}} {column_factors = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>}
// CHECK: qnt.weight_decl @v : tensor<4x2xf32> {{.*}} {column_factors = dense<[6.000000e+00, 4.000000e+00]> : tensor<2xf32>}
// CHECK-NOT: qnt.channel_scales
// CHECK: qnt.norm layer
// CHECK: qnt.matmul
module @norm {
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @bias : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>] {row_factors = dense<[1.0, 3.0]> : tensor<2xf32>}
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  qnt.weight_decl @v : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>] {column_factors = dense<[3.0, 1.0]> : tensor<2xf32>, qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %n = qnt.weight @n : tensor<2xf32>
    %bias = qnt.weight @bias : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %v = qnt.weight @v : tensor<4x2xf32>
    %h = qnt.norm layer %x, %n bias %bias eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>, tensor<2xf32>
    %q = qnt.quantize %h : tensor<?x2xf32> -> tensor<?x2x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %q, %v : tensor<?x2x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<4x2xf32> -> tensor<?x4xf32>
    %z = call @layer(%h, %w) : (tensor<?x2xf32>, tensor<4x2xf32>) -> tensor<?x4xf32>
    return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
  }
  func.func private @layer(%h: tensor<?x2xf32>, %w: tensor<4x2xf32>) -> tensor<?x4xf32> {
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// The rows of `up`, the second half of the merged layer before a gated unit, and of its bias.
// CHECK-LABEL: module @glu
// CHECK: qnt.weight_decl @gate_up {{.*}} {row_factors = dense<[1.000000e+00, 1.000000e+00, 5.000000e-01, 2.500000e-01]> : tensor<4xf32>}
// CHECK: qnt.weight_decl @bias {{.*}} {row_factors = dense<[1.000000e+00, 1.000000e+00, 5.000000e-01, 2.500000e-01]> : tensor<4xf32>}
// CHECK: qnt.weight_decl @down {{.*}} {column_factors = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>}
// CHECK: qnt.glu
module @glu {
  qnt.weight_decl @gate_up : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  qnt.weight_decl @bias : tensor<4xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4xf32>>]
  qnt.weight_decl @down : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %w = qnt.weight @gate_up : tensor<4x2xf32>
    %b = qnt.weight @bias : tensor<4xf32>
    %h = qnt.matmul %x, %w bias %b : tensor<?x2xf32>, tensor<4x2xf32>, tensor<4xf32> -> tensor<?x4xf32>
    %g = qnt.glu silu %h : tensor<?x4xf32> -> tensor<?x2xf32>
    %d = qnt.weight @down : tensor<2x2xf32>
    %y = qnt.matmul %g, %d : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// relu(x / s) = relu(x) / s, and a product is linear in the factor that no activation makes.
// CHECK-LABEL: module @elementwise
// CHECK: qnt.weight_decl @fc1 {{.*}} {row_factors = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>}
// CHECK: qnt.weight_decl @gate {{.*}}tensor<2x2xf32>>]{{$}}
// CHECK: qnt.weight_decl @up {{.*}} {row_factors = dense<[2.000000e-01, 1.000000e-01]> : tensor<2xf32>}
module @elementwise {
  qnt.weight_decl @fc1 : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>]
  qnt.weight_decl @gate : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>]
  qnt.weight_decl @up : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>]
  qnt.weight_decl @fc2 : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  qnt.weight_decl @down : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[5.0, 10.0]> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %fc1 = qnt.weight @fc1 : tensor<2x2xf32>
    %fc2 = qnt.weight @fc2 : tensor<2x2xf32>
    %gate = qnt.weight @gate : tensor<2x2xf32>
    %up = qnt.weight @up : tensor<2x2xf32>
    %down = qnt.weight @down : tensor<2x2xf32>
    %h = qnt.matmul %x, %fc1 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %r = qnt.activate relu %h : tensor<?x2xf32>
    %y = qnt.matmul %r, %fc2 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %g = qnt.matmul %x, %gate : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %a = qnt.activate silu %g : tensor<?x2xf32>
    %u = qnt.matmul %x, %up : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %m = arith.mulf %u, %a : tensor<?x2xf32>
    %z = qnt.matmul %m, %down : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
  }
}

// -----

// What attention reads are rows of the merged layer before it. Two heads share a head of values: their scales agree.
// CHECK-LABEL: module @values
// CHECK: qnt.weight_decl @qkv {{.*}} {row_factors = dense<[1.000000e+00, 1.000000e+00, 1.000000e+00, 1.000000e+00, 1.000000e+00, 1.000000e+00, 5.000000e-01, 2.500000e-01]> : tensor<8xf32>}
// CHECK: qnt.weight_decl @o {{.*}} {column_factors = dense<[2.000000e+00, 4.000000e+00, 2.000000e+00, 4.000000e+00]> : tensor<4xf32>}
// CHECK: qnt.attention
module @values {
  qnt.weight_decl @qkv : tensor<8x4xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x4xf32>>]
  qnt.weight_decl @o : tensor<4x4xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x4xf32>>] {qnt.channel_scales = dense<[2.0, 4.0, 2.0, 4.0]> : tensor<4xf32>}
  func.func @main(%x: tensor<1x1x4xf32>, %cache: !qnt.cache<1x2xf16>) -> tensor<1x1x4xf32> {
    %w = qnt.weight @qkv : tensor<8x4xf32>
    %qkv = qnt.matmul %x, %w : tensor<1x1x4xf32>, tensor<8x4xf32> -> tensor<1x1x8xf32>
    %q = tensor.extract_slice %qkv[0, 0, 0] [1, 1, 4] [1, 1, 1] : tensor<1x1x8xf32> to tensor<1x1x4xf32>
    %k = tensor.extract_slice %qkv[0, 0, 4] [1, 1, 2] [1, 1, 1] : tensor<1x1x8xf32> to tensor<1x1x2xf32>
    %v = tensor.extract_slice %qkv[0, 0, 6] [1, 1, 2] [1, 1, 1] : tensor<1x1x8xf32> to tensor<1x1x2xf32>
    %past = qnt.dim "past"
    qnt.kv_update %k, %v into %cache at %past : tensor<1x1x2xf32>, !qnt.cache<1x2xf16>
    %a = qnt.attention %q over %cache at %past heads 2 scale 1.0 : tensor<1x1x4xf32>, !qnt.cache<1x2xf16>
    %o = qnt.weight @o : tensor<4x4xf32>
    %y = qnt.matmul %a, %o : tensor<1x1x4xf32>, tensor<4x4xf32> -> tensor<1x1x4xf32>
    return %y : tensor<1x1x4xf32>
  }
}
