// RUN: qcc-opt %s --qcc-kernel-lower-boundaries -split-input-file -verify-diagnostics
qnt.weight_decl @w : tensor<64xf32> [#qnt.part<rows = 64, transposed = false, data = <"w", file 0, offset 0, length 256> : tensor<64xf32>>]
func.func @long() -> (tensor<64xf32> {qnt.dims = ["64"]}) {
  // expected-error @below {{refers to w, which has no place in the weights file}}
  %w = qnt.weight @w : tensor<64xf32>
  return %w : tensor<64xf32>
}

// -----
// expected-error @below {{argument 0 has a dimension without a name in 'qnt.dims'}}
func.func @long(%x: tensor<?xf32>) {
  return
}
