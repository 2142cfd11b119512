// RUN: qcc-opt %s --pass-pipeline='builtin.module(func.func(qcc-target-spread-lanes))' -split-input-file -verify-diagnostics | FileCheck %s

module attributes {qk.target = {vector_bits = 1024 : i64}} {
  // A vector of 32 floats is one float of each lane; sums over it are sums over lanes; masks start at the lane's part.
  // CHECK-LABEL: func.func @floats
  // CHECK-SAME: qk.lanes = 32
  // CHECK: %[[LANE:.*]] = qk.lane_id
  func.func @floats(%x: memref<?xf32>, %i: index, %n: index, %s: f32) -> f32 attributes {qk.step} {
    // CHECK: %[[ONE:.*]] = arith.constant 1 : index
    // CHECK: %[[MINE:.*]] = arith.muli %[[LANE]], %[[ONE]] : index
    // CHECK: %[[LEFT:.*]] = arith.subi %arg2, %[[MINE]] : index
    // CHECK: vector.create_mask %[[LEFT]] : vector<1xi1>
    %mask = vector.create_mask %n : vector<32xi1>
    %none = arith.constant dense<0.0> : vector<32xf32>
    // CHECK: vector.maskedload %{{.*}}[%{{.*}}], %{{.*}}, %{{.*}} : memref<?xf32>, vector<1xi1>, vector<1xf32> into vector<1xf32>
    %m = vector.maskedload %x[%i], %mask, %none : memref<?xf32>, vector<32xi1>, vector<32xf32> into vector<32xf32>
    // CHECK: %[[AT:.*]] = arith.addi %arg1, %{{.*}} : index
    // CHECK: vector.load %arg0[%[[AT]]] : memref<?xf32>, vector<1xf32>
    %v = vector.load %x[%i] : memref<?xf32>, vector<32xf32>
    // CHECK: vector.broadcast %arg3 : f32 to vector<1xf32>
    %all = vector.broadcast %s : f32 to vector<32xf32>
    // CHECK: math.fma %{{.*}} : vector<1xf32>
    %f = math.fma %v, %all, %m : vector<32xf32>
    // CHECK: %[[E:.*]] = vector.extract %{{.*}}[0] : f32 from vector<1xf32>
    // CHECK: qk.reduce_lanes <add>, %[[E]] : f32
    %r = vector.reduction <add>, %f : vector<32xf32> into f32
    return %r : f32
  }

  // Bytes stay with the 32 bits that they are part of. Registers that loops carry are spread too.
  // CHECK-LABEL: func.func @bytes
  func.func @bytes(%x: memref<?xi8>, %four: vector<4xi8>, %n: index) -> i32 attributes {qk.step} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    // CHECK: arith.constant dense<0> : vector<1xi32>
    %zero = arith.constant dense<0> : vector<32xi32>
    // CHECK: scf.for {{.*}} -> (vector<1xi32>)
    %sum = scf.for %i = %c0 to %n step %c128 iter_args(%acc = %zero) -> (vector<32xi32>) {
      // CHECK: %[[FOUR:.*]] = arith.constant 4 : index
      // CHECK: arith.muli %{{.*}}, %[[FOUR]] : index
      // CHECK: vector.load %{{.*}} : memref<?xi8>, vector<4xi8>
      %u = vector.load %x[%i] : memref<?xi8>, vector<128xi8>
      // CHECK: qk.bcast4 %arg1 : vector<4xi8> -> vector<4xi8>
      %s = qk.bcast4 %four : vector<4xi8> -> vector<128xi8>
      // CHECK: qk.dot4 %{{.*}} : vector<1xi32>, vector<4xi8>
      %next = qk.dot4 %acc, %u, %s : vector<32xi32>, vector<128xi8>
      // CHECK: scf.yield %{{.*}} : vector<1xi32>
      scf.yield %next : vector<32xi32>
    }
    %r = vector.reduction <add>, %sum : vector<32xi32> into i32
    return %r : i32
  }

  // Numbers of lanes are computed, any other constant is a table.
  // CHECK-LABEL: func.func @constants
  func.func @constants(%y: memref<?xi32>, %i: index) attributes {qk.step} {
    // CHECK-NOT: vector<32xi32>
    // CHECK: vector.store %{{.*}} : memref<?xi32>, vector<1xi32>
    %ramp = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]> : vector<32xi32>
    vector.store %ramp, %y[%i] : memref<?xi32>, vector<32xi32>
    // CHECK: %[[TABLE:.*]] = arith.constant dense<{{.*}}> : vector<32xi32>
    // CHECK: vector.extract %[[TABLE]][%{{.*}}] : i32 from vector<32xi32>
    %other = arith.constant dense<[9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]> : vector<32xi32>
    vector.store %other, %y[%i] : memref<?xi32>, vector<32xi32>
    return
  }

  // Without vectors every lane is a thread of its own.
  // A kernel that asks which lane it is runs on lanes, though its vectors are all their own.
  // CHECK-LABEL: func.func @own_vectors
  // CHECK-SAME: qk.lanes = 32
  func.func @own_vectors(%x: memref<?xi8>) -> vector<4xi8> attributes {qk.step} {
    %l = qk.lane_id
    %v = vector.load %x[%l] : memref<?xi8>, vector<4xi8>
    return %v : vector<4xi8>
  }

  // CHECK-LABEL: func.func @scalars
  // CHECK-NOT: qk.lanes
  // CHECK-NOT: qk.lane_id
  func.func @scalars(%x: memref<?xf32>, %i: index) -> f32 attributes {qk.step} {
    %v = memref.load %x[%i] : memref<?xf32>
    return %v : f32
  }
}

// -----

module attributes {qk.target = {vector_bits = 1024 : i64}} {
  func.func @shuffled(%x: memref<?xf32>, %i: index) attributes {qk.step} {
    %a = vector.load %x[%i] : memref<?xf32>, vector<32xf32>
    // expected-error@+1 {{has no form for a register whose lanes are threads}}
    %r = vector.shuffle %a, %a [31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] : vector<32xf32>, vector<32xf32>
    vector.store %r, %x[%i] : memref<?xf32>, vector<32xf32>
    return
  }
}
