// RUN: qcc-opt %s --qcc-target-lower-program -split-input-file -verify-diagnostics

module attributes {qnt.dims = ["batch"]} {
  func.func @decode() -> index {
    // expected-error @below {{the program has no dimension 'speed'}}
    %n = qk.dim "speed"
    return %n : index
  }
}

// -----

func.func @decode() {
  %c0 = arith.constant 0 : index
  // expected-error @below {{binds memory that only programs of devices have}}
  %m = qk.bind scratch at %c0 : memref<4xf32>
  return
}
