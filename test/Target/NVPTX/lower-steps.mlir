// RUN: qcc-opt %s --qcc-target-lower-steps -split-input-file -verify-diagnostics | FileCheck %s

module attributes {qnt.dims = ["batch", "seq", "past"]} {
  // Only kernels are left.
  // CHECK-NOT: @decode
  func.func @decode() attributes {qk.rows = "decode"} {
    %c64 = arith.constant 64 : index
    call @step_norm(%c64) : (index) -> ()
    return
  }

  // A thread of the program is a warp; scratch of a block of four warps fits shared memory.
  // CHECK: llvm.mlir.global internal @step_norm_scratch() {addr_space = 3 : i32, alignment = 64 : i64{{.*}}} : !llvm.array<1024 x i8>
  // CHECK-LABEL: func.func @step_norm(
  // CHECK-SAME: %[[WEIGHTS:arg0]]: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: !llvm.ptr, %[[CALL:arg4]]: !llvm.ptr, %[[OFFSET:arg5]]: index)
  // CHECK-SAME: qk.block = 128 : i64, qk.lanes = 32 : i64, qk.scratch_bytes = 0 : i64
  func.func @step_norm(%offset: index) attributes {qk.step, qk.lanes = 32, qk.scratch_bytes = 256} {
    // CHECK: nvvm.read.ptx.sreg.ctaid.x
    // CHECK: nvvm.read.ptx.sreg.nctaid.x
    // CHECK: nvvm.read.ptx.sreg.tid.x
    // CHECK: %[[C32:.*]] = arith.constant 32 : index
    // CHECK: arith.divui %{{.*}}, %[[C32]] : index
    // CHECK: llvm.addrspacecast %{{.*}} : !llvm.ptr<3> to !llvm.ptr
    %c0 = arith.constant 0 : index
    // Weights lie at multiples of 64 bytes.
    // CHECK: llvm.getelementptr %[[WEIGHTS]]
    // CHECK: llvm.intr.assume %{{.*}} ["align"(%{{.*}}, %{{.*}} : !llvm.ptr, i64)] : i1
    %w = qk.bind weights at %offset : memref<64xf32>
    %s = qk.bind scratch at %c0 : memref<64xf32>
    // Number 3 + 2 of the call: after the status and its address, the third dimension.
    // CHECK: %[[AT:.*]] = llvm.getelementptr %[[CALL]][5]
    // CHECK: llvm.load %[[AT]] invariant
    %past = qk.dim "past"
    %v = memref.load %w[%past] : memref<64xf32>
    memref.store %v, %s[%past] : memref<64xf32>
    // Behind the dimensions are the addresses of the buffers.
    // CHECK: llvm.getelementptr %[[CALL]][7]
    %p = qk.bind port 1 sizes(%past) : memref<?xi64>
    %id = memref.load %p[%past] : memref<?xi64>
    // The first thread that fails tells the caller, in memory of the host.
    // CHECK: llvm.cmpxchg %[[CALL]]
    // CHECK: scf.if
    // CHECK: %[[TOLD:.*]] = llvm.getelementptr %[[CALL]][2]
    // CHECK: %[[CALLER:.*]] = llvm.load %[[TOLD]] invariant
    // CHECK: llvm.store %{{.*}}, %[[CALLER]]
    // CHECK: %[[DETAIL:.*]] = llvm.getelementptr %[[CALLER]][1]
    // CHECK: llvm.store %{{.*}}, %[[DETAIL]]
    qk.fail 1, %id
    return
  }

  // Without vectors a thread is a thread. Scratch beyond shared memory is the device's.
  // CHECK-LABEL: func.func @step_loops
  // CHECK-SAME: qk.scratch_bytes = 0
  // CHECK: %[[C128:.*]] = arith.constant 128 : index
  // CHECK: arith.muli %{{.*}}, %[[C128]] : index
  func.func @step_loops(%y: memref<?xindex>) attributes {qk.step} {
    %t = qk.thread_id
    %n = qk.num_threads
    memref.store %t, %y[%n] : memref<?xindex>
    return
  }
  // A team is a block: its number stands for the thread's, its warps share memory and wait for each other.
  // CHECK-LABEL: func.func @step_team
  // CHECK-SAME: qk.block = 512 : i64
  // CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x
  // CHECK: %[[TEAM:.*]] = arith.index_cast %[[BLOCK]] : i32 to index
  // CHECK: %[[RANK:.*]] = arith.divui
  // CHECK: llvm.mlir.addressof @step_team_team : !llvm.ptr<3>
  // CHECK: nvvm.barrier
  // CHECK: memref.store %[[RANK]], %{{.*}}[%[[TEAM]]]
  func.func @step_team() attributes {qk.step, qk.lanes = 32, qk.team = 16} {
    %c0 = arith.constant 0 : index
    %m = qk.bind team at %c0 : memref<64xindex>
    %t = qk.thread_id
    %r = qk.team_rank
    qk.team_barrier
    memref.store %r, %m[%t] : memref<64xindex>
    return
  }
  // Blocks of a cluster take a thread's place together. All have arrived when they start, since nobody may touch the first one's memory before it runs.
  // CHECK-LABEL: func.func @step_cluster
  // CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x
  // CHECK: %[[NUMBER:.*]] = arith.index_cast %[[BLOCK]] : i32 to index
  // CHECK: nvvm.cluster.arrive.relaxed {aligned}
  // CHECK: nvvm.read.ptx.sreg.cluster.ctarank
  // CHECK: %[[CLUSTER:.*]] = arith.divui %[[NUMBER]]
  // CHECK: %[[OWN:.*]] = llvm.addrspacecast
  // CHECK: nvvm.mapa %[[OWN]], %{{.*}} : !llvm.ptr -> !llvm.ptr
  // CHECK: nvvm.cluster.wait {aligned}
  // CHECK: memref.store %[[CLUSTER]]
  // CHECK: nvvm.cluster.arrive {aligned}
  func.func @step_cluster() attributes {qk.step, qk.lanes = 32, qk.team = 16, qk.cluster = 2} {
    %c0 = arith.constant 0 : index
    %m = qk.bind cluster at %c0 : memref<64xindex>
    %t = qk.thread_id
    %r = qk.cluster_rank
    qk.cluster_wait
    memref.store %t, %m[%r] : memref<64xindex>
    qk.cluster_arrive
    return
  }
  // CHECK-LABEL: func.func @step_large
  // CHECK-SAME: qk.scratch_bytes = 400000
  func.func @step_large(%v: f32) attributes {qk.step, qk.lanes = 32, qk.scratch_bytes = 100000} {
    %c0 = arith.constant 0 : index
    %s = qk.bind scratch at %c0 : memref<25000xf32>
    memref.store %v, %s[%c0] : memref<25000xf32>
    return
  }
}

// -----

func.func @step() attributes {qk.step} {
  // expected-error@+1 {{the program has no dimension 'width'}}
  %n = qk.dim "width"
  return
}

// -----

// Where steps overlap, a step lets the next one take its place and waits for the one before, before it reads what a step may have written. The call's
// numbers are not.
module attributes {qk.target = {overlaps_steps = true}, qnt.dims = ["seq"]} {
  // CHECK-LABEL: func.func @step_early
  // CHECK-SAME: qk.waits
  // CHECK-NEXT: llvm.inline_asm has_side_effects {{.*}}"griddepcontrol.launch_dependents;", "~{memory}"
  // CHECK: llvm.load
  // CHECK: llvm.inline_asm has_side_effects {{.*}}"griddepcontrol.wait;", "~{memory}"
  // CHECK-NEXT: memref.store
  func.func @step_early(%y: memref<?xindex>) attributes {qk.step} {
    %n = qk.dim "seq"
    memref.store %n, %y[%n] : memref<?xindex>
    return
  }

  // A thread without work ends without waiting, unless its block is the first: a step must not end before the one it follows. Blocks bring a part each of
  // what all of them will read into the cache, before they wait.
  // CHECK-LABEL: func.func @step_share
  // CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x
  // CHECK: scf.if
  // CHECK: nvvm.cp.async.bulk.prefetch
  // CHECK: %[[WORKS:.*]] = arith.cmpi slt
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq
  // CHECK: %[[WAITS:.*]] = arith.ori %[[FIRST]], %[[WORKS]]
  // CHECK: scf.if %[[WAITS]] {
  // CHECK-NEXT: llvm.inline_asm has_side_effects {{.*}}"griddepcontrol.wait;", "~{memory}" : () -> ()
  // CHECK-NEXT: }
  // CHECK-NEXT: scf.for
  func.func @step_share(%y: memref<?xindex>) attributes {qk.step} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = qk.bind weights at %c0 : memref<4096xi8>
    qk.read_ahead %w : memref<4096xi8>
    %t = qk.thread_id
    %n = qk.dim "seq"
    scf.for %i = %t to %n step %c1 {
      memref.store %i, %y[%i] : memref<?xindex>
    }
    return
  }

  // Weights, which no step writes, are read before the wait, whatever comes in front of them; what a step may have written is not.
  // CHECK-LABEL: func.func @step_weights
  // CHECK-NOT: memref.load
  // CHECK: memref.load {{.*}}qk.constant
  // CHECK: "griddepcontrol.wait;"
  // CHECK: memref.load
  // CHECK: nvvm.barrier
  // CHECK-NOT: memref.load
  // CHECK: return
  func.func @step_weights(%y: memref<?xf32>) attributes {qk.step, qk.lanes = 32, qk.team = 16} {
    %c0 = arith.constant 0 : index
    %w = qk.bind weights at %c0 : memref<64xf32>
    %a = memref.load %y[%c0] : memref<?xf32>
    qk.team_barrier
    %b = memref.load %w[%c0] : memref<64xf32>
    %s = arith.addf %a, %b : f32
    memref.store %s, %y[%c0] : memref<?xf32>
    return
  }
}
