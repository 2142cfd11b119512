// How kernels are told of rows of activations: columns of wider rows, codes, rotations.
#ifndef QCC_LIB_KERNEL_ROWS_H
#define QCC_LIB_KERNEL_ROWS_H
#include "lib/Kernel/KernelBuilder.h"
namespace qcc {

/// `width` columns from `offset` on, of rows of `stride` floats.
struct Columns {
  int64_t width, offset = 0, stride = 0;
  Columns(int64_t width) : width(width), stride(width) {}
  Columns(int64_t width, int64_t offset, int64_t stride) : width(width), offset(offset), stride(stride) {}
  std::string name() const;      // "256", "256at128of512": part of kernels' names
  std::string place() const;     // "", "at128of512": the same beside another name of the width
  mlir::MemRefType type(mlir::MLIRContext *context) const { return rowsOf(stride, mlir::Float32Type::get(context)); }
};

/// Activations in int8, per row: codes padded with zeros to `paddedK`, a scale for every `group` of them, and their sum for every `sumGroup`.
struct QuantizedRow {
  int64_t k, paddedK;
  int64_t group = 32, sumGroup = 32;   // multiples of 32, -1: the whole row; `sumGroup` divides `group` and may be 16
  bool isStatic = false;               // one scale for all rows, which is known; `group` is -1
  unsigned together = 0;               // kernel::MatmulSpec::together
  int64_t scales() const { return group < 0 ? 1 : (paddedK + group - 1) / group; }
  int64_t sums() const { return sumGroup < 0 ? 1 : (paddedK + sumGroup - 1) / sumGroup; }
  /// Columns that are quantized together: a group (static: a sum, but a block of 32 at least), -1: the whole row.
  int64_t unit() const { return !isStatic ? group : sumGroup < 0 ? -1 : std::max<int64_t>(sumGroup, 32); }
  /// Columns of a piece of work: whole groups (static: whole sums), `atLeast` columns of them if the row has as many.
  int64_t tile(int64_t atLeast) const;
  std::string name() const;            // "256", "256_g128_s32", "256_grow_static", "256_x4": part of kernels' names
  mlir::SmallVector<mlir::Type> types(mlir::MLIRContext *context) const;   // codes, scales, sums
  /// Adds what a kernel that quantizes takes last: [the scale: memref<1xf32>, where it is static], codes, scales, sums.
  void addTypes(mlir::SmallVectorImpl<mlir::Type> &types, mlir::MLIRContext *context) const;
};

struct RotarySpec {
  Columns columns;
  int64_t heads, half, context;  // rotates 2 * half channels of a head; rows of the tables
  bool interleaved;
  mlir::Type positions;          // element type of a tensor of positions, or null: past + s
};
} // namespace qcc
#endif
