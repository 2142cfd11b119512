// RUN: qcc-opt %s --qcc-quantize-lower-reference --one-shot-bufferize="bufferize-function-boundaries" --convert-linalg-to-loops --convert-scf-to-cf \
// RUN:   --expand-strided-metadata --lower-affine --convert-math-to-llvm --convert-math-to-libm --convert-arith-to-llvm --finalize-memref-to-llvm \
// RUN:   --convert-func-to-llvm --convert-cf-to-llvm --convert-index-to-llvm --reconcile-unrealized-casts \
// RUN: | mlir-runner -e main --entry-point-result=void --shared-libs=%llvm_lib/libmlir_runner_utils.so,%llvm_lib/libmlir_c_runner_utils.so \
// RUN: | FileCheck %s

// Runs every reference lowering; the expected numbers were computed by hand or with numpy from the op descriptions.
func.func private @printMemrefF32(tensor<*xf32>)

// 4 bits, groups of 2, one short group; codes with implicit zero point 8: row 0 is 0.5 * (-8 -4 7 1 2), row 1 has its own scales.
qnt.weight_decl @w4 : tensor<2x5x!qnt.block<bits = 4, group = 2>> [#qnt.part<rows = 2, transposed = false, values = dense<[[-4.0, -2.0, -4.0, 0.5, 1.0], [8.0, 1.0, 0.0, 0.0, -3.0]]> : tensor<2x5xf32>>]
qnt.weight_decl @w8 : tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>> [#qnt.part<rows = 2, transposed = true, values = dense<[[0.0, 255.0], [1.0, -0.0], [-2.0, 3.0], [253.0, 4.0]]> : tensor<4x2xf32>>]
qnt.weight_decl @table : tensor<3x2xf16> [#qnt.part<rows = 3, transposed = false, values = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>>]
qnt.weight_decl @two : tensor<1x64x!qnt.block<bits = 4, group = 32, super = 256, subBits = 4>> [#qnt.part<rows = 1, transposed = false, values = dense<-15.0> : tensor<1x64xf32>>]
// Codes out of tables: NF4 under scale 2; MXFP4 under 2^1 (a scale of 1 would clip 7.9 to 6); E4M3 under 1/448: its smallest number is 2^-9.
qnt.weight_decl @nf4 : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">> [#qnt.part<rows = 1, transposed = false, values = dense<[[-2.0, 0.0, 0.9, 2.0]]> : tensor<1x4xf32>>]
qnt.weight_decl @mx : tensor<1x4x!qnt.block<element = table, bits = 4, group = 32, scale = e8m0, table = "e2m1">> [#qnt.part<rows = 1, transposed = false, values = dense<[[7.9, 7.9, 3.0, -1.0]]> : tensor<1x4xf32>>]
qnt.weight_decl @e4m3 : tensor<1x3x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> [#qnt.part<rows = 1, transposed = false, values = dense<[[448.0, 0.002, -17.0]]> : tensor<1x3xf32>>]
// In NVFP4, 12 under a scale of 448 times 12 / 2688; 1 / (448 * 12 / 2688) = 1/2. Double quantization of one scale: its mean.
qnt.weight_decl @nv : tensor<1x4x!qnt.block<element = table, bits = 4, group = 16, scale = e4m3, table = "e2m1">> [#qnt.part<rows = 1, transposed = false, values = dense<[[12.0, 1.0, -3.0, 0.4]]> : tensor<1x4xf32>>]
qnt.weight_decl @dq : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, scale = dynamic8, table = "nf4">> [#qnt.part<rows = 1, transposed = false, values = dense<[[-2.0, 0.0, 0.9, 2.0]]> : tensor<1x4xf32>>]
// Minima: 0.5 * code - 2. Two levels: no more than a minimum, 63 * -1; a sub-scale with a sign.
qnt.weight_decl @min : tensor<1x4x!qnt.block<bits = 4, group = 32, zero = min, rule = "q4_1">> [#qnt.part<rows = 1, transposed = false, values = dense<[[-2.0, 5.5, 0.0, 1.6]]> : tensor<1x4xf32>>]
qnt.weight_decl @k4 : tensor<1x32x!qnt.block<bits = 4, group = 32, zero = min, super = 256, subBits = 6, rule = "q4_k">> [#qnt.part<rows = 1, transposed = false, values = dense<-63.0> : tensor<1x32xf32>>]
qnt.weight_decl @k6 : tensor<1x16x!qnt.block<bits = 6, group = 16, super = 256, subBits = 8, signedSub = true, rule = "q6_k">> [#qnt.part<rows = 1, transposed = false, values = dense<-4.0> : tensor<1x16xf32>>]

func.func @main() {
  call @tables() : () -> ()
  call @minima() : () -> ()
  call @dequantize() : () -> ()
  call @gather() : () -> ()
  call @quantize() : () -> ()
  call @quantize_floats() : () -> ()
  call @quantize_static() : () -> ()
  call @matmul() : () -> ()
  call @norm() : () -> ()
  call @rotary() : () -> ()
  call @activations() : () -> ()
  call @hadamard() : () -> ()
  return
}

// CHECK: [-2,   0,   0.88142,   2]
// CHECK: [8,   8,   3,   -1]
// CHECK: [448,   0.00195312,   -16]
// Bytes that are no codes of 4 bits, as a damaged file may have: their low bits count.
// CHECK: [1,   -1,   0.562617]
func.func @tables() {
  %w = qnt.weight @nf4 : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">>
  %x = qnt.dequantize %w : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">> -> tensor<1x4xf32>
  %u = tensor.cast %x : tensor<1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %v = qnt.weight @mx : tensor<1x4x!qnt.block<element = table, bits = 4, group = 32, scale = e8m0, table = "e2m1">>
  %y = qnt.dequantize %v : tensor<1x4x!qnt.block<element = table, bits = 4, group = 32, scale = e8m0, table = "e2m1">> -> tensor<1x4xf32>
  %t = tensor.cast %y : tensor<1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%t) : (tensor<*xf32>) -> ()
  %e = qnt.weight @e4m3 : tensor<1x3x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  %z = qnt.dequantize %e : tensor<1x3x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> -> tensor<1x3xf32>
  %s = tensor.cast %z : tensor<1x3xf32> to tensor<*xf32>
  call @printMemrefF32(%s) : (tensor<*xf32>) -> ()
  %bytes = arith.constant dense<[[0xff, 0x80, 0x7d]]> : tensor<1x3xi8>
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %d = qnt.compose %bytes, %one : tensor<1x3xi8>, tensor<1x1xf32> -> tensor<1x3x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">>
  %f = qnt.dequantize %d : tensor<1x3x!qnt.block<element = table, bits = 4, group = 64, table = "nf4">> -> tensor<1x3xf32>
  %g = tensor.cast %f : tensor<1x3xf32> to tensor<*xf32>
  call @printMemrefF32(%g) : (tensor<*xf32>) -> ()
  return
}

// CHECK: [12,   1,   -3,   0]
// CHECK: [-2,   0,   0.88142,   2]
// CHECK: [-2,   5.5,   0,   1.5]
// CHECK-COUNT-32: -63
// CHECK-COUNT-16: -4
func.func @minima() {
  %a = qnt.weight @nv : tensor<1x4x!qnt.block<element = table, bits = 4, group = 16, scale = e4m3, table = "e2m1">>
  %b = qnt.dequantize %a : tensor<1x4x!qnt.block<element = table, bits = 4, group = 16, scale = e4m3, table = "e2m1">> -> tensor<1x4xf32>
  %c = tensor.cast %b : tensor<1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%c) : (tensor<*xf32>) -> ()
  %d = qnt.weight @dq : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, scale = dynamic8, table = "nf4">>
  %e = qnt.dequantize %d : tensor<1x4x!qnt.block<element = table, bits = 4, group = 64, scale = dynamic8, table = "nf4">> -> tensor<1x4xf32>
  %f = tensor.cast %e : tensor<1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%f) : (tensor<*xf32>) -> ()
  %g = qnt.weight @min : tensor<1x4x!qnt.block<bits = 4, group = 32, zero = min, rule = "q4_1">>
  %h = qnt.dequantize %g : tensor<1x4x!qnt.block<bits = 4, group = 32, zero = min, rule = "q4_1">> -> tensor<1x4xf32>
  %i = tensor.cast %h : tensor<1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%i) : (tensor<*xf32>) -> ()
  %j = qnt.weight @k4 : tensor<1x32x!qnt.block<bits = 4, group = 32, zero = min, super = 256, subBits = 6, rule = "q4_k">>
  %k = qnt.dequantize %j : tensor<1x32x!qnt.block<bits = 4, group = 32, zero = min, super = 256, subBits = 6, rule = "q4_k">> -> tensor<1x32xf32>
  %l = tensor.cast %k : tensor<1x32xf32> to tensor<*xf32>
  call @printMemrefF32(%l) : (tensor<*xf32>) -> ()
  %m = qnt.weight @k6 : tensor<1x16x!qnt.block<bits = 6, group = 16, super = 256, subBits = 8, signedSub = true, rule = "q6_k">>
  %n = qnt.dequantize %m : tensor<1x16x!qnt.block<bits = 6, group = 16, super = 256, subBits = 8, signedSub = true, rule = "q6_k">> -> tensor<1x16xf32>
  %o = tensor.cast %n : tensor<1x16xf32> to tensor<*xf32>
  call @printMemrefF32(%o) : (tensor<*xf32>) -> ()
  return
}

// CHECK: [-4,   -2,   -4,   0.5,   1]
// CHECK-NEXT: [8,   1,   0,   0,   -3]
// CHECK: [0,   1,   -2,   253]
// CHECK-NEXT: [255,   0,   3,   4]
// CHECK-COUNT-64: -15
func.func @dequantize() {
  %w = qnt.weight @w4 : tensor<2x5x!qnt.block<bits = 4, group = 2>>
  %x = qnt.dequantize %w : tensor<2x5x!qnt.block<bits = 4, group = 2>> -> tensor<2x5xf32>
  %u = tensor.cast %x : tensor<2x5xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %v = qnt.weight @w8 : tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>>
  %y = qnt.dequantize %v : tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>> -> tensor<2x4xf32>
  %t = tensor.cast %y : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%t) : (tensor<*xf32>) -> ()
  %two = qnt.weight @two : tensor<1x64x!qnt.block<bits = 4, group = 32, super = 256, subBits = 4>>
  %z = qnt.dequantize %two : tensor<1x64x!qnt.block<bits = 4, group = 32, super = 256, subBits = 4>> -> tensor<1x64xf32>
  %s = tensor.cast %z : tensor<1x64xf32> to tensor<*xf32>
  call @printMemrefF32(%s) : (tensor<*xf32>) -> ()
  return
}

// CHECK: [5,   6]
// CHECK-NEXT: [1,   2]
func.func @gather() {
  %ids = arith.constant dense<[2, 0]> : tensor<2xi64>
  %w = qnt.weight @table : tensor<3x2xf16>
  %x = qnt.gather %ids, %w : tensor<2xi64>, tensor<3x2xf16> -> tensor<2x2xf32>
  %u = tensor.cast %x : tensor<2x2xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

// Groups of 4: scale 1 (absmax 127), and 2 (absmax 254); halves go to even codes. A group of zeros stays zero.
// CHECK: [127,  2,  2,  -4,  254,  -4,  4,  8,  0,  0]
func.func @quantize() {
  %x = arith.constant dense<[127.0, 2.5, 1.5, -3.5, 254.0, -5.0, 3.0, 7.0, 0.0, 0.0]> : tensor<10xf32>
  %q = qnt.quantize %x : tensor<10xf32> -> tensor<10x!qnt.block<bits = 8, group = 4, scale = f32>>
  %y = qnt.dequantize %q : tensor<10x!qnt.block<bits = 8, group = 4, scale = f32>> -> tensor<10xf32>
  %u = tensor.cast %y : tensor<10xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

// E4M3 in groups of 4 under scales 1 and 2: halfway (17, 19, half of 2^-9, -33 / 2) to the even code, quarters of the smallest number to the nearest. A
// scale is finite unless a value is not. E5M2, a row under scale 1. Products multiply the values, integer weights' too: 16 - 2 * 20, 448 * 255 + 3 * 20.
// CHECK: [448,  16,  20,  -0.00195312,  0,  -0,  0,  0,  896,  -32,  0,  1,  {{-?nan}},  {{-?nan}},  {{-?nan}},  {{-?nan}},  {{-?nan}},  {{-?nan}}]
// CHECK: [57344,  16,  -20,  0]
// CHECK: [-24,  114300]
func.func @quantize_floats() {
  %x = arith.constant dense<[448.0, 17.0, 19.0, -0.0015, 0.0, -0.0, 0.0, 0.0, 896.0, -33.0, 0.0019, 1.0, 1.0, 2.0, 0x7fc00000, 3.0, 1.0, 0xff800000]> : tensor<18xf32>
  %q = qnt.quantize %x : tensor<18xf32> -> tensor<18x!qnt.block<element = table, bits = 8, group = 4, scale = f32, table = "e4m3">>
  %y = qnt.dequantize %q : tensor<18x!qnt.block<element = table, bits = 8, group = 4, scale = f32, table = "e4m3">> -> tensor<18xf32>
  %u = tensor.cast %y : tensor<18xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %z = arith.constant dense<[57344.0, 18.0, -18.5, 7.6e-06]> : tensor<4xf32>
  %p = qnt.quantize %z : tensor<4xf32> -> tensor<4x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">>
  %w = qnt.dequantize %p : tensor<4x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">> -> tensor<4xf32>
  %v = tensor.cast %w : tensor<4xf32> to tensor<*xf32>
  call @printMemrefF32(%v) : (tensor<*xf32>) -> ()
  %a = arith.constant dense<[[448.0, 17.0, 19.0, 0.0]]> : tensor<1x4xf32>
  %c = qnt.quantize %a : tensor<1x4xf32> -> tensor<1x4x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  %b = qnt.weight @w8 : tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>>
  %d = qnt.matmul %c, %b : tensor<1x4x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>, tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>> -> tensor<1x2xf32>
  %e = tensor.cast %d : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%e) : (tensor<*xf32>) -> ()
  return
}

// One scale of 2, whatever the values: 127 codes on both sides, beyond which they saturate. A scale of 0 makes zeros.
// CHECK: [128,  4,  -8,  254,  254,  -254,  -254,  0]
// CHECK: [0,   0]
func.func @quantize_static() {
  %x = arith.constant dense<[127.0, 5.0, -7.0, 254.0, 300.0, -255.0, -1.0e30, 0.5]> : tensor<8xf32>
  %scale = arith.constant dense<2.0> : tensor<1xf32>
  %q = qnt.quantize %x by %scale : tensor<8xf32>, tensor<1xf32> -> tensor<8x!qnt.block<bits = 8, group = -1, scale = f32>>
  %y = qnt.dequantize %q : tensor<8x!qnt.block<bits = 8, group = -1, scale = f32>> -> tensor<8xf32>
  %u = tensor.cast %y : tensor<8xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %z = arith.constant dense<[1.0, -3.0]> : tensor<2xf32>
  %none = arith.constant dense<0.0> : tensor<1xf32>
  %p = qnt.quantize %z by %none : tensor<2xf32>, tensor<1xf32> -> tensor<2x!qnt.block<bits = 8, group = -1, scale = f32>>
  %w = qnt.dequantize %p : tensor<2x!qnt.block<bits = 8, group = -1, scale = f32>> -> tensor<2xf32>
  %v = tensor.cast %w : tensor<2xf32> to tensor<*xf32>
  call @printMemrefF32(%v) : (tensor<*xf32>) -> ()
  return
}

// Float input: exact dot products of the decoded weights; quantized input: steps of gcd(4, 2) = 2 values, scales 1 and 2.
// CHECK: [101,   207]
// CHECK: [-508,   1016]
// CHECK: [761,   32397]
func.func @matmul() {
  %w = qnt.weight @w4 : tensor<2x5x!qnt.block<bits = 4, group = 2>>
  %bias = arith.constant dense<[100.0, 200.0]> : tensor<2xf32>
  %x = arith.constant dense<[[1.0, 2.0, -2.0, 0.0, 1.0]]> : tensor<1x5xf32>
  %y = qnt.matmul %x, %w bias %bias : tensor<1x5xf32>, tensor<2x5x!qnt.block<bits = 4, group = 2>>, tensor<2xf32> -> tensor<1x2xf32>
  %u = tensor.cast %y : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()

  %a = arith.constant dense<[[127.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x5xf32>
  %qa = qnt.quantize %a : tensor<1x5xf32> -> tensor<1x5x!qnt.block<bits = 8, group = 4, scale = f32>>
  %ya = qnt.matmul %qa, %w : tensor<1x5x!qnt.block<bits = 8, group = 4, scale = f32>>, tensor<2x5x!qnt.block<bits = 4, group = 2>> -> tensor<1x2xf32>
  %ua = tensor.cast %ya : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%ua) : (tensor<*xf32>) -> ()

  // Zero points. The input's codes are 127, 2 (from 2.5, to even), 0, 3: 1 * 2 + 253 * 3 and 255 * 127 + 4 * 3.
  %v = qnt.weight @w8 : tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>>
  %b = arith.constant dense<[[127.0, 2.5, 0.0, 3.0]]> : tensor<1x4xf32>
  %qb = qnt.quantize %b : tensor<1x4xf32> -> tensor<1x4x!qnt.block<bits = 8, group = 4, scale = f32>>
  %yb = qnt.matmul %qb, %v : tensor<1x4x!qnt.block<bits = 8, group = 4, scale = f32>>, tensor<2x4x!qnt.block<bits = 8, group = -1, zero = int>> -> tensor<1x2xf32>
  %ub = tensor.cast %yb : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%ub) : (tensor<*xf32>) -> ()
  return
}

// rms: mean of squares 4 (+0): [2, -2] * scale [1, 3] / 2. layer: mean 3, deviation 1: [-1, 1] * [1, 3] + [10, 20].
// CHECK: [1,   -3]
// CHECK: [9,   23]
func.func @norm() {
  %scale = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %x = arith.constant dense<[[2.0, -2.0]]> : tensor<1x2xf32>
  %y = qnt.norm rms %x, %scale eps 0.0 : tensor<1x2xf32>, tensor<2xf32>
  %u = tensor.cast %y : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %z = arith.constant dense<[[2.0, 4.0]]> : tensor<1x2xf32>
  %v = qnt.norm layer %z, %scale bias %bias eps 0.0 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>
  %t = tensor.cast %v : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%t) : (tensor<*xf32>) -> ()
  return
}

// Two heads of 5 channels of which 4 rotate, position 1 (cos [0, 1], sin [1, 0]): pair 0 turns by 90 degrees.
// Halves: pairs (0, 2) and (1, 3). Interleaved: pairs (0, 1) and (2, 3).
// CHECK: [-3,    2,    1,    4,    5,    -8,    7,    6,    9,    10]
// CHECK: [-2,    1,    3,    4,    5,    -7,    6,    8,    9,    10]
func.func @rotary() {
  %x = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]]]> : tensor<1x1x10xf32>
  %cos = arith.constant dense<[[1.0, 1.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %sin = arith.constant dense<[[0.0, 0.0], [1.0, 0.0]]> : tensor<2x2xf32>
  %past = arith.constant 1 : index
  %positions = qnt.positions at %past : tensor<1x1xi64>
  %y = qnt.rotary %x at %positions, %cos, %sin heads 2 : tensor<1x1x10xf32>, tensor<1x1xi64>, tensor<2x2xf32>
  %u = tensor.cast %y : tensor<1x1x10xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %z = qnt.rotary %x at %positions, %cos, %sin heads 2 {interleaved = true} : tensor<1x1x10xf32>, tensor<1x1xi64>, tensor<2x2xf32>
  %t = tensor.cast %z : tensor<1x1x10xf32> to tensor<*xf32>
  call @printMemrefF32(%t) : (tensor<*xf32>) -> ()
  return
}

// x = [1, -1, 0.5]: silu, gelu, gelu by tanh, relu; then relu(gate) * up of [1, -1 | 3, 4].
// CHECK: [0.731059,  -0.268941,  0.31123]
// CHECK: [0.841345,  -0.158655,  0.345731]
// CHECK: [0.841192,  -0.158808,  0.345714]
// CHECK: [1,  0,  0.5]
// CHECK: [3,   0]
func.func @activations() {
  %x = arith.constant dense<[1.0, -1.0, 0.5]> : tensor<3xf32>
  %a = qnt.activate silu %x : tensor<3xf32>
  %b = qnt.activate gelu %x : tensor<3xf32>
  %c = qnt.activate gelu_tanh %x : tensor<3xf32>
  %d = qnt.activate relu %x : tensor<3xf32>
  %ua = tensor.cast %a : tensor<3xf32> to tensor<*xf32>
  %ub = tensor.cast %b : tensor<3xf32> to tensor<*xf32>
  %uc = tensor.cast %c : tensor<3xf32> to tensor<*xf32>
  %ud = tensor.cast %d : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%ua) : (tensor<*xf32>) -> ()
  call @printMemrefF32(%ub) : (tensor<*xf32>) -> ()
  call @printMemrefF32(%uc) : (tensor<*xf32>) -> ()
  call @printMemrefF32(%ud) : (tensor<*xf32>) -> ()
  %g = arith.constant dense<[1.0, -1.0, 3.0, 4.0]> : tensor<4xf32>
  %e = qnt.glu relu %g : tensor<4xf32> -> tensor<2xf32>
  %ue = tensor.cast %e : tensor<2xf32> to tensor<*xf32>
  call @printMemrefF32(%ue) : (tensor<*xf32>) -> ()
  return
}

// Two blocks of Sylvester's matrix of order 4, halved; row 1 of Paley's of order 12: 1 where the difference is a square modulo 11 (1 3 4 5 9).
// CHECK: [5,  -1,  -2,  0,  4,  0,  0,  0]
// CHECK: [-1,  1,  -1,  1,  -1,  -1,  -1,  1,  1,  1,  -1,  1]
func.func @hadamard() {
  %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 2.0, 2.0, 2.0, 2.0]> : tensor<8xf32>
  %y = qnt.hadamard %x block 4 : tensor<8xf32>
  %u = tensor.cast %y : tensor<8xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %p = arith.constant dense<[0.0, 3.46410161, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]> : tensor<12xf32>
  %z = qnt.hadamard %p block 12 : tensor<12xf32>
  %v = tensor.cast %z : tensor<12xf32> to tensor<*xf32>
  call @printMemrefF32(%v) : (tensor<*xf32>) -> ()
  return
}
