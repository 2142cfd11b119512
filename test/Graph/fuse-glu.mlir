// RUN: qcc-opt %s --qcc-graph-fuse-glu | FileCheck %s

// CHECK-LABEL: func @halves
// CHECK:         %[[Y:.*]] = qnt.glu silu %arg0 : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @halves(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> tensor<?x?x32xf32> {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x64xf32>
  %s = qnt.dim "seq"
  %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %u, %a : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// The first tokens of a longer tensor.
// CHECK-LABEL: func @partial_rows_stay
// CHECK-NOT:     qnt.glu
func.func @partial_rows_stay(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> tensor<?x?x32xf32> {
  %c1 = arith.constant 1 : index
  %b = qnt.dim "batch"
  %all = qnt.dim "seq"
  %s = arith.subi %all, %c1 : index
  %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %u, %a : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// What computes the source tells its extents.
// CHECK-LABEL: func @halves_of_computed
// CHECK:         qnt.glu silu
func.func @halves_of_computed(%x: tensor<?x64xf32> {qnt.dims = ["seq", "64"]}) -> tensor<?x32xf32> {
  %s = qnt.dim "seq"
  %e = tensor.empty(%s) : tensor<?x64xf32>
  %z = linalg.exp ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %g = tensor.extract_slice %z[0, 0] [%s, 32] [1, 1] : tensor<?x64xf32> to tensor<?x32xf32>
  %u = tensor.extract_slice %z[0, 32] [%s, 32] [1, 1] : tensor<?x64xf32> to tensor<?x32xf32>
  %a = qnt.activate silu %g : tensor<?x32xf32>
  %y = arith.mulf %u, %a : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK-LABEL: func @scalars_stay
// CHECK-NOT:     qnt.glu
func.func @scalars_stay(%x: tensor<2xf32>) -> tensor<f32> {
  %g = tensor.extract_slice %x[0] [1] [1] : tensor<2xf32> to tensor<f32>
  %u = tensor.extract_slice %x[1] [1] [1] : tensor<2xf32> to tensor<f32>
  %a = qnt.activate silu %g : tensor<f32>
  %y = arith.mulf %u, %a : tensor<f32>
  return %y : tensor<f32>
}

// CHECK-LABEL: func @gate_second_stays
// CHECK-NOT:     qnt.glu
func.func @gate_second_stays(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> tensor<?x?x32xf32> {
  %b = qnt.dim "batch"
  %s = qnt.dim "seq"
  %u = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %g = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %a, %u : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// CHECK-LABEL: func @thirds_stay
// CHECK-NOT:     qnt.glu
func.func @thirds_stay(%x: tensor<?x?x96xf32> {qnt.dims = ["batch", "seq", "96"]}) -> tensor<?x?x32xf32> {
  %b = qnt.dim "batch"
  %s = qnt.dim "seq"
  %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %a, %u : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}
