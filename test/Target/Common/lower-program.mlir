// RUN: qcc-opt %s --qcc-target-lower-program=prefix=v. -split-input-file | FileCheck %s

module attributes {qnt.dims = ["batch", "seq", "past"]} {
  // A program passes its invocation and thread on; it is exported under the version's prefix.
  // CHECK-LABEL: func.func @v.decode(%arg0: !llvm.ptr, %arg1: i64)
  // CHECK: %[[T:.*]] = arith.index_cast %arg1 : i64 to index
  // CHECK: call @kernel(%arg0, %arg1, %[[T]]) : (!llvm.ptr, i64, index) -> ()
  // CHECK: %[[SLOT:.*]] = llvm.getelementptr %arg0[7]
  // CHECK: %[[BARRIER:.*]] = llvm.load %[[SLOT]] invariant
  // CHECK: %[[REGION:.*]] = llvm.mlir.constant(7 : i64)
  // CHECK: llvm.call %[[BARRIER]](%arg0, %arg1, %[[REGION]]) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
  // A barrier without a number ends no region.
  // CHECK: %[[NONE:.*]] = llvm.mlir.constant(-1 : i64)
  // CHECK: llvm.call %{{.*}}(%arg0, %arg1, %[[NONE]])
  func.func @decode() {
    %t = qk.thread_id
    call @kernel(%t) : (index) -> ()
    qk.barrier 7
    qk.barrier
    return
  }

  // Regions stay functions of their own; what they call themselves may be inlined.
  // CHECK-LABEL: func.func @v.short
  // CHECK: call @region(%arg0, %arg1) {no_inline}
  // CHECK-LABEL: func.func private @region
  // CHECK: call @matmul(%arg0, %arg1) : (!llvm.ptr, i64) -> ()
  func.func @short() {
    call @region() : () -> ()
    return
  }
  func.func private @region() attributes {qk.kernel} {
    call @matmul() : () -> ()
    return
  }
  func.func private @matmul() attributes {qk.kernel} {
    return
  }

  // What the runtime knows of the processor.
  // CHECK-LABEL: func.func @ahead
  // CHECK: llvm.getelementptr %arg0[9]
  func.func @ahead(%out: memref<index>) {
    %bytes = qk.prefetch_distance
    memref.store %bytes, %out[] : memref<index>
    return
  }

  // Whoever looks on gets the weight's place, the rows and their extents.
  // CHECK-LABEL: func.func @shown
  // CHECK: %[[SLOT:.*]] = llvm.getelementptr %arg0[10]
  // CHECK: %[[OBSERVE:.*]] = llvm.load %[[SLOT]] invariant
  // CHECK: llvm.call %[[OBSERVE]](%arg0, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> ()
  func.func @shown(%x: memref<?x8xf32>, %w: memref<64xi8>) {
    qk.observe %x of %w : memref<?x8xf32>, memref<64xi8>
    return
  }

  // A value of the program's own has no place in the weights.
  // CHECK-LABEL: func.func @replaced
  // CHECK: %[[NONE:.*]] = llvm.mlir.zero : !llvm.ptr
  // CHECK: llvm.call %{{.*}}(%arg0, %[[NONE]], %{{.*}}, %{{.*}}, %{{.*}})
  func.func @replaced(%x: memref<?x8xf32>) {
    qk.observe %x : memref<?x8xf32>
    return
  }

  // Dimensions are loads; total is past + seq.
  // CHECK-LABEL: func.func @kernel
  // CHECK: llvm.getelementptr %{{.*}}[2]
  // CHECK: llvm.getelementptr %{{.*}}[1]
  // CHECK: arith.addi
  func.func @kernel(%i: index) {
    %n = qk.dim "total"
    %m = qk.bind arena at %n sizes(%i) : memref<?x8xf32>
    %c = arith.constant 0 : index
    %v = memref.load %m[%c, %c] : memref<?x8xf32>
    memref.store %v, %m[%c, %c] : memref<?x8xf32>
    return
  }

  // What the runtime asks for gets a wrapper that takes dimensions alone.
  // CHECK: func.func @v.decode.frame.of(%arg0: !llvm.ptr) -> i64
  // CHECK: llvm.store %arg0
  // CHECK: call @decode.frame
  func.func @decode.frame() -> index {
    %b = qk.dim "batch"
    return %b : index
  }
}

// -----

// The first failing thread leaves its code and detail; the others write elsewhere.
// CHECK-LABEL: func.func @v.short
// CHECK: llvm.cmpxchg
// CHECK: llvm.select
// CHECK: llvm.store
module {
  func.func @short() {
    %d = arith.constant 5 : i64
    qk.fail 1, %d
    return
  }
}
