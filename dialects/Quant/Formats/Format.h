// Weight formats as data: what a format is called, how large it is, how rows are encoded and decoded.
// A format is the element type of a weight tensor: f32, f16, bf16, or `!qnt.block<...>`. Each family (Formats.def) is one file here.
#ifndef QCC_DIALECTS_QUANT_FORMATS_FORMAT_H
#define QCC_DIALECTS_QUANT_FORMATS_FORMAT_H
#include "dialects/Quant/Quant.h"
#include <optional>
#include <string>
#include <vector>

namespace qcc::qnt {
class CodeTable;

/// Consecutive rows of one weight, unpacked: what encoders make and what packers and decoders read. A view; owns nothing.
/// `value = scale * (code - zero)`, or `scale * code + minimum`. A row has `groups = ceil(K / group)` groups, the last one may be short.
struct QuantizedRows {
  mlir::Type element;                     // the format: f32, f16, or a BlockType
  int64_t firstRow = 0, rows = 0, K = 0;  // rows firstRow .. firstRow + rows - 1 of the weight
  int64_t group = 0, groups = 0;          // elements per scale (K when the format says -1); scales per row
  int64_t superBlocks = 0;                // two-level only: stored scales per row
  llvm::ArrayRef<float> values;           // float formats: [rows][K], exactly representable in `element`; nothing else is set
  llvm::ArrayRef<uint8_t> codes;          // [rows][K], one byte a code, as stored (unsigned)
  llvm::ArrayRef<float> scales;           // [rows][groups], two-level [rows][superBlocks]; what is stored stands for exactly these
  llvm::ArrayRef<uint8_t> scaleCodes;     // coded scale kinds (ScaleStorage::table): [rows][groups], what `scales` are stored as
  llvm::ArrayRef<float> numbers;          // coded scale kinds: [ScaleStorage::numbers] of the whole weight
  llvm::ArrayRef<uint8_t> subScales;      // two-level: [rows][groups], as stored
  llvm::ArrayRef<float> mins;             // minima: as many as scales
  llvm::ArrayRef<uint8_t> subMins;        // two-level minima, or shifts: [rows][groups]
  llvm::ArrayRef<uint8_t> zeros;          // integer zero points: [rows][groups]
  llvm::ArrayRef<float> floatZeros;       // float zero points: [rows][groups]
  llvm::ArrayRef<uint8_t> raw;            // element types that are no weight format (integers): the bytes of [rows][K]; nothing else is set

  /// The zero point of symmetric codes.
  int64_t implicitZero() const { return int64_t(1) << (mlir::cast<BlockType>(element).getBits() - 1); }
};

/// Rows [from, from + count) of `rows`, counted from its first.
QuantizedRows sliceRows(const QuantizedRows &rows, int64_t from, int64_t count);

/// Storage behind a QuantizedRows.
struct QuantizedBuffer {
  std::vector<uint8_t> codes, scaleCodes, subScales, subMins, zeros, raw;
  std::vector<float> values, scales, mins, numbers, floatZeros;
  QuantizedRows view;

  /// Sizes everything for `rows` rows of `K` elements and points `view` at it.
  void reset(mlir::Type element, int64_t firstRow, int64_t rows, int64_t K);
  /// Scales that are codes: what they are relative to. Comes after reset and before rows are fitted, of which one alone has its own.
  void setNumbers(llvm::ArrayRef<float> ofWeight);
};

/// What the numbers of a weight depend on, over all of its rows.
struct WeightExtent {
  float largest = 0;                      // magnitude
  double sum = 0;                         // of scales, each as if it were stored exactly, without those of groups of zeros
  int64_t scales = 0;
  float leastScale = 0, largestScale = 0;
};

/// One element of a quantized tensor, as values in IR.
struct ElementValues {
  mlir::Value code;   // i32, as stored
  mlir::Value scale;  // f32: the stored scale
  mlir::Value side;   // i32 zero point or sub-scale, f32 zero point, or null
  mlir::Value min;    // f32: the stored minimum (shift: the stored scale), or null
  mlir::Value subMin; // i32: of two-level minima, its integer factor, or null
};

/// How scales are chosen.
struct FitOptions {
  llvm::ArrayRef<float> importance;  // [K] how much the squared error of each column counts, all finite and >= 0; empty: all alike
  bool thorough = false;             // tries more ranges: several times slower
};

/// A family of formats: a row of Formats.def and one file. Stateless.
class FormatFamily {
public:
  virtual ~FormatFamily() = default;
  /// The format named `name` on the command line ("w4g32"), or null when the name is not of this family.
  virtual mlir::Type parse(llvm::StringRef name, mlir::MLIRContext *context) const = 0;
  virtual bool owns(mlir::Type element) const = 0;
  /// Appends the formats that are worth choosing among where sizes decide: matmul kernels read them, and none is both larger and worse than another.
  virtual void addCandidates(mlir::MLIRContext *context, llvm::SmallVectorImpl<mlir::Type> &formats) const {}
  /// The command-line name; `parse(name(t))` is `t`. `element` must be owned.
  virtual std::string name(mlir::Type element) const = 0;
  /// Bits of one row of `K` elements: codes, scales and zero points, without padding.
  virtual int64_t rowBits(mlir::Type element, int64_t K) const = 0;
  /// Chooses scales, zero points and sub-scales for one row of finite values: row `row` of `out` (sized by QuantizedBuffer::reset). The same bits on
  /// every machine and at any thread count. Fails when the row has no encoding; `why` says so (a scale that overflows f16).
  virtual mlir::LogicalResult fitRow(llvm::ArrayRef<float> values, const FitOptions &options, QuantizedBuffer &out, int64_t row, std::string &why) const = 0;
  /// The codes that fit `values` best, under what fitRow has chosen: columns `from`.. of row `row`.
  virtual void encodeColumns(llvm::ArrayRef<float> values, int64_t from, QuantizedBuffer &out, int64_t row) const = 0;
  /// Whether a value is its stored scale times what its code stands for, whatever the scale: scales may then be fitted to codes by least squares. False for
  /// scales that are too far apart for that, and by default.
  virtual bool hasLinearScales(mlir::Type element) const { return false; }
  /// What codes stand for: columns `from`.. of row `row`. The reference that kernels and decode-as-IR must match.
  virtual void decodeColumns(const QuantizedRows &rows, int64_t row, int64_t from, llvm::MutableArrayRef<float> values) const = 0;
  /// Formats whose scales are codes (ScaleStorage::numbers): what a row adds to the extent of its weight, and the numbers of a weight of that extent.
  virtual void measure(mlir::Type element, llvm::ArrayRef<float> row, WeightExtent &extent) const {}
  virtual std::vector<float> numbersOf(mlir::Type element, const WeightExtent &extent) const { return {}; }
  /// Round to nearest: fitRow, then encodeColumns of all, unless the format says otherwise.
  virtual mlir::LogicalResult encodeRow(llvm::ArrayRef<float> values, QuantizedBuffer &out, int64_t row, std::string &why,
                                        const FitOptions &options = {}) const;
  void decodeRow(const QuantizedRows &rows, int64_t row, llvm::MutableArrayRef<float> values) const { decodeColumns(rows, row, 0, values); }
  /// Of weights that hasIntegers. The integer (i32) that integer matmuls multiply: code without zero point, or CodeTable::Integers; sub-scales, float zero
  /// points and minima are not in it.
  virtual mlir::Value integerValue(mlir::OpBuilder &builder, mlir::Location loc, BlockType type, const ElementValues &element) const;
  /// decodeRow of one element, as IR: f32. Block types only. By default from integerValue; codes that are no integers (Element::Table) have their own.
  virtual mlir::Value decode(mlir::OpBuilder &builder, mlir::Location loc, BlockType type, const ElementValues &element) const;
};

/// `element.side`, a stored sub-scale, as a number (i32).
mlir::Value subScaleValue(mlir::OpBuilder &builder, mlir::Location loc, BlockType type, const ElementValues &element);

/// `zero = shift`: what code 0 stands for in units of the stored scale, a negative integer: floor(sub * (shift - 2^(subBits-1)) * 2^(bits-subBits-2)) -
/// sub * 2^(bits-1). `sub` and `shift` as stored, i32 or vectors of it.
mlir::Value shiftedMinimum(mlir::OpBuilder &builder, mlir::Location loc, unsigned bits, unsigned subBits, mlir::Value sub, mlir::Value shift);

#define QCC_FORMAT(Class, Grammar, Examples, Summary) const FormatFamily &get##Class();
#include "dialects/Quant/Formats/Formats.def"

/// The family that owns `element`, or null: a block type that no family can encode.
const FormatFamily *familyOf(mlir::Type element);
/// The element type named `name`, or null.
mlir::Type parseFormat(llvm::StringRef name, mlir::MLIRContext *context);
/// The candidates of all families (see addCandidates), in a fixed order.
llvm::SmallVector<mlir::Type> candidateFormats(mlir::MLIRContext *context);
/// Names of formats that together show each way in which a family stores numbers, all families: what tests of every format run over (Formats.def).
llvm::SmallVector<llvm::StringRef> exampleFormats();
/// The name of `element`; its printed type when no family owns it.
std::string formatName(mlir::Type element);
/// One line per family, for `--help` and messages: grammar, summary.
std::string listFormats();
/// Bits per weight of rows of `K` elements, padding excluded; 0 when no family owns `element`.
double bitsPerWeight(mlir::Type element, int64_t K);
/// Scales per row.
int64_t groupsPerRow(BlockType type, int64_t K);
/// Whether groups of a two-level format have integer minima, or shifts, in their place.
bool hasSubMinima(BlockType type);
/// Stored scales per row of a two-level format; 0 for one level.
int64_t superBlocksPerRow(BlockType type, int64_t K);
/// Largest magnitude of a sub-scale.
int64_t largestSubScale(BlockType type);
/// Types of the components of a quantized tensor (see qnt.compose). The last dimension must be static.
llvm::SmallVector<mlir::Type> componentTypes(mlir::RankedTensorType type);
/// Symmetric int8 activations per `group` values with f32 scales.
BlockType activationFormat(mlir::MLIRContext *context, int64_t group = 32);
/// Whether `qnt.quantize` can make such values: symmetric int8, or 8-bit floats under f32 scales.
bool isActivationFormat(BlockType type);
/// What codes select from that are 8-bit floats; null for any other format.
const CodeTable *floatTableOf(BlockType type);

/// What codes of the weight select from, or null.
const CodeTable *tableOf(BlockType weight);
/// Whether there are integers to multiply: codes are integers, or select from a table that has some.
bool hasIntegers(BlockType weight);
/// The k whose products an integer matmul sums exactly in i32 before it rescales, -1 for all of a row: as many as have the same float scales, so
/// gcd(k per stored scale of the weight, k per scale of the activations), where -1 limits nothing. Groups are multiples of 32 mostly; others
/// end runs at every 32 k too.
int64_t exactRun(int64_t weightGroup, int64_t weightSuper, int64_t activationGroup);
inline int64_t exactRun(BlockType weight, BlockType activations) { return exactRun(weight.getGroup(), weight.getSuper(), activations.getGroup()); }
/// Whether sub-scales (and sub-minima) are factors of the integers in such a sum: where one may span several groups. Else they multiply the float scale
/// (minimum) of the run, exactly where that is an f16, and no integer is left to multiply.
bool sumsHaveSubScales(int64_t weightGroup, int64_t weightSuper, int64_t activationGroup);
/// Whether every such sum fits i32. Activations are in -127..127.
bool sumsFit(BlockType weight, BlockType activations, int64_t K);

/// How a kind of scale is stored. Scales that are codes are relative to numbers of their weight: `table[code] * numbers[0]`, plus `numbers[1]` if there are
/// two (one fma).
struct ScaleStorage {
  unsigned bits;               // of a scale, or of a zero point that is a float
  const CodeTable *table;      // what codes select from; null: numbers (E8M0 or of scaleType)
  unsigned numbers;            // f32 numbers of a weight
};
ScaleStorage scaleStorage(ScaleKind kind);
inline unsigned scaleBits(ScaleKind kind) { return scaleStorage(kind).bits; }
/// f32 numbers of a weight of this format.
unsigned weightNumbers(mlir::Type element);
/// Gives `out` the numbers of a weight with these values, [rows][K]; nothing to do for most formats.
void setNumbers(llvm::ArrayRef<float> values, QuantizedBuffer &out);
/// What the code of a scale stands for in a weight.
float decodeScale(ScaleKind kind, uint8_t code, llvm::ArrayRef<float> numbers);
/// Stores the numbers of a weight, f32 each.
void packNumbers(llvm::ArrayRef<float> numbers, uint8_t *out);
/// The float type of a stored scale; null where it is a byte: E8M0 and codes.
mlir::Type scaleType(mlir::MLIRContext *context, ScaleKind kind);
/// Stores `value`, a scale or a number of its type, in the `scaleBits` / 8 bytes from `out` on, the least significant first. Not for scales that are codes.
void storeScale(ScaleKind kind, float value, uint8_t *out);
/// The same way back, as operations: f32 of what is stored, one number or a vector of `scaleType`, or of its byte in an i32. Not for scales that are codes.
mlir::Value loadedScale(mlir::OpBuilder &builder, mlir::Location loc, ScaleKind kind, mlir::Value stored);
/// `x` rounded to the nearest value of the scale kind, ties to even. Codes: of the table alone.
float roundToScale(float x, ScaleKind kind);
} // namespace qcc::qnt
#endif
