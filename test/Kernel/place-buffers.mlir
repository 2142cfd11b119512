// RUN: qcc-opt %s --qcc-kernel-place-buffers --split-input-file | FileCheck %s
func.func private @k(memref<?x64xf32>, memref<?x64xf32>)
// %a is dead when %c is made: they share a slot.
// CHECK-LABEL: func.func @long.frame() -> index
// CHECK: qk.dim "seq"
// CHECK-LABEL: func.func @long
// CHECK: %[[FIRST:.*]] = arith.constant 0 : index
// CHECK: %[[SECOND:.*]] = arith.addi %[[FIRST]],
// CHECK: qk.bind arena at %[[FIRST]] sizes
// CHECK: qk.bind arena at %[[SECOND]] sizes
// CHECK: qk.bind arena at %[[FIRST]] sizes
func.func @long() {
  %s = qk.dim "seq"
  %a = memref.alloc(%s) : memref<?x64xf32>
  %b = memref.alloc(%s) : memref<?x64xf32>
  qk.launch @k(%a : memref<?x64xf32>) outs(%b : memref<?x64xf32>)
  %c = memref.alloc(%s) : memref<?x64xf32>
  qk.launch @k(%b : memref<?x64xf32>) outs(%c : memref<?x64xf32>)
  return
}
