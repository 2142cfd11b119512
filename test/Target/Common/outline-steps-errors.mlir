// RUN: qcc-opt %s --qcc-target-outline-steps -verify-diagnostics

// A number that lies in memory may change between two steps, and steps share only memory.
func.func @decode() attributes {qk.rows = "decode"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = qk.bind arena at %c0 : memref<4xindex>
  // expected-error@+1 {{reads a number that the steps of a device program cannot pass on [unsupported-program]}}
  %n = memref.load %x[%c0] : memref<4xindex>
  scf.for %i = %c0 to %n step %c1 {
    memref.store %i, %x[%i] : memref<4xindex>
  }
  return
}
