// RUN: qcc-opt %s | qcc-opt | FileCheck %s
// RUN: qcc-opt %s -emit-bytecode | qcc-opt | FileCheck %s

// CHECK: qnt.weight_decl @cos : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, rotary = <cos, 1.000000e+00 : f32, dense<[1.000000e+00, 0.00999999977]> : tensor<2xf32>>>]
qnt.weight_decl @cos : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, rotary = <cos, 1.0 : f32, dense<[1.0, 0.01]> : tensor<2xf32>>>]

// CHECK-LABEL: func @past_tensors_become_a_cache_and_back
// CHECK: %[[C:.*]] = qnt.cache_load %{{.*}}, %{{.*}} : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> <4x32xf32>
// CHECK: qnt.cache_store %[[C]] at %{{.*}} : <4x32xf32> -> tensor<?x4x?x32xf32>
func.func @past_tensors_become_a_cache_and_back(%k: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32> {
  %total = qnt.dim "total"
  %c = qnt.cache_load %k, %v : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32> -> !qnt.cache<4x32xf32>
  %k1, %v1 = qnt.cache_store %c at %total : !qnt.cache<4x32xf32> -> tensor<?x4x?x32xf32>
  return %k1 : tensor<?x4x?x32xf32>
}

// CHECK-LABEL: func @a_cache_may_start_empty
// CHECK: qnt.cache_load -> <2x8xf16>
// CHECK: qnt.positions at %{{.*}} : tensor<?x?xi64>
func.func @a_cache_may_start_empty(%past: index) -> tensor<?x?xi64> {
  %c = qnt.cache_load -> !qnt.cache<2x8xf16>
  %p = qnt.positions at %past : tensor<?x?xi64>
  return %p : tensor<?x?xi64>
}

// CHECK-LABEL: func @a_cache_is_memory_to_reference_lowerings
// CHECK: %{{.*}}, %{{.*}} = qnt.cache_view %{{.*}} : <2x8xf16> -> memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>
func.func @a_cache_is_memory_to_reference_lowerings(%c: !qnt.cache<2x8xf16>) {
  %k, %v = qnt.cache_view %c : !qnt.cache<2x8xf16> -> memref<?x2x?x8xf16, strided<[?, ?, 8, 1], offset: ?>>
  return
}

// Codes of 4 bits, two in a byte, and their scales.
// CHECK-LABEL: func @a_quantized_cache_has_bytes_and_scales
// CHECK: = qnt.cache_view %{{.*}} : <2x8xi4> -> memref<?x2x?x4xi8, strided<[?, ?, 4, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>
func.func @a_quantized_cache_has_bytes_and_scales(%c: !qnt.cache<2x8xi4>) {
  %v:4 = qnt.cache_view %c : !qnt.cache<2x8xi4> -> memref<?x2x?x4xi8, strided<[?, ?, 4, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>, memref<?x2x?xf32, strided<[?, ?, 1], offset: ?>>
  return
}
