// RUN: qcc-opt %s --qcc-kernel-derive-dims --split-input-file --verify-diagnostics | FileCheck %s
// Extents that only results have get a function; names may be any text.

// CHECK-LABEL: func.func @dim.3() -> index attributes {qk.size}
// CHECK-DAG:     %[[B:.*]] = qk.dim "batch"
// CHECK-DAG:     %[[S:.*]] = qk.dim "seq"
// CHECK:         %[[P:.*]] = arith.muli %[[B]], %[[S]]
// CHECK:         %[[T:.*]] = arith.constant 2
// CHECK:         %[[N:.*]] = qk.dim "n (x) + 1"
// CHECK:         %[[M:.*]] = arith.muli %[[T]], %[[N]]
// CHECK:         %[[R:.*]] = arith.addi %[[P]], %[[M]]
// CHECK:         return %[[R]]
// CHECK-LABEL: func.func @dim.4()
// CHECK:         arith.divsi
module attributes {qnt.dims = ["batch", "seq", "n (x) + 1", "batch*seq + 2*n (x) + 1", "div(1 + seq, 2)"],
                   qnt.derived_dims = ["batch*seq + 2*n (x) + 1", "div(1 + seq, 2)"]} {
}

// -----

// expected-error@+1 {{a result has the extent 'batch*other', which does not follow from the inputs' extents [underived-extent]}}
module attributes {qnt.dims = ["batch", "batch*other"], qnt.derived_dims = ["batch*other"]} {
}
