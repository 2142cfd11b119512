// Sizes come from hostile files: every product and sum is checked, and compared with what the file really holds before anything is allocated.
#include "lib/Frontend/ONNX/Tensors.h"
#include "lib/Frontend/ONNX/ElementTypes.h"
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/SlimModel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
using namespace llvm;
using namespace qcc;
using namespace qcc::importer;
using proto::TensorProto;

bool Tensors::fail(Rule rule, const Subject &subject, std::string message) {
  problems.add(rule, subject, std::move(message));
  return false;
}

/// The number of elements, or nullopt when a dim is negative or the product does not fit.
static std::optional<int64_t> countElements(const TensorProto &tensor) {
  int64_t elements = 1;
  for (int64_t dim : tensor.dims())
    if (dim < 0 || MulOverflow(elements, dim, elements))
      return std::nullopt;
  return elements;
}

static void setRange(TensorProto &tensor, const SourceRange &range) {
  tensor.clear_external_data();
  tensor.clear_raw_data();
  auto add = [&](const char *key, std::string value) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(std::move(value));
  };
  add("location", std::string(1, sourceLocation) + std::to_string(range.file));
  add("offset", std::to_string(range.offset));
  add("length", std::to_string(range.length));
  tensor.set_data_location(TensorProto::EXTERNAL);
}

SourceRange Tensors::range(const TensorProto &tensor) {
  SourceRange range = {0, 0, 0};
  StringRef(tensor.external_data(0).value()).drop_front().getAsInteger(10, range.file);
  StringRef(tensor.external_data(1).value()).getAsInteger(10, range.offset);
  StringRef(tensor.external_data(2).value()).getAsInteger(10, range.length);
  return range;
}

std::optional<SourceRange> Tensors::findExternal(const TensorProto &tensor, const Subject &subject, int64_t length) {
  std::optional<std::string> location;
  std::optional<int64_t> offset, stated;
  for (const auto &entry : tensor.external_data()) {
    auto number = [&](std::optional<int64_t> &value) {
      int64_t parsed = 0;
      if (value)
        return fail(Rule::BadTensor, subject, "external data has two entries '" + entry.key() + "'");
      if (StringRef(entry.value()).getAsInteger(10, parsed) || parsed < 0)
        return fail(Rule::ExternalRange, subject, "the " + entry.key() + " of external data is no number of bytes: '" + entry.value() + "'");
      value = parsed;
      return true;
    };
    if (entry.key() == "location") {
      if (location) {
        fail(Rule::BadTensor, subject, "external data has two entries 'location'");
        return std::nullopt;
      }
      location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      if (!number(entry.key() == "offset" ? offset : stated))
        return std::nullopt;
    } else if (entry.key() != "checksum" && entry.key() != "basepath") {
      fail(Rule::BadTensor, subject, "external data has an unknown entry '" + entry.key() + "'");
      return std::nullopt;
    }
  }
  if (!location) {
    fail(Rule::BadTensor, subject, "external data has no location");
    return std::nullopt;
  }
  int64_t file = 0; // "#0": the model itself, put there by slimModel
  if (*location != std::string(1, sourceLocation) + "0") {
    const ExternalData::Result &result = external.open(*location);
    if (result.file < 0) {
      ++unopened.try_emplace(*location, Unopened{result.rule, subject, result.message}).first->second.tensors;
      return std::nullopt;
    }
    file = result.file;
  }
  if (stated.value_or(length) != length) {
    fail(file == 0 ? Rule::BadTensor : Rule::ExternalRange, subject,
         "dims and type need " + std::to_string(length) + " bytes, but the tensor has " + std::to_string(*stated));
    return std::nullopt;
  }
  int64_t end;
  if (sources.isAbsent(file) ? AddOverflow(offset.value_or(0), length, end) : !sources.bytes(file, offset.value_or(0), length)) {
    fail(Rule::ExternalRange, subject,
         "external data '" + *location + "' has " + std::to_string(sources.size(file)) + " bytes, but the tensor needs " + std::to_string(length) +
             " at offset " + std::to_string(offset.value_or(0)));
    return std::nullopt;
  }
  return SourceRange{file, offset.value_or(0), length};
}

/// Writes the low `bytes` bytes of `value`, little endian.
static void append(std::string &out, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename Values> static void appendAll(std::string &out, const Values &values, unsigned bytes) {
  for (auto value : values) {
    uint64_t bits = 0;
    if constexpr (std::is_floating_point_v<decltype(value)>)
      std::memcpy(&bits, &value, sizeof(value));
    else
      bits = static_cast<uint64_t>(value);
    append(out, bits, bytes);
  }
}

/// The raw layout of a tensor whose values are in typed fields.
std::optional<std::string> Tensors::packTyped(const TensorProto &tensor, const Subject &subject, int64_t elements, int64_t length) {
  unsigned bits = elementBits(tensor.data_type());
  int64_t entries = bits < 8 ? length : elements; // sub-byte types: one packed byte an entry
  int64_t have = int64_t(tensor.float_data_size()) + tensor.int32_data_size() + tensor.int64_data_size() + tensor.double_data_size() +
                 tensor.uint64_data_size();
  if (have != entries) {
    fail(Rule::BadTensor, subject, "dims and type need " + std::to_string(entries) + " values, but the tensor has " + std::to_string(have));
    return std::nullopt;
  }
  if (length > typedLimit || static_cast<int64_t>(typed.size()) > typedLimit - length) {
    fail(Rule::ResourceLimit, subject,
         "the tensors whose values are not stored as raw bytes take more than " + std::to_string(typedLimit) + " bytes");
    return std::nullopt;
  }
  std::string out;
  out.reserve(static_cast<size_t>(length));
  unsigned bytes = bits < 8 ? 1 : bits / 8;
  appendAll(out, tensor.float_data(), bytes); // ONNX's checker has seen that the field fits the type, and that it is the only one
  appendAll(out, tensor.int32_data(), bytes);
  appendAll(out, tensor.int64_data(), bytes);
  appendAll(out, tensor.double_data(), bytes);
  appendAll(out, tensor.uint64_data(), bytes);
  return out;
}

/// May a tensor of `elements` elements become a constant by value?
static bool isSmall(int32_t type, int64_t elements) {
  bool isShape = type == TensorProto::BOOL || (!isFloatElement(type) && elementBits(type) >= 32);
  return elements <= (isShape ? inlineIntegers : inlineOthers);
}

bool Tensors::normalize(TensorProto &tensor, const Subject &subject, bool isWeight) {
  unsigned bits = elementBits(tensor.data_type());
  if (!bits)
    return fail(Rule::UnsupportedType, subject, "tensors of " + elementName(tensor.data_type()) + " are not supported");
  if (tensor.has_segment())
    return fail(Rule::UnsupportedType, subject, "tensors in segments are not supported");
  std::optional<int64_t> elements = countElements(tensor);
  int64_t allBits = 0;
  if (!elements || MulOverflow<int64_t>(*elements, bits, allBits) || allBits > INT64_MAX - 7)
    return fail(Rule::BadTensor, subject, "the dims are negative or too large");
  if (tensor.dims_size() > 64)
    return fail(Rule::BadTensor, subject, "the tensor has rank " + std::to_string(tensor.dims_size()) + ", more than 64");
  int64_t length = (allBits + 7) / 8;
  bool small = !isWeight && isSmall(tensor.data_type(), *elements);

  if (isOutside(tensor)) {
    bool hasValues = tensor.has_raw_data() || tensor.float_data_size() || tensor.int32_data_size() || tensor.int64_data_size() ||
                     tensor.double_data_size() || tensor.uint64_data_size() || tensor.string_data_size();
    if (hasValues)
      return fail(Rule::BadTensor, subject, "the tensor has both external data and values");
    std::optional<SourceRange> range = findExternal(tensor, subject, length);
    if (!range)
      return false;
    if (!small) {
      setRange(tensor, *range);
      return true;
    }
    if (sources.isAbsent(range->file))
      return fail(Rule::ExternalFile, subject, "external data '" + sources.name(range->file).str() + "' is missing, and the program depends on these values");
    ArrayRef<uint8_t> bytes = *sources.bytes(range->file, range->offset, range->length);
    tensor.set_raw_data(bytes.data(), bytes.size());
    tensor.clear_external_data();
    tensor.clear_data_location();
    return true;
  }
  if (Complaint complaint = checkTensor(tensor))
    return fail(Rule::BadTensor, subject, *complaint);
  if (!tensor.has_raw_data()) {
    std::optional<std::string> packed = packTyped(tensor, subject, *elements, length);
    if (!packed)
      return false;
    tensor.clear_float_data();
    tensor.clear_int32_data();
    tensor.clear_int64_data();
    tensor.clear_double_data();
    tensor.clear_uint64_data();
    tensor.set_raw_data(std::move(*packed));
  }
  if (static_cast<int64_t>(tensor.raw_data().size()) != length)
    return fail(Rule::BadTensor, subject,
                "dims and type need " + std::to_string(length) + " bytes, but the tensor has " + std::to_string(tensor.raw_data().size()));
  if (small)
    return true;
  typed.resize(alignTo(typed.size(), 64));
  int64_t offset = static_cast<int64_t>(typed.size());
  typed += tensor.raw_data();
  setRange(tensor, {0, offset, length});
  typedUsers.push_back({&tensor, offset});
  return true;
}

void Tensors::finish() {
  for (auto &[location, file] : unopened) {
    std::string others = file.tensors > 1 ? std::to_string(file.tensors) + " tensors of the model lie there" : "";
    problems.add(file.rule, file.first, file.message, others.empty() ? std::vector<std::string>() : std::vector{others});
  }
  unopened.clear();
  if (typedUsers.empty())
    return;
  int64_t file = sources.add(std::string(sources.name(0)) + "#typed", MemoryBuffer::getMemBufferCopy(typed, "typed"));
  for (auto [tensor, offset] : typedUsers)
    setRange(*tensor, {file, offset, range(*tensor).length});
  typed.clear();
}
