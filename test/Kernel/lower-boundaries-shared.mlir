// RUN: qcc-opt %s --qcc-kernel-lower-boundaries | FileCheck %s

// Layers that several outlined layers call, in another order than functions are listed: dimensions are followed back to the first call, not in circles.
module attributes {qnt.dims = ["batch", "seq"]} {
  // CHECK-LABEL: func.func @long() attributes
  // CHECK-COUNT-2: memref.alloc(%{{.*}}, %{{.*}}) : memref<?x?x64xf32>
  func.func @long(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) -> (tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}) attributes {qk.rows = "long"} {
    %y = call @first(%x) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    %z = call @second(%y) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    return %z : tensor<?x?x64xf32>
  }
  func.func private @first(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %y = call @relu(%x) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    %z = call @silu(%y) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    return %z : tensor<?x?x64xf32>
  }
  func.func private @second(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %y = call @silu(%x) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    %z = call @relu(%y) : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    return %z : tensor<?x?x64xf32>
  }
  func.func private @relu(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %y = qnt.activate relu %x : tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  func.func private @silu(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %y = qnt.activate silu %x : tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}
