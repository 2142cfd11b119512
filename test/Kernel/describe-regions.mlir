// RUN: qcc-opt %s --qcc-kernel-describe-regions | FileCheck %s
// CHECK: qk.regions = [
// Names of nodes: what was merged keeps its words, where layers differ is a star.
// CHECK-SAME: {kernels = "linear", macs = 2048 : i64, nodes = "/layers.*/q_proj+k_proj/MatMul", rows = ["batch", "seq"], weight_bytes = 1152 : i64},
// Several kernels until the barrier: one region, costs added.
// CHECK-SAME: {kernels = "linear + norm", macs = 3000 : i64, nodes = "/a, /b", rows = ["seq"], weight_bytes = 180 : i64},
// Different numbers of rows, or unknown ones: products cannot be counted.
// CHECK-SAME: {kernels = "linear", nodes = "/a", weight_bytes = 30 : i64},
// CHECK-SAME: {kernels = "linear", nodes = "/a", weight_bytes = 10 : i64},
// The generic path.
// CHECK-SAME: {kernels = "loops", nodes = "/copy", weight_bytes = 0 : i64}]
func.func private @linear() attributes {qk.kernel}
func.func private @norm() attributes {qk.kernel}

#file = loc("m.onnx":1:0)
#a = loc(fused<"MatMul v13">["/a", #file])
#b = loc(fused<"Mul v13">["/b", #file])
#q0 = loc(fused<"MatMul v13">["/layers.0/q_proj/MatMul", #file])
#k0 = loc(fused<"MatMul v13">["/layers.0/k_proj/MatMul", #file])
#q1 = loc(fused<"MatMul v13">["/layers.10/q_proj/MatMul", #file])
#k1 = loc(fused<"MatMul v13">["/layers.10/k_proj/MatMul", #file])
#qk0 = loc(fused<"merged">[#q0, #k0])
#qk1 = loc(fused<"merged">[#q1, #k1])
#layers = loc(fused<"repeated">[#qk0, #qk1])

// CHECK-LABEL: func.func @layer
// CHECK-NEXT: call @linear() : () -> ()
// CHECK-NEXT: qk.barrier 0
func.func @layer() {
  func.call @linear() {qk.work = {macs = 2048 : i64, rows = ["batch", "seq"], weight_bytes = 1152 : i64}} : () -> () loc(#layers)
  qk.barrier
  return
}

// CHECK-LABEL: func.func @decode
func.func @decode(%m: memref<4xf32>) {
  func.call @linear() {qk.work = {macs = 1000 : i64, rows = ["seq"], weight_bytes = 100 : i64}} : () -> () loc(#a)
  func.call @linear() {qk.work = {macs = 2000 : i64, rows = ["seq"], weight_bytes = 70 : i64}} : () -> () loc(#a)
  func.call @norm() {qk.work = {weight_bytes = 10 : i64}} : () -> () loc(#b)
  // CHECK: qk.barrier 1
  qk.barrier
  // CHECK-NEXT: call @layer
  func.call @layer() : () -> ()
  func.call @linear() {qk.work = {macs = 1000 : i64, rows = ["seq"], weight_bytes = 10 : i64}} : () -> () loc(#a)
  func.call @linear() {qk.work = {macs = 1000 : i64, rows = ["keep"], weight_bytes = 20 : i64}} : () -> () loc(#a)
  // CHECK: qk.barrier 2
  qk.barrier
  func.call @linear() {qk.work = {macs = 1000 : i64, weight_bytes = 10 : i64}} : () -> () loc(#a)
  // CHECK: qk.barrier 3
  qk.barrier
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %four = arith.constant 4 : index
  scf.for %i = %zero to %four step %one {
    %v = memref.load %m[%i] : memref<4xf32>
    memref.store %v, %m[%zero] : memref<4xf32>
  } loc(fused<"Copy v1">["/copy", #file])
  // CHECK: qk.barrier 4
  qk.barrier
  return
}
