// RUN: qcc-opt %s --qcc-kernel-lower-quant | FileCheck %s
// RUN: sed 's/odd_rows = true/odd_rows = false/' %s | qcc-opt --qcc-kernel-lower-quant | FileCheck %s --check-prefix=EVEN
// EVEN-NOT: {{x144xf32|x80xf32}}
module attributes {qnt.dims = ["batch", "seq", "past", "context"], qk.target = {odd_rows = true}} {
  // A product's rows are an odd number of lines apart where all who read them take columns: here the norm, the gated unit and the sum of another product.
  // CHECK-LABEL: func.func @read_by_kernels
  // CHECK: %[[Y:.*]] = qk.launch @linear_64x64_{{.*}}_long_y80(%arg0, %{{.*}} : {{.*}}) outs(%{{.*}} : tensor<?x?x80xf32>)
  // CHECK: %[[N:.*]] = qk.launch @norm_rms_64at0of80_{{.*}}(%[[Y]],
  // CHECK: %[[U:.*]] = qk.launch @linear_128x64_{{.*}}_long_y144(%[[N]],
  // CHECK: %[[G:.*]] = qk.launch @glu_silu_64at0of144(%[[U]] :
  // CHECK: qk.launch @linear_64x64_{{.*}}_long_add_r80(%[[G]], %{{.*}}, %[[Y]] : {{.*}}) outs(%{{.*}} : tensor<?x?x64xf32>)
  func.func @read_by_kernels(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}, %s: tensor<64xf32>, %m: memref<16384xi8>, %up: memref<32768xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<16384xi8> to tensor<64x64xf32>
    %v = builtin.unrealized_conversion_cast %up : memref<32768xi8> to tensor<128x64xf32>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %n = qnt.norm rms %y, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    %u = qnt.matmul %n, %v : tensor<?x?x64xf32>, tensor<128x64xf32> -> tensor<?x?x128xf32>
    %g = qnt.glu silu %u : tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %z = qnt.matmul %g, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %r = arith.addf %y, %z : tensor<?x?x64xf32>
    return %r : tensor<?x?x64xf32>
  }
  // Not where one reader wants dense rows, nor for few rows.
  // CHECK-LABEL: func.func @read_by_others
  // CHECK-NOT: x80xf32
  func.func @read_by_others(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}, %s: tensor<64xf32>, %m: memref<16384xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<16384xi8> to tensor<64x64xf32>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %n = qnt.norm rms %y, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    %z = qnt.matmul %y, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %r = arith.addf %n, %z : tensor<?x?x64xf32>
    return %r : tensor<?x?x64xf32>
  }
  // CHECK-LABEL: func.func @few_rows
  // CHECK-NOT: x80xf32
  // CHECK: return
  func.func @few_rows(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}, %s: tensor<64xf32>, %m: memref<16384xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "short"} {
    %w = builtin.unrealized_conversion_cast %m : memref<16384xi8> to tensor<64x64xf32>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    %n = qnt.norm rms %y, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    return %n : tensor<?x?x64xf32>
  }
}
