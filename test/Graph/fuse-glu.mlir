// RUN: qcc-opt %s --qcc-graph-fuse-glu | FileCheck %s

// CHECK-LABEL: func @halves
// CHECK:         %[[Y:.*]] = qnt.glu silu %arg0 : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @halves(%x: tensor<?x?x64xf32>, %b: index, %s: index) -> tensor<?x?x32xf32> {
  %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %u, %a : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// CHECK-LABEL: func @gate_second_stays
// CHECK-NOT:     qnt.glu
func.func @gate_second_stays(%x: tensor<?x?x64xf32>, %b: index, %s: index) -> tensor<?x?x32xf32> {
  %u = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %g = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %a, %u : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// CHECK-LABEL: func @thirds_stay
// CHECK-NOT:     qnt.glu
func.func @thirds_stay(%x: tensor<?x?x96xf32>, %b: index, %s: index) -> tensor<?x?x32xf32> {
  %g = tensor.extract_slice %x[0, 0, 0] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %u = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %a = qnt.activate silu %g : tensor<?x?x32xf32>
  %y = arith.mulf %a, %u : tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}
