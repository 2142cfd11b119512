// RUN: qcc-opt %s --qcc-target-lower-program -verify-diagnostics

module attributes {qnt.dims = ["batch"]} {
  func.func @decode() -> index {
    // expected-error @below {{the program has no dimension 'speed'}}
    %n = qk.dim "speed"
    return %n : index
  }
}
