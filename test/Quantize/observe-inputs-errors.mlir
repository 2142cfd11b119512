// RUN: qcc-opt %s --qcc-quantize-observe-inputs --verify-diagnostics

// What a branch multiplies is seen only where it is taken.
qnt.weight_decl @w : tensor<16x16xf32> [#qnt.part<rows = 16, transposed = false, data = <"w", file 0, offset 0, length 1024> : tensor<16x16xf32>>]
func.func @main(%x: tensor<?x16xf32>, %c: i1) -> tensor<?x16xf32> {
  %w = qnt.weight @w : tensor<16x16xf32>
  %r = scf.if %c -> tensor<?x16xf32> {
    // expected-error@+1 {{is in a loop or a branch, where calibration cannot follow it [unsupported-control-flow]}}
    %y = qnt.matmul %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    scf.yield %y : tensor<?x16xf32>
  } else {
    scf.yield %x : tensor<?x16xf32>
  }
  return %r : tensor<?x16xf32>
}
