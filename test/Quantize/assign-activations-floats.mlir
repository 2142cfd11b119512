// 8-bit floats beside any quantized weight, where a rule says so: once per value and format. A rule for int8 passes over weights without integers.
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=^a=float,^b=fp8e5m2,.=dynamic,.=fp8e4m3})' 2>&1 | FileCheck %s
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=.=fp8e4m3g128})' | FileCheck %s --check-prefix=GROUPS
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static types=^f=fp8e4m3,.=fp8e4m3})' 2>&1 | FileCheck %s --check-prefix=STATIC
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{abits=32 types=.=fp8e4m3})' | FileCheck %s --check-prefix=NONE
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=.=fp8e4m3g48,.=nf4,.=w8g32s32,.=mxfp4})' 2>&1 | FileCheck %s --check-prefix=BAD
// STATIC: warning: --act-type=^f=fp8e4m3 matches no quantized weight
// STATIC-NOT: warning: --act-type
// STATIC: warning: no activations have static scales
// STATIC-NOT: input_scale
// NONE-NOT: qnt.quantize
// BAD: error: --act-type=.=fp8e4m3g48 has the type 'fp8e4m3g48'; there are: float, dynamic, static, fp8e4m3, fp8e5m2 (or these with g<N>, N a multiple of 32)
// BAD: error: --act-type=.=nf4 has the type
// BAD: error: --act-type=.=w8g32s32 has the type
// BAD: error: --act-type=.=mxfp4 has the type

qnt.weight_decl @a : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> [#qnt.part<rows = 64, transposed = false, data = <"a.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @b : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">> [#qnt.part<rows = 64, transposed = false, data = <"b.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @c : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> [#qnt.part<rows = 64, transposed = false, data = <"c.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @d : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> [#qnt.part<rows = 64, transposed = false, data = <"d.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @e : tensor<64x64x!qnt.block<bits = 4, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"e.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @f : tensor<64x64xf16> [#qnt.part<rows = 64, transposed = false, data = <"f.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]

// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x64xf32>
// CHECK-DAG: %[[E4:.*]] = qnt.quantize %[[X]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
// CHECK-DAG: %[[E5:.*]] = qnt.quantize %[[X]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">>
// CHECK-DAG: %[[I8:.*]] = qnt.quantize %[[X]] : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
// CHECK-NOT: qnt.quantize
// CHECK: qnt.matmul %[[X]], %{{.*}} : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
// CHECK: qnt.matmul %[[E5]],
// CHECK: qnt.matmul %[[E4]],
// CHECK: qnt.matmul %[[E4]],
// CHECK: qnt.matmul %[[I8]],
// CHECK: qnt.matmul %[[X]], %{{.*}} : tensor<?x64xf32>, tensor<64x64xf16>
// GROUPS: %[[Q:.*]] = qnt.quantize %{{.*}} -> tensor<?x64x!qnt.block<element = table, bits = 8, group = 128, scale = f32, table = "e4m3">>
// GROUPS-NOT: qnt.quantize
// GROUPS-COUNT-5: qnt.matmul %[[Q]],
func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  %a = qnt.weight @a : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  %ya = qnt.matmul %x, %a : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> -> tensor<?x64xf32>
  %b = qnt.weight @b : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">>
  %yb = qnt.matmul %x, %b : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">> -> tensor<?x64xf32>
  %c = qnt.weight @c : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  %yc = qnt.matmul %x, %c : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> -> tensor<?x64xf32>
  %d = qnt.weight @d : tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
  %yd = qnt.matmul %x, %d : tensor<?x64xf32>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> -> tensor<?x64xf32>
  %e = qnt.weight @e : tensor<64x64x!qnt.block<bits = 4, group = 32>>
  %ye = qnt.matmul %x, %e : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  %f = qnt.weight @f : tensor<64x64xf16>
  %yf = qnt.matmul %x, %f : tensor<?x64xf32>, tensor<64x64xf16> -> tensor<?x64xf32>
  return %ya, %yb, %yc, %yd, %ye, %yf : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}
