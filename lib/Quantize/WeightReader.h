// Reads rows of a declared weight from the input files: float values, or codes that arrive quantized.
#ifndef QCC_LIB_QUANTIZE_WEIGHTREADER_H
#define QCC_LIB_QUANTIZE_WEIGHTREADER_H
#include "dialects/Quant/Formats/Format.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Base/SourceFiles.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>

namespace qcc {
/// What is wrong with a part; `isValue`: with its values (NaN), not with the file's structure.
struct ReadError {
  std::string message;
  bool isValue = false;
};

/// A tensor whose bytes are at hand.
struct TensorBytes {
  mlir::Type element;
  llvm::ArrayRef<uint8_t> bytes;
  bool isSplat = false;  // one element stands for all
};

/// What becomes of a row of a weight before factors (QuantOps.td): every column times its gain, then the row rotated. In double.
struct RowChange {
  std::vector<double> gains;     // [K], or empty: 1
  qnt::RotationAttr rotation;    // or null: none
  explicit operator bool() const { return !gains.empty() || rotation; }
  void apply(const float *values, double *row, int64_t K) const;
};

/// One part, checked when opened. Reading is thread-safe.
class PartReader {
public:
  /// Fails when sizes contradict each other; `decl` is the weight's type, `K` elements a row.
  static std::optional<ReadError> open(qnt::PartAttr part, mlir::RankedTensorType decl, int64_t K, const SourceFiles &sources, PartReader &reader);

  int64_t rows() const { return part.getRows(); }
  bool isQuantized() const { return bool(part.getScales()); }
  /// Float values of rows [from, from + count), row major, in f32. Fails for values that are not finite.
  std::optional<ReadError> readFloats(int64_t from, int64_t count, float *values) const;
  /// Codes, scales and zero points of the same rows into row `at` of `out`; bit for bit as the file has them.
  std::optional<ReadError> readCodes(int64_t from, int64_t count, qnt::QuantizedBuffer &out, int64_t at) const;
  /// Bytes of the rows of a tensor of another type (integers), as they are.
  void readRaw(int64_t from, int64_t count, uint8_t *bytes) const;
  /// All scales, for checks that need no codes.
  std::optional<ReadError> readScales(llvm::SmallVectorImpl<float> &scales) const;
  /// From now on, values that are read are multiplied by these: one for each row of the part, one for each column; empty: 1.
  void multiplyBy(llvm::ArrayRef<float> rows, llvm::ArrayRef<float> columns);
  /// From now on, rows that are read are changed before that.
  void change(RowChange how) { rowChange = std::move(how); }
  /// From now on, what is multiplied are rows from `first` on of `values` [.., K]: all rows of the weight had to be read to know one.
  void replaceBy(std::shared_ptr<const std::vector<double>> values, int64_t first) {
    known = std::move(values);
    firstKnown = first;
  }
  /// Lets the system drop what was read.
  void release(const SourceFiles &sources) const;

private:
  std::string describe(llvm::StringRef tensor, int64_t row, int64_t column, llvm::StringRef what) const;
  std::optional<ReadError> checkQuantized(mlir::RankedTensorType decl, const SourceFiles &sources);
  void readRotary(int64_t from, int64_t count, float *values) const;
  void readStored(int64_t from, int64_t count, float *values) const;
  std::optional<ReadError> checkFinite(int64_t from, int64_t count, const float *values) const;

  qnt::PartAttr part;
  qnt::BlockType block;  // of a part that arrives quantized
  int64_t K = 0;
  TensorBytes data, scales, zeros;
  std::vector<float> rowFactors, columnFactors;
  RowChange rowChange;
  std::shared_ptr<const std::vector<double>> known;
  int64_t firstKnown = 0;
};

/// All parts of a weight, to be read as `type` (the declaration's, or its shape with another element), under its gains, rotations and factors.
/// Of a weight whose columns are rotated, all values are in memory for as long as `parts` live, 8 bytes each.
std::optional<ReadError> openParts(qnt::WeightDeclOp decl, mlir::RankedTensorType type, const SourceFiles &sources, std::vector<PartReader> &parts);

/// Element `index` of a float tensor as f32.
float loadFloat(const TensorBytes &tensor, int64_t index);
} // namespace qcc
#endif
