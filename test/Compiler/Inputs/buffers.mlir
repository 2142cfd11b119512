// Memory instead of values.
func.func @main(%from: memref<4xf32>, %to: memref<4xf32>) {
  memref.copy %from, %to : memref<4xf32> to memref<4xf32>
  return
}
