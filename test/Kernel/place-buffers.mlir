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
// -----

func.func private @k(memref<?x64xf32>, memref<?x64xf32>)
func.func private @wide(memref<?x64xf32>, memref<?x512xf32>)
func.func private @narrow(memref<?x512xf32>, memref<?x64xf32>)
// Two slots, as large as the two largest that live at once: %a does not take the one that the wide %c is first to choose, and %d goes where it wastes least.
// CHECK-LABEL: func.func @largest_first()
// CHECK: %[[WIDE:.*]] = arith.constant 0 : index
// CHECK: %[[NARROW:.*]] = arith.addi %[[WIDE]],
// CHECK: qk.bind arena at %[[WIDE]] sizes({{.*}}) : memref<?x64xf32>
// CHECK: qk.bind arena at %[[NARROW]] sizes({{.*}}) : memref<?x64xf32>
// CHECK: qk.bind arena at %[[WIDE]] sizes({{.*}}) : memref<?x512xf32>
// CHECK: qk.bind arena at %[[NARROW]] sizes({{.*}}) : memref<?x64xf32>
// CHECK-NOT: qk.bind
func.func @largest_first() {
  %s = qk.dim "seq"
  %a = memref.alloc(%s) : memref<?x64xf32>
  %b = memref.alloc(%s) : memref<?x64xf32>
  qk.launch @k(%a : memref<?x64xf32>) outs(%b : memref<?x64xf32>)
  %c = memref.alloc(%s) : memref<?x512xf32>
  qk.launch @wide(%b : memref<?x64xf32>) outs(%c : memref<?x512xf32>)
  %d = memref.alloc(%s) : memref<?x64xf32>
  qk.launch @narrow(%c : memref<?x512xf32>) outs(%d : memref<?x64xf32>)
  return
}
