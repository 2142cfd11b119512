// RUN: qcc-opt %s --qcc-kernel-resolve-dims | FileCheck %s
// CHECK-LABEL: func.func @long
// CHECK: call @layer
// CHECK: %[[S:.*]] = qk.dim "seq"
// CHECK: return %{{.*}}, %[[S]]
func.func @long(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> (tensor<?x?x64xf32>, index) {
  %c1 = arith.constant 1 : index
  %y = call @layer(%x) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  %s = tensor.dim %y, %c1 : tensor<?x?x64xf32>
  return %y, %s : tensor<?x?x64xf32>, index
}
// CHECK-LABEL: func.func private @layer
// CHECK: %[[B:.*]] = qk.dim "batch"
// CHECK: %[[S:.*]] = qk.dim "seq"
// CHECK: tensor.empty(%[[B]], %[[S]])
func.func private @layer(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x64xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x64xf32>
  %e = tensor.empty(%b, %s) : tensor<?x?x64xf32>
  %y = linalg.exp ins(%x : tensor<?x?x64xf32>) outs(%e : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  return %y : tensor<?x?x64xf32>
}
// A size that depends on data stays.
// CHECK-LABEL: func.func @unknown
// CHECK: tensor.dim
func.func @unknown(%n: index) -> index {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2 : index
  %m = arith.muli %n, %two : index
  %e = tensor.empty(%m) : tensor<?xf32>
  %d = tensor.dim %e, %c0 : tensor<?xf32>
  return %d : index
}
