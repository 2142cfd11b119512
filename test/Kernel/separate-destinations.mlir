// RUN: qcc-opt %s --split-input-file --qcc-kernel-separate-destinations | FileCheck %s

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

// -----

// Two sums begin with the same zeros, which are a result as well; so do two concatenations with the same part.
// CHECK-LABEL: func.func @beginnings
// CHECK: %[[E1:.*]] = tensor.empty
// CHECK-NEXT: %[[F1:.*]] = linalg.fill {{.*}} outs(%[[E1]] :
// CHECK-NEXT: %[[A:.*]] = linalg.reduce {{.*}} outs(%[[F1]] :
// CHECK: %[[E2:.*]] = tensor.empty
// CHECK-NEXT: %[[F2:.*]] = linalg.fill {{.*}} outs(%[[E2]] :
// CHECK-NEXT: %[[B:.*]] = linalg.reduce {{.*}} outs(%[[F2]] :
// CHECK: %[[E3:.*]] = tensor.empty
// CHECK-NEXT: %[[F3:.*]] = linalg.fill {{.*}} outs(%[[E3]] :
// CHECK-NEXT: bufferization.materialize_in_destination %[[F3]] in
// CHECK: bufferization.materialize_in_destination %[[A]] in
// CHECK: bufferization.materialize_in_destination %[[B]] in
func.func @beginnings(%x: tensor<8x64xf32>, %y: tensor<8x64xf32>, %p: memref<64xf32>, %q: memref<64xf32>, %r: memref<64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %a = linalg.reduce {arith.addf} ins(%x : tensor<8x64xf32>) outs(%f : tensor<64xf32>) dimensions = [0]
  %b = linalg.reduce {arith.addf} ins(%y : tensor<8x64xf32>) outs(%f : tensor<64xf32>) dimensions = [0]
  bufferization.materialize_in_destination %f in restrict writable %p : (tensor<64xf32>, memref<64xf32>) -> ()
  bufferization.materialize_in_destination %a in restrict writable %q : (tensor<64xf32>, memref<64xf32>) -> ()
  bufferization.materialize_in_destination %b in restrict writable %r : (tensor<64xf32>, memref<64xf32>) -> ()
  return
}

// -----

// CHECK-LABEL: func.func @insertions
// CHECK: %[[E1:.*]] = tensor.empty() : tensor<4xf32>
// CHECK-NEXT: %[[X1:.*]] = tensor.insert_slice %[[X:.*]] into %[[E1]][0]
// CHECK-NEXT: tensor.insert_slice %{{.*}} into %[[X1]][2]
// CHECK-NEXT: %[[E2:.*]] = tensor.empty() : tensor<4xf32>
// CHECK-NEXT: %[[X2:.*]] = tensor.insert_slice %[[X]] into %[[E2]][0]
// CHECK-NEXT: tensor.insert_slice %{{.*}} into %[[X2]][2]
func.func @insertions(%x: tensor<2xf32>, %y: tensor<2xf32>, %z: tensor<2xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %x0 = tensor.insert_slice %x into %e[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %xy = tensor.insert_slice %y into %x0[2] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %xz = tensor.insert_slice %z into %x0[2] [2] [1] : tensor<2xf32> into tensor<4xf32>
  return %xy, %xz : tensor<4xf32>, tensor<4xf32>
}

// -----

// What is a result, also in another shape, is not overwritten; neither is what two operations would overwrite. An operation may stay in the place of its
// operand otherwise.
// CHECK-LABEL: func.func @overwritten
// CHECK: %[[A:.*]] = linalg.exp
// CHECK: %[[E:.*]] = tensor.empty() : tensor<64xf32>
// CHECK-NEXT: %[[B:.*]] = linalg.add ins(%[[A]], %{{.*}}) outs(%[[E]] :
// CHECK-NEXT: linalg.add ins(%[[B]], %{{.*}}) outs(%[[B]] :
// CHECK: tensor.expand_shape %[[A]]
func.func @overwritten(%x: tensor<64xf32>, %p: memref<64xf32>, %q: memref<8x8xf32>) {
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.exp ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %b = linalg.add ins(%a, %x : tensor<64xf32>, tensor<64xf32>) outs(%a : tensor<64xf32>) -> tensor<64xf32>
  %c = linalg.add ins(%b, %x : tensor<64xf32>, tensor<64xf32>) outs(%b : tensor<64xf32>) -> tensor<64xf32>
  bufferization.materialize_in_destination %c in restrict writable %p : (tensor<64xf32>, memref<64xf32>) -> ()
  %s = tensor.expand_shape %a [[0, 1]] output_shape [8, 8] : tensor<64xf32> into tensor<8x8xf32>
  bufferization.materialize_in_destination %s in restrict writable %q : (tensor<8x8xf32>, memref<8x8xf32>) -> ()
  return
}
