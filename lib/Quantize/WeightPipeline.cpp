// Streams weights: rows are read, encoded and packed in pieces of whole panels. The cut into pieces depends on shapes only, so the bytes
// are the same at any number of threads; pieces go to the sink in order.
#include "qcc/Quantize/WeightPipeline.h"
#include "WeightReader.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

namespace {
/// Rows worked on at a time by one thread: enough that a transposed source is read by whole cache lines.
constexpr int64_t pieceRows = 64;
/// Packed bytes that are collected before they go to the sink.
constexpr int64_t batchBytes = 8 << 20;

class WeightWriter {
public:
  WeightWriter(qnt::WeightDeclOp decl, WeightPacking packing, const SourceFiles &sources, const qnt::QuantizedBuffer *encoded, WeightErrors *errors)
      : decl(decl), packing(std::move(packing)), sources(sources), encoded(encoded), errors(errors), type(cast<RankedTensorType>(decl.getType())), rows(type.getDimSize(0)),
        K(rows ? type.getNumElements() / rows : 0) {}

  ExitCode write(WeightSink &sink);

private:
  ExitCode open();
  std::optional<ReadError> fill(int64_t from, int64_t count, qnt::QuantizedBuffer &buffer) const;
  std::optional<ReadError> findNumbers();
  std::optional<ReadError> fillPart(size_t index, int64_t from, int64_t count, int64_t at, qnt::QuantizedBuffer &buffer) const;
  std::optional<ReadError> measure(int64_t from, const qnt::QuantizedRows &rows, WeightError &error) const;
  bool isMeasured() const;
  ExitCode fail(const ReadError &error) {
    decl.emitError() << error.message << (error.isValue ? " [unencodable-value]" : "");
    return error.isValue ? ExitQuantization : ExitMalformed;
  }
  ExitCode fail(llvm::Error error) {
    decl.emitError() << llvm::toString(std::move(error));
    return ExitResource;
  }

  qnt::WeightDeclOp decl;
  WeightPacking packing;
  const SourceFiles &sources;
  const qnt::QuantizedBuffer *encoded;  // all of the weight, or null
  WeightErrors *errors;                 // or null
  RankedTensorType type;
  int64_t rows, K;
  std::vector<PartReader> parts;
  std::vector<float> numbers;           // of the weight, where its scales are codes
};
} // namespace

ExitCode WeightWriter::open() {
  if (auto error = openParts(decl, type, sources, parts))
    return fail(*error);
  if (!qnt::weightNumbers(type.getElementType()))
    return ExitSuccess;
  if (encoded)
    numbers = encoded->numbers;
  else if (auto error = findNumbers())
    return fail(*error);
  return ExitSuccess;
}

std::optional<ReadError> WeightWriter::findNumbers() {
  const qnt::FormatFamily &family = *qnt::familyOf(type.getElementType());
  qnt::WeightExtent extent;
  std::vector<float> values(pieceRows * K);
  for (const PartReader &part : parts)
    for (int64_t from = 0; from < part.rows(); from += pieceRows) {
      int64_t count = std::min(pieceRows, part.rows() - from);
      if (auto error = part.readFloats(from, count, values.data()))
        return error;
      for (int64_t r = 0; r < count; ++r)
        family.measure(type.getElementType(), ArrayRef(values).slice(r * K, K), extent);
    }
  numbers = family.numbersOf(type.getElementType(), extent);
  return std::nullopt;
}

/// Rows of one part into rows `at`.. of the buffer.
std::optional<ReadError> WeightWriter::fillPart(size_t index, int64_t from, int64_t count, int64_t at, qnt::QuantizedBuffer &buffer) const {
  const PartReader &part = parts[index];
  if (part.isQuantized())
    return part.readCodes(from, count, buffer, at);
  const qnt::FormatFamily *family = qnt::familyOf(type.getElementType());
  if (!family) { // integers and the like: as they are
    int64_t rowBytes = int64_t(buffer.raw.size()) / buffer.view.rows;
    part.readRaw(from, count, buffer.raw.data() + at * rowBytes);
    return std::nullopt;
  }
  std::vector<float> values(count * K);
  if (auto error = part.readFloats(from, count, values.data()))
    return error;
  for (int64_t r = 0; r < count; ++r) {
    std::string why;
    if (failed(family->encodeRow(ArrayRef(values).slice(r * K, K), buffer, at + r, why)))
      return ReadError{"tensor '" + sectionName(decl) + "', row " + std::to_string(from + r) + ": " + why, true};
  }
  return std::nullopt;
}

std::optional<ReadError> WeightWriter::fill(int64_t from, int64_t count, qnt::QuantizedBuffer &buffer) const {
  buffer.reset(type.getElementType(), from, count, K);
  buffer.setNumbers(numbers);
  int64_t first = 0; // of the part, in the weight
  for (auto [index, part] : llvm::enumerate(parts)) {
    int64_t begin = std::max(from, first), end = std::min(from + count, first + part.rows());
    if (begin < end)
      if (auto error = fillPart(index, begin - first, end - begin, begin - from, buffer))
        return error;
    first += part.rows();
  }
  return std::nullopt;
}

bool WeightWriter::isMeasured() const {
  return errors && qnt::familyOf(type.getElementType()) && llvm::none_of(parts, [](const PartReader &part) { return part.isQuantized(); });
}

/// What encoding has lost of rows `from`.., whose codes are `rows`. Reads their values once more: codes that a method has chosen come without them.
std::optional<ReadError> WeightWriter::measure(int64_t from, const qnt::QuantizedRows &rows, WeightError &error) const {
  const qnt::FormatFamily &family = *qnt::familyOf(type.getElementType());
  std::vector<float> values(rows.rows * K), decoded(K);
  int64_t first = 0;
  for (const PartReader &part : parts) {
    int64_t begin = std::max(from, first), end = std::min(from + rows.rows, first + part.rows());
    if (begin < end)
      if (auto problem = part.readFloats(begin - first, end - begin, values.data() + (begin - from) * K))
        return problem;
    first += part.rows();
  }
  for (int64_t row = 0; row < rows.rows; ++row) {
    family.decodeRow(rows, row, decoded);
    for (int64_t k = 0; k < K; ++k) {
      double value = values[row * K + k], lost = decoded[k] - value;
      error.signal += value * value;
      error.noise += lost * lost;
    }
  }
  return std::nullopt;
}

ExitCode WeightWriter::write(WeightSink &sink) {
  if (ExitCode code = open())
    return code;
  int64_t panels = llvm::divideCeil(rows, packing.rowsPerPanel);
  llvm::Expected<int64_t> offset = sink.begin(decl.getSymName(), sectionName(decl), packing.bytes(rows));
  if (!offset)
    return fail(offset.takeError());
  if (auto known = decl.getOffset(); known && int64_t(*known) != *offset) {
    decl.emitError() << "is at " << *offset << " in the weights file, but the program expects it at " << *known;
    return ExitInternal;
  }
  decl.setOffset(*offset);

  int64_t piecePanels = llvm::divideCeil(pieceRows, packing.rowsPerPanel);
  int64_t batchPieces = std::max<int64_t>(1, batchBytes / std::max<int64_t>(1, piecePanels * packing.panelBytes));
  std::vector<uint8_t> packed;
  bool measured = isMeasured();
  WeightError lost;
  for (int64_t firstPanel = 0; firstPanel < panels; firstPanel += batchPieces * piecePanels) {
    int64_t batchPanels = std::min(batchPieces * piecePanels, panels - firstPanel), pieces = llvm::divideCeil(batchPanels, piecePanels);
    packed.resize(batchPanels * packing.panelBytes);
    std::vector<std::optional<ReadError>> problems(pieces);
    std::vector<WeightError> lostByPiece(pieces);
    llvm::parallelFor(0, pieces, [&](size_t piece) {
      int64_t panel = firstPanel + int64_t(piece) * piecePanels, from = panel * packing.rowsPerPanel;
      int64_t count = std::min({piecePanels * packing.rowsPerPanel, rows - from, (firstPanel + batchPanels) * packing.rowsPerPanel - from});
      uint8_t *out = packed.data() + (panel - firstPanel) * packing.panelBytes;
      qnt::QuantizedBuffer buffer;
      if (!encoded && (problems[piece] = fill(from, count, buffer)))
        return;
      qnt::QuantizedRows codes = encoded ? qnt::sliceRows(encoded->view, from, count) : buffer.view;
      packing.pack(codes, out);
      if (measured)
        problems[piece] = measure(from, codes, lostByPiece[piece]);
    });
    for (const std::optional<ReadError> &problem : problems)
      if (problem)
        return fail(*problem); // the first in order, whichever thread met it
    for (const WeightError &piece : lostByPiece) {
      lost.signal += piece.signal;
      lost.noise += piece.noise;
    }
    if (llvm::Error error = sink.append(packed))
      return fail(std::move(error));
  }
  if (packing.numbersBytes) {
    packed.assign(packing.numbersBytes, 0);
    qnt::packNumbers(numbers, packed.data());
    if (llvm::Error error = sink.append(packed))
      return fail(std::move(error));
  }
  for (const PartReader &part : parts)
    part.release(sources);
  if (measured)
    errors->add(decl, lost);
  if (llvm::Error error = sink.end())
    return fail(std::move(error));
  return ExitSuccess;
}

std::string qcc::sectionName(qnt::WeightDeclOp decl) {
  std::string name;
  for (auto part : decl.getParts().getAsRange<qnt::PartAttr>())
    if (part.getData())
      name += (name.empty() ? "" : "+") + part.getData().getName().str();
  return name.empty() ? decl.getSymName().str() : name;
}

ExitCode qcc::materializeWeights(ModuleOp module, const SourceFiles &sources, PackingPlan plan, WeightSink &sink, const EncodedWeights *encoded,
                                 WeightErrors *errors) {
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    FailureOr<WeightPacking> packing = plan(decl);
    if (failed(packing))
      return ExitCompileError;
    const qnt::QuantizedBuffer *codes = encoded ? encoded->find(decl) : nullptr;
    if (ExitCode code = WeightWriter(decl, std::move(*packing), sources, codes, errors).write(sink))
      return code;
  }
  return ExitSuccess;
}

ExitCode qcc::readWeight(qnt::WeightDeclOp decl, const SourceFiles &sources, std::vector<float> &values) {
  auto type = cast<RankedTensorType>(decl.getType());
  int64_t K = type.getShape().back(), first = 0;
  RankedTensorType floats = type.clone(Float32Type::get(decl.getContext()));
  values.resize(type.getNumElements());
  std::vector<PartReader> parts;
  std::optional<ReadError> error = openParts(decl, floats, sources, parts);
  for (const PartReader &part : parts) {
    if (!error)
      error = part.readFloats(0, part.rows(), values.data() + first * K);
    first += part.rows();
    part.release(sources);
  }
  if (!error)
    return ExitSuccess;
  decl.emitError() << error->message << (error->isValue ? " [unencodable-value]" : "");
  return error->isValue ? ExitQuantization : ExitMalformed;
}
