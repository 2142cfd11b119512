// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=.*=mxfp4" 2>&1 | FileCheck %s --implicit-check-not=warning
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 default-format" 2>&1 | FileCheck %s --check-prefix=DEFAULT --implicit-check-not=warning

// A table has what a rule says, in any format.
// CHECK: @head : {{.*}}table = "e2m1"{{.*}}qnt.decided = "tensor-types: .*=mxfp4"
// CHECK: @table : {{.*}}table = "e2m1"{{.*}}qnt.decided = "tensor-types: .*=mxfp4"
// CHECK: @types : {{.*}}table = "e2m1"{{.*}}qnt.decided = "tensor-types: .*=mxfp4"
// CHECK: @both : {{.*}}table = "e2m1"{{.*}}qnt.decided = "tensor-types: .*=mxfp4"

// Without one, the head's where it shares its bytes, the layers' where a linear layer reads it as well, else f16.
// DEFAULT: @head : tensor<100x64x!qnt.block<bits = 8, group = 32>>
// DEFAULT: @table : tensor<100x64x!qnt.block<bits = 8, group = 32>>{{.*}}qnt.decided = "head-bits: tied to the head"
// DEFAULT: @types : tensor<2x64xf16>{{.*}}qnt.decided = "embedding table"
// DEFAULT: @both : {{.*}}zero = shift, super = 256, subBits = 4>>{{.*}}qnt.decided = "wbits"
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
