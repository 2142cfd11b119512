// The kernels that are not matrix products, one function each: what it computes is said by the qnt operation of the same name.
// All return the symbol of a function on memrefs (in the order: inputs, outputs) that computes the calling thread's share.
#ifndef QCC_LIB_KERNEL_KERNELS_H
#define QCC_LIB_KERNEL_KERNELS_H
#include "lib/Kernel/AttentionKernels.h"
#include "lib/Kernel/CacheLayout.h"
#include "lib/Kernel/KernelBuilder.h"
#include "lib/Kernel/MatmulKernels.h"
#include "lib/Kernel/RowLayout.h"
namespace qcc {
using mlir::FlatSymbolRefAttr;

/// `width` columns from `offset` on, of rows of `stride` floats.
struct Columns {
  int64_t width, offset = 0, stride = 0;
  Columns(int64_t width) : width(width), stride(width) {}
  Columns(int64_t width, int64_t offset, int64_t stride) : width(width), offset(offset), stride(stride) {}
  std::string name() const;      // "256", "256at128of512": part of kernels' names
  mlir::MemRefType type(mlir::MLIRContext *context) const { return rowsOf(stride, mlir::Float32Type::get(context)); }
};

/// Activations in int8, per row: codes padded with zeros to `paddedK`, a scale for every `group` of them, and their sum for every `sumGroup`.
struct QuantizedRow {
  int64_t k, paddedK;
  int64_t group = 32, sumGroup = 32;   // multiples of 32, -1: the whole row; `sumGroup` divides `group`
  bool isStatic = false;               // one scale for all rows, which is known; `group` is -1
  int64_t scales() const { return group < 0 ? 1 : (paddedK + group - 1) / group; }
  int64_t sums() const { return sumGroup < 0 ? 1 : (paddedK + sumGroup - 1) / sumGroup; }
  /// Columns of a piece of work: whole groups (static: whole sums), `atLeast` columns of them if the row has as many.
  int64_t tile(int64_t atLeast) const;
  std::string name() const;            // "256", "256_g128_s32", "256_grow_static": part of kernels' names
  mlir::SmallVector<mlir::Type> types(mlir::MLIRContext *context) const;   // codes, scales, sums
  /// Adds what a kernel that quantizes takes last: [the scale: memref<1xf32>, where it is static], codes, scales, sums.
  void addTypes(mlir::SmallVectorImpl<mlir::Type> &types, mlir::MLIRContext *context) const;
};

struct NormSpec {
  Columns columns;
  qnt::NormKind kind;
  float epsilon;
  bool bias;
};
/// (input, scale, [bias], output)
FlatSymbolRefAttr normKernel(KernelLibrary &, const NormSpec &);
/// (input, scale, [bias], [scale of codes], codes, scales, sums)
FlatSymbolRefAttr normQuantizeKernel(KernelLibrary &, const NormSpec &, const QuantizedRow &);
/// (input, [scale of codes], codes, scales, sums)
FlatSymbolRefAttr quantizeKernel(KernelLibrary &, const Columns &, const QuantizedRow &);
/// (codes, scales, output)
FlatSymbolRefAttr dequantizeKernel(KernelLibrary &, const QuantizedRow &);
/// Quantizes columns [lo, hi) of `source[at.., column - base]` into row `row` of `out` = {codes, scales, sums}; `lo` is the start of a group (static:
/// of a sum), `hi` the end of one or the row's. `scale` is the memref of a static scale, null for a dynamic one.
void quantizeColumns(KernelBuilder &b, const QuantizedRow &spec, mlir::Value source, mlir::ValueRange at, mlir::Value base, mlir::Value row,
                     mlir::Value lo, mlir::Value hi, mlir::Value scale, mlir::ValueRange out);
/// Zeros behind the row's end.
void padQuantized(KernelBuilder &b, const QuantizedRow &spec, mlir::Value row, mlir::ValueRange out);

/// The function of a vector.
mlir::Value activated(KernelBuilder &b, qnt::Activation kind, mlir::Value x);
/// (input [.., 2F], output [.., F]); `gated` = false: (input [.., F], output): act(input)
FlatSymbolRefAttr activationKernel(KernelLibrary &, qnt::Activation, int64_t width, bool gated);
/// (input [.., 2F], [scale of codes], codes, scales, sums)
FlatSymbolRefAttr gluQuantizeKernel(KernelLibrary &, qnt::Activation, const QuantizedRow &);
struct HadamardSpec {
  int64_t width, block;
  std::optional<qnt::Activation> gate;   // of a gated unit in front: the input has 2 * width channels
};
/// (input, output), or with `row8` (input, [scale of codes], codes, scales, sums)
FlatSymbolRefAttr hadamardKernel(KernelLibrary &, const HadamardSpec &, const QuantizedRow *row8);
/// (input, weight): shows the program's caller the rows before they are multiplied with the weight
FlatSymbolRefAttr observeKernel(KernelLibrary &, int64_t width, mlir::Type weight);
/// (input, output), both `rowsOf(width)`: the input, or what the caller makes of it.
FlatSymbolRefAttr tapKernel(KernelLibrary &, int64_t width);
/// (input, rest, outliers, found), all but the last `rowsOf(width)`; found: memref<width x i32>, 1 for each channel that is an outlier
FlatSymbolRefAttr splitOutliersKernel(KernelLibrary &, int64_t width, double threshold);
/// Whether outlierProductKernel reads such weights.
bool multipliesOutliers(const kernel::PanelLayout &weight);
/// (outliers, found, weight, output): the channels that were found, times their columns of the weight [n, k]
FlatSymbolRefAttr outlierProductKernel(KernelLibrary &, int64_t n, int64_t k, const kernel::PanelLayout &weight);
/// (a, b, output)
FlatSymbolRefAttr addKernel(KernelLibrary &, int64_t width);

/// (ids, table, output); table: memref<bytes x i8>
FlatSymbolRefAttr gatherKernel(KernelLibrary &, const kernel::RowLayout &, int64_t rows, mlir::Type idType);

/// (input, tiles): activations to the bf16 tiles that MatmulArgs::input describes; tiles: memref<M rounded up to 16 x stride x bf16>
FlatSymbolRefAttr roundKernel(KernelLibrary &, const Columns &, int64_t stride);

struct LinearSpec {
  kernel::MatmulSpec matmul;
  int64_t n, k;
  int64_t stride;                // int: QuantizedRow::paddedK of the input; bf16: of the tiles; float: k
};
/// int: (codes, scales, sums, weights, [bias], [addend], output); float: (input, weights, [bias], [addend], output), input: f32 or bf16 tiles;
/// weights: memref<bytes x i8>
FlatSymbolRefAttr linearKernel(KernelLibrary &, const LinearSpec &);

struct RotarySpec {
  Columns columns;
  int64_t heads, half, context;  // rotates 2 * half channels of a head; rows of the tables
  bool interleaved;
  mlir::Type positions;          // element type of a tensor of positions, or null: past + s
};
/// (input, [positions], cos, sin, output)
FlatSymbolRefAttr rotaryKernel(KernelLibrary &, const RotarySpec &);

/// (key, value, [starts], cache); with `rows`, each row of the batch has a start `memref<?xi64>` in place of past
FlatSymbolRefAttr kvUpdateKernel(KernelLibrary &, const CacheLayout &, const Columns &key, const Columns &value, bool rows);
/// (lengths, starts)
FlatSymbolRefAttr rowStartsKernel(KernelLibrary &, mlir::Type length);
/// (pastKey, pastValue, cache): memref<?x kvHeads x ? x D> each
FlatSymbolRefAttr cacheLoadKernel(KernelLibrary &, const CacheLayout &);
/// (cache, [starts], key, value)
FlatSymbolRefAttr cacheStoreKernel(KernelLibrary &, const CacheLayout &, bool rows);

} // namespace qcc
#endif
