// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations)' | FileCheck %s
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=32})' | FileCheck %s --check-prefix=FLOAT
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=16})' | FileCheck %s --check-prefix=BF16
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=4})' 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=-1})' | FileCheck %s --check-prefix=ROW
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=128})' | FileCheck %s --check-prefix=LONG
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=48})' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=65568})' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{group=-1 outliers=6})' | FileCheck %s --check-prefix=OUTLIERS
// GROUP: error: activations have groups of a multiple of 32 values, up to 65536, or -1 for the whole row, not {{48|65568}}
// ROW: qnt.quantize %{{.*}} -> tensor<?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
// LONG: qnt.quantize %{{.*}} -> tensor<?x64x!qnt.block<bits = 8, group = 128, scale = f32>>
// FLOAT-NOT: qnt.quantize
// FLOAT-NOT: bf16
// BF16-NOT: qnt.quantize
// BF16-COUNT-5: qnt.matmul %{{[^:]*}} bf16 : tensor<?x64xf32>,
// BITS: error: activations have 8, 16 or 32 bits, not 4

// One per value, whoever reads it; float weights and groups of 16 keep float inputs.
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
                         %d: tensor<64x64x!qnt.block<bits = 4, group = 16>>) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Q:.*]] = qnt.quantize %[[X]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
  // CHECK-NEXT: %[[Y0:.*]] = qnt.matmul %[[Q]],
  %y0 = qnt.matmul %x, %a : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[Q]],
  %y1 = qnt.matmul %x, %b : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[X]],
  %y2 = qnt.matmul %x, %c : tensor<?x64xf32>, tensor<64x64xf16> -> tensor<?x64xf32>
  // CHECK-NEXT: qnt.matmul %[[X]],
  %y3 = qnt.matmul %x, %d : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 16>> -> tensor<?x64xf32>
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

// Codes that select from a table are no integers to multiply.
// CHECK-LABEL: func @code_table(
// CHECK-NEXT: qnt.matmul %{{.*}} : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table
func.func @code_table(%x: tensor<?x64xf32>, %w: tensor<64x64x!qnt.block<element = table, bits = 4, group = 32, table = "nf4">>) -> tensor<?x64xf32> {
  %y = qnt.matmul %x, %w : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 4, group = 32, table = "nf4">> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
