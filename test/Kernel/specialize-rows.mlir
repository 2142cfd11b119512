// RUN: qcc-opt %s --qcc-kernel-specialize-rows | FileCheck %s
// CHECK-NOT: func.func @main
// CHECK-LABEL: func.func @long() {{.*}} {qk.rows = "long"}
// CHECK: qnt.dim "seq"
// CHECK: call @layer.long
// CHECK-LABEL: func.func @short() {{.*}} {qk.rows = "short"}
// CHECK-LABEL: func.func @decode() {{.*}} {qk.rows = "decode"}
// CHECK: arith.constant 1 : index
// CHECK: call @layer.decode
// CHECK-LABEL: func.func private @layer.decode
// CHECK-SAME: qk.rows = "decode"
// CHECK-NOT: qnt.dim "batch"
// CHECK: qnt.dim "past"
func.func @main() -> (index, index) {
  %s = qnt.dim "seq"
  %l = call @layer() : () -> index
  return %s, %l : index, index
}
func.func private @layer() -> index {
  %b = qnt.dim "batch"
  %p = qnt.dim "past"
  %t = arith.addi %b, %p : index
  return %t : index
}
