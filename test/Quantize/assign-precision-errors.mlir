// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="target-bpw=2.75" 2>&1 | FileCheck %s
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="target-bpw=nan" 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="max-error=0.12345678" 2>&1 | FileCheck %s --check-prefix=ERROR
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="max-error=-1" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="max-error=inf" 2>&1 | FileCheck %s --check-prefix=INFINITE
// RUN: not qcc-opt %s -split-input-file --qcc-quantize-assign-precision="target-bpw=3 max-error=1" 2>&1 | FileCheck %s --check-prefix=BOTH

// ERROR: error: no formats keep the error at 0.123457; the least possible is 1 [impossible-budget]
// NEGATIVE: error: max-error = -1.000000e+00 is not supported, expected more than 0
// INFINITE: error: max-error = {{.*}} is not supported, expected more than 0
// BOTH: error: target-bpw and max-error exclude each other
// NONE: error: target-bpw = 0.000000e+00 is not supported, expected more than 0
// NAN: error: target-bpw = {{.*}} is not supported, expected more than 0

// The least possible is named, and what is settled of it.
// CHECK: error: no formats give 2.75 bits per layer weight; the least possible is 3.5000 [impossible-budget]
// CHECK: note: weights whose format is settled take 2.2500 of them
qnt.weight_decl @settled : tensor<32x32x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @free : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
func.func @impossible(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %v = qnt.weight @settled : tensor<32x32x!qnt.block<bits = 4, group = 32>>
  %w = qnt.weight @free : tensor<32x32xf16>
  %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x32xf32>
  %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

// -----
// CHECK: error: weight 'w': qnt.sensitivity: no format is named 'w9g32'; there are:
qnt.weight_decl @w : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w9g32 = 3.0}}
func.func @unknown(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %w = qnt.weight @w : tensor<32x32xf16>
  %z = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

// -----
// CHECK: error: weight 'w': qnt.sensitivity: the error of w3g32 is no finite number from 0 on
qnt.weight_decl @w : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w3g32 = -1.0}}
func.func @negative(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %w = qnt.weight @w : tensor<32x32xf16>
  %z = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

// -----
// CHECK: error: weight 'w': qnt.sensitivity names no format
qnt.weight_decl @w : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {}}
func.func @empty(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %w = qnt.weight @w : tensor<32x32xf16>
  %z = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}
