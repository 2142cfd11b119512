// RUN: qcc-opt %s | qcc-opt | FileCheck %s
// RUN: qcc-opt %s --emit-bytecode | qcc-opt | FileCheck %s

// CHECK-LABEL: qnt.weight_decl @qkv : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = true, data = <"w", file 0, offset 64, length 8192> : tensor<32x64xf32>, node = "/q/MatMul">]
qnt.weight_decl @qkv : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = true, data = <"w", file 0, offset 64, length 8192> : tensor<32x64xf32>, node = "/q/MatMul">]
// Two parts stacked along the rows, quantized already.
// CHECK: qnt.weight_decl @nbits : tensor<4x40x!qnt.block<bits = 4, group = 32, scale = f32, zero = int>>
// CHECK-SAME: scales = <"s", file 1, offset 0, length 32> : tensor<4x2xf32>
qnt.weight_decl @nbits : tensor<4x40x!qnt.block<bits = 4, group = 32, scale = f32, zero = int>> [
  #qnt.part<rows = 4, transposed = false, data = <"b", file 1, offset 64, length 128> : tensor<4x2x16xui8>,
            scales = <"s", file 1, offset 0, length 32> : tensor<4x2xf32>, zeros = <"z", file 1, offset 32, length 4> : tensor<4x1xui8>>]
// CHECK: qnt.weight_decl @cos : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.000000e+00> : tensor<2x2xf32>>] {role = "rotary"}
qnt.weight_decl @cos : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {role = "rotary"}
// CHECK: qnt.weight_decl @panels {{.*}} {layout = #qnt.layout<panels, bytes = 2048, lanes = 16>, offset = 64 : i64}
qnt.weight_decl @panels : tensor<4x32xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x32xf32>>] {layout = #qnt.layout<panels, bytes = 2048, lanes = 16>, offset = 64 : i64}
// CHECK: qnt.weight_decl @rows {{.*}} {layout = #qnt.layout<rows, bytes = 512>}
qnt.weight_decl @rows : tensor<4x32xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x32xf32>>] {layout = #qnt.layout<rows, bytes = 512>}
// What becomes of values before they are encoded.
// CHECK: qnt.weight_decl @rotated {{.*}} {column_gains = [#qnt.part<rows = 4, transposed = false, values = dense<2.000000e+00> : tensor<4xf32>>], column_rotation = #qnt.rotation<block = 4, seed = 7>, row_rotation = #qnt.rotation<block = 2>}
qnt.weight_decl @rotated : tensor<2x4xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>] {column_gains = [#qnt.part<rows = 4, transposed = false, values = dense<2.0> : tensor<4xf32>>], column_rotation = #qnt.rotation<block = 4, seed = 7>, row_rotation = #qnt.rotation<block = 2>}

// CHECK-LABEL: func @types
// CHECK-SAME: !qnt.block<bits = 4, group = 32, super = 256, subBits = 4>
// CHECK-SAME: !qnt.block<element = table, bits = 4, group = 64, table = "nf4">
// CHECK-SAME: !qnt.block<bits = 8, group = -1, zero = float>
// CHECK-SAME: !qnt.cache<4x32xf16>
func.func @types(%a: tensor<8x256x!qnt.block<bits = 4, group = 32, super = 256, subBits = 4>>, %b: tensor<8x64x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">>,
                 %c: tensor<8x64x!qnt.block<bits = 8, group = -1, zero = float>>, %d: !qnt.cache<4x32xf16>) {
  return
}

// CHECK-LABEL: func @block
func.func @block(%ids: tensor<?x?xi64>, %table: tensor<100x32xf16>, %g: tensor<32xf32>, %cos: tensor<2x2xf32>, %pos: tensor<?x?xi64>, %bias: tensor<64xf32>,
                 %cache: !qnt.cache<2x8xf16>) -> tensor<?x?x16xf32> {
  // CHECK: qnt.gather %{{.*}}, %{{.*}} : tensor<?x?xi64>, tensor<100x32xf16> -> tensor<?x?x32xf32>
  %x = qnt.gather %ids, %table : tensor<?x?xi64>, tensor<100x32xf16> -> tensor<?x?x32xf32>
  // CHECK: qnt.quantize %{{.*}} : tensor<?x?x32xf32> -> tensor<?x?x32x!qnt.block<bits = 8, group = 32, scale = f32>>
  %q = qnt.quantize %x : tensor<?x?x32xf32> -> tensor<?x?x32x!qnt.block<bits = 8, group = 32, scale = f32>>
  // CHECK: qnt.quantize %{{.*}} by %{{[a-z0-9_]*}} : tensor<?x?x32xf32>, tensor<1xf32> -> tensor<?x?x32x!qnt.block<bits = 8, group = -1, scale = f32>>
  %one = arith.constant dense<0.5> : tensor<1xf32>
  %static = qnt.quantize %x by %one : tensor<?x?x32xf32>, tensor<1xf32> -> tensor<?x?x32x!qnt.block<bits = 8, group = -1, scale = f32>>
  // CHECK: qnt.weight @qkv : tensor<64x32xf32>
  %w = qnt.weight @qkv : tensor<64x32xf32>
  // CHECK: qnt.matmul %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x?x32x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x32xf32>, tensor<64xf32> -> tensor<?x?x64xf32>
  %y = qnt.matmul %q, %w bias %bias : tensor<?x?x32x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x32xf32>, tensor<64xf32> -> tensor<?x?x64xf32>
  // CHECK: qnt.matmul %{{.*}}, %{{.*}} bias %{{.*}} bf16 : tensor<?x?x32xf32>, tensor<64x32xf32>, tensor<64xf32> -> tensor<?x?x64xf32>
  %y16 = qnt.matmul %x, %w bias %bias bf16 : tensor<?x?x32xf32>, tensor<64x32xf32>, tensor<64xf32> -> tensor<?x?x64xf32>
  // CHECK: qnt.glu silu %{{.*}} : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
  %h = qnt.glu silu %y : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
  // CHECK: qnt.dequantize
  %f = qnt.dequantize %q : tensor<?x?x32x!qnt.block<bits = 8, group = 32, scale = f32>> -> tensor<?x?x32xf32>
  // CHECK: qnt.glu gelu_tanh
  %o = qnt.glu gelu_tanh %f : tensor<?x?x32xf32> -> tensor<?x?x16xf32>
  // CHECK: qnt.dim "past"
  %past = qnt.dim "past"
  // CHECK: qnt.kv_update %{{.*}}, %{{.*}} into %{{.*}} at %{{.*}} : tensor<?x?x16xf32>, <2x8xf16>
  qnt.kv_update %o, %o into %cache at %past : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  %lengths = arith.constant dense<3> : tensor<2xi32>
  // CHECK: %[[STARTS:.*]] = qnt.row_starts %{{.*}} at %{{.*}} : tensor<2xi32> -> tensor<2xi64>
  %starts = qnt.row_starts %lengths at %past : tensor<2xi32> -> tensor<2xi64>
  // CHECK: qnt.positions at %{{.*}} rows %[[STARTS]] : tensor<2xi64> : tensor<2x?xi64>
  %at = qnt.positions at %past rows %starts : tensor<2xi64> : tensor<2x?xi64>
  // CHECK: qnt.kv_update %{{.*}}, %{{.*}} into %{{.*}} at %{{.*}} rows %[[STARTS]] : tensor<2xi64> : tensor<?x?x16xf32>, <2x8xf16>
  qnt.kv_update %o, %o into %cache at %past rows %starts : tensor<2xi64> : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  // CHECK: qnt.attention %{{.*}} over %{{.*}} at %{{.*}} rows %[[STARTS]] : tensor<2xi64> heads 2 scale 5.000000e-01 : tensor<?x?x16xf32>, <2x8xf16>
  %rows = qnt.attention %o over %cache at %past rows %starts : tensor<2xi64> heads 2 scale 0.5 : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  // CHECK: qnt.attention %{{.*}} over %{{.*}} at %{{.*}} heads 2 scale 5.000000e-01 : tensor<?x?x16xf32>, <2x8xf16>
  %a = qnt.attention %o over %cache at %past heads 2 scale 0.5 : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  return %a : tensor<?x?x16xf32>
}

// CHECK-LABEL: func @observed
func.func @observed(%x: tensor<?x?x40xf32>, %w: tensor<8x40xf32>) {
  // CHECK: qnt.observe %{{.*}} of %{{.*}} : tensor<?x?x40xf32>, tensor<8x40xf32>
  qnt.observe %x of %w : tensor<?x?x40xf32>, tensor<8x40xf32>
  return
}

// CHECK-LABEL: func @tapped
func.func @tapped(%x: tensor<?x?x40xf32>) -> tensor<?x?x40xf32> {
  // CHECK: qnt.tap %{{.*}} : tensor<?x?x40xf32>
  %y = qnt.tap %x : tensor<?x?x40xf32>
  return %y : tensor<?x?x40xf32>
}

// CHECK-LABEL: func @mixed
func.func @mixed(%x: tensor<?x?x40xf32>) -> tensor<?x?x40xf32> {
  // CHECK: qnt.hadamard %{{.*}} block 20 : tensor<?x?x40xf32>
  %y = qnt.hadamard %x block 20 : tensor<?x?x40xf32>
  return %y : tensor<?x?x40xf32>
}

// CHECK-LABEL: func @outliers
func.func @outliers(%x: tensor<?x?x40xf32>) -> (tensor<?x?x40xf32>, tensor<?x?x40xf32>) {
  // CHECK: %{{.*}}, %{{.*}} = qnt.split_outliers %{{.*}} above 6.000000e+00 : tensor<?x?x40xf32>
  %rest, %outliers = qnt.split_outliers %x above 6.0 : tensor<?x?x40xf32>
  return %rest, %outliers : tensor<?x?x40xf32>, tensor<?x?x40xf32>
}

// CHECK-LABEL: func @components
func.func @components(%c: tensor<?x40xi8>, %s: tensor<?x2xf32>, %z: tensor<?x2xi8>) {
  // CHECK: qnt.compose %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x40xi8>, tensor<?x2xf32>, tensor<?x2xi8> -> tensor<?x40x!qnt.block<bits = 4, group = 32, zero = int>>
  %x = qnt.compose %c, %s, %z : tensor<?x40xi8>, tensor<?x2xf32>, tensor<?x2xi8> -> tensor<?x40x!qnt.block<bits = 4, group = 32, zero = int>>
  // CHECK: qnt.decompose %{{.*}} : tensor<?x40x!qnt.block<bits = 4, group = 32, zero = int>> -> tensor<?x40xi8>, tensor<?x2xf32>, tensor<?x2xi8>
  %c2, %s2, %z2 = qnt.decompose %x : tensor<?x40x!qnt.block<bits = 4, group = 32, zero = int>> -> tensor<?x40xi8>, tensor<?x2xf32>, tensor<?x2xi8>
  return
}
