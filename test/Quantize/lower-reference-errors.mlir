// RUN: qcc-opt %s -split-input-file --qcc-quantize-lower-reference -verify-diagnostics

func.func @no_decoder(%x: tensor<4x64x!qnt.block<bits = 4, group = 64, scale = bf16>>) -> tensor<4x64xf32> {
  // expected-error @below {{has no reference lowering: no format decodes}}
  %y = qnt.dequantize %x : tensor<4x64x!qnt.block<bits = 4, group = 64, scale = bf16>> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}
// -----
func.func @channels(%x: tensor<4x?xf32>, %s: tensor<?xf32>) -> tensor<4x?xf32> {
  // expected-error @below {{has no reference lowering without a static number of channels}}
  %y = qnt.norm rms %x, %s eps 1.0e-5 : tensor<4x?xf32>, tensor<?xf32>
  return %y : tensor<4x?xf32>
}
// -----
// expected-error @below {{weight 'w': tensor 'computed': value [0, 1] is NaN}}
qnt.weight_decl @w : tensor<1x2xf32> [#qnt.part<rows = 1, transposed = false, values = dense<[[1.0, 0x7FC00000]]> : tensor<1x2xf32>>]
func.func @nan(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = qnt.weight @w : tensor<1x2xf32>
  %y = qnt.matmul %x, %w : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
