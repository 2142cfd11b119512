// RUN: qcc-opt %s -split-input-file --qcc-quantize-assign-precision="target-bpw=3.5" | FileCheck %s
// RUN: qcc-opt %s -split-input-file --qcc-quantize-assign-precision="target-bpw=8" | FileCheck %s --check-prefix=MORE
// RUN: qcc-opt %s -split-input-file --qcc-quantize-assign-precision="max-error=6" 2>&1 | FileCheck %s --check-prefix=ERROR

// The example of Passes.td: the bits go where the error falls most.
// CHECK-LABEL: qnt.weight_decl @v : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK-NOT: qnt.sensitivity
// CHECK-SAME: {qnt.decided = "target-bpw"}
// CHECK: qnt.weight_decl @w : tensor<32x32x!qnt.block<bits = 2, group = 32>>
// CHECK: %[[V:.*]] = qnt.weight @v : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK: %[[W:.*]] = qnt.weight @w : tensor<32x32x!qnt.block<bits = 2, group = 32>>
// CHECK: qnt.matmul %{{.*}}, %[[V]]
// CHECK: qnt.matmul %{{.*}}, %[[W]]
// A larger budget is not spent where nothing is gained.
// MORE-LABEL: @v : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// MORE: @w : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// An error of 6 is allowed: 2 bits for both would be 12, and for @v alone 10.
// ERROR: remark: formats chosen: 3.5000 bits per layer weight, expected error 4
// ERROR-LABEL: @v : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// ERROR-SAME: {qnt.decided = "max-error"}
// ERROR: @w : tensor<32x32x!qnt.block<bits = 2, group = 32>>
qnt.weight_decl @v : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 9.0, w4g32 = 1.0}}
qnt.weight_decl @w : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
func.func @two(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %v = qnt.weight @v : tensor<32x32xf16>
  %w = qnt.weight @w : tensor<32x32xf16>
  %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

// -----
// Errors tie: the earlier weight gets the bits.
// CHECK-LABEL: @first : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK: @second : tensor<32x32x!qnt.block<bits = 2, group = 32>>
qnt.weight_decl @first : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
qnt.weight_decl @second : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
func.func @tie(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %v = qnt.weight @second : tensor<32x32xf16>
  %w = qnt.weight @first : tensor<32x32xf16>
  %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %z : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

// -----
// A layer weight that is settled counts: its 4.5 bits leave 2.5. The head and the table count nothing.
// CHECK-LABEL: @settled : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK-NOT: target-bpw
// CHECK: @free : tensor<32x32x!qnt.block<bits = 2, group = 32>>
// CHECK: @table : tensor<100x32xf32>
// CHECK: @head : tensor<100x32xf32>
qnt.weight_decl @settled : tensor<32x32x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.decided = "tensor-types: v=w4"}
qnt.weight_decl @free : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w3g32 = 2.0, w4g32 = 1.0}}
qnt.weight_decl @table : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false, data = <"t", file 0, offset 0, length 12800> : tensor<100x32xf32>>]
qnt.weight_decl @head : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false, data = <"h", file 0, offset 0, length 12800> : tensor<100x32xf32>>] {role = "head"}
func.func @settled_counts(%ids: tensor<?xi64>) -> tensor<?x100xf32> {
  %t = qnt.weight @table : tensor<100x32xf32>
  %v = qnt.weight @settled : tensor<32x32x!qnt.block<bits = 4, group = 32>>
  %w = qnt.weight @free : tensor<32x32xf16>
  %h = qnt.weight @head : tensor<100x32xf32>
  %x = qnt.gather %ids, %t : tensor<?xi64>, tensor<100x32xf32> -> tensor<?x32xf32>
  %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x32xf32>
  %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.matmul %z, %h : tensor<?x32xf32>, tensor<100x32xf32> -> tensor<?x100xf32>
  return %o : tensor<?x100xf32>
}

// -----
// Weights of outlined layers: the calls differ, so the layer has a copy.
// CHECK-LABEL: func.func private @layer(
// CHECK-SAME: tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK: func.func private @layer_0(
// CHECK-SAME: tensor<32x32x!qnt.block<bits = 2, group = 32>>
// CHECK: call @layer(
// CHECK: call @layer_0(
qnt.weight_decl @l0 : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 9.0, w4g32 = 1.0}}
qnt.weight_decl @l1 : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
func.func private @layer(%x: tensor<?x32xf32>, %w: tensor<32x32xf16>) -> tensor<?x32xf32> {
  %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
func.func @main(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = qnt.weight @l0 : tensor<32x32xf16>
  %1 = qnt.weight @l1 : tensor<32x32xf16>
  %y = call @layer(%x, %0) : (tensor<?x32xf32>, tensor<32x32xf16>) -> tensor<?x32xf32>
  %z = call @layer(%y, %1) : (tensor<?x32xf32>, tensor<32x32xf16>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----
// Sizes as layouts place weights count where they are known: 4 bits would take 4608.
// CHECK-LABEL: @placed : tensor<32x32x!qnt.block<bits = 4, group = 32>>
// CHECK-NOT: qnt.placed_bits
// CHECK-LABEL: func.func @sizes
qnt.weight_decl @placed : tensor<32x32xf16> [#qnt.part<rows = 32, transposed = false, data = <"v", file 0, offset 0, length 4096> : tensor<32x32xf32>>] {qnt.placed_bits = {w2g32 = 3000 : i64, w4g32 = 3500 : i64}, qnt.sensitivity = {w2g32 = 9.0, w4g32 = 1.0}}
func.func @sizes(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %v = qnt.weight @placed : tensor<32x32xf16>
  %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
  %o = qnt.glu silu %y : tensor<?x32xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}
