// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations)' | FileCheck %s
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=32})' | FileCheck %s --check-prefix=FLOAT
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=16})' | FileCheck %s --check-prefix=BF16
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=4})' 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=-1})' | FileCheck %s --check-prefix=ROW
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=128})' | FileCheck %s --check-prefix=LONG
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=48})' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=65568})' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=-1 outliers=6})' | FileCheck %s --check-prefix=OUTLIERS
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static})' | FileCheck %s --check-prefix=STATIC
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=fixed})' 2>&1 | FileCheck %s --check-prefix=SCALES
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static outliers=6})' 2>&1 | FileCheck %s --check-prefix=BOTH
// SCALES: error: scales of activations are dynamic or static, not 'fixed'
// BOTH: error: outliers are found at run time, and so are the scales of what is left: they exclude static scales and --act-type
// GROUP: error: activations have groups of a multiple of 32 values, up to 65536, or -1 for the whole row, not {{48|65568}}
// ROW: qnt.quantize %{{.*}} -> tensor<?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
// LONG: qnt.quantize %{{.*}} -> tensor<?x64x!qnt.block<bits = 8, group = 128, scale = f32>>
// FLOAT-NOT: qnt.quantize
// FLOAT-NOT: bf16
// BF16-NOT: qnt.quantize
// BF16-COUNT-5: qnt.matmul %{{[^:]*}} bf16 : tensor<?x64xf32>,
// BITS: error: activations have 8, 16 or 32 bits, not 4

// One per value, whoever reads it; float weights and groups that end within 16 keep float inputs.
// CHECK-LABEL: func @one_per_value(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x64xf32>
// Outliers apart, once per value as well; their product joins that of the codes before anything else reads it.
// OUTLIERS-LABEL: func @one_per_value(
// OUTLIERS-NEXT: %[[REST:.*]], %[[OUT:.*]] = qnt.split_outliers %{{.*}} above 6.000000e+00 : tensor<?x64xf32>
// OUTLIERS-NEXT: %[[Q:.*]] = qnt.quantize %[[REST]]
// OUTLIERS-NEXT: %[[CODES:.*]] = qnt.matmul %[[Q]], %[[W:[a-z0-9]*]] :
// OUTLIERS-NEXT: %[[FLOATS:.*]] = qnt.matmul %[[OUT]], %[[W]] :
// OUTLIERS-NEXT: %[[Y0:.*]] = arith.addf %[[FLOATS]], %[[CODES]]
// OUTLIERS-NEXT: qnt.matmul %[[Q]],
// OUTLIERS-NEXT: qnt.matmul %[[OUT]],
func.func @one_per_value(%x: tensor<?x64xf32>, %a: tensor<64x64x!qnt.block<bits = 4, group = 32>>, %b: tensor<64x64x!qnt.block<bits = 8, group = -1>>, %c: tensor<64x64xf16>,
                         %d: tensor<64x64x!qnt.block<bits = 4, group = 24>>) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Q:.*]] = qnt.quantize %[[X]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
  // CHECK-NEXT: %[[Y0:.*]] = qnt.matmul %[[Q]],
  %y0 = qnt.matmul %x, %a : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[Q]],
  %y1 = qnt.matmul %x, %b : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[X]],
  %y2 = qnt.matmul %x, %c : tensor<?x64xf32>, tensor<64x64xf16> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[X]],
  %y3 = qnt.matmul %x, %d : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 24>> -> tensor<?x64xf32>
  %s0 = arith.addf %y0, %y1 : tensor<?x64xf32>
  %s1 = arith.addf %y2, %y3 : tensor<?x64xf32>
  // CHECK: %[[S:.*]] = arith.addf
  // CHECK: %[[S:.*]] = arith.addf
  // CHECK: %[[S:.*]] = arith.addf
  %s = arith.addf %s0, %s1 : tensor<?x64xf32>
  // CHECK-NEXT: qnt.quantize %[[S]]
  %z = qnt.matmul %s, %a : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}

// A table with integers is as good, in groups of 16 too; 8-bit floats have none.
// CHECK-LABEL: func @code_table(
// CHECK-NEXT: %[[Q:.*]] = qnt.quantize
// CHECK-NEXT: qnt.matmul %[[Q]],
// CHECK-NEXT: qnt.matmul %{{.*}} : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8,
func.func @code_table(%x: tensor<?x64xf32>, %w: tensor<64x64x!qnt.block<element = table, bits = 4, group = 16, table = "nf4">>,
                      %v: tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, table = "e4m3">>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %y = qnt.matmul %x, %w : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 4, group = 16, table = "nf4">> -> tensor<?x64xf32>
  %z = qnt.matmul %x, %v : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, table = "e4m3">> -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// What a norm makes has one scale, known before the program runs and named after the first weight that reads it. Anything else has dynamic ones.
// STATIC: qnt.weight_decl @one : {{.*}}
// STATIC-NEXT: qnt.weight_decl @one.input_scale : tensor<1xf32> [#qnt.part<rows = 1, transposed = false>] {qnt.input_of = @one}
// STATIC-NEXT: qnt.weight_decl @two
// STATIC-LABEL: func @static(
// STATIC: %[[S:.*]] = qnt.weight @one.input_scale : tensor<1xf32>
// STATIC: %[[H:.*]] = qnt.norm rms
// STATIC-NEXT: %[[Q:.*]] = qnt.quantize %[[H]] by %[[S]] : tensor<?x64xf32>, tensor<1xf32> -> tensor<?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
// STATIC-NEXT: %[[Y:.*]] = qnt.matmul %[[Q]],
// STATIC-NEXT: %[[D:.*]] = qnt.quantize %[[Y]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
// STATIC-NEXT: qnt.matmul %[[Q]],
// STATIC-NEXT: qnt.matmul %[[D]],
// CHECK-LABEL: func @static(
// CHECK: qnt.weight @one
// CHECK: qnt.quantize %{{[a-z0-9]*}} : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
qnt.weight_decl @n : tensor<64xf32> [#qnt.part<rows = 64, transposed = false, values = dense<1.0> : tensor<64xf32>>]
qnt.weight_decl @one : tensor<64x64x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 64, transposed = false, values = dense<1.0> : tensor<64x64xf32>>]
qnt.weight_decl @two : tensor<64x64x!qnt.block<bits = 8, group = -1>> [#qnt.part<rows = 64, transposed = false, values = dense<1.0> : tensor<64x64xf32>>]
func.func @static(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %n = qnt.weight @n : tensor<64xf32>
  %one = qnt.weight @one : tensor<64x64x!qnt.block<bits = 4, group = 32>>
  %two = qnt.weight @two : tensor<64x64x!qnt.block<bits = 8, group = -1>>
  %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x64xf32>, tensor<64xf32>
  %a = qnt.matmul %h, %one : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  %b = qnt.matmul %h, %two : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x64xf32>
  %c = qnt.matmul %a, %two : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x64xf32>
  return %b, %c : tensor<?x64xf32>, tensor<?x64xf32>
}
