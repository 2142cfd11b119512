// RUN: qcc-opt %s --qcc-kernel-place-buffers -verify-diagnostics
func.func @long(%m: memref<1xindex>) {
  %c0 = arith.constant 0 : index
  %n = memref.load %m[%c0] : memref<1xindex>
  // expected-error @below {{has a size that does not follow from the program's dimensions}}
  %a = memref.alloc(%n) : memref<?xf32>
  memref.store %n, %m[%c0] : memref<1xindex>
  %d = memref.cast %a : memref<?xf32> to memref<?xf32, strided<[1]>>
  return
}
