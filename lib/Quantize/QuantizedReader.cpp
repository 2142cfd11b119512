// Rows of weights that arrive quantized, in the order of ONNX's MatMulNBits: codes [rows, blocks, block * bits / 8], least significant bits
// first along K; scales [rows, blocks]; zero points packed like codes [rows, ceil(blocks * bits / 8)], or float [rows, blocks].
// The last block of a row may reach past K; what lies there is padding and is ignored.
#include "WeightReader.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

/// Field `index` of `bits` bits, least significant first.
static uint8_t fieldOf(const uint8_t *bytes, int64_t index, unsigned bits) {
  int64_t at = index * bits;
  return uint8_t(bytes[at / 8] >> (at % 8)) & uint8_t((1 << bits) - 1);
}

std::optional<ReadError> PartReader::checkQuantized(RankedTensorType decl, const SourceFiles &sources) {
  block = dyn_cast<qnt::BlockType>(decl.getElementType());
  StringRef name = part.getData().getName().getValue();
  if (!block || block.getSuper() || block.getElement() != qnt::Element::Int)
    return ReadError{"tensor '" + name.str() + "' arrives quantized, but the weight's type is not that of its codes"};
  unsigned bits = block.getBits();
  int64_t group = block.getGroup(), rows = part.getRows();
  if ((bits != 2 && bits != 4 && bits != 8) || group < 1 || group * bits % 8)
    return ReadError{"tensor '" + name.str() + "': codes of " + std::to_string(bits) + " bits in blocks of " + std::to_string(group) + " cannot be read"};
  int64_t blocks = qnt::groupsPerRow(block, K);
  auto fetch = [&](qnt::BytesAttr attr, int64_t elements, TensorBytes &tensor) -> std::optional<ReadError> {
    auto bytes = sources.bytes(attr.getFile(), attr.getOffset(), attr.getLength());
    tensor = {attr.getType().getElementType(), bytes.value_or(ArrayRef<uint8_t>()), false};
    int64_t expected = elements * tensor.element.getIntOrFloatBitWidth() / 8;
    if (bytes && attr.getLength() == expected)
      return std::nullopt;
    return ReadError{"tensor '" + attr.getName().str() + "' has " + std::to_string(attr.getLength()) + " bytes, expected " + std::to_string(expected)};
  };
  TensorBytes codes;
  if (auto error = fetch(part.getData(), rows * blocks * (group * bits / 8), codes))
    return error;
  if (!isa<FloatType>(part.getScales().getType().getElementType()))
    return ReadError{"tensor '" + part.getScales().getName().str() + "': scales are floats"};
  if (auto error = fetch(part.getScales(), rows * blocks, scales))
    return error;
  if ((block.getZero() == qnt::ZeroKind::None) != !part.getZeros())
    return ReadError{"tensor '" + name.str() + "': zero points and the weight's type disagree"};
  if (!part.getZeros())
    return std::nullopt;
  bool isFloat = isa<FloatType>(part.getZeros().getType().getElementType());
  if (isFloat != (block.getZero() == qnt::ZeroKind::Float))
    return ReadError{"tensor '" + part.getZeros().getName().str() + "': zero points and the weight's type disagree"};
  return fetch(part.getZeros(), isFloat ? rows * blocks : rows * ((blocks * int64_t(bits) + 7) / 8), zeros);
}

std::optional<ReadError> PartReader::readCodes(int64_t from, int64_t count, qnt::QuantizedBuffer &out, int64_t at) const {
  unsigned bits = block.getBits();
  int64_t blocks = out.view.groups, rowBytes = blocks * (block.getGroup() * int64_t(bits) / 8), zeroBytes = (blocks * int64_t(bits) + 7) / 8;
  for (int64_t r = 0; r < count; ++r) {
    const uint8_t *row = data.bytes.data() + (from + r) * rowBytes;
    uint8_t *codes = out.codes.data() + (at + r) * K;
    // Blocks are whole bytes, so a row is one run of fields.
    if (bits == 8)
      memcpy(codes, row, K);
    else if (bits == 4)
      for (int64_t k = 0; k < K; ++k)
        codes[k] = uint8_t(row[k / 2] >> (k % 2 * 4)) & 15;
    else
      for (int64_t k = 0; k < K; ++k)
        codes[k] = fieldOf(row, k, bits);
    for (int64_t b = 0; b < blocks; ++b) {
      int64_t to = (at + r) * blocks + b;
      float scale = loadFloat(scales, (from + r) * blocks + b);
      if (!std::isfinite(scale))
        return ReadError{describe(part.getScales().getName().getValue(), from + r, b, std::isnan(scale) ? "NaN" : "infinite"), true};
      out.scales[to] = scale;
      if (!out.zeros.empty())
        out.zeros[to] = fieldOf(zeros.bytes.data() + (from + r) * zeroBytes, b, bits);
      if (!out.floatZeros.empty()) {
        out.floatZeros[to] = loadFloat(zeros, (from + r) * blocks + b);
        if (!std::isfinite(out.floatZeros[to]))
          return ReadError{describe(part.getZeros().getName().getValue(), from + r, b, "not finite"), true};
      }
    }
  }
  return std::nullopt;
}

std::optional<ReadError> PartReader::readScales(SmallVectorImpl<float> &values) const {
  int64_t blocks = qnt::groupsPerRow(block, K);
  for (int64_t i = 0; i < part.getRows() * blocks; ++i) {
    float scale = loadFloat(scales, i);
    if (!std::isfinite(scale))
      return ReadError{describe(part.getScales().getName().getValue(), i / blocks, i % blocks, std::isnan(scale) ? "NaN" : "infinite"), true};
    values.push_back(scale);
    if (zeros.element && isa<FloatType>(zeros.element))
      values.push_back(loadFloat(zeros, i)); // stored in the scale's type too
  }
  return std::nullopt;
}
