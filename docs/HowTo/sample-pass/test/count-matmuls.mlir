// RUN: qcc-opt %s --load-pass-plugin=%plugin --pass-pipeline='builtin.module(func.func(sample-count-matmuls))' | FileCheck %s

// CHECK: func.func @two_linear_layers({{.*}}attributes {sample.matmuls = 2 : i64}
func.func @two_linear_layers(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>) -> tensor<1x8xf32> {
  %0 = qnt.matmul %x, %w : tensor<1x8xf32>, tensor<8x8xf32> -> tensor<1x8xf32>
  %1 = qnt.matmul %0, %w : tensor<1x8xf32>, tensor<8x8xf32> -> tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// A function without linear layers is left as it is.
// CHECK: func.func @none(%{{.*}}: tensor<1x8xf32>) -> tensor<1x8xf32> {
func.func @none(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  return %x : tensor<1x8xf32>
}
