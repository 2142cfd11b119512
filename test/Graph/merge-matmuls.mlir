// RUN: qcc-opt %s --qcc-graph-merge-matmuls | FileCheck %s

// CHECK: qnt.weight_decl @"l.k+v.w" : tensor<24x64xf32> [#qnt.part<rows = 16, {{.*}} data = <"k"{{.*}}>, #qnt.part<rows = 8, {{.*}} data = <"v"
// CHECK: qnt.weight_decl @"m.gate+up" : tensor<64x64xf32> [#qnt.part<rows = 32, {{.*}} data = <"gate"{{.*}}>, #qnt.part<rows = 32, {{.*}} data = <"up"
// CHECK: qnt.weight_decl @"b.q+k" : tensor<12x64xf32>
// CHECK: qnt.weight_decl @"b.qb+kb" : tensor<12xf32>
// CHECK-NOT: qnt.weight_decl @b.qb
// CHECK: qnt.weight_decl @tied
qnt.weight_decl @l.k.w : tensor<16x64xf32> [#qnt.part<rows = 16, transposed = true, data = <"k", file 0, offset 0, length 4096> : tensor<64x16xf32>>]
qnt.weight_decl @l.v.w : tensor<8x64xf32> [#qnt.part<rows = 8, transposed = true, data = <"v", file 0, offset 4096, length 2048> : tensor<64x8xf32>>]
qnt.weight_decl @m.up : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = true, data = <"up", file 0, offset 9000, length 8192> : tensor<64x32xf32>>]
qnt.weight_decl @m.gate : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = true, data = <"gate", file 0, offset 20000, length 8192> : tensor<64x32xf32>>]
qnt.weight_decl @b.q : tensor<8x64xf32> [#qnt.part<rows = 8, transposed = false, data = <"q", file 0, offset 0, length 2048> : tensor<8x64xf32>>]
qnt.weight_decl @b.k : tensor<4x64xf32> [#qnt.part<rows = 4, transposed = false, data = <"k", file 0, offset 0, length 1024> : tensor<4x64xf32>>]
qnt.weight_decl @b.qb : tensor<8xf32> [#qnt.part<rows = 8, transposed = false, data = <"qb", file 0, offset 0, length 32> : tensor<8xf32>>]
qnt.weight_decl @b.kb : tensor<4xf32> [#qnt.part<rows = 4, transposed = false, data = <"kb", file 0, offset 0, length 16> : tensor<4xf32>>]
qnt.weight_decl @tied : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = true, data = <"tied", file 0, offset 40000, length 8192> : tensor<64x32xf32>>]
qnt.weight_decl @empty.a : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = false, data = <"empty.a", file 0, offset 0, length 8192> : tensor<32x64xf32>>]
qnt.weight_decl @empty.b : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = false, data = <"empty.b", file 0, offset 0, length 8192> : tensor<32x64xf32>>]
qnt.weight_decl @f.rows : tensor<2x64xf32> [#qnt.part<rows = 2, transposed = false, data = <"f.rows", file 0, offset 0, length 512> : tensor<2x64xf32>>] {row_factors = dense<[2.0, 4.0]> : tensor<2xf32>}
qnt.weight_decl @f.plain : tensor<2x64xf32> [#qnt.part<rows = 2, transposed = false, data = <"f.plain", file 0, offset 0, length 512> : tensor<2x64xf32>>]
qnt.weight_decl @f.narrow : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, data = <"f.narrow", file 0, offset 0, length 16> : tensor<2x2xf32>>]
qnt.weight_decl @f.columns : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, data = <"f.columns", file 0, offset 0, length 16> : tensor<2x2xf32>>] {column_factors = dense<[2.0, 4.0]> : tensor<2xf32>}
qnt.weight_decl @other : tensor<32x64xf32> [#qnt.part<rows = 32, transposed = true, data = <"other", file 0, offset 50000, length 8192> : tensor<64x32xf32>>]

// CHECK-LABEL: func @keys_and_values
// CHECK-DAG:     %[[B:.*]] = qnt.dim "batch"
// CHECK-DAG:     %[[S:.*]] = qnt.dim "seq"
// CHECK-DAG:     %[[M:.*]] = qnt.matmul %arg0, %{{.*}} : tensor<?x?x64xf32>, tensor<24x64xf32> -> tensor<?x?x24xf32>
// CHECK:         tensor.extract_slice %[[M]][0, 0, 0] [%[[B]], %[[S]], 16] [1, 1, 1]
// CHECK:         tensor.extract_slice %[[M]][0, 0, 16] [%[[B]], %[[S]], 8] [1, 1, 1]
func.func @keys_and_values(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> (tensor<?x?x16xf32>, tensor<?x?x8xf32>) {
  %wk = qnt.weight @l.k.w : tensor<16x64xf32>
  %wv = qnt.weight @l.v.w : tensor<8x64xf32>
  %k = qnt.matmul %x, %wk : tensor<?x?x64xf32>, tensor<16x64xf32> -> tensor<?x?x16xf32>
  %v = qnt.matmul %x, %wv : tensor<?x?x64xf32>, tensor<8x64xf32> -> tensor<?x?x8xf32>
  return %k, %v : tensor<?x?x16xf32>, tensor<?x?x8xf32>
}

// CHECK-LABEL: func @biases_too
// CHECK:         qnt.matmul %arg0, %{{.*}} bias %{{.*}} : tensor<?x64xf32>, tensor<12x64xf32>, tensor<12xf32> -> tensor<?x12xf32>
func.func @biases_too(%x: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>) {
  %w0 = qnt.weight @b.q : tensor<8x64xf32>
  %w1 = qnt.weight @b.k : tensor<4x64xf32>
  %b0 = qnt.weight @b.qb : tensor<8xf32>
  %b1 = qnt.weight @b.kb : tensor<4xf32>
  %0 = qnt.matmul %x, %w0 bias %b0 : tensor<?x64xf32>, tensor<8x64xf32>, tensor<8xf32> -> tensor<?x8xf32>
  %1 = qnt.matmul %x, %w1 bias %b1 : tensor<?x64xf32>, tensor<4x64xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func @gate_first_whatever_the_order
// CHECK:         %[[U:.*]] = qnt.activate silu %[[G:.*]] :
func.func @gate_first_whatever_the_order(%x: tensor<?x?x64xf32>) -> tensor<?x?x32xf32> {
  %wu = qnt.weight @m.up : tensor<32x64xf32>
  %wg = qnt.weight @m.gate : tensor<32x64xf32>
  %u = qnt.matmul %x, %wu : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  %g = qnt.matmul %x, %wg : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %a, %u : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// CHECK-LABEL: func @shared_weight_stays
// CHECK:         qnt.matmul %arg0, %{{.*}} : tensor<?x?x64xf32>, tensor<32x64xf32>
// CHECK:         qnt.matmul %arg0, %{{.*}} : tensor<?x?x64xf32>, tensor<32x64xf32>
// CHECK:         qnt.matmul %arg1
func.func @shared_weight_stays(%x: tensor<?x?x64xf32>, %z: tensor<?x?x64xf32>) -> (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>) {
  %w0 = qnt.weight @tied : tensor<32x64xf32>
  %w1 = qnt.weight @other : tensor<32x64xf32>
  %a = qnt.matmul %x, %w0 : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  %b = qnt.matmul %x, %w1 : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  %c = qnt.matmul %z, %w0 : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  return %a, %b, %c : tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>
}

// A weight that carries factors (of scales that were folded) is whole: a merged declaration has none for its parts.
// CHECK-LABEL: func @factors
// CHECK-COUNT-2: qnt.matmul %arg0
// CHECK-LABEL: func @column_factors
// CHECK-COUNT-2: qnt.matmul %arg0
func.func @factors(%x: tensor<?x64xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w0 = qnt.weight @f.rows : tensor<2x64xf32>
  %w1 = qnt.weight @f.plain : tensor<2x64xf32>
  %a = qnt.matmul %x, %w0 : tensor<?x64xf32>, tensor<2x64xf32> -> tensor<?x2xf32>
  %b = qnt.matmul %x, %w1 : tensor<?x64xf32>, tensor<2x64xf32> -> tensor<?x2xf32>
  return %a, %b : tensor<?x2xf32>, tensor<?x2xf32>
}
func.func @column_factors(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w0 = qnt.weight @f.narrow : tensor<2x2xf32>
  %w1 = qnt.weight @f.columns : tensor<2x2xf32>
  %a = qnt.matmul %x, %w0 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %b = qnt.matmul %x, %w1 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %a, %b : tensor<?x2xf32>, tensor<?x2xf32>
}

// A part of no rows is none.
// CHECK-LABEL: func @no_rows
// CHECK-COUNT-2: qnt.matmul %arg0
func.func @no_rows(%x: tensor<0x64xf32>) -> (tensor<0x32xf32>, tensor<0x32xf32>) {
  %w0 = qnt.weight @empty.a : tensor<32x64xf32>
  %w1 = qnt.weight @empty.b : tensor<32x64xf32>
  %a = qnt.matmul %x, %w0 : tensor<0x64xf32>, tensor<32x64xf32> -> tensor<0x32xf32>
  %b = qnt.matmul %x, %w1 : tensor<0x64xf32>, tensor<32x64xf32> -> tensor<0x32xf32>
  return %a, %b : tensor<0x32xf32>, tensor<0x32xf32>
}

// The head, which makes the scores of the vocabulary, has bits of its own: it stays apart from what reads the same values.
// CHECK-LABEL: func @heads
// CHECK: %[[L:.*]] = qnt.matmul %arg0, %{{.*}} : tensor<?x64xf32>, tensor<8x64xf32>
// CHECK: %[[C:.*]] = qnt.matmul %arg0, %{{.*}} : tensor<?x64xf32>, tensor<4x64xf32>
// CHECK: return %[[L]], %[[C]]
qnt.weight_decl @heads.a : tensor<8x64xf32> [#qnt.part<rows = 8, transposed = false, data = <"ha", file 0, offset 0, length 2048> : tensor<8x64xf32>>]
qnt.weight_decl @heads.b : tensor<4x64xf32> [#qnt.part<rows = 4, transposed = false, data = <"hb", file 0, offset 0, length 1024> : tensor<4x64xf32>>]
func.func @heads(%x: tensor<?x64xf32>) -> (tensor<?x8xf32> {qnt.role = "logits"}, tensor<?x4xf32> {qnt.role = "output"}) {
  %w0 = qnt.weight @heads.a : tensor<8x64xf32>
  %w1 = qnt.weight @heads.b : tensor<4x64xf32>
  %a = qnt.matmul %x, %w0 : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  %b = qnt.matmul %x, %w1 : tensor<?x64xf32>, tensor<4x64xf32> -> tensor<?x4xf32>
  return %a, %b : tensor<?x8xf32>, tensor<?x4xf32>
}
