// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=.*=mxfp4" 2>&1 | FileCheck %s
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=.*=w3g64asym" 2>&1 | FileCheck %s --check-prefix=SERVED --implicit-check-not=warning
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 default-format" 2>&1 | FileCheck %s --check-prefix=DEFAULT

// Rows of tables are read one by one, which kernels do not do in every format: a table then has what it would have without the rule.
// CHECK: warning: weight 'table' is an embedding table, which has no format mxfp4 (tensor-types: .*=mxfp4): it gets w8g32
// CHECK: note: formats of tables: f32 | f16; w<2..8>[g<N>|row][asym|zf][s32]; q4_0|q5_0|q8_0
// CHECK: warning: weight 'types' is an embedding table, which has no format mxfp4 (tensor-types: .*=mxfp4): it gets f16
// CHECK: warning: weight 'both' is an embedding table, {{.*}}: it gets w4g32
// CHECK: @head : {{.*}}table = "e2m1"{{.*}}qnt.decided = "tensor-types: .*=mxfp4"
// CHECK: @table : tensor<100x64x!qnt.block<bits = 8, group = 32>>{{.*}}qnt.decided = "head-bits: tied to the head (tables have no mxfp4)"
// CHECK: @types : tensor<2x64xf16>{{.*}}qnt.decided = "embedding table (tables have no mxfp4)"
// CHECK: @both : tensor<64x64x!qnt.block<bits = 4, group = 32>>{{.*}}qnt.decided = "wbits (tables have no mxfp4)"

// SERVED: @head : {{.*}}bits = 3, group = 64, zero = int>
// SERVED: @table : {{.*}}bits = 3, group = 64, zero = int>{{.*}}qnt.decided = "tensor-types: .*=w3g64asym"
// SERVED: @types : {{.*}}bits = 3, group = 64, zero = int>
// SERVED: @both : {{.*}}bits = 3, group = 64, zero = int>

// So has a weight that a table and a linear layer share, where the layers' default has two levels.
// DEFAULT: warning: weight 'both' is an embedding table, which has no format w4tasym (wbits): it gets w8g32
// DEFAULT: @table : {{.*}}qnt.decided = "head-bits: tied to the head"
qnt.weight_decl @head : tensor<100x64xf32> [#qnt.part<rows = 100, transposed = false, data = <"e", file 0, offset 64, length 25600> : tensor<100x64xf32>>]
qnt.weight_decl @table : tensor<100x64xf32> [#qnt.part<rows = 100, transposed = false, data = <"e", file 0, offset 64, length 25600> : tensor<100x64xf32>>]
qnt.weight_decl @types : tensor<2x64xf32> [#qnt.part<rows = 2, transposed = false, data = <"t", file 0, offset 30000, length 512> : tensor<2x64xf32>>]
qnt.weight_decl @both : tensor<64x64xf32> [#qnt.part<rows = 64, transposed = false, data = <"b", file 0, offset 32000, length 16384> : tensor<64x64xf32>>]
func.func @main(%ids: tensor<?xi64>) -> tensor<?x100xf32> {
  %h = qnt.weight @head : tensor<100x64xf32>
  %t = qnt.weight @table : tensor<100x64xf32>
  %u = qnt.weight @types : tensor<2x64xf32>
  %v = qnt.weight @both : tensor<64x64xf32>
  %a = qnt.gather %ids, %t : tensor<?xi64>, tensor<100x64xf32> -> tensor<?x64xf32>
  %b = qnt.gather %ids, %u : tensor<?xi64>, tensor<2x64xf32> -> tensor<?x64xf32>
  %c = qnt.gather %ids, %v : tensor<?xi64>, tensor<64x64xf32> -> tensor<?x64xf32>
  %d = arith.addf %a, %b : tensor<?x64xf32>
  %e = arith.addf %c, %d : tensor<?x64xf32>
  %f = qnt.matmul %e, %v : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %g = qnt.matmul %f, %h : tensor<?x64xf32>, tensor<100x64xf32> -> tensor<?x100xf32>
  return %g : tensor<?x100xf32>
}
