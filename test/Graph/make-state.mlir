// RUN: qcc-opt %s --qcc-graph-make-state | FileCheck %s
// RUN: qcc-opt %S/Inputs/make-state-mixed.mlir --qcc-graph-make-state | FileCheck %s --check-prefix=MIXED
// RUN: qcc-opt %s --qcc-graph-make-state="element=f32 max-context=16" | FileCheck %s --check-prefix=F32
// RUN: qcc-opt %s --qcc-graph-make-state=kv-cache=io | FileCheck %s --check-prefix=IO
// RUN: qcc-opt %s --qcc-graph-make-state=element=i8 | FileCheck %s --check-prefix=I8
// RUN: not qcc-opt %s --qcc-graph-make-state=element=i5 2>&1 | FileCheck %s --check-prefix=ELEMENT
// RUN: not qcc-opt %s --qcc-graph-make-state=max-context=64 2>&1 | FileCheck %s --check-prefix=LONG
// RUN: not qcc-opt %s --qcc-graph-make-state=kv-cache=both 2>&1 | FileCheck %s --check-prefix=FORM

// CHECK: module attributes {qnt.dims = ["batch", "seq", "past", "context"], qnt.max_context = 32 : i64}
// CHECK: func.func @main(%arg0: tensor<?x?x16xf32> {{{.*}}}, %arg1: !qnt.cache<2x8xf16> {qnt.name = "kv.0", qnt.role = "state", qnt.state = 0 : i64}) -> tensor<?x?x16xf32>
// CHECK:   %[[P:.*]] = qnt.positions at %{{.*}} : tensor<?x?xi64>
// CHECK:   %[[K:.*]] = qnt.rotary %arg0 at %[[P]]
// CHECK:   qnt.kv_update %[[K]], %arg0 into %arg1
// CHECK:   qnt.attention %{{.*}} over %arg1 at %{{.*}} heads 2
// CHECK-NOT: qnt.cache_store

// Only what goes through the cache that becomes state loses its mask and the starts of its rows.
// MIXED: func.func @main(%arg0: tensor<?x?x16xf32> {{{.*}}}, %arg1: tensor<?x?xi64> {{{.*}}}, %arg2: tensor<?xi32> {{{.*}}}, %arg3: !qnt.cache<2x8xf16>
// MIXED:   %[[S:.*]] = qnt.row_starts %arg2
// MIXED:   %[[P:.*]] = qnt.positions at %{{.*}} rows %[[S]]
// MIXED:   %[[Q:.*]] = qnt.rotary %arg0 at %[[P]]
// MIXED:   qnt.kv_update %[[Q]], %arg0 into %[[C:.*]] at %{{.*}} rows %[[S]]
// MIXED:   %[[A:.*]] = qnt.attention %[[Q]] over %[[C]] at %{{.*}} rows %[[S]] : tensor<?xi64> mask %arg1 heads
// MIXED:   %[[P2:.*]] = qnt.positions at %{{.*}} : tensor<?x?xi64>
// MIXED:   %[[Q2:.*]] = qnt.rotary %[[A]] at %[[P2]]
// MIXED:   qnt.kv_update %[[Q2]], %arg0 into %arg3 at %{{[^ ]*}} :
// MIXED:   qnt.attention %[[Q2]] over %arg3 at %{{[^ ]*}} heads

// F32: qnt.max_context = 16
// F32: !qnt.cache<2x8xf32> {qnt.name = "kv.0"

// IO: qnt.dims = ["batch", "seq", "past", "total"], qnt.max_context = 32
// IO: func @main(%arg0: {{.*}}, %arg1: tensor<?x?xi64> {{.*}}, %arg2: tensor<?x?xi64> {{.*}}, %arg3: tensor<?x2x?x8xf32> {{.*}}, %arg4
// IO: qnt.cache_load %arg3, %arg4
// IO: qnt.cache_store

// I8: !qnt.cache<2x8xi8> {qnt.name = "kv.0"
// ELEMENT: element is f32, f16, i8 or i4, not 'i5'

// LONG: max-context is 64, but the model's rotary tables have 32 positions [max-context]
// LONG: note: the table is here
// FORM: kv-cache is 'state' or 'io', not 'both'
qnt.weight_decl @cos : tensor<32x4xf32> [#qnt.part<rows = 32, transposed = false, data = <"c", file 0, offset 0, length 512> : tensor<32x4xf32>>]
func.func @main(%x: tensor<?x?x16xf32> {qnt.dims = ["batch", "seq", "16"]}, %positions: tensor<?x?xi64> {qnt.dims = ["batch", "seq"], qnt.role = "positions"},
    %mask: tensor<?x?xi64> {qnt.dims = ["batch", "total"], qnt.role = "mask"},
    %pk: tensor<?x2x?x8xf32> {qnt.name = "kv.0.key", qnt.dims = ["batch", "2", "past", "8"], qnt.role = "past"}, %pv: tensor<?x2x?x8xf32> {qnt.name = "kv.0.value", qnt.dims = ["batch", "2", "past", "8"], qnt.role = "past"})
    -> (tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) {
  %c = qnt.weight @cos : tensor<32x4xf32>
  %q = qnt.rotary %x at %positions, %c, %c heads 2 : tensor<?x?x16xf32>, tensor<?x?xi64>, tensor<32x4xf32>
  %p = qnt.dim "past"
  %s = qnt.dim "seq"
  %total = arith.addi %p, %s : index
  %cache = qnt.cache_load %pk, %pv : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> !qnt.cache<2x8xf32>
  qnt.kv_update %q, %x into %cache at %p : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>
  %a = qnt.attention %q over %cache at %p mask %mask heads 2 scale 1.0 : tensor<?x?x16xf32>, !qnt.cache<2x8xf32>, tensor<?x?xi64>
  %k, %v = qnt.cache_store %cache at %total : !qnt.cache<2x8xf32> -> tensor<?x2x?x8xf32>
  return %a, %k, %v : tensor<?x?x16xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}
