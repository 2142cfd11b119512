// RUN: qcc-opt %s --qcc-kernel-lower-quant | FileCheck %s

// Where the lanes of a register are threads, their elements do not change places: the Hadamard matrix is its reference lowering, and the gated unit in
// front of it a kernel of its own.
module attributes {qk.target = {shuffles = false}} {
  // CHECK-LABEL: func.func @mixed
  // CHECK: %[[G:.*]] = qk.launch @glu_silu_64(%arg0 :
  // CHECK-NOT: qk.launch
  // CHECK: tensor.generate
  // CHECK: return
  func.func @mixed(%x: tensor<?x?x128xf32>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %g = qnt.glu silu %x : tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %h = qnt.hadamard %g block 64 : tensor<?x?x64xf32>
    return %h : tensor<?x?x64xf32>
  }
}
