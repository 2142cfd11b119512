// --stats: formats by size, alike ones in one line; operations of the generic path, largest first, with what they read.
// RUN: qcc %s --wbits=4 --stats --compile-to=quant 2>&1 >%t | FileCheck %s
// CHECK:      weights, by size:
// CHECK-NEXT:   w4tasym 4.500 bits     2 x 32x64 2.30 KB  wbits  a0, ...
// CHECK-NEXT:   w8g32 8.500 bits     1 x 32x32 1.09 KB  head-bits  head
// CHECK-NEXT:   0.0 million weights, 5.300 bits each, 3.39 KB
// CHECK-NEXT: recognised operations: 2 (repeated layers count once)
// CHECK-NEXT: generic path: 2 operations, 192 operations a row; reads 0.13 KB of 3.52 KB of weights
// CHECK-NEXT:   128 operations a row  '/layers.0/scale' (Mul v14)  generic tensor<?x?x32xf32>, 2 times
// CHECK-NEXT:   64 operations a row  (no node)  generic tensor<?x?x32xf32>

// More than fits on a screen is summed up.
// RUN: rm -rf %t.ops && mkdir %t.ops && %python %src/test/Execution/Inputs/onnx_ops.py write %t.ops
// RUN: qcc %t.ops/model.onnx --stats --compile-to=quant 2>&1 >%t | FileCheck %s --check-prefix=MANY
// MANY:         generic path: {{[0-9]+}} operations
// MANY-COUNT-12: operations a row{{ +}}'
// MANY-NEXT:      and {{[0-9]+}} more, {{[0-9]+}} operations a row

// Each version's kernels. --abits=16 permits tiles where there are some.
// RUN: %python %src/test/Frontend/Inputs/models.py %t.ops mlp && qcc %t.ops/mlp.onnx --target=x86-avx512 --wbits=4 --sym --stats -o %t.ops/m.so 2>&1 | FileCheck %s --check-prefix=KERNELS
// KERNELS:      matmul kernels, amx:
// KERNELS-NEXT:   integer products: w4_a8_decode w4_a8_long w4_a8_short w8_a8_decode w8_a8_long w8_a8_short
// KERNELS-NEXT: matmul kernels, avx512vnni:
// KERNELS-NEXT:   integer products: w4_a8_decode w4_a8_long w4_a8_short w8_a8_decode w8_a8_long w8_a8_short
// KERNELS-NEXT: matmul kernels, avx512:
// KERNELS-NEXT:   integer products:
// RUN: qcc %t.ops/mlp.onnx --target=x86-amx --wbits=4 --abits=16 --stats -o %t.ops/m.so 2>&1 | FileCheck %s --check-prefix=TILES
// TILES:      matmul kernels, amx:
// TILES-NEXT:   float products: {{.*}}_decode {{.*}}_short
// TILES-NEXT:   tiles: {{.*}}_long

#id = affine_map<(b, s, c) -> (b, s, c)>
#row = affine_map<(b, s, c) -> (c)>
module attributes {qnt.dims = ["batch", "seq"]} {
  qnt.weight_decl @a0 : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = false, values = dense<0.5> : tensor<32x64xf32>>]
  qnt.weight_decl @a1 : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = false, values = dense<0.5> : tensor<32x64xf32>>]
  qnt.weight_decl @scale : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, values = dense<0.5> : tensor<32xf32>>]
  qnt.weight_decl @head : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = false, values = dense<0.5> : tensor<32x32xf32>>] {qnt.role = "head"}
  func.func private @layer(%x: tensor<?x?x64xf32>, %a: tensor<32x64xf32>, %scale: tensor<32xf32>) -> tensor<?x?x64xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = tensor.dim %x, %c0 : tensor<?x?x64xf32>
    %s = tensor.dim %x, %c1 : tensor<?x?x64xf32>
    %y = qnt.matmul %x, %a : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
    %e = tensor.empty(%b, %s) : tensor<?x?x32xf32>
    %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y, %scale : tensor<?x?x32xf32>, tensor<32xf32>) outs(%e : tensor<?x?x32xf32>) {
    ^bb0(%v: f32, %w: f32, %o: f32):
      %p = arith.mulf %v, %w : f32
      %q = arith.addf %p, %w : f32
      linalg.yield %q : f32
    } -> tensor<?x?x32xf32> loc(fused<"Mul v14">["/layers.0/scale", "model.onnx":7:0])
    %r = tensor.concat dim(2) %z, %z : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x64xf32>
    return %r : tensor<?x?x64xf32>
  }
  func.func @main(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"], qnt.name = "x"}) -> (tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"], qnt.name = "y"}) {
    %a0 = qnt.weight @a0 : tensor<32x64xf32>
    %a1 = qnt.weight @a1 : tensor<32x64xf32>
    %scale = qnt.weight @scale : tensor<32xf32>
    %1 = call @layer(%x, %a0, %scale) : (tensor<?x?x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<?x?x64xf32>
    %2 = call @layer(%1, %a1, %scale) : (tensor<?x?x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<?x?x64xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = tensor.dim %x, %c0 : tensor<?x?x64xf32>
    %s = tensor.dim %x, %c1 : tensor<?x?x64xf32>
    %3 = tensor.extract_slice %2[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
    %e = tensor.empty(%b, %s) : tensor<?x?x32xf32>
    %4 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3 : tensor<?x?x32xf32>) outs(%e : tensor<?x?x32xf32>) {
    ^bb0(%v: f32, %o: f32):
      %p = math.exp %v : f32
      %q = arith.addf %p, %p : f32
      linalg.yield %q : f32
    } -> tensor<?x?x32xf32>
    %head = qnt.weight @head : tensor<32x32xf32>
    %5 = qnt.matmul %4, %head : tensor<?x?x32xf32>, tensor<32x32xf32> -> tensor<?x?x32xf32>
    return %5 : tensor<?x?x32xf32>
  }
}
