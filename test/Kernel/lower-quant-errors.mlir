// RUN: qcc-opt %s --qcc-kernel-lower-quant -verify-diagnostics

module attributes {qnt.dims = ["n", "k"]} {
  func.func @main(%x: tensor<?x?xf32> {qnt.dims = ["n", "k"]}, %m: memref<2304xi8>) -> tensor<?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    // expected-error @below {{quantizes rows whose width only a run tells: 'tensor<?x?xf32>'}}
    %q = qnt.quantize %x : tensor<?x?xf32> -> tensor<?x?x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
