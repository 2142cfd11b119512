// RUN: qcc-opt %s --split-input-file --verify-diagnostics --qcc-quantize-rotate-residuals

// A layer norm.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    // expected-error @below {{the residual stream cannot be rotated: a layer norm subtracts the mean of its channels, which a rotation moves [rotate-residuals]}}
    %h = qnt.norm layer %x, %n bias %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// A norm that is more than the input of linear layers.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> (tensor<?x4xf32>, tensor<?x2xf32>) {
    %table = qnt.weight @table : tensor<8x2xf32>
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    // expected-error @below {{the residual stream cannot be rotated: the scale of this norm can go into linear layers only [rotate-residuals]}}
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    // expected-note @below {{this reads the norm, and is none}}
    %a = qnt.activate relu %h : tensor<?x2xf32>
    return %y, %a : tensor<?x4xf32>, tensor<?x2xf32>
  }
}

// -----

// A norm's scale that something else reads.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  // expected-error @below {{the residual stream cannot be rotated: 'n' has other users [rotate-residuals]}}
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> (tensor<?x4xf32>, tensor<2xf32>) {
    %table = qnt.weight @table : tensor<8x2xf32>
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    // expected-note @below {{this reads it}}
    %a = arith.addf %n, %n : tensor<2xf32>
    return %y, %a : tensor<?x4xf32>, tensor<2xf32>
  }
}

// -----

// A weight that is multiplied with the stream and with something else.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  // expected-error @below {{the residual stream cannot be rotated: 'w' has other users [rotate-residuals]}}
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>, %other: tensor<?x2xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %table = qnt.weight @table : tensor<8x2xf32>
    %n = qnt.weight @n : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    // expected-note @below {{this reads it}}
    %z = qnt.matmul %other, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

// Two norms whose scales would go into one weight.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @n : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<1.0> : tensor<2xf32>>]
  qnt.weight_decl @n2 : tensor<2xf32> [#qnt.part<rows = 2, transposed = false, values = dense<2.0> : tensor<2xf32>>]
  // expected-error @below {{the residual stream cannot be rotated: 'w' is used in two ways, which would rotate it differently [rotate-residuals]}}
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %table = qnt.weight @table : tensor<8x2xf32>
    %n = qnt.weight @n : tensor<2xf32>
    %n2 = qnt.weight @n2 : tensor<2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    %g = qnt.norm rms %x, %n2 eps 1.0e-5 : tensor<?x2xf32>, tensor<2xf32>
    %z = qnt.matmul %g, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

// A weight that arrives quantized.
module {
  qnt.weight_decl @table : tensor<8x16xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x16xf32>>]
  // expected-error @below {{the residual stream cannot be rotated: 'w' arrives quantized [rotate-residuals]}}
  qnt.weight_decl @w : tensor<4x16x!qnt.block<bits = 4, group = 16, scale = f32>> [#qnt.part<rows = 4, transposed = false, data = <"b", file 0, offset 0, length 32> : tensor<4x1x8xui8>, scales = <"s", file 0, offset 32, length 16> : tensor<4x1xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x16xf32>
    %w = qnt.weight @w : tensor<4x16x!qnt.block<bits = 4, group = 16, scale = f32>>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x16xf32> -> tensor<?x16xf32>
    %y = qnt.matmul %x, %w : tensor<?x16xf32>, tensor<4x16x!qnt.block<bits = 4, group = 16, scale = f32>> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// A weight that is rotated already.
module {
  // expected-error @below {{the residual stream cannot be rotated: 'table' is scaled or rotated already [rotate-residuals]}}
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>] {column_rotation = #qnt.rotation<block = 2>}
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %y = qnt.matmul %x, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// A stream that leaves the program.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @table2 : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %table2 = qnt.weight @table2 : tensor<8x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %p = qnt.gather %ids, %table2 : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    // expected-error @below {{the residual stream cannot be rotated: it leaves the program here [rotate-residuals]}}
    %y = arith.addf %x, %p : tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// A part that comes from outside.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  // expected-error @below {{the residual stream cannot be rotated: a part of it comes from outside of the program [rotate-residuals]}}
  func.func @main(%ids: tensor<?xi64>, %other: tensor<?x2xf32>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %y = arith.addf %x, %other : tensor<?x2xf32>
    %z = qnt.matmul %y, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// A part that no linear layer makes.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>, %other: tensor<?x2xf32>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    // expected-error @below {{the residual stream cannot be rotated: this makes a part of it, and is no embedding, sum or linear layer [rotate-residuals]}}
    %a = qnt.activate relu %other : tensor<?x2xf32>
    %h = arith.addf %x, %a : tensor<?x2xf32>
    %y = qnt.matmul %h, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// A weight that is computed.
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  qnt.weight_decl @w : tensor<4x2xf32> [#qnt.part<rows = 4, transposed = false, values = dense<1.0> : tensor<4x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %w = qnt.weight @w : tensor<4x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %v = arith.addf %w, %w : tensor<4x2xf32>
    // expected-error @below {{the residual stream cannot be rotated: a weight is computed at run time [rotate-residuals]}}
    %y = qnt.matmul %x, %v : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// No stream: nothing adds to what the table gives.
// expected-error @below {{no embedding table begins a residual stream that could be rotated [rotate-residuals]}}
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
    %table = qnt.weight @table : tensor<8x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    return %x : tensor<?x2xf32>
  }
}

// -----

// An operation that is none of those that a rotation passes; the table that is the head, too, is not said to be split (a remark would be an error here).
module {
  qnt.weight_decl @table : tensor<8x2xf32> [#qnt.part<rows = 8, transposed = false, values = dense<1.0> : tensor<8x2xf32>>]
  func.func @main(%ids: tensor<?xi64>) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
    %table = qnt.weight @table : tensor<8x2xf32>
    %x = qnt.gather %ids, %table : tensor<?xi64>, tensor<8x2xf32> -> tensor<?x2xf32>
    %y = qnt.matmul %x, %table : tensor<?x2xf32>, tensor<8x2xf32> -> tensor<?x8xf32>
    // expected-error @below {{the residual stream cannot be rotated: this reads it, and is no norm, sum or linear layer [rotate-residuals]}}
    %a = qnt.activate relu %x : tensor<?x2xf32>
    return %y, %a : tensor<?x8xf32>, tensor<?x2xf32>
  }
}
