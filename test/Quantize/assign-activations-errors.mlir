// Products are summed exactly in i32: a whole row of 8-bit codes ends at 2^31 / (127 * 128), with a stored zero point at half of that.
// RUN: qcc-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=-1})'

func.func @fits(%x: tensor<?x132104xf32>, %w: tensor<8x132104x!qnt.block<bits = 8, group = -1>>) -> tensor<?x8xf32> {
  %y = qnt.matmul %x, %w : tensor<?x132104xf32>, tensor<8x132104x!qnt.block<bits = 8, group = -1>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @too_long(%x: tensor<?x132105xf32>, %w: tensor<8x132105x!qnt.block<bits = 8, group = -1>>) -> tensor<?x8xf32> {
  // expected-error @below {{integer products of 132105 values under one scale do not fit i32 [act-group-size]}}
  // expected-note @below {{--act-group-size=N ends the sum after N values, --group-size=N as well}}
  %y = qnt.matmul %x, %w : tensor<?x132105xf32>, tensor<8x132105x!qnt.block<bits = 8, group = -1>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @zero_points(%x: tensor<?x66312xf32>, %w: tensor<8x66312x!qnt.block<bits = 8, group = -1, zero = int>>) -> tensor<?x8xf32> {
  // expected-error @below {{integer products of 66312 values under one scale do not fit i32 [act-group-size]}}
  // expected-note @below {{--act-group-size=N ends the sum}}
  %y = qnt.matmul %x, %w : tensor<?x66312xf32>, tensor<8x66312x!qnt.block<bits = 8, group = -1, zero = int>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Integer sub-scales are factors of the sum.
func.func @sub_scales(%x: tensor<?x1024xf32>, %w: tensor<8x1024x!qnt.block<bits = 8, group = 32, super = 1024, subBits = 8>>) -> tensor<?x8xf32> {
  // expected-error @below {{integer products of 1024 values under one scale do not fit i32 [act-group-size]}}
  // expected-note @below {{--act-group-size=N ends the sum}}
  %y = qnt.matmul %x, %w : tensor<?x1024xf32>, tensor<8x1024x!qnt.block<bits = 8, group = 32, super = 1024, subBits = 8>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
