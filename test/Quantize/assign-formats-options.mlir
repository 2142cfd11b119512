// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=2 group-size=64 asym" | FileCheck %s --check-prefix=ASYM
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=8 group-size=-1 head-bits=4" | FileCheck %s --check-prefix=ROW
// RUN: qcc-opt %s --qcc-quantize-assign-formats="format=w4t wbits=4 head-bits=16" | FileCheck %s --check-prefix=NAMED
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=3 default-format" | FileCheck %s --check-prefix=TWO
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=6 default-format" | FileCheck %s --check-prefix=SIX
// RUN: qcc-opt %s --qcc-quantize-assign-formats | FileCheck %s --check-prefix=HALF
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=32" | FileCheck %s --check-prefix=FLOAT
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 tensor-types=layers.0.*q=w8row,layers=w3g32asym print" 2>&1 | FileCheck %s --check-prefix=RULES
// RUN: qcc-opt %s --qcc-quantize-assign-formats="wbits=4 group-size=1048576 tensor-types=head=nf4g128,down=fp8e4m3g64" | FileCheck %s --check-prefix=LONG

// ASYM: @q : {{.*}}bits = 2, group = 64, zero = int>
// ASYM: @down : {{.*}}bits = 2, group = 64, zero = int>
// ASYM: @head : {{.*}}bits = 8, group = 64, zero = int>
// ROW: @q : {{.*}}bits = 8, group = -1>
// ROW: @head : {{.*}}bits = 4, group = -1>
// NAMED: @q : {{.*}}bits = 4, group = 32, super = 256, subBits = 4>
// NAMED: @head : tensor<48x64xf16>
// TWO: @q : {{.*}}bits = 3, group = 32, zero = shift, super = 256, subBits = 4>
// TWO: @head : {{.*}}bits = 8, group = 32>
// SIX: @q : {{.*}}bits = 6, group = 32>
// HALF: @q : tensor<64x64xf16>
// HALF: @head : tensor<48x64xf16>
// FLOAT: @q : tensor<64x64xf32>
// FLOAT: @head : tensor<48x64xf32>
// A group longer than the row is the row.
// LONG: @q : {{.*}}bits = 4, group = -1>
// LONG: @down : {{.*}}bits = 8, group = 64, scale = f32, table = "e4m3">
// LONG: @head : {{.*}}bits = 4, group = -1, table = "nf4">

// RULES: w8row 8.250 bits 64x64 q (layers.0.q) tensor-types: layers.0.*q=w8row
// RULES: w3g32asym 3.594 bits 64x64 down (layers.0.down) tensor-types: layers=w3g32asym
// RULES: w8g32 8.500 bits 48x64 head (head) head-bits
// RULES: 0.0 million weights, 6.625 bits each
qnt.weight_decl @q : tensor<64x64xf32> [#qnt.part<rows = 64, transposed = true, data = <"layers.0.q", file 0, offset 64, length 16384> : tensor<64x64xf32>>]
qnt.weight_decl @down : tensor<64x64xf32> [#qnt.part<rows = 64, transposed = true, data = <"layers.0.down", file 0, offset 64, length 16384> : tensor<64x64xf32>>]
qnt.weight_decl @head : tensor<48x64xf32> [#qnt.part<rows = 48, transposed = true, data = <"head", file 0, offset 64, length 12288> : tensor<64x48xf32>>]
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x48xf32> {
  %q = qnt.weight @q : tensor<64x64xf32>
  %d = qnt.weight @down : tensor<64x64xf32>
  %h = qnt.weight @head : tensor<48x64xf32>
  %a = qnt.matmul %x, %q : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %b = qnt.matmul %a, %d : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %c = qnt.matmul %b, %h : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  return %c : tensor<?x48xf32>
}
