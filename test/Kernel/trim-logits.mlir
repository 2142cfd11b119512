// RUN: qcc-opt %s --qcc-kernel-trim-logits -split-input-file | FileCheck %s
// CHECK: module attributes {qnt.dims = ["batch", "seq", "past", "context", "keep"]}
// CHECK: qnt.dims = ["batch", "keep", "48"]
// CHECK: %[[LAST:.*]] = tensor.extract_slice %{{.*}}[0, %{{.*}}, 0] [%{{.*}}, %{{.*}}, 32] [1, 1, 1]
// CHECK: qnt.norm rms %[[LAST]]
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  func.func @main(%x: tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"]}, %s: tensor<32xf32>, %w: tensor<48x32xf32>, %c: !qnt.cache<2x16xf16>)
      -> (tensor<?x?x48xf32> {qnt.dims = ["batch", "seq", "48"], qnt.role = "logits"}) {
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x32xf32>, tensor<32xf32>
    %y = qnt.matmul %n, %w : tensor<?x?x32xf32>, tensor<48x32xf32> -> tensor<?x?x48xf32>
    return %y : tensor<?x?x48xf32>
  }
}

// -----
// A program without state computes all it is asked for.
// CHECK: module attributes {qnt.dims = ["batch", "seq"]}
// CHECK-NOT: extract_slice
module attributes {qnt.dims = ["batch", "seq"]} {
  func.func @main(%x: tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"]}, %w: tensor<48x32xf32>)
      -> (tensor<?x?x48xf32> {qnt.dims = ["batch", "seq", "48"], qnt.role = "logits"}) {
    %y = qnt.matmul %x, %w : tensor<?x?x32xf32>, tensor<48x32xf32> -> tensor<?x?x48xf32>
    return %y : tensor<?x?x48xf32>
  }
}

// -----
// Codes that another product reads too stay whole: the head has its own.
// CHECK: qnt.dims = ["batch", "keep", "48"]
// CHECK: %[[ALL:.*]] = qnt.norm
// CHECK: %[[CODES:.*]] = qnt.quantize %[[ALL]]
// CHECK: %[[LAST:.*]] = tensor.extract_slice %[[ALL]][0, %{{.*}}, 0] [%{{.*}}, %{{.*}}, 32] [1, 1, 1]
// CHECK: %[[OWN:.*]] = qnt.quantize %[[LAST]]
// CHECK: qnt.matmul %[[OWN]], %{{.*}}tensor<48x32xf32>
// CHECK: qnt.matmul %[[CODES]], %{{.*}}tensor<8x32xf32>
!codes = !qnt.block<bits = 8, group = 32, scale = f32>
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  func.func @main(%x: tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"]}, %s: tensor<32xf32>, %w: tensor<48x32xf32>, %v: tensor<8x32xf32>, %c: !qnt.cache<2x16xf16>)
      -> (tensor<?x?x48xf32> {qnt.dims = ["batch", "seq", "48"], qnt.role = "logits"}, tensor<?x?x8xf32> {qnt.dims = ["batch", "seq", "8"]}) {
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x32xf32>, tensor<32xf32>
    %q = qnt.quantize %n : tensor<?x?x32xf32> -> tensor<?x?x32x!codes>
    %y = qnt.matmul %q, %w : tensor<?x?x32x!codes>, tensor<48x32xf32> -> tensor<?x?x48xf32>
    %z = qnt.matmul %q, %v : tensor<?x?x32x!codes>, tensor<8x32xf32> -> tensor<?x?x8xf32>
    return %y, %z : tensor<?x?x48xf32>, tensor<?x?x8xf32>
  }
}
