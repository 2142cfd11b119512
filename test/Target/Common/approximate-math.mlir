// RUN: qcc-opt %s --qcc-target-approximate-math | FileCheck %s
// CHECK-LABEL: func.func @erf
// CHECK-NOT: math.erf
// CHECK: arith.select
// CHECK: math.fma
// CHECK: arith.divf
func.func @erf(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.erf %x : vector<16xf32>
  return %y : vector<16xf32>
}
// What a processor rounds itself stays.
// CHECK-LABEL: func.func @round
// CHECK: math.roundeven
func.func @round(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.roundeven %x : vector<16xf32>
  return %y : vector<16xf32>
}
