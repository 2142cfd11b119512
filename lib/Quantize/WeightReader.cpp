// Float and raw rows of weights. Codes that arrive quantized: QuantizedReader.cpp.
#include "WeightReader.h"
#include "dialects/Quant/Formats/GroupSearch.h"
#include "dialects/Quant/Formats/Half.h"
#include "dialects/Quant/Hadamard.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

static int64_t elementBytes(Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }

float qcc::loadFloat(const TensorBytes &tensor, int64_t index) {
  const uint8_t *at = tensor.bytes.data() + (tensor.isSplat ? 0 : index) * elementBytes(tensor.element);
  if (tensor.element.isF64()) {
    double wide;
    memcpy(&wide, at, 8);
    return float(wide);
  }
  if (tensor.element.isF32()) {
    float value;
    memcpy(&value, at, 4);
    return value;
  }
  uint16_t half;
  memcpy(&half, at, 2);
  return tensor.element.isF16() ? qnt::halfToFloat(half) : qnt::bfloatToFloat(half);
}

std::string PartReader::describe(StringRef tensor, int64_t row, int64_t column, StringRef what) const {
  std::string node = part.getNode() ? " of node '" + part.getNode().str() + "'" : "";
  return ("tensor '" + tensor + "'" + node + ": value [" + Twine(row) + ", " + Twine(column) + "] is " + what).str();
}

/// Float formats are read from float tensors, anything else is copied from tensors of its own type.
static std::optional<ReadError> checkElement(qnt::PartAttr part, Type wanted) {
  if (part.getRotary() || part.getScales())
    return std::nullopt;
  Type stored = part.getValues() ? part.getValues().getElementType() : part.getData() ? part.getData().getType().getElementType() : wanted;
  bool isReadable = isa<FloatType, qnt::BlockType>(wanted) ? isa<Float64Type, Float32Type, Float16Type, BFloat16Type>(stored)
                                                           : stored == wanted && stored.isIntOrFloat() && stored.getIntOrFloatBitWidth() >= 8;
  if (isReadable)
    return std::nullopt;
  std::string text;
  llvm::raw_string_ostream(text) << "tensor '" << (part.getData() ? part.getData().getName().getValue() : "computed") << "' holds " << stored
                                 << ", which cannot be stored as " << wanted;
  return ReadError{text};
}

std::optional<ReadError> PartReader::open(qnt::PartAttr part, RankedTensorType decl, int64_t K, const SourceFiles &sources, PartReader &reader) {
  reader.part = part;
  reader.K = K;
  if (std::optional<ReadError> error = checkElement(part, decl.getElementType()))
    return error;
  if (part.getRotary())
    return part.getRotary().getFrequencies().getNumElements() == K ? std::nullopt : std::optional(ReadError{"a rotary table has one frequency per column"});
  if (DenseElementsAttr values = part.getValues()) {
    reader.data = {values.getElementType(), ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(values.getRawData().data()), values.getRawData().size()), values.isSplat()};
    if (values.getNumElements() != part.getRows() * K)
      return ReadError{"computed values have " + std::to_string(values.getNumElements()) + " elements, expected " + std::to_string(part.getRows() * K)};
    return std::nullopt;
  }
  qnt::BytesAttr data = part.getData();
  if (!data)
    return ReadError{"a part has neither data, nor values, nor a rotary table"};
  auto bytes = sources.bytes(data.getFile(), data.getOffset(), data.getLength());
  if (!bytes)
    return ReadError{"tensor '" + data.getName().str() + "' lies outside its file"};
  reader.data = {data.getType().getElementType(), *bytes, false};
  if (reader.isQuantized())
    return reader.checkQuantized(decl, sources);
  int64_t elements = part.getRows() * K;
  if (data.getType().getNumElements() != elements || data.getLength() != elements * elementBytes(reader.data.element))
    return ReadError{"tensor '" + data.getName().str() + "' has " + std::to_string(data.getLength()) + " bytes, expected " +
                     std::to_string(elements * elementBytes(reader.data.element))};
  if (part.getTransposed() && !isa<FloatType>(reader.data.element))
    return ReadError{"tensor '" + data.getName().str() + "' is transposed, but only float tensors may be"};
  return std::nullopt;
}

void PartReader::readRotary(int64_t from, int64_t count, float *values) const {
  qnt::RotaryTableAttr table = part.getRotary();
  auto frequencies = llvm::to_vector(table.getFrequencies().getValues<float>());
  float scale = float(table.getScale().getValueAsDouble());
  for (int64_t r = 0; r < count; ++r)
    for (int64_t k = 0; k < K; ++k) {
      // The product in f32, as models compute it; the function in double, so that no C library's f32 version shows.
      double angle = double(float(from + r) * frequencies[k]);
      values[r * K + k] = scale * float(table.getFunction() == qnt::RotaryFunction::Cos ? std::cos(angle) : std::sin(angle));
    }
}

/// Copies the transpose of `count` columns of a [K, stride] matrix. Tiles of 8 rows keep the strided side in few pages.
template <typename Load> static void transposeRows(int64_t K, int64_t count, float *values, Load load) {
  constexpr int64_t tile = 8;
  for (int64_t k0 = 0; k0 < K; k0 += tile)
    for (int64_t r = 0; r < count; ++r)
      for (int64_t k = k0, end = std::min(K, k0 + tile); k < end; ++k)
        values[r * K + k] = load(k, r);
}

/// As the file has them.
void PartReader::readStored(int64_t from, int64_t count, float *values) const {
  bool isTransposed = part.getTransposed();
  int64_t stride = part.getRows();
  if (part.getRotary())
    readRotary(from, count, values);
  else if (data.element.isF32() && !data.isSplat && isTransposed) {
    const uint8_t *base = data.bytes.data();
    transposeRows(K, count, values, [=](int64_t k, int64_t r) {
      float value;
      memcpy(&value, base + (k * stride + from + r) * 4, 4);
      return value;
    });
  } else if (data.element.isF32() && !data.isSplat)
    memcpy(values, data.bytes.data() + from * K * 4, count * K * 4);
  else if (isTransposed)
    transposeRows(K, count, values, [&](int64_t k, int64_t r) { return loadFloat(data, k * stride + from + r); });
  else
    for (int64_t i = 0; i < count * K; ++i)
      values[i] = loadFloat(data, from * K + i);
}

std::optional<ReadError> PartReader::checkFinite(int64_t from, int64_t count, const float *values) const {
  if (qnt::extentOf(values, count * K).finite)
    return std::nullopt;
  int64_t bad = std::find_if(values, values + count * K, [](float value) { return !std::isfinite(value); }) - values;
  int64_t row = from + bad / K, column = bad % K;
  StringRef name = part.getData() ? part.getData().getName().getValue() : "computed";
  bool isTransposed = part.getTransposed();
  return ReadError{describe(name, isTransposed ? column : row, isTransposed ? row : column, std::isnan(values[bad]) ? "NaN" : "infinite"), true};
}

void RowChange::apply(const float *values, double *row, int64_t K) const {
  for (int64_t k = 0; k < K; ++k)
    row[k] = gains.empty() ? values[k] : values[k] * gains[k];
  if (rotation)
    qnt::rotateChannels(row, K, 1, rotation.getBlock(), rotation.getSeed());
}

std::optional<ReadError> PartReader::readFloats(int64_t from, int64_t count, float *values) const {
  if (known)
    for (int64_t i = 0; i < count * K; ++i)
      values[i] = float((*known)[(firstKnown + from) * K + i]);
  else
    readStored(from, count, values);
  if (rowChange && !known) {
    if (auto error = checkFinite(from, count, values))
      return error;                                    // while it is known which value it is
    std::vector<double> row(K);
    for (int64_t r = 0; r < count; ++r) {
      rowChange.apply(values + r * K, row.data(), K);
      for (int64_t k = 0; k < K; ++k)
        values[r * K + k] = float(row[k]);
    }
  }
  for (int64_t r = 0; r < count && !rowFactors.empty(); ++r)
    for (int64_t k = 0; k < K; ++k)
      values[r * K + k] *= rowFactors[from + r];
  for (int64_t r = 0; r < count && !columnFactors.empty(); ++r)
    for (int64_t k = 0; k < K; ++k)
      values[r * K + k] *= columnFactors[k];
  return checkFinite(from, count, values);
}

void PartReader::readRaw(int64_t from, int64_t count, uint8_t *bytes) const {
  int64_t size = elementBytes(data.element), rowBytes = K * size;
  if (!data.isSplat)
    return void(memcpy(bytes, data.bytes.data() + from * rowBytes, count * rowBytes));
  for (int64_t i = 0; i < count * K; ++i)
    memcpy(bytes + i * size, data.bytes.data(), size);
}

void PartReader::multiplyBy(ArrayRef<float> rows, ArrayRef<float> columns) {
  rowFactors = rows;
  columnFactors = columns;
}

/// A norm's scale, as the columns of the layers behind it are multiplied by it.
static std::optional<ReadError> readGains(ArrayAttr parts, int64_t K, const SourceFiles &sources, std::vector<double> &gains) {
  auto type = RankedTensorType::get({K}, Float32Type::get(parts.getContext()));
  std::vector<float> values(K);
  int64_t first = 0;
  for (auto part : parts.getAsRange<qnt::PartAttr>()) {
    PartReader reader;
    std::optional<ReadError> error = PartReader::open(part, type, 1, sources, reader);
    if (!error && reader.isQuantized())
      error = ReadError{"a norm's scale arrives quantized"};
    if (!error)
      error = reader.readFloats(0, part.getRows(), values.data() + first);
    if (error)
      return error;
    first += part.getRows();
  }
  gains.assign(values.begin(), values.end());
  return std::nullopt;
}

/// Every column of the weight rotated, which takes all of its rows.
static std::optional<ReadError> rotateRows(MutableArrayRef<PartReader> parts, int64_t rows, int64_t K, const RowChange &change,
                                           qnt::RotationAttr rotation) {
  constexpr int64_t pieceRows = 64, strip = 32;        // columns that are rotated together: whole cache lines
  auto values = std::make_shared<std::vector<double>>(rows * K);
  int64_t first = 0;
  for (PartReader &part : parts) {
    int64_t pieces = llvm::divideCeil(part.rows(), pieceRows);
    std::vector<std::optional<ReadError>> problems(pieces);
    llvm::parallelFor(0, pieces, [&](size_t piece) {
      int64_t from = int64_t(piece) * pieceRows, count = std::min(pieceRows, part.rows() - from);
      std::vector<float> floats(count * K);
      if ((problems[piece] = part.readFloats(from, count, floats.data())))
        return;
      for (int64_t r = 0; r < count; ++r)
        change.apply(floats.data() + r * K, values->data() + (first + from + r) * K, K);
    });
    for (const std::optional<ReadError> &problem : problems)
      if (problem)
        return problem;
    first += part.rows();
  }
  llvm::parallelFor(0, llvm::divideCeil(K, strip), [&](size_t number) {
    int64_t from = int64_t(number) * strip, width = std::min(strip, K - from);
    std::vector<double> columns(rows * width);
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(values->data() + r * K + from, width, columns.data() + r * width);
    qnt::rotateChannels(columns.data(), rows, width, rotation.getBlock(), rotation.getSeed());
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(columns.data() + r * width, width, values->data() + r * K + from);
  });
  first = 0;
  for (PartReader &part : parts) {
    part.replaceBy(values, first);
    first += part.rows();
  }
  return std::nullopt;
}

std::optional<ReadError> qcc::openParts(qnt::WeightDeclOp decl, RankedTensorType type, const SourceFiles &sources, std::vector<PartReader> &parts) {
  auto listOf = [](std::optional<DenseElementsAttr> factors) { return factors ? llvm::to_vector(factors->getValues<float>()) : SmallVector<float>(); };
  SmallVector<float> rowFactors = listOf(decl.getRowFactors()), columnFactors = listOf(decl.getColumnFactors());
  int64_t rows = type.getDimSize(0), K = rows ? type.getNumElements() / rows : 0, first = 0;
  for (auto part : decl.getParts().getAsRange<qnt::PartAttr>()) {
    PartReader &reader = parts.emplace_back();
    if (auto error = PartReader::open(part, type, K, sources, reader))
      return error;
    if ((reader.isQuantized() || !qnt::familyOf(type.getElementType())) && decl.isChanged())
      return ReadError{"weight '" + decl.getSymName().str() + "' has factors, gains or rotations, but its values are no floats"};
  }
  RowChange change;
  change.rotation = decl.getColumnRotationAttr();
  if (ArrayAttr gains = decl.getColumnGainsAttr())
    if (auto error = readGains(gains, K, sources, change.gains))
      return error;
  if (qnt::RotationAttr rotation = decl.getRowRotationAttr())
    if (auto error = rotateRows(parts, rows, K, change, rotation))
      return error;
  for (PartReader &reader : parts) {
    reader.change(change);
    reader.multiplyBy(rowFactors.empty() ? ArrayRef<float>() : ArrayRef(rowFactors).slice(first, reader.rows()), columnFactors);
    first += reader.rows();
  }
  return std::nullopt;
}

void PartReader::release(const SourceFiles &sources) const {
  for (qnt::BytesAttr bytes : {part.getData(), part.getScales(), part.getZeros()})
    if (bytes)
      sources.release(bytes.getFile(), bytes.getOffset(), bytes.getLength());
}
