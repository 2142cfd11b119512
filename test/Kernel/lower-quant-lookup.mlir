// RUN: qcc-opt %s --qcc-kernel-lower-quant | FileCheck %s --check-prefix=CONVERTED
// RUN: sed s/selects_16_floats=false/selects_16_floats=true/ %s | qcc-opt --qcc-kernel-lower-quant | FileCheck %s --check-prefix=SELECTED

// Codes of 4 bits beside float activations are converted, or selected from 16 floats where the target says that this is an instruction, whatever its width.
module attributes {qk.target = {panel_lanes = 16, vector_bits = 512, selects_16_floats=false}} {
  // CONVERTED-NOT: qk.lut16
  // CONVERTED: arith.sitofp
  // SELECTED: qk.lut16
  func.func @floats(%x: tensor<?x?x64xf32>, %m: memref<2304xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}
