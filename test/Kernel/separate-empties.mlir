// RUN: qcc-opt %s --split-input-file --qcc-kernel-separate-empties | FileCheck %s

// Each is made where it is used, so that its buffer lives no longer than what it holds.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: %[[E:.*]] = tensor.empty(%[[S:.*]]) : tensor<?x64xf32>
// CHECK-NEXT: %[[A:.*]] = linalg.exp ins(%{{.*}}) outs(%[[E]] :
// CHECK-NEXT: %[[F:.*]] = tensor.empty(%[[S]]) : tensor<?x64xf32>
// CHECK-NEXT: %[[B:.*]] = linalg.abs ins(%[[A]] : {{.*}}) outs(%[[F]] :
// CHECK-NEXT: return %[[B]]
func.func @chain(%x: tensor<?x64xf32>, %s: index) -> tensor<?x64xf32> {
  %e = tensor.empty(%s) : tensor<?x64xf32>
  %a = linalg.exp ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %b = linalg.abs ins(%a : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}

// -----

// A use in a loop has its own in front of the loop: one buffer for all iterations. What nobody uses is gone.
// CHECK-LABEL: func.func @loop
// CHECK: %[[E:.*]] = tensor.empty()
// CHECK-NEXT: scf.for
// CHECK-NOT: tensor.empty
// CHECK: linalg.exp ins(%{{.*}}) outs(%[[E]] :
func.func @loop(%x: tensor<64xf32>, %n: index) -> tensor<64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<64xf32>
  %unused = tensor.empty() : tensor<32xf32>
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%z = %x) -> tensor<64xf32> {
    %a = linalg.exp ins(%z : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %a : tensor<64xf32>
  }
  return %y : tensor<64xf32>
}
