// RUN: qcc-opt %s --qcc-quantize-insert-taps | FileCheck %s --check-prefixes=CHECK,PRODUCTS
// RUN: qcc-opt %s --qcc-quantize-insert-taps=at=layers | FileCheck %s --check-prefixes=CHECK,LAYERS
// RUN: not qcc-opt %s --qcc-quantize-insert-taps=at=norms 2>&1 | FileCheck %s --check-prefix=WHERE
// WHERE: error: taps are inserted at products or layers, not at 'norms'

// At products, two matmuls that read one quantized value share its tap, and everything after a product reads what was left in it. At layers, calls stay
// as they are; a result that is a layer's is shown once.
// CHECK-LABEL: func.func @main
// LAYERS:        %[[Y:.*]] = call @layer
// LAYERS-NEXT:   %[[Y1:.*]] = qnt.tap %[[Y]] : tensor<?x64xf32>
// LAYERS-NEXT:   %[[Z:.*]] = call @layer(%[[Y1]]
// LAYERS-NEXT:   %[[Z1:.*]] = qnt.tap %[[Z]]
// LAYERS-NEXT:   %[[N:.*]] = arith.negf %[[Z1]]
// LAYERS-NEXT:   %[[N1:.*]] = qnt.tap %[[N]]
// LAYERS-NEXT:   return %[[Z1]], %[[N1]]
// PRODUCTS-NOT:  qnt.tap
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    (%[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor
// LAYERS-NOT:    qnt.tap
// PRODUCTS:      %[[X1:.*]] = qnt.tap %[[X]] : tensor<?x64xf32>
// PRODUCTS-NEXT: %[[Q:.*]] = qnt.quantize %[[X1]]
// PRODUCTS-NEXT: %[[A:.*]] = qnt.matmul %[[Q]], %[[W]]
// PRODUCTS-NEXT: %[[A1:.*]] = qnt.tap %[[A]]
// PRODUCTS-NEXT: %[[B:.*]] = qnt.matmul %[[Q]], %[[W]]
// PRODUCTS-NEXT: %[[B1:.*]] = qnt.tap %[[B]]
// PRODUCTS-NEXT: arith.addf %[[A1]], %[[B1]]
!int8 = tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
!int4 = tensor<64x64x!qnt.block<bits = 4, group = 32>>
module {
  qnt.weight_decl @w : !int4 [#qnt.part<rows = 64, transposed = false, data = <"w", file 0, offset 0, length 16384> : tensor<64x64xf32>>]
  func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %w = qnt.weight @w : !int4
    %y = call @layer(%x, %w) : (tensor<?x64xf32>, !int4) -> tensor<?x64xf32>
    %z = call @layer(%y, %w) : (tensor<?x64xf32>, !int4) -> tensor<?x64xf32>
    %n = arith.negf %z : tensor<?x64xf32>
    return %z, %n : tensor<?x64xf32>, tensor<?x64xf32>
  }
  func.func private @layer(%x: tensor<?x64xf32>, %w: !int4) -> tensor<?x64xf32> {
    %q = qnt.quantize %x : tensor<?x64xf32> -> !int8
    %a = qnt.matmul %q, %w : !int8, !int4 -> tensor<?x64xf32>
    %b = qnt.matmul %q, %w : !int8, !int4 -> tensor<?x64xf32>
    %c = arith.addf %a, %b : tensor<?x64xf32>
    return %c : tensor<?x64xf32>
  }
}
