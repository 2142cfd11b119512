// RUN: not qcc-opt %s --qcc-quantize-assign-formats="wbits=7" 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="wbits=4 group-size=0" 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="wbits=4 group-size=4294967328" 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="wbits=4 group-size=4611686018427387904" 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="tensor-types=w" 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="tensor-types=(=w4" 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="tensor-types=a=w9" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not qcc-opt %s --qcc-quantize-assign-formats="wbits=4" 2>&1 | FileCheck %s --check-prefix=PUBLIC
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=32 tensor-types=nothing=w4,nbits=w2" 2>&1 | FileCheck %s --check-prefix=WARN

// BITS: error: wbits = 7 is not supported, expected one of 2 3 4 5 6 8 16 32
// GROUP: error: group-size = {{0|4294967328|4611686018427387904}} is not supported, expected 1 to 1048576, or -1 for the whole row
// FORM: error: --tensor-type=w is not of the form regex=format
// REGEX: error: --tensor-type=(=w4 has a bad regular expression: parentheses not balanced
// NAME: error: --tensor-type=a=w9: no format is named 'w9' [unknown-format]
// NAME: w<2..4>t[asym]: 4-bit scale per 32, f16 scale per 256: 0.19 bits beside the codes; asym: a 4-bit shift of the zero per 32, 0.31
// PUBLIC: error: 'func.func' op is public, but takes weights whose format changes
// WARN: warning: weight 'b' keeps its format although 'nbits=w2' names it: it arrives quantized
// WARN: warning: --tensor-type=nothing=w4 matches no weight [tensor-type]
qnt.weight_decl @a : tensor<32x32xf32> [#qnt.part<rows = 32, transposed = true, data = <"a", file 0, offset 64, length 4096> : tensor<32x32xf32>>]
qnt.weight_decl @b : tensor<32x32x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 32, transposed = false, data = <"nbits", file 0, offset 0, length 512> : tensor<32x1x16xui8>, scales = <"s", file 0, offset 0, length 64> : tensor<32x1xf16>>]
func.func @layer(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %v = qnt.weight @b : tensor<32x32x!qnt.block<bits = 4, group = 32>>
  %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %z = qnt.matmul %y, %v : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
func.func @main(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = qnt.weight @a : tensor<32x32xf32>
  %y = call @layer(%x, %w) : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
