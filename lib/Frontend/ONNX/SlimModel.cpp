// The wire format (protobuf.dev/programming-guides/encoding): a message is a run of fields, each a tag (number * 8 + wire type) and a payload.
// Field numbers are those of ONNX's onnx.proto; they can never change, since files carry them.
#include "lib/Frontend/ONNX/SlimModel.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MathExtras.h"
#include <string>
using namespace llvm;
using namespace qcc::importer;

namespace {
enum class Message { Model, Graph, Function, Node, Attribute, Tensor };
enum WireType : unsigned { Varint = 0, Fixed64 = 1, Bytes = 2, StartGroup = 3, EndGroup = 4, Fixed32 = 5 };

/// Which fields of which message lead to a tensor that may be large. GraphProto in an attribute (a subgraph) does not: subgraphs are refused.
struct Path {
  Message in;
  uint32_t field;
  Message to;
};
constexpr Path paths[] = {
    {Message::Model, 7, Message::Graph},      {Message::Model, 25, Message::Function}, {Message::Graph, 1, Message::Node},
    {Message::Graph, 5, Message::Tensor},     {Message::Function, 7, Message::Node},   {Message::Node, 5, Message::Attribute},
    {Message::Attribute, 5, Message::Tensor}, // AttributeProto.t
};
namespace tensor {
enum Field : uint32_t { DataType = 2, FloatData = 4, RawData = 9, DoubleData = 10, ExternalData = 13, DataLocation = 14 };
constexpr uint64_t Float = 1, Double = 11; // TensorProto.DataType
} // namespace tensor

/// One field: [begin, end) with its tag; the payload of a Bytes field is [payload, end).
struct Field {
  size_t begin, payload, end;
  uint32_t number;
  unsigned wire;
  uint64_t value = 0; // of a Varint
};

class Slimmer {
public:
  Slimmer(ArrayRef<uint8_t> bytes, size_t limit) : bytes(bytes), limit(limit) {}
  /// Appends the message in [begin, end) to `out`. False on an error, which `failure` tells.
  bool copy(Message message, size_t begin, size_t end, std::string &out);
  const char *failure = nullptr;
  bool tooLarge = false;

private:
  std::optional<uint64_t> readVarint(size_t &at, size_t end);
  std::optional<Field> readField(size_t &at, size_t end);
  bool skipGroup(size_t &at, size_t end, uint32_t number);
  bool copyTensor(size_t begin, size_t end, std::string &out);
  bool append(std::string &out, size_t begin, size_t end);
  bool malformed(const char *what) {
    failure = what;
    return false;
  }

  ArrayRef<uint8_t> bytes;
  size_t limit;
};
} // namespace

static void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

static void appendBytes(std::string &out, uint32_t field, StringRef payload) {
  appendVarint(out, field << 3 | Bytes);
  appendVarint(out, payload.size());
  out.append(payload.data(), payload.size());
}

/// One StringStringEntryProto {key = 1, value = 2} of external_data.
static void appendEntry(std::string &out, StringRef key, const std::string &value) {
  std::string entry;
  appendBytes(entry, 1, key);
  appendBytes(entry, 2, value);
  appendBytes(out, tensor::ExternalData, entry);
}

std::optional<uint64_t> Slimmer::readVarint(size_t &at, size_t end) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) { // at most 10 bytes
    if (at == end)
      return std::nullopt;
    uint8_t byte = bytes[at++];
    if (shift < 64)
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  return std::nullopt;
}

/// A group (deprecated; no ONNX message has one) is skipped up to its matching end. Nested ones are counted, not recursed into.
bool Slimmer::skipGroup(size_t &at, size_t end, uint32_t number) {
  SmallVector<uint32_t> open = {number};
  while (!open.empty()) {
    std::optional<uint64_t> tag = readVarint(at, end);
    if (!tag || *tag >> 3 == 0 || *tag > UINT32_MAX)
      return false;
    uint32_t inner = static_cast<uint32_t>(*tag >> 3);
    size_t size = 0;
    switch (*tag & 7) {
    case Varint:
      if (!readVarint(at, end))
        return false;
      break;
    case Fixed64:
      size = 8;
      break;
    case Fixed32:
      size = 4;
      break;
    case Bytes: {
      std::optional<uint64_t> length = readVarint(at, end);
      if (!length || *length > end - at)
        return false;
      size = *length;
      break;
    }
    case StartGroup:
      if (open.size() == 64)
        return false;
      open.push_back(inner);
      break;
    case EndGroup:
      if (open.pop_back_val() != inner)
        return false;
      break;
    default:
      return false;
    }
    if (size > end - at)
      return false;
    at += size;
  }
  return true;
}

std::optional<Field> Slimmer::readField(size_t &at, size_t end) {
  Field field;
  field.begin = at;
  std::optional<uint64_t> tag = readVarint(at, end);
  if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0)
    return std::nullopt;
  field.number = static_cast<uint32_t>(*tag >> 3);
  field.wire = *tag & 7;
  field.payload = at;
  switch (field.wire) {
  case Varint: {
    std::optional<uint64_t> value = readVarint(at, end);
    if (!value)
      return std::nullopt;
    field.value = *value;
    break;
  }
  case Fixed64:
  case Fixed32: {
    size_t size = field.wire == Fixed64 ? 8 : 4;
    if (size > end - at)
      return std::nullopt;
    at += size;
    break;
  }
  case Bytes: {
    std::optional<uint64_t> length = readVarint(at, end);
    if (!length || *length > end - at)
      return std::nullopt;
    field.payload = at;
    at += *length;
    break;
  }
  case StartGroup:
    if (!skipGroup(at, end, field.number))
      return std::nullopt;
    break;
  default:
    return std::nullopt;
  }
  field.end = at;
  return field;
}

bool Slimmer::append(std::string &out, size_t begin, size_t end) {
  if (end - begin > limit || out.size() > limit - (end - begin)) {
    tooLarge = true;
    return false;
  }
  out.append(reinterpret_cast<const char *>(bytes.data()) + begin, end - begin);
  return true;
}

bool Slimmer::copyTensor(size_t begin, size_t end, std::string &out) {
  std::optional<uint64_t> type;
  std::optional<Field> raw, typed; // what may be left in the file
  SmallVector<Field> typedRuns;
  for (size_t at = begin; at < end;) {
    std::optional<Field> field = readField(at, end);
    if (!field)
      return malformed("a tensor is cut short or badly encoded");
    bool isBytes = field->wire == Bytes;
    if (field->number == tensor::RawData && isBytes) {
      if (raw)
        return malformed("a tensor has more than one raw_data");
      raw = field;
      continue;
    }
    if ((field->number == tensor::FloatData || field->number == tensor::DoubleData) && isBytes) {
      typedRuns.push_back(*field);
      continue;
    }
    if (field->number == tensor::DataType && field->wire == Varint)
      type = field->value;
    if (!append(out, field->begin, field->end))
      return false;
  }
  if (typedRuns.size() == 1 && type) {
    const Field &run = typedRuns.front();
    size_t element = run.number == tensor::FloatData ? 4 : 8;
    if (*type == (run.number == tensor::FloatData ? tensor::Float : tensor::Double) && (run.end - run.payload) % element == 0)
      typed = run;
  }
  // Both raw and typed values: left as they are, for ONNX's checker to refuse.
  std::optional<Field> kept = raw && typedRuns.empty() ? raw : !raw ? typed : std::nullopt;
  if (kept && kept->end - kept->payload > static_cast<size_t>(inlineBytes)) {
    appendEntry(out, "location", std::string(1, sourceLocation) + "0");
    appendEntry(out, "offset", std::to_string(kept->payload));
    appendEntry(out, "length", std::to_string(kept->end - kept->payload));
    appendVarint(out, tensor::DataLocation << 3 | Varint);
    out.push_back(1); // EXTERNAL
    return true;
  }
  if (raw && !append(out, raw->begin, raw->end))
    return false;
  for (const Field &run : typedRuns)
    if (!append(out, run.begin, run.end))
      return false;
  return true;
}

bool Slimmer::copy(Message message, size_t begin, size_t end, std::string &out) {
  if (message == Message::Tensor)
    return copyTensor(begin, end, out);
  for (size_t at = begin; at < end;) {
    std::optional<Field> field = readField(at, end);
    if (!field)
      return malformed(message == Message::Model ? "the file is no protobuf message, or is cut short"
                                                 : "a part of the graph is cut short or badly encoded");
    const Path *path = llvm::find_if(paths, [&](const Path &path) { return path.in == message && path.field == field->number; });
    bool small = field->end - field->payload <= static_cast<size_t>(inlineBytes);
    if (path == std::end(paths) || field->wire != Bytes || small) {
      if (!append(out, field->begin, field->end))
        return false;
      continue;
    }
    std::string inner;
    if (!copy(path->to, field->payload, field->end, inner))
      return false;
    if (inner.size() > limit || out.size() > limit - inner.size()) {
      tooLarge = true;
      return false;
    }
    appendBytes(out, field->number, inner);
  }
  return true;
}

std::optional<std::string> qcc::importer::slimModel(ArrayRef<uint8_t> model, int64_t limit, Problems &problems) {
  Slimmer slimmer(model, static_cast<size_t>(limit));
  std::string out;
  if (slimmer.copy(Message::Model, 0, model.size(), out))
    return out;
  if (slimmer.tooLarge)
    problems.add(Rule::ResourceLimit, {}, "the model without its weights takes more than " + std::to_string(limit) + " bytes");
  else
    problems.add(Rule::NotAModel, {}, slimmer.failure);
  return std::nullopt;
}
