// RUN: qcc-opt %s --qcc-quantize-lower-reference | FileCheck %s

// The example of Passes.td.
// CHECK-LABEL: func @activate
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: %[[Y:.*]] = tensor.generate {
// CHECK-NEXT: ^bb0(%[[I:.*]]: index):
// CHECK-NEXT:   %[[V:.*]] = tensor.extract %[[X]][%[[I]]] : tensor<4xf32>
// CHECK-NEXT:   %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NEXT:   %[[M:.*]] = arith.maximumf %[[V]], %[[ZERO]] : f32
// CHECK-NEXT:   tensor.yield %[[M]] : f32
// CHECK-NEXT: } : tensor<4xf32>
func.func @activate(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = qnt.activate relu %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// Quantized activations go from producer to consumer as codes and scales; weights in files stay, read by components.
// CHECK-LABEL: func @quantized
// CHECK: %[[SCALES:.*]] = tensor.generate
// CHECK: math.absf
// CHECK: : tensor<?x2xf32>
// CHECK: %[[CODES:.*]] = tensor.generate
// CHECK: math.roundeven
// CHECK: : tensor<?x64xi8>
// CHECK-NOT: qnt.compose
// CHECK: %[[W:.*]] = qnt.weight @w
// CHECK: %[[WC:.*]], %[[WS:.*]] = qnt.decompose %[[W]] : tensor<3x64x!qnt.block<bits = 4, group = 32>> -> tensor<3x64xi8>, tensor<3x2xf32>
// CHECK: tensor.extract %[[CODES]]
// CHECK: tensor.extract %[[WC]]
// CHECK: tensor.extract %[[WS]]
// CHECK: tensor.extract %[[SCALES]]
// CHECK: math.fma
qnt.weight_decl @w : tensor<3x64x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 3, transposed = false, data = <"w", file 0, offset 0, length 768> : tensor<3x64xf32>>]
func.func @quantized(%x: tensor<?x64xf32>) -> tensor<?x3xf32> {
  %q = qnt.quantize %x : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
  %w = qnt.weight @w : tensor<3x64x!qnt.block<bits = 4, group = 32>>
  %y = qnt.matmul %q, %w : tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<3x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// Computed weights become constants, their declarations go.
// CHECK-LABEL: func @computed
// CHECK-DAG: arith.constant dense<{{.*}}[0, 4, 8, 15]]> : tensor<1x4xi8>
// CHECK-DAG: arith.constant dense<5.000000e-01> : tensor<1x1xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 9.997550e-02]]> : tensor<1x2xf16>
// CHECK-NOT: qnt.
// CHECK: return
qnt.weight_decl @v : tensor<1x4x!qnt.block<bits = 4, group = 4>> [#qnt.part<rows = 1, transposed = false, values = dense<[[-4.0, -2.0, 0.0, 3.5]]> : tensor<1x4xf32>>]
qnt.weight_decl @t : tensor<1x2xf16> [#qnt.part<rows = 1, transposed = false, values = dense<[[1.0, 0.09997]]> : tensor<1x2xf32>>]
func.func @computed(%ids: tensor<1xi64>) -> (tensor<1x4xf32>, tensor<1x2xf32>) {
  %v = qnt.weight @v : tensor<1x4x!qnt.block<bits = 4, group = 4>>
  %y = qnt.dequantize %v : tensor<1x4x!qnt.block<bits = 4, group = 4>> -> tensor<1x4xf32>
  %t = qnt.weight @t : tensor<1x2xf16>
  %e = qnt.gather %ids, %t : tensor<1xi64>, tensor<1x2xf16> -> tensor<1x2xf32>
  return %y, %e : tensor<1x4xf32>, tensor<1x2xf32>
}

// Attention: scores, their maxima, weights, sums, the weighted values. The cache is memory.
// CHECK-LABEL: func @attention
// CHECK: qnt.cache_view
// CHECK: scf.parallel
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK-COUNT-2: memref.store
// CHECK: qnt.cache_view
// CHECK-COUNT-5: tensor.generate
// CHECK-NOT: qnt.
// CHECK: return
func.func @attention(%q: tensor<?x?x32xf32>, %k: tensor<?x?x16xf32>, %cache: !qnt.cache<2x8xf16>, %past: index) -> tensor<?x?x32xf32> {
  qnt.kv_update %k, %k into %cache at %past : tensor<?x?x16xf32>, !qnt.cache<2x8xf16>
  %y = qnt.attention %q over %cache at %past heads 4 scale 0.25 : tensor<?x?x32xf32>, !qnt.cache<2x8xf16>
  return %y : tensor<?x?x32xf32>
}

// Past tensors are copied into an empty cache.
// CHECK-LABEL: func @past
// CHECK: qnt.cache_load -> <2x8xf16>
// CHECK: scf.parallel
// CHECK-COUNT-2: tensor.generate
// CHECK-NOT: qnt.cache_store
// CHECK: return
func.func @past(%k: tensor<?x2x?x8xf32>, %total: index) -> (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
  %c = qnt.cache_load %k, %k : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> !qnt.cache<2x8xf16>
  %k1, %v1 = qnt.cache_store %c at %total : !qnt.cache<2x8xf16> -> tensor<?x2x?x8xf32>
  return %k1, %v1 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}

// RUN: qcc-opt %s --qcc-quantize-lower-reference="constants=false only=qnt.dequantize" | FileCheck %s --check-prefix=ONLY
// ONLY-LABEL: func @quantized
// ONLY: qnt.quantize
// ONLY: qnt.matmul
// ONLY-LABEL: func @computed
// ONLY: qnt.decompose
// ONLY: tensor.generate
// ONLY: qnt.gather
