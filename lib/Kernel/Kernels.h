// The kernels that are not matrix products, one function each: what it computes is said by the qnt operation of the same name.
// All return the symbol of a function on memrefs (in the order: inputs, outputs) that computes the calling thread's share.
#ifndef QCC_LIB_KERNEL_KERNELS_H
#define QCC_LIB_KERNEL_KERNELS_H
#include "lib/Kernel/AttentionKernels.h"
#include "lib/Kernel/CacheLayout.h"
#include "lib/Kernel/KernelBuilder.h"
#include "lib/Kernel/MatmulKernels.h"
#include "lib/Kernel/RowLayout.h"
#include "lib/Kernel/Rows.h"
namespace qcc {
using mlir::FlatSymbolRefAttr;

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
/// (input, output): the values that codes of 8-bit floats stand for
FlatSymbolRefAttr roundToFloatsKernel(KernelLibrary &, const Columns &, qnt::BlockType);
/// (codes, scales, output)
FlatSymbolRefAttr dequantizeKernel(KernelLibrary &, const QuantizedRow &);
/// Quantizes columns [lo, hi) of `source[at.., column - base]` into row `row` of `out` = {codes, scales, sums}; `lo` is the start of a group (static:
/// of a sum), `hi` the end of one or the row's. `scale` is the memref of a static scale, null for a dynamic one.
void quantizeColumns(KernelBuilder &b, const QuantizedRow &spec, mlir::Value source, mlir::ValueRange at, mlir::Value base, mlir::Value row,
                     mlir::Value lo, mlir::Value hi, mlir::Value scale, mlir::ValueRange out);
/// The same of the vectors `x`, columns from `first` on: a group (static: a sum) of as many columns, of which some may lie behind the row's end, and are 0.
/// A static `scale` is its value.
void quantizeVectors(KernelBuilder &b, const QuantizedRow &spec, mlir::ArrayRef<mlir::Value> x, mlir::Value first, mlir::Value row, mlir::Value scale,
                     mlir::ValueRange out);
/// Zeros behind the row's end.
void padQuantized(KernelBuilder &b, const QuantizedRow &spec, mlir::Value row, mlir::ValueRange out);

/// The function of a vector.
mlir::Value activated(KernelBuilder &b, qnt::Activation kind, mlir::Value x);
/// (input [.., 2F], output [.., F]); `gated` = false: (input [.., F], output): act(input)
FlatSymbolRefAttr activationKernel(KernelLibrary &, qnt::Activation, const Columns &input, bool gated);
/// (input [.., 2F], [scale of codes], codes, scales, sums)
FlatSymbolRefAttr gluQuantizeKernel(KernelLibrary &, qnt::Activation, const Columns &input, const QuantizedRow &);
struct HadamardSpec {
  Columns input;
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
  int64_t outputStride, addendStride;    // of rows of n
};
/// int: (codes, scales, sums, weights, [bias], [addend], output); float: (input, weights, [bias], [addend], output), input: f32 or bf16 tiles;
/// weights: memref<bytes x i8>
FlatSymbolRefAttr linearKernel(KernelLibrary &, const LinearSpec &);

/// A decode product on teams, each of which makes the row of int8 activations itself, in its own memory: (inputs.., [scale of codes], weights, [bias],
/// [addend], output). `make(b, inputs, rank, scale, out)` computes the calling thread's part of `out` = {codes, scales, sums}, one row.
FlatSymbolRefAttr linearOfRowKernel(KernelLibrary &, mlir::StringRef name, mlir::ArrayRef<mlir::Type> inputs, const QuantizedRow &row, const LinearSpec &,
                                    mlir::function_ref<void(KernelBuilder &, mlir::ValueRange, mlir::Value, mlir::Value, mlir::ValueRange)> make);
/// Whether that takes less time than to make it in a step before (TargetVersion::repeatColumns).
bool repeatsRow(const TargetFacts &facts, const QuantizedRow &row, const LinearSpec &);
/// The row is normalized: (input, scale, [bias], then as above).
bool canNormalizeFirst(const TargetFacts &facts, const NormSpec &, const QuantizedRow &, const LinearSpec &);
FlatSymbolRefAttr normLinearKernel(KernelLibrary &, const NormSpec &, const QuantizedRow &, const LinearSpec &);
/// It is that of a gated unit: (input [.., 2F], then as above).
bool canGateFirst(const TargetFacts &facts, const QuantizedRow &, const LinearSpec &);
FlatSymbolRefAttr gluLinearKernel(KernelLibrary &, qnt::Activation, const QuantizedRow &, const LinearSpec &);

/// (input, [positions], cos, sin, output)
FlatSymbolRefAttr rotaryKernel(KernelLibrary &, const RotarySpec &);

/// Of vectors at channels `at` of a head and `partner`, half of the rotated ones away, the rotated one at `at`, which is the lower if `lower` (i1).
mlir::Value rotated(KernelBuilder &b, mlir::Value at, mlir::Value partner, mlir::Value cos, mlir::Value sin, mlir::Value lower);
/// The row of the tables for row `row` of the program's rows, at past + s.
mlir::Value rotaryPosition(KernelBuilder &b, const RotarySpec &spec, mlir::Value row);
mlir::MemRefType rotaryTable(mlir::MLIRContext *context, const RotarySpec &spec);

/// (key, value, [starts], [cos, sin], cache); with `rows`, each row of the batch has a start `memref<?xi64>` in place of past. With `rotary` keys are
/// rotated on their way (canRotateKeys): its columns are the key's.
FlatSymbolRefAttr kvUpdateKernel(KernelLibrary &, const CacheLayout &, const Columns &key, const Columns &value, bool rows,
                                       const RotarySpec *rotary = nullptr);
bool canRotateKeys(const TargetFacts &facts, const CacheLayout &cache, const RotarySpec &spec);
/// (lengths, starts)
FlatSymbolRefAttr rowStartsKernel(KernelLibrary &, mlir::Type length);
/// (pastKey, pastValue, cache): memref<?x kvHeads x ? x D> each
FlatSymbolRefAttr cacheLoadKernel(KernelLibrary &, const CacheLayout &);
/// (cache, [starts], key, value)
FlatSymbolRefAttr cacheStoreKernel(KernelLibrary &, const CacheLayout &, bool rows);

} // namespace qcc
#endif
