// RUN: qcc-opt %s --qcc-graph-outline-layers -split-input-file | FileCheck %s
// RUN: qcc-opt %s --qcc-graph-outline-layers -split-input-file --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=WHERE

// Three layers with weights of their own; the shared table is copied into the function, the differing weights are arguments.
// CHECK-LABEL: func @main
// CHECK:         %[[A:.*]] = qnt.weight @a0
// CHECK:         %[[Y0:.*]] = call @layer(%arg0, %[[A]], %{{.*}}) : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
// CHECK:         %[[Y1:.*]] = call @layer(%[[Y0]]
// CHECK:         %[[Y2:.*]] = call @layer(%[[Y1]]
// CHECK:         return %[[Y2]]
// CHECK-LABEL: func.func private @layer(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x8xf32>, %[[N:.*]]: tensor<8xf32>, %[[W:.*]]: tensor<8x8xf32>) -> tensor<?x?x8xf32>
// CHECK:         %[[H:.*]] = qnt.norm rms %[[X]], %[[N]]
// CHECK:         %[[M:.*]] = qnt.matmul %[[H]], %[[W]]
// CHECK:         %[[T:.*]] = qnt.weight @shared
// CHECK:         %[[O:.*]] = qnt.matmul %[[M]], %[[T]]
// CHECK:         %[[R:.*]] = arith.addf %[[X]], %[[O]]
// CHECK:         return %[[R]]
// An operation of the function comes from all that it stands for.
// WHERE-LABEL: func private @layer(
// WHERE:         arith.addf {{.*}} loc(fused<"repeated">["/0/add", "/1/add", "/2/add"])
qnt.weight_decl @a0 : tensor<8xf32> [#qnt.part<rows = 8, transposed = false, data = <"a0", file 0, offset 0, length 32> : tensor<8xf32>>]
qnt.weight_decl @a1 : tensor<8xf32> [#qnt.part<rows = 8, transposed = false, data = <"a1", file 0, offset 0, length 32> : tensor<8xf32>>]
qnt.weight_decl @a2 : tensor<8xf32> [#qnt.part<rows = 8, transposed = false, data = <"a2", file 0, offset 0, length 32> : tensor<8xf32>>]
qnt.weight_decl @w0 : tensor<8x8xf32> [#qnt.part<rows = 8, transposed = false, data = <"w0", file 0, offset 0, length 256> : tensor<8x8xf32>>]
qnt.weight_decl @w1 : tensor<8x8xf32> [#qnt.part<rows = 8, transposed = false, data = <"w1", file 0, offset 0, length 256> : tensor<8x8xf32>>]
qnt.weight_decl @w2 : tensor<8x8xf32> [#qnt.part<rows = 8, transposed = false, data = <"w2", file 0, offset 0, length 256> : tensor<8x8xf32>>]
qnt.weight_decl @shared : tensor<8x8xf32> [#qnt.part<rows = 8, transposed = false, data = <"s", file 0, offset 0, length 256> : tensor<8x8xf32>>]
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %a0 = qnt.weight @a0 : tensor<8xf32>
  %a1 = qnt.weight @a1 : tensor<8xf32>
  %a2 = qnt.weight @a2 : tensor<8xf32>
  %w0 = qnt.weight @w0 : tensor<8x8xf32>
  %w1 = qnt.weight @w1 : tensor<8x8xf32>
  %w2 = qnt.weight @w2 : tensor<8x8xf32>
  %s = qnt.weight @shared : tensor<8x8xf32>
  %0 = qnt.norm rms %x, %a0 eps 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  %1 = qnt.matmul %0, %w0 : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %2 = qnt.matmul %1, %s : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %3 = arith.addf %x, %2 : tensor<?x?x8xf32> loc("/0/add")
  %4 = qnt.norm rms %3, %a1 eps 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  %5 = qnt.matmul %4, %w1 : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %6 = qnt.matmul %5, %s : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %7 = arith.addf %3, %6 : tensor<?x?x8xf32> loc("/1/add")
  %8 = qnt.norm rms %7, %a2 eps 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  %9 = qnt.matmul %8, %w2 : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %10 = qnt.matmul %9, %s : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
  %11 = arith.addf %7, %10 : tensor<?x?x8xf32> loc("/2/add")
  return %11 : tensor<?x?x8xf32>
}

// -----

// Different sizes: nothing repeats.
// CHECK-LABEL: func @main
// CHECK-NOT:     call
// CHECK-NOT:   func private
func.func @main(%x: tensor<?x8xf32>, %a: tensor<8xf32>, %u: tensor<4x8xf32>, %d: tensor<2x4xf32>) -> tensor<?x2xf32> {
  %0 = qnt.norm rms %x, %a eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>
  %1 = qnt.matmul %0, %u : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %2 = qnt.matmul %1, %d : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}
