// Generator of matrix product kernels: y[m][n] = sum over k of x[m][k] * w[n][k], w in packed panels (Packing.h).
//
// A kernel is a func.func over scf, vector, memref, arith and the qk hooks. Sizes are arguments, so one kernel serves all layers. A call
// computes panels [panelBegin, panelEnd) for all M rows: the caller gives every thread its own range. Nothing is shared between calls and
// nothing is allocated but stack.
//
// Numbers. Integer activations: for each run of k in which the float scales are constant (qnt::exactRun: gcd(k per stored scale, activation group)),
// ascending, y = fma(float(i32 sum), sw * sx, y), with integer zero points inside the exact i32 sum, which rounds to f32 once (float
// zero points: t = fma(-z, float(sum of x), float(dot)), y = fma(t, sw * sx, y); minima: y = fma(float(dot), sw * sx, y), then
// y = fma(float(sum of x) * sx, m, y)). Sub-scales and sub-minima: of a run within one group, factors of sw and m in f32, else inside the sums
// (qnt::sumsHaveSubScales). Tables have integers and a unit (qnt::CodeTable::Integers), a factor of sx in f32. That order is the same in every version and
// row class, so results are bit-equal for any M and any division into panels; a run may overflow on its way, not at its end (qnt::sumsFit).
// Float activations: products of exactly decoded weights, one fma per k. Decode and short: t = the sum of a step's (code - zero) * x, k ascending, then y = fma(t, scale, y);
// float weights: one sum. Long: one sum of x * (f32 code * scale); so long rows differ from the others by rounding.
// Where threads form teams (TargetVersion::teamThreads), decode and short kernels sum so many parts of K, whole superblocks and runs each, from zero
// and add the parts in order, of teams of a cluster first each team's own: the same bits for any M up to 15, and long kernels within the float bound of them.
// In bf16 (tiles of a matrix unit): activations and decoded weights rounded to bfloat16, products summed in f32, in the unit's order. A row's
// result depends neither on M nor on the division into panels. |y - exact| <= (2^-7 + 2^-16 + 2 K 2^-24) * sum of |x w|: half a unit in the
// eighth bit for each factor, then the sum. The unit takes numbers below 2^-126 as zero.
// The epilogue comes last: y + bias, then + addend.
#ifndef QCC_KERNEL_MATMULKERNELS_H
#define QCC_KERNEL_MATMULKERNELS_H
#include "lib/Kernel/Packing.h"
#include "qcc/Base/TargetInfo.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
namespace qcc::kernel {

/// Which M a kernel is made for: 1, 2 to 15, more. Long ones are right for any M, short ones up to 16.
enum class RowClass { Decode, Short, Long };

struct MatmulSpec {
  PanelLayout weight;
  bool intActivations = true;                        // i8 codes with scales and sums; false: f32
  int64_t activationGroup = 32;                      // k per scale of i8 codes: a multiple of 32; -1: the whole row
  int64_t sumGroup = 32;                             // k per stored sum of i8 codes: 16, or a multiple of 32, that divides sumK(); -1: the whole row
  bool bf16 = false;                                 // float activations that come as bf16 tiles, for a matrix unit; Long only
  RowClass rows = RowClass::Decode;
  unsigned together = 0;                             // k of a row that lie together with those of three others (MatmulArgs::input): 4, 8; 0: rows lie apart; Long only
  unsigned team = 1;                                 // threads that divide K; of long products, the panels of a tile (hasTeamTiles)
  unsigned cluster = 1;                              // teams that divide K; where team > 1
  bool rowRange = false;                             // a call computes rows rowBegin..m: threads divide them too; Long only
  bool bias = false;                                 // + bias[n]
  bool addend = false;                               // + addend[m][n] (residual); may be the output itself
  /// Few enough rows that reading the weights is what takes the time: they are not unpacked to scratch.
  bool streams() const { return rows != RowClass::Long; }
  /// k of an exact sum of i8 products: 16, a multiple of 32, or -1: the whole row.
  int64_t run() const { return qnt::exactRun(weight.group, weight.super, activationGroup); }
  /// Integer sub-scales that multiply sums.
  bool hasSubscales() const { return qnt::sumsHaveSubScales(weight.group, weight.super, activationGroup); }
  /// Such sub-scales, as factors of unpacked codes.
  bool foldsSubscales() const { return rows == RowClass::Long && hasSubscales() && weight.foldsSubscale(); }
  /// k of the longest sums of i8 codes that are of use: 16, a multiple of 32, or -1: the whole row.
  int64_t sumK() const;
  /// `qk_matmul_w4g32_a8_decode`, `.._a8g128s32_..` for other activation and sum groups, with `_x4` (together), `_t16` (team), `_t16x2` (cluster), `_range`, `_bias`, `_add`.
  std::string name() const;
};

/// Arguments, in the order of the function's parameters. Memrefs are rank 1, with identity layout; strides count elements.
struct MatmulArgs {
  mlir::Value weights, weightOffset;                 // memref<?xi8>, index: where the weight starts, a multiple of 64
  mlir::Value input, inputStride;                    // int: memref<?xi8> codes, row stride >= paddedK(K), zeros past K; float: memref<?xf32>;
                                                     // spec.together: of rows 4i .. 4i + 3, if there are all four, in the place of these
                                                     // rows [stride / together][4][together], and scales [scaleStride][4];
                                                     // bf16: memref<?xbf16> [M/16][stride/32][16][32], zeros past K and M, stride % 32 = 0
  mlir::Value scales, scaleStride, sums, sumStride;  // int only: memref<?xf32>, memref<?xi32>: per row and activation group, sum group; row strides
  mlir::Value output, outputStride;                  // memref<?xf32>
  mlir::Value m, n, k;                               // index
  mlir::Value panelBegin, panelEnd;                  // index
  mlir::Value prefetch;                              // spec.streams() only: index, bytes ahead that weights are prefetched; 0: not at all
  mlir::Value rowBegin;                              // spec.rowRange only: index
  mlir::Value bias;                                  // memref<?xf32>, if the spec has it
  mlir::Value addend, addendStride;                  // memref<?xf32>, index, if the spec has it
};

/// MatmulSpec::together as `version` has the fastest kernel for `spec`.
unsigned rowsTogether(const MatmulSpec &spec, const TargetVersion &version);
/// Whether `version` has a matrix unit of teams for a long product: spec.team is then theirs, TargetVersion::teamMma.
bool hasTeamTiles(const MatmulSpec &spec, const TargetVersion &version);
/// Rows of a tile of such a team, by how many rows and tiles there are: few tiles are smaller.
constexpr int64_t teamTileRows = 64, smallTeamTileRows = 32;
/// Registers of 32 bits that a lane of such a team needs.
constexpr int64_t teamTileRegisters = 255;
/// The team for a product with weights [n][k]: the same for decode and short kernels, so that rows do not change what is added up in which order.
unsigned teamFor(const MatmulSpec &spec, int64_t n, int64_t k, const TargetVersion &version);
/// The cluster for a product on teams of `team`.
unsigned clusterFor(const MatmulSpec &spec, int64_t n, int64_t k, unsigned team, const TargetVersion &version);
/// Memory of a team that a decode kernel joins its sums in.
int64_t teamBytes(const MatmulSpec &spec);
/// Whether a kernel has superblocks in registers before it multiplies them: the first ones while it waits for its input.
bool holdsSupers(const MatmulSpec &spec);
/// Whether `version` has what spec.bf16 needs.
bool hasBf16Tiles(const TargetVersion &version, const PanelLayout &weight, RowClass rows);
/// Panels that a kernel computes together (0: any number is as good): dividing work at multiples keeps every thread on the fast path.
int64_t panelStep(const MatmulSpec &spec, const TargetVersion &version);

mlir::FunctionType matmulType(mlir::MLIRContext *context, const MatmulSpec &spec);
/// Builds the kernel as a private function called `name` at the builder's insertion point (in a module).
/// A panel is at most a register, or several whole ones.
mlir::func::FuncOp buildMatmul(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name, const MatmulSpec &spec, const TargetVersion &version);
mlir::func::CallOp callMatmul(mlir::OpBuilder &builder, mlir::Location loc, mlir::func::FuncOp kernel, const MatmulSpec &spec, const MatmulArgs &args);

} // namespace qcc::kernel
#endif
