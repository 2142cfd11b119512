// Scales reach layers as weights do. Layers stay one function where rules treat them alike, and are copied where not.
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static})' | FileCheck %s --check-prefixes=CHECK,ALIKE
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static types=up.=float,b1=static})' | FileCheck %s --check-prefixes=CHECK,FLOAT
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=a1=static})' | FileCheck %s --check-prefix=APART
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=zz=static,^n$=static})' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{scales=static types=.=dynamic})' 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: not qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=a1,a1=fast,(=static})' 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: qcc-opt %s --pass-pipeline='builtin.module(qcc-quantize-assign-activations{types=c=static})' | FileCheck %s --check-prefix=ARGUMENT
// NONE: warning: --act-type=zz=static matches no weight of integer products
// NONE: warning: --act-type=^n$=static matches no weight of integer products
// NOTHING: warning: no activations have static scales: no norm makes the inputs of integer products; --act-type names others
// BAD: error: --act-type=a1 is not of the form regex=type
// BAD: error: --act-type=a1=fast has the type 'fast'; there are: float, dynamic, static, fp8e4m3, fp8e5m2 (or these with g<N>, N a multiple of 32)
// BAD: error: --act-type=(=static has a bad regular expression: parentheses not balanced

// A norm is in front of one product of the layer, in the function that calls it: every caller passes what a norm makes.
// CHECK: qnt.weight_decl @a1.input_scale {{.*}} {qnt.input_of = @a1}
// FLOAT: qnt.weight_decl @b1.input_scale {{.*}} {qnt.input_of = @b1}
// CHECK: qnt.weight_decl @a2.input_scale {{.*}} {qnt.input_of = @a2}
// CHECK-LABEL: func @main(
// ALIKE: %[[S2:.*]] = qnt.weight @a2.input_scale
// ALIKE: %[[S1:.*]] = qnt.weight @a1.input_scale
// ALIKE: call @layer(%{{.*}}, %{{.*}}, %{{.*}}, %[[S1]])
// ALIKE: call @layer(%{{.*}}, %{{.*}}, %{{.*}}, %[[S2]])
// ALIKE: func private @layer(%{{.*}}: tensor<?x64xf32>, %{{.*}}: tensor<64x64x!qnt.block<bits = 8, group = 32>>, %{{.*}}: tensor<64x64x!qnt.block<bits = 8, group = 32>>, %[[S:.*]]: tensor<1xf32>)
// ALIKE: qnt.quantize %{{.*}} by %[[S]]
// ALIKE: qnt.quantize %{{[a-z0-9]*}} : tensor
// ALIKE-NOT: func private

// One layer has a static scale more than the other.
// FLOAT: call @layer(%{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}) :
// FLOAT: call @layer_0(%{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}) :
// FLOAT-COUNT-2: qnt.quantize %{{.*}} by
// FLOAT: func private @layer_0
// FLOAT: qnt.quantize %{{.*}} by
// FLOAT: qnt.quantize %{{[a-z0-9]*}} : tensor

// Without `scales`, only what rules name is static; their marks are gone from the types.
// APART: call @layer(%{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}) :
// APART: call @layer_0(%{{[a-z0-9]*}}, %{{[a-z0-9]*}}, %{{[a-z0-9]*}}) :
// APART: func private @layer(
// APART-NEXT: qnt.quantize %{{.*}} by
// APART: func private @layer_0(%{{.*}}: tensor<?x64xf32>, %{{.*}}: tensor<64x64x!qnt.block<bits = 8, group = 32>>, %{{.*}}: tensor<64x64x!qnt.block<bits = 8, group = 32>>)
// APART-NOT: by
// What quantizes an argument comes after the scale.
// ARGUMENT-LABEL: func @argument(
// ARGUMENT-NEXT: %[[S:.*]] = qnt.weight @c.input_scale : tensor<1xf32>
// ARGUMENT-NEXT: qnt.quantize %arg0 by %[[S]]
qnt.weight_decl @n : tensor<64xf32> [#qnt.part<rows = 64, transposed = false, values = dense<1.0> : tensor<64xf32>>]
qnt.weight_decl @a1 : tensor<64x64x!qnt.block<bits = 8, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"a1.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @b1 : tensor<64x64x!qnt.block<bits = 8, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"b1.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @a2 : tensor<64x64x!qnt.block<bits = 8, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"a2.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @b2 : tensor<64x64x!qnt.block<bits = 8, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"b2.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
qnt.weight_decl @c : tensor<64x64x!qnt.block<bits = 8, group = 32>> [#qnt.part<rows = 64, transposed = false, data = <"c.data", file 0, offset 0, length 8192> : tensor<64x64xf16>>]
func.func @argument(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c = qnt.weight @c : tensor<64x64x!qnt.block<bits = 8, group = 32>>
  %y = qnt.matmul %x, %c : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = 32>> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = qnt.weight @n : tensor<64xf32>
  %a1 = qnt.weight @a1 : tensor<64x64x!qnt.block<bits = 8, group = 32>>
  %b1 = qnt.weight @b1 : tensor<64x64x!qnt.block<bits = 8, group = 32>>
  %a2 = qnt.weight @a2 : tensor<64x64x!qnt.block<bits = 8, group = 32>>
  %b2 = qnt.weight @b2 : tensor<64x64x!qnt.block<bits = 8, group = 32>>
  %h = qnt.norm rms %x, %n eps 1.0e-5 : tensor<?x64xf32>, tensor<64xf32>
  %y = call @layer(%h, %a1, %b1) : (tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = 32>>, tensor<64x64x!qnt.block<bits = 8, group = 32>>) -> tensor<?x64xf32>
  %g = qnt.norm rms %y, %n eps 1.0e-5 : tensor<?x64xf32>, tensor<64xf32>
  %z = call @layer(%g, %a2, %b2) : (tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = 32>>, tensor<64x64x!qnt.block<bits = 8, group = 32>>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
func.func private @layer(%h: tensor<?x64xf32>, %a: tensor<64x64x!qnt.block<bits = 8, group = 32>>, %b: tensor<64x64x!qnt.block<bits = 8, group = 32>>) -> tensor<?x64xf32> {
  %y = qnt.matmul %h, %a : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = 32>> -> tensor<?x64xf32>
  %z = qnt.matmul %y, %b : tensor<?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = 32>> -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
