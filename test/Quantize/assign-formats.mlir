// RUN: qcc-opt %s -split-input-file --qcc-quantize-assign-formats="wbits=4" | FileCheck %s

// The example of Passes.td.
// CHECK-LABEL: qnt.weight_decl @w : tensor<64x32x!qnt.block<bits = 4, group = 32>>
// CHECK-SAME: {qnt.decided = "wbits"}
qnt.weight_decl @w : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = true, data = <"w", file 0, offset 64, length 8192> : tensor<32x64xf32>>]
// CHECK-LABEL: func @matmul
func.func @matmul(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // CHECK: %[[W:.*]] = qnt.weight @w : tensor<64x32x!qnt.block<bits = 4, group = 32>>
  %w = qnt.weight @w : tensor<64x32xf32>
  // CHECK: qnt.matmul %{{.*}}, %[[W]] : tensor<?x32xf32>, tensor<64x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
  %z = qnt.glu silu %y : tensor<?x64xf32> -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----
// Norms stay f32; what arrives quantized keeps its type; a weight with another reader keeps its own.
// CHECK: @norm : tensor<32xf32>
// CHECK-NOT: qnt.decided
// CHECK: @nbits : tensor<32x32x!qnt.block<bits = 8, group = 16, scale = f32>>
// CHECK-SAME: qnt.decided = "arrives quantized"
// CHECK: @shown : tensor<32x32xf32>
// CHECK-SAME: qnt.decided = "is read as plain values"
qnt.weight_decl @norm : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, data = <"n", file 0, offset 0, length 128> : tensor<32xf32>>]
qnt.weight_decl @nbits : tensor<32x32x!qnt.block<bits = 8, group = 16, scale = f32>> [#qnt.part<rows = 32, transposed = false, data = <"b", file 0, offset 0, length 1024> : tensor<32x2x16xui8>, scales = <"s", file 0, offset 0, length 256> : tensor<32x2xf32>>]
qnt.weight_decl @shown : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = false, data = <"w", file 0, offset 0, length 4096> : tensor<32x32xf32>>]
func.func @keeps(%x: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<32x32xf32>) {
  %n = qnt.weight @norm : tensor<32xf32>
  %w = qnt.weight @nbits : tensor<32x32x!qnt.block<bits = 8, group = 16, scale = f32>>
  %s = qnt.weight @shown : tensor<32x32xf32>
  %a = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>
  %b = qnt.matmul %a, %w : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 8, group = 16, scale = f32>> -> tensor<?x32xf32>
  %c = qnt.matmul %b, %s : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %c, %s : tensor<?x32xf32>, tensor<32x32xf32>
}

// -----
// The head, found because its result leaves the program, has 8 bits; the table that shares its bytes follows it, another one is f16.
// CHECK: @head : tensor<100x32x!qnt.block<bits = 8, group = 32>>
// CHECK-SAME: qnt.decided = "head-bits"
// CHECK: @table : tensor<100x32x!qnt.block<bits = 8, group = 32>>
// CHECK-SAME: qnt.decided = "head-bits: tied to the head"
// CHECK: @types : tensor<2x32xf16>
// CHECK-SAME: qnt.decided = "embedding table"
qnt.weight_decl @head : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false, data = <"e", file 0, offset 64, length 12800> : tensor<100x32xf32>>]
qnt.weight_decl @table : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false, data = <"e", file 0, offset 64, length 12800> : tensor<100x32xf32>>]
qnt.weight_decl @types : tensor<2x32xf32> [#qnt.part<rows = 2, transposed = false, data = <"t", file 0, offset 20000, length 256> : tensor<2x32xf32>>]
func.func @head_and_tables(%ids: tensor<?xi64>) -> tensor<?x100xf32> {
  %h = qnt.weight @head : tensor<100x32xf32>
  %t = qnt.weight @table : tensor<100x32xf32>
  %u = qnt.weight @types : tensor<2x32xf32>
  %a = qnt.gather %ids, %t : tensor<?xi64>, tensor<100x32xf32> -> tensor<?x32xf32>
  %b = qnt.gather %ids, %u : tensor<?xi64>, tensor<2x32xf32> -> tensor<?x32xf32>
  %c = arith.addf %a, %b : tensor<?x32xf32>
  %d = qnt.matmul %c, %h : tensor<?x32xf32>, tensor<100x32xf32> -> tensor<?x100xf32>
  return %d : tensor<?x100xf32>
}

// -----
// The head may also be known by its role, or by its number of rows.
// CHECK: @role : tensor<64x32x!qnt.block<bits = 8, group = 32>>
// CHECK: @rows : tensor<100x32x!qnt.block<bits = 8, group = 32>>
module attributes {qnt.vocabulary = 100 : i64} {
  qnt.weight_decl @role : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = false, data = <"a", file 0, offset 64, length 8192> : tensor<64x32xf32>>] {role = "head"}
  qnt.weight_decl @rows : tensor<100x32xf32> [#qnt.part<rows = 100, transposed = false, data = <"b", file 0, offset 64, length 12800> : tensor<100x32xf32>>]
  func.func @head_by_role(%x: tensor<?x32xf32>) -> (tensor<?x64xf32>, tensor<?x100xf32>) {
    %v = qnt.weight @role : tensor<64x32xf32>
    %w = qnt.weight @rows : tensor<100x32xf32>
    %a = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
    %b = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<100x32xf32> -> tensor<?x100xf32>
    %c = arith.negf %a : tensor<?x64xf32>
    %d = arith.negf %b : tensor<?x100xf32>
    return %c, %d : tensor<?x64xf32>, tensor<?x100xf32>
  }
}

// -----
// What a recipe says of a weight counts before the options, and is used up.
// CHECK: @noted : tensor<64x32xf16>
// CHECK-NOT: qnt.recipe
// CHECK-SAME: qnt.decided = "why"
qnt.weight_decl @noted : tensor<64x32xf32> [#qnt.part<rows = 64, transposed = false, values = dense<1.0> : tensor<64x32xf32>>] {qnt.recipe = {format = f16, reason = "why"}}
func.func @recipe(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = qnt.weight @noted : tensor<64x32xf32>
  %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
  %z = qnt.glu silu %y : tensor<?x64xf32> -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
