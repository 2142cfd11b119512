// RUN: qcc-opt %s --split-input-file --qcc-quantize-rotate-residuals | FileCheck %s
// RUN: qcc-opt %s --split-input-file --qcc-quantize-rotate-residuals=seed=0 | FileCheck %s --check-prefix=PLAIN

// What an embedding table begins and a layer adds to: rows of the table, columns of what reads the stream, behind a norm or as it is, rows of what
// writes it and its bias. Layers are looked through. The scale of each norm goes into the layers behind it.
// CHECK-LABEL: module @layer
// CHECK: qnt.weight_decl @table {{.*}}] {column_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @n : tensor<12xf32> [#qnt.part<rows = 12, transposed = false, values = dense<1.000000e+00> : tensor<12xf32>>]{{$}}
// CHECK: qnt.weight_decl @up {{.*}}] {column_gains = [#qnt.part<rows = 12, transposed = false, data = <"n", file 0, offset 0, length 48> : tensor<12xf32>>], column_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @down {{.*}}] {row_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @bias {{.*}}] {row_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @last : tensor<12xf32> [#qnt.part<{{.*}}values = dense<1.000000e+00> : tensor<12xf32>>]{{$}}
// CHECK: qnt.weight_decl @head {{.*}}] {column_gains = [#qnt.part<{{.*}}values = dense<3.000000e+00> : tensor<12xf32>>], column_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @probe {{.*}}] {column_rotation = #qnt.rotation<block = 12, seed = 1>}
// CHECK: qnt.weight_decl @apart {{.*}}]{{$}}
// CHECK: qnt.gather
// CHECK: qnt.norm rms
// CHECK: qnt.matmul
// PLAIN-LABEL: module @layer
// PLAIN: qnt.weight_decl @table {{.*}}] {column_rotation = #qnt.rotation<block = 12>}
module @layer {
  qnt.weight_decl @table : tensor<8x12xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x12xf32>>]
  qnt.weight_decl @n : tensor<12xf32> [#qnt.part<rows = 12, transposed = false, data = <"n", file 0, offset 0, length 48> : tensor<12xf32>>]
  qnt.weight_decl @up : tensor<4x12xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x12xf32>>]
  qnt.weight_decl @down : tensor<12x4xf32> [#qnt.part<rows = 12, transposed = false, values = dense<1.0> : tensor<12x4xf32>>]
  qnt.weight_decl @bias : tensor<12xf32> [#qnt.part<rows = 12, transposed = false, values = dense<1.0> : tensor<12xf32>>]
  qnt.weight_decl @last : tensor<12xf32> [#qnt.part<rows = 12, transposed = false, values = dense<3.0> : tensor<12xf32>>]
  qnt.weight_decl @head : tensor<8x12xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x12xf32>>]
  qnt.weight_decl @probe : tensor<2x12xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x12xf32>>]
  qnt.weight_decl @apart : tensor<8x4xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x4xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x4xf32>) {
    %table = qnt.weight @table : tensor<8x12xf32>
    %n = qnt.weight @n : tensor<12xf32>
    %up = qnt.weight @up : tensor<4x12xf32>
    %down = qnt.weight @down : tensor<12x4xf32>
    %bias = qnt.weight @bias : tensor<12xf32>
    %last = qnt.weight @last : tensor<12xf32>
    %head = qnt.weight @head : tensor<8x12xf32>
    %probe = qnt.weight @probe : tensor<2x12xf32>
    %apart = qnt.weight @apart : tensor<8x4xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x12xf32> -> tensor<?x12xf32>
    %y = call @layer(%x, %n, %up, %down, %bias) : (tensor<?x12xf32>, tensor<12xf32>, tensor<4x12xf32>, tensor<12x4xf32>, tensor<12xf32>) -> tensor<?x12xf32>
    %h = qnt.norm rms %y, %last eps 1.0e-5 : tensor<?x12xf32>, tensor<12xf32>
    %z = qnt.matmul %h, %head : tensor<?x12xf32>, tensor<8x12xf32> -> tensor<?x8xf32>
    %p = qnt.matmul %y, %probe : tensor<?x12xf32>, tensor<2x12xf32> -> tensor<?x2xf32>
    %a = qnt.gather %ids, %apart : tensor<?xi64>, tensor<8x4xf32> -> tensor<?x4xf32>
    return %z, %p, %a : tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x4xf32>
  }
  func.func private @layer(%x: tensor<?x12xf32>, %n: tensor<12xf32>, %up: tensor<4x12xf32>, %down: tensor<12x4xf32>, %bias: tensor<12xf32>) -> tensor<?x12xf32> {
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x12xf32>, tensor<12xf32>
    %u = qnt.matmul %h, %up : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
    %a = qnt.activate silu %u : tensor<?x4xf32>
    %d = qnt.matmul %a, %down bias %bias : tensor<?x4xf32>, tensor<12x4xf32>, tensor<12xf32> -> tensor<?x12xf32>
    %y = arith.addf %x, %d : tensor<?x12xf32>
    return %y : tensor<?x12xf32>
  }
}

// -----

// Of 14 channels, pairs are rotated: no matrix of order 14 or 28 fits. Table and head are one weight, which would have to be rotated in two ways: the head,
// which another function multiplies with, gets its own.
// CHECK-LABEL: module @tied
// CHECK: qnt.weight_decl @table {{.*}}] {column_rotation = #qnt.rotation<block = 2, seed = 1>, role = "kept"}
// CHECK: qnt.weight_decl @table.head {{.*}}] {column_gains = [{{.*}}], column_rotation = #qnt.rotation<block = 2, seed = 1>, role = "kept"}
// CHECK: func.func @main
// CHECK-DAG: %[[TABLE:.*]] = qnt.weight @table :
// CHECK-DAG: %[[HEAD:.*]] = qnt.weight @table.head :
// CHECK: qnt.gather %{{.*}}, %[[TABLE]]
// CHECK: call @end(%{{.*}}, %[[HEAD]])
module @tied {
  qnt.weight_decl @table : tensor<8x14xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x14xf32>>] {role = "kept"}
  qnt.weight_decl @n : tensor<14xf32> [#qnt.part<rows = 14, transposed = false, values = dense<2.0> : tensor<14xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x8xf32> {
    %table = qnt.weight @table : tensor<8x14xf32>
    %n = qnt.weight @n : tensor<14xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x14xf32> -> tensor<?x14xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x14xf32>, tensor<14xf32>
    %y = call @end(%h, %table) : (tensor<?x14xf32>, tensor<8x14xf32>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func private @end(%h: tensor<?x14xf32>, %table: tensor<8x14xf32>) -> tensor<?x8xf32> {
    %y = qnt.matmul %h, %table : tensor<?x14xf32>, tensor<8x14xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
