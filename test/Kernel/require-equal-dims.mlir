// RUN: qcc-opt %s --qcc-kernel-require-equal-dims --split-input-file | FileCheck %s
// Extents with different names that an operation takes as one are listed, with the node; equal names are not.

// CHECK: module attributes {qnt.dims = ["s", "t"], qnt.equal_dims = {{\[\[}}"s", "t", "/sum"]]}
module attributes {qnt.dims = ["s", "t"]} {
  func.func @main(%x: tensor<?x8xf32> {qnt.dims = ["s", "8"]}, %y: tensor<?x8xf32> {qnt.dims = ["t", "8"]}) -> tensor<?x8xf32> {
    %0 = arith.mulf %x, %x : tensor<?x8xf32>
    %1 = arith.addf %0, %y : tensor<?x8xf32> loc("/sum")
    return %1 : tensor<?x8xf32>
  }
}

// -----

// A loop of linalg: its operands share k. A number is no dimension, a sum is a derived one.
// CHECK: module attributes {qnt.derived_dims = ["s + t"], qnt.dims = ["s", "t", "s + t"], qnt.equal_dims = {{\[\[}}"5", "s + t", "/product"]]}
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
module attributes {qnt.dims = ["s", "t"]} {
  func.func @main(%w: tensor<4x5xf32>, %init: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %s = qnt.dim "s"
    %t = qnt.dim "t"
    %sum = arith.addi %s, %t : index
    %x = tensor.empty(%sum) : tensor<?x8xf32>
    %0 = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%w, %x : tensor<4x5xf32>, tensor<?x8xf32>) outs(%init : tensor<4x8xf32>) {
    ^bb0(%l: f32, %r: f32, %acc: f32):
      %1 = arith.mulf %l, %r : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<4x8xf32> loc("/product")
    return %0 : tensor<4x8xf32>
  }
}

// -----

// As many elements before as after; the order of factors is no difference.
// CHECK: qnt.equal_dims = {{\[\[}}"8*s", "64", "/reshape"]]
module attributes {qnt.dims = ["s", "t"]} {
  func.func @main(%x: tensor<?x8xf32> {qnt.dims = ["s", "8"]}, %y: tensor<?x?xf32> {qnt.dims = ["s", "t"]}, %shape: tensor<2xi64>) -> (tensor<4x16xf32>, tensor<?x?xf32>) {
    %0 = tensor.reshape %x(%shape) : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<4x16xf32> loc("/reshape")
    %s = qnt.dim "s"
    %t = qnt.dim "t"
    %a = arith.index_cast %s : index to i64
    %b = arith.index_cast %t : index to i64
    %swapped = tensor.from_elements %b, %a : tensor<2xi64>
    %1 = tensor.reshape %y(%swapped) : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<?x?xf32>
    return %0, %1 : tensor<4x16xf32>, tensor<?x?xf32>
  }
}

// -----

// A dimension that compilation fixed is its number.
// CHECK: qnt.equal_dims = {{\[\[}}"s", "16", "/cast"]]
module attributes {qnt.dims = ["s", "t"], qnt.fixed_dims = {t = 16 : index}} {
  func.func @main(%x: tensor<?x8xf32> {qnt.dims = ["s", "8"]}, %y: tensor<?x8xf32> {qnt.dims = ["t", "8"]}) -> (tensor<16x8xf32>, tensor<?x8xf32>) {
    %0 = tensor.cast %x : tensor<?x8xf32> to tensor<16x8xf32> loc("/cast")
    %1 = arith.addf %y, %x : tensor<?x8xf32> loc("/cast")
    return %0, %1 : tensor<16x8xf32>, tensor<?x8xf32>
  }
}

// -----

// Kernels read as many channels as the weights have.
// CHECK: qnt.equal_dims = {{\[\[}}"k", "8", "/product"], ["j", "8", "/norm"]]
module attributes {qnt.dims = ["n", "k", "j"]} {
  func.func @main(%x: tensor<?x?xf32> {qnt.dims = ["n", "k"]}, %z: tensor<?x?xf32> {qnt.dims = ["n", "j"]}, %w: tensor<4x8xf32>, %g: tensor<8xf32>) -> (tensor<?x4xf32>, tensor<?x?xf32>) {
    %0 = qnt.matmul %x, %w : tensor<?x?xf32>, tensor<4x8xf32> -> tensor<?x4xf32> loc("/product")
    %1 = qnt.norm rms %z, %g eps 1.0e-5 : tensor<?x?xf32>, tensor<8xf32> loc("/norm")
    return %0, %1 : tensor<?x4xf32>, tensor<?x?xf32>
  }
}
