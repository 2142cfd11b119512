// RUN: qcc-opt %s --qcc-kernel-specialize-shapes | FileCheck %s
// Calls with the same shapes share a function; others get their own, down to what it calls.

// CHECK-LABEL: func.func @main
// CHECK:         call @layer(%arg0)
// CHECK:         call @layer(%0)
// CHECK:         call @[[OTHER:layer_[0-9]+]](%arg1)
// CHECK:         call @[[OTHER]](%2)
module attributes {qnt.dims = ["s", "t"]} {
  func.func @main(%x: tensor<?x16xf32> {qnt.dims = ["s", "16"]}, %y: tensor<?x16xf32> {qnt.dims = ["t", "16"]}) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
    %0 = call @layer(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %1 = call @layer(%0) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %2 = call @layer(%y) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %3 = call @layer(%2) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    return %1, %3 : tensor<?x16xf32>, tensor<?x16xf32>
  }
  // CHECK: func.func private @layer(
  // CHECK:   call @part(
  // CHECK: func.func private @[[OTHER]](
  // CHECK:   call @part_{{[0-9]+}}(
  func.func private @layer(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %0 = call @part(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
  func.func private @part(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %0 = arith.addf %x, %x : tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}
