// RUN: qcc-opt %s --split-input-file --verify-diagnostics --qcc-quantize-fold-scales

// A norm that feeds something else.
module {
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  // expected-error @below {{the scales of input channels of 'w' cannot be folded: its input has other users: arith.addf [fold-scales]}}
  qnt.weight_decl @w : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<2x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %z = arith.addf %h, %y : tensor<?x2xf32>
    return %z : tensor<?x2xf32>
  }
}

// -----

// A norm's scale that another norm has as well.
module {
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  // expected-error @below {{'w' cannot be folded: 'n' has other users: qnt.norm [fold-scales]}}
  qnt.weight_decl @w : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<2x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %z = qnt.norm rms %y, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    return %z : tensor<?x2xf32>
  }
}

// -----

// A head that shares its weight with the embedding.
module {
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  // expected-error @below {{'table' cannot be folded: 'table' has other users: qnt.gather [fold-scales]}}
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x8xf32> {
    %n = qnt.weight @n : tensor<2xf32>
    %table = qnt.weight @table : tensor<8x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %table : tensor<?x2xf32>, tensor<8x2xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Readers of one input that want different scales, and scales that are none.
module {
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @n2 : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @n3 : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  // expected-error @below {{'w' cannot be folded: 'v' reads the same input and has other scales [fold-scales]}}
  qnt.weight_decl @w : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 4.0]> : tensor<2xf32>}
  qnt.weight_decl @v : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>]
  // expected-error @below {{'zero' cannot be folded: that of channel 1 is not above 0 and finite [fold-scales]}}
  qnt.weight_decl @zero : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<[2.0, 0.0]> : tensor<2xf32>}
  // expected-error @below {{'long' cannot be folded: they are no tensor<2xf32> [fold-scales]}}
  qnt.weight_decl @long : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<1.0> : tensor<3xf32>}
  func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
    %n = qnt.weight @n : tensor<2xf32>
    %n2 = qnt.weight @n2 : tensor<2xf32>
    %n3 = qnt.weight @n3 : tensor<2xf32>
    %w = qnt.weight @w : tensor<2x2xf32>
    %v = qnt.weight @v : tensor<2x2xf32>
    %zero = qnt.weight @zero : tensor<2x2xf32>
    %long = qnt.weight @long : tensor<2x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %a = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %b = qnt.matmul %h, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %h2 = qnt.norm rms %x, %n2 eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %c = qnt.matmul %h2, %zero : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %h3 = qnt.norm rms %x, %n3 eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %d = qnt.matmul %h3, %long : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    return %a, %b, %c, %d : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
  }
}

// -----

// Heads that share a head of values, and scales that differ between them.
module {
  qnt.weight_decl @v : tensor<2x4xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x4xf32>>]
  // expected-error @below {{'o' cannot be folded: 2 heads share a head of values, and the scales of channels 1 and 3 differ [fold-scales]}}
  qnt.weight_decl @o : tensor<4x4xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x4xf32>>] {qnt.channel_scales = dense<[2.0, 4.0, 2.0, 5.0]> : tensor<4xf32>}
  func.func @main(%x: tensor<1x1x4xf32>, %k: tensor<1x1x2xf32>, %cache: !qnt.cache<1x2xf16>) -> tensor<1x1x4xf32> {
    %w = qnt.weight @v : tensor<2x4xf32>
    %v = qnt.matmul %x, %w : tensor<1x1x4xf32>, tensor<2x4xf32> -> tensor<1x1x2xf32>
    %past = qnt.dim "past"
    qnt.kv_update %k, %v into %cache at %past : tensor<1x1x2xf32>, !qnt.cache<1x2xf16>
    %a = qnt.attention %x over %cache at %past heads 2 scale 1.0 : tensor<1x1x4xf32>, !qnt.cache<1x2xf16>
    %o = qnt.weight @o : tensor<4x4xf32>
    %y = qnt.matmul %a, %o : tensor<1x1x4xf32>, tensor<4x4xf32> -> tensor<1x1x4xf32>
    return %y : tensor<1x1x4xf32>
  }
}

// -----

// Values that leave the program would leave it divided.
module {
  qnt.weight_decl @v : tensor<4x4xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x4xf32>>]
  // expected-error @below {{'o' cannot be folded: its cache has other users: qnt.cache_store [fold-scales]}}
  qnt.weight_decl @o : tensor<4x4xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x4xf32>>] {qnt.channel_scales = dense<2.0> : tensor<4xf32>}
  func.func @main(%x: tensor<1x1x4xf32>, %k: tensor<1x1x4xf32>) -> (tensor<1x1x4xf32>, tensor<1x2x?x2xf32>) {
    %w = qnt.weight @v : tensor<4x4xf32>
    %v = qnt.matmul %x, %w : tensor<1x1x4xf32>, tensor<4x4xf32> -> tensor<1x1x4xf32>
    %past = qnt.dim "past"
    %total = qnt.dim "total"
    %cache = qnt.cache_load -> !qnt.cache<2x2xf32>
    qnt.kv_update %k, %v into %cache at %past : tensor<1x1x4xf32>, !qnt.cache<2x2xf32>
    %a = qnt.attention %x over %cache at %past heads 2 scale 1.0 : tensor<1x1x4xf32>, !qnt.cache<2x2xf32>
    %pk, %pv = qnt.cache_store %cache at %total : !qnt.cache<2x2xf32> -> tensor<1x2x?x2xf32>
    %o = qnt.weight @o : tensor<4x4xf32>
    %y = qnt.matmul %a, %o : tensor<1x1x4xf32>, tensor<4x4xf32> -> tensor<1x1x4xf32>
    return %y, %pv : tensor<1x1x4xf32>, tensor<1x2x?x2xf32>
  }
}

// -----

// What is not linear; an input of the program; a weight that is no linear layer's.
module {
  qnt.weight_decl @fc1 : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>]
  // expected-error @below {{'fc2' cannot be folded: no scale passes qnt.activate, which makes its input [fold-scales]}}
  qnt.weight_decl @fc2 : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<2.0> : tensor<2xf32>}
  // expected-error @below {{'first' cannot be folded: its input comes from outside of the program [fold-scales]}}
  qnt.weight_decl @first : tensor<2x2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2x2xf32>>] {qnt.channel_scales = dense<2.0> : tensor<2xf32>}
  func.func @main(%x: tensor<?x2xf32>, %z: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %fc1 = qnt.weight @fc1 : tensor<2x2xf32>
    %fc2 = qnt.weight @fc2 : tensor<2x2xf32>
    %first = qnt.weight @first : tensor<2x2xf32>
    %h = qnt.matmul %x, %fc1 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %g = qnt.activate gelu %h : tensor<?x2xf32>
    %y = qnt.matmul %g, %fc2 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    %w = qnt.matmul %z, %first : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
    return %y, %w : tensor<?x2xf32>, tensor<?x2xf32>
  }
}

// -----

module {
  // expected-error @below {{'table' cannot be folded: no linear layer reads it [fold-scales]}}
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>] {qnt.channel_scales = dense<2.0> : tensor<2xf32>}
}

// -----

// Codes are kept as they arrive.
module {
  qnt.weight_decl @n : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, values = dense<1.0> : tensor<32xf32>>]
  // expected-error @below {{'w' cannot be folded: 'w' arrives quantized [fold-scales]}}
  qnt.weight_decl @w : tensor<2x32x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 2, transposed = false, data = <"w", file 0, offset 0, length 32> : tensor<2x1x16xui8>,
    scales = <"s", file 0, offset 32, length 4> : tensor<2xf16>>] {qnt.channel_scales = dense<2.0> : tensor<32xf32>}
  func.func @main(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
    %n = qnt.weight @n : tensor<32xf32>
    %w = qnt.weight @w : tensor<2x32x!qnt.block<bits = 4, group = 32>>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>
    %y = qnt.matmul %h, %w : tensor<?x32xf32>, tensor<2x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
