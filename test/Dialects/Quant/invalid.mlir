// RUN: qcc-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{a code has 1 to 8 bits, not 9}}
func.func private @bits(tensor<8x!qnt.block<bits = 9, group = 32>>)
// -----
// expected-error @below {{a group has 1 to 1048576 elements (or is -1, the whole row), not 0}}
func.func private @group(tensor<8x!qnt.block<bits = 4, group = 0>>)
// -----
// expected-error @below {{a group has 1 to 1048576 elements (or is -1, the whole row), not 9223372036854775807}}
func.func private @huge_group(tensor<8x!qnt.block<bits = 4, group = 9223372036854775807>>)
// -----
// expected-error @below {{a super-block has at most 1048576 elements, not 4611686018427387904}}
func.func private @huge_super(tensor<8x!qnt.block<bits = 4, group = 32, super = 4611686018427387904, subBits = 4>>)
// -----
// expected-error @below {{a super-block holds whole groups, but 48 does not divide 256}}
func.func private @super(tensor<8x!qnt.block<bits = 4, group = 48, super = 256, subBits = 4>>)
// -----
// expected-error @below {{two-level scales need both 'super' and 'subBits'}}
func.func private @sub_bits(tensor<8x!qnt.block<bits = 4, group = 32, super = 256>>)
// -----
// expected-error @below {{'zero = shift' is of codes of 2 to 4 bits with unsigned two-level scales of at most 4 bits, and less than bits - 2}}
func.func private @shift_bits(tensor<8x!qnt.block<bits = 5, group = 32, zero = shift, super = 256, subBits = 4>>)
// -----
// expected-error @below {{'zero = shift' is of codes}}
func.func private @shift_level(tensor<8x!qnt.block<bits = 4, group = 32, zero = shift>>)
// -----
// expected-error @below {{two-level scales have minima, shifts or nothing, no zero points}}
func.func private @super_zero(tensor<8x!qnt.block<bits = 4, group = 32, zero = int, super = 256, subBits = 4>>)
// -----
// expected-error @below {{a code table and 'element = table' go together}}
func.func private @table(tensor<8x!qnt.block<element = table, bits = 4, group = 32>>)
// -----
// expected-error @below {{there is no code table 'nf9'}}
func.func private @no_table(tensor<8x!qnt.block<element = table, bits = 4, group = 32, table = "nf9">>)
// -----
// expected-error @below {{codes of table 'nf4' have 4 bits, not 8}}
func.func private @table_bits(tensor<8x!qnt.block<element = table, bits = 8, group = 32, table = "nf4">>)
// -----
// expected-error @below {{codes of a table have neither zero points nor two levels of scales}}
func.func private @table_zero(tensor<8x!qnt.block<element = table, bits = 4, group = 32, zero = int, table = "nf4">>)
// -----
// expected-error @below {{needs a static shape of rank 1 or more}}
qnt.weight_decl @w : tensor<?x4xf32> []
// -----
// expected-error @below {{panels have lanes, other layouts have none}}
qnt.weight_decl @w : tensor<4x2xf32> [] {layout = #qnt.layout<panels, bytes = 64>}
// -----
// expected-error @below {{a layout has at least 0 bytes, not -1}}
qnt.weight_decl @w : tensor<4x2xf32> [] {layout = #qnt.layout<plain, bytes = -1>}
// -----
// expected-error @below {{has 4 rows, but its parts have 3}}
qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 3, transposed = false, values = dense<0.0> : tensor<3x2xf32>>]
// -----
func.func @no_declaration() {
  // expected-error @below {{refers to no weight_decl named @w}}
  %w = qnt.weight @w : tensor<4x2xf32>
  return
}
// -----
qnt.weight_decl @w : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<0.0> : tensor<2x2xf32>>]
func.func @declared_otherwise() {
  // expected-error @below {{has type 'tensor<2x2xf16>', but the declaration says 'tensor<2x2xf32>'}}
  %w = qnt.weight @w : tensor<2x2xf16>
  return
}
// -----
func.func @matmul_k(%x: tensor<?x8xf32>, %w: tensor<4x16xf32>) {
  // expected-error @below {{input has 8 channels, but the weight's K is 16}}
  %y = qnt.matmul %x, %w : tensor<?x8xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return
}
// -----
func.func @matmul_bf16(%x: tensor<?x32x!qnt.block<bits = 8, group = 32, scale = f32>>, %w: tensor<4x32xf32>) {
  // expected-error @below {{rounds float activations to bf16; integer products are exact}}
  %y = qnt.matmul %x, %w bf16 : tensor<?x32x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<4x32xf32> -> tensor<?x4xf32>
  return
}
// -----
func.func @matmul_n(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{result has 5 channels, but the weight's N is 4}}
  %y = qnt.matmul %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x5xf32>
  return
}
// -----
func.func @rms_has_no_bias(%x: tensor<?x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{an rms norm has no bias}}
  %y = qnt.norm rms %x, %g bias %g eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>
  return
}
// -----
func.func @static_scale_is_one(%x: tensor<?x8xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{has one scale for all values, not 'tensor<2xf32>'}}
  %y = qnt.quantize %x by %s : tensor<?x8xf32>, tensor<2xf32> -> tensor<?x8x!qnt.block<bits = 8, group = -1, scale = f32>>
  return
}
// -----
func.func @static_groups_are_rows(%x: tensor<?x8xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{has one scale for all values, so its groups are whole rows, not 8 values}}
  %y = qnt.quantize %x by %s : tensor<?x8xf32>, tensor<1xf32> -> tensor<?x8x!qnt.block<bits = 8, group = 8, scale = f32>>
  return
}
// -----
func.func @floats_find_their_scales(%x: tensor<?x8xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{finds the scales of 8-bit floats itself}}
  %y = qnt.quantize %x by %s : tensor<?x8xf32>, tensor<1xf32> -> tensor<?x8x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  return
}
// -----
func.func @activations_have_float_scales(%x: tensor<?x8xf32>) {
  // expected-error @below {{activations are symmetric int8 or 8-bit floats with f32 scales}}
  %y = qnt.quantize %x : tensor<?x8xf32> -> tensor<?x8x!qnt.block<element = table, bits = 8, group = -1, table = "e4m3">>
  return
}
// -----
func.func @activations_are_symmetric(%x: tensor<?x8xf32>) {
  // expected-error @below {{activations are symmetric int8}}
  %y = qnt.quantize %x : tensor<?x8xf32> -> tensor<?x8x!qnt.block<bits = 8, group = 8, scale = f32, zero = int>>
  return
}
// -----
func.func @attention_heads(%x: tensor<?x?x24xf32>, %c: !qnt.cache<2x8xf16>, %past: index) {
  // expected-error @below {{2 KV heads do not divide 3 query heads}}
  %y = qnt.attention %x over %c at %past heads 3 scale 1.0 : tensor<?x?x24xf32>, !qnt.cache<2x8xf16>
  return
}
// -----
func.func @components(%c: tensor<2x40xi8>, %s: tensor<2x1xf32>) {
  // expected-error @below {{components of 'tensor<2x40x!qnt.block<bits = 4, group = 32>>' are 'tensor<2x40xi8>', 'tensor<2x2xf32>'}}
  %x = qnt.compose %c, %s : tensor<2x40xi8>, tensor<2x1xf32> -> tensor<2x40x!qnt.block<bits = 4, group = 32>>
  return
}

// -----

func.func @sum_leaves_i32(%x: tensor<?x132105x!qnt.block<bits = 8, group = -1, scale = f32>>, %w: tensor<8x132105x!qnt.block<bits = 8, group = -1>>) -> tensor<?x8xf32> {
  // expected-error @below {{sums more products of '!qnt.block<bits = 8, group = -1>' and '!qnt.block<bits = 8, group = -1, scale = f32>' before it rescales than fit i32}}
  %y = qnt.matmul %x, %w : tensor<?x132105x!qnt.block<bits = 8, group = -1, scale = f32>>, tensor<8x132105x!qnt.block<bits = 8, group = -1>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @ragged_rows(%x: tensor<4x?xf32>) -> tensor<4x?xf32> {
  // expected-error @below {{shows rows of one width, got 'tensor<4x?xf32>'}}
  %y = qnt.tap %x : tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

func.func @other_channels(%x: tensor<?x64xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{input has 64 channels, but the weight's K is 32}}
  qnt.observe %x of %w : tensor<?x64xf32>, tensor<8x32xf32>
  return
}
// -----
// expected-error @below {{has 2 rows, but row_factors is 'tensor<3xf32>'}}
"qnt.weight_decl"() {sym_name = "w", type = tensor<2x4xf32>, row_factors = dense<1.0> : tensor<3xf32>, parts = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]} : () -> ()
// -----
// expected-error @below {{has rows of 4 elements, but column_factors is 'tensor<2x2xf32>'}}
"qnt.weight_decl"() {sym_name = "w", type = tensor<2x4xf32>, column_factors = dense<1.0> : tensor<2x2xf32>, parts = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]} : () -> ()
// -----
// expected-error @below {{has rows of 4 elements, but column_gains has 2}}
"qnt.weight_decl"() {sym_name = "w", type = tensor<2x4xf32>, column_gains = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>], parts = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]} : () -> ()
// -----
// expected-error @below {{has 2 rows, no whole number of row_rotation's blocks of 4}}
"qnt.weight_decl"() {sym_name = "w", type = tensor<2x4xf32>, row_rotation = #qnt.rotation<block = 4>, parts = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]} : () -> ()
// -----
// expected-error @below {{has rows of 4 elements, no whole number of column_rotation's blocks of 8}}
"qnt.weight_decl"() {sym_name = "w", type = tensor<2x4xf32>, column_rotation = #qnt.rotation<block = 8>, parts = [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]} : () -> ()
// -----
// expected-error @below {{no Hadamard matrix of order 6 is known}}
#rotation = #qnt.rotation<block = 6>
// -----
func.func @no_matrix(%x: tensor<?x40xf32>) -> tensor<?x40xf32> {
  // expected-error @below {{no Hadamard matrix of order 10 is known}}
  %y = qnt.hadamard %x block 10 : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}
// -----
func.func @blocks(%x: tensor<?x40xf32>) -> tensor<?x40xf32> {
  // expected-error @below {{input has no whole number of blocks of 16 channels: 'tensor<?x40xf32>'}}
  %y = qnt.hadamard %x block 16 : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}
