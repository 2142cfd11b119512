// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4" 2>&1 | FileCheck %s
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=32" 2>&1 | FileCheck %s --check-prefix=ASKED

// What stays float although less was asked for is said once, for weights that cost something.
// CHECK: warning: weight 'batch' stays float32, as it is of no linear layer: the product is of another form
// CHECK-NOT: 'small'
// CHECK: note: so does weight 'second'
// CHECK-NOT: 'small'
// CHECK: qnt.weight_decl @batch : tensor<2x64x64xf32>
// ASKED-NOT: warning
qnt.weight_decl @batch : tensor<2x64x64xf32> [#qnt.part<rows = 2, transposed = false, data = <"batch", file 0, offset 0, length 32768> : tensor<2x64x64xf32>>]
qnt.weight_decl @second : tensor<2x64x64xf32> [#qnt.part<rows = 2, transposed = false, data = <"second", file 0, offset 32768, length 32768> : tensor<2x64x64xf32>>]
qnt.weight_decl @small : tensor<2x64x4xf32> [#qnt.part<rows = 2, transposed = false, data = <"small", file 0, offset 65536, length 2048> : tensor<2x64x4xf32>>]
func.func @main(%x: tensor<2x?x64xf32>, %o: tensor<2x?x64xf32>, %p: tensor<2x?x4xf32>) -> (tensor<2x?x64xf32>, tensor<2x?x4xf32>) {
  %a = qnt.weight @batch : tensor<2x64x64xf32>
  %b = qnt.weight @second : tensor<2x64x64xf32>
  %c = qnt.weight @small : tensor<2x64x4xf32>
  %0 = linalg.batch_matmul ins(%x, %a : tensor<2x?x64xf32>, tensor<2x64x64xf32>) outs(%o : tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
  %1 = linalg.batch_matmul ins(%0, %b : tensor<2x?x64xf32>, tensor<2x64x64xf32>) outs(%o : tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
  %2 = linalg.batch_matmul ins(%1, %c : tensor<2x?x64xf32>, tensor<2x64x4xf32>) outs(%p : tensor<2x?x4xf32>) -> tensor<2x?x4xf32>
  return %1, %2 : tensor<2x?x64xf32>, tensor<2x?x4xf32>
}
