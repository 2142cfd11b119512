#include "lib/Compiler/CalibrationCache.h"
#include "lib/Compiler/Library.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/SourceFiles.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <limits>
using namespace qcc;
using llvm::ArrayRef, llvm::StringRef, llvm::Twine;

static constexpr char magic[] = "QCCCALIB";
static constexpr uint32_t version = 1;
static constexpr size_t digestBytes = sizeof(Digest), headerBytes = 96, alignment = 8;

//===-- keys and records ---------------------------------------------------------------------------------------------------------===//

CacheKey &CacheKey::add(int64_t number) {
  hash.update(ArrayRef(reinterpret_cast<const uint8_t *>(&number), sizeof number));
  return *this;
}

CacheKey &CacheKey::add(StringRef bytes) {
  add(int64_t(bytes.size()));                          // "a", "bc" is not "ab", "c"
  hash.update(bytes);
  return *this;
}

Digest CacheKey::digest() const {
  llvm::SHA256 copy = hash;
  return copy.final();
}

void RecordWriter::append(const void *from, size_t count) {
  auto *bytes = static_cast<const uint8_t *>(from);
  data.insert(data.end(), bytes, bytes + count);
}

RecordWriter &RecordWriter::add(int64_t number) {
  append(&number, sizeof number);
  return *this;
}

RecordWriter &RecordWriter::add(double number) {
  append(&number, sizeof number);
  return *this;
}

RecordWriter &RecordWriter::add(StringRef text) {
  add(int64_t(text.size()));
  append(text.data(), text.size());
  return *this;
}

RecordWriter &RecordWriter::add(ArrayRef<float> values) {
  add(int64_t(values.size()));
  append(values.data(), values.size() * sizeof(float));
  return *this;
}

bool RecordReader::take(void *to, uint64_t count) {
  good &= count <= rest.size();
  if (!good)
    return false;
  if (count)
    memcpy(to, rest.data(), count);
  rest = rest.drop_front(count);
  return true;
}

int64_t RecordReader::integer() {
  int64_t value = 0;
  take(&value, sizeof value);
  return value;
}

double RecordReader::number() {
  double value = 0;
  take(&value, sizeof value);
  return value;
}

std::string RecordReader::text() {
  uint64_t count = uint64_t(integer());
  std::string text(std::min<uint64_t>(count, rest.size()), '\0');
  take(text.data(), count);
  return text;
}

std::vector<float> RecordReader::floats() {
  uint64_t count = uint64_t(integer());
  std::vector<float> values(std::min<uint64_t>(count, rest.size() / sizeof(float)));
  take(values.data(), count > values.size() ? std::numeric_limits<uint64_t>::max() : count * sizeof(float));
  return values;
}

//===-- the file -----------------------------------------------------------------------------------------------------------------===//

static std::string nameOf(const Digest &digest) { return llvm::toHex(digest, /*LowerCase=*/true); }

static Digest digestAt(const uint8_t *at) {
  Digest digest;
  memcpy(digest.data(), at, digestBytes);
  return digest;
}

static uint64_t numberAt(const uint8_t *at) {
  uint64_t number;
  memcpy(&number, at, sizeof number);
  return number;
}

static Digest sumOf(ArrayRef<uint8_t> bytes) {
  llvm::SHA256 sum;
  sum.update(bytes);
  return sum.final();
}

CalibrationCache::~CalibrationCache() {
  if (!out)
    return;
  out->close();
  out->clear_error();                                  // commit() has said it, or something else has failed
}

int CalibrationCache::refuseRecord() const { return complain(ExitMalformed, path + ": is damaged: remove it, and calibration starts anew [calibration-cache]"); }

int CalibrationCache::open(StringRef file, const Identity &wanted) {
  path = file.str();
  identity = wanted;
  auto mapped = mapFile(path, std::numeric_limits<int64_t>::max());
  if (!mapped && mapped.getError() == std::errc::no_such_file_or_directory) {
    beginWriting();                                    // rather learn now than after calibration that it cannot be written
    return isBroken ? ExitResource : ExitSuccess;
  }
  if (!mapped)
    return complain(ExitInput, path + ": " + mapped.getError().message() + " [calibration-cache]");
  buffer = std::move(*mapped);
  return read(llvm::arrayRefFromStringRef(buffer->getBuffer()), wanted);
}

int CalibrationCache::read(ArrayRef<uint8_t> bytes, const Identity &wanted) {
  auto refuse = [&](int code, const Twine &why) { return complain(code, path + ": " + why + " [calibration-cache]"); };
  if (bytes.size() < 12 || memcmp(bytes.data(), magic, 8))
    return refuse(ExitMalformed, "is no cache of calibration");
  uint32_t found;
  memcpy(&found, bytes.data() + 8, sizeof found);
  if (found != version)
    return refuse(ExitUnsupported, "is of version " + Twine(found) + "; this qcc reads version " + Twine(version));
  if (bytes.size() < headerBytes + digestBytes || sumOf(bytes.drop_back(digestBytes)) != digestAt(bytes.end() - digestBytes))
    return refuseRecord();
  Digest model = digestAt(bytes.data() + 16), text = digestAt(bytes.data() + 48);
  uint64_t windows = numberAt(bytes.data() + 80), length = numberAt(bytes.data() + 88);
  if (model != wanted.model)
    return refuse(ExitUsage, "is of another model: its files have the SHA-256 " + nameOf(model) + ", this one's " + nameOf(wanted.model));
  if (windows != uint64_t(wanted.windows) || length != uint64_t(wanted.length))
    return refuse(ExitUsage, "is of " + Twine(windows) + " windows of " + Twine(length) + " tokens, and " + Twine(wanted.windows) + " of " + Twine(wanted.length) +
                                 " are asked for (--calib-samples, --calib-length)");
  if (text != wanted.text)
    return refuse(ExitUsage, "is of another text: its tokens have the SHA-256 " + nameOf(text) + ", this one's " + nameOf(wanted.text));
  for (ArrayRef<uint8_t> rest = bytes.drop_front(headerBytes).drop_back(digestBytes); !rest.empty();) {
    uint64_t size = rest.size() < digestBytes + 8 ? 0 : numberAt(rest.data() + digestBytes), room = rest.size() - std::min<size_t>(rest.size(), digestBytes + 8);
    if (rest.size() < digestBytes + 8 || size > room || llvm::alignTo(size, alignment) > room)
      return refuseRecord();
    records[digestAt(rest.data())] = rest.slice(digestBytes + 8, size);
    rest = rest.drop_front(digestBytes + 8 + llvm::alignTo(size, alignment));
  }
  return ExitSuccess;
}

std::optional<ArrayRef<uint8_t>> CalibrationCache::find(const Digest &key) {
  auto at = records.find(key);
  if (at == records.end())
    return std::nullopt;
  if (known.insert(key).second) {
    used.push_back(key);
    if (out)
      write(key, at->second);
  }
  return at->second;
}

void CalibrationCache::add(const Digest &key, ArrayRef<uint8_t> bytes) {
  if (!known.insert(key).second)
    return;
  if (!out && !isBroken)
    beginWriting();
  used.push_back(key);
  ++added;
  write(key, bytes);
}

void CalibrationCache::beginWriting() {
  llvm::Expected<std::string> temporary = files.reserve(path);
  if (!temporary) {
    isBroken = true;
    complain(ExitResource, llvm::toString(temporary.takeError()) + " [calibration-cache]");
    return;
  }
  std::error_code code;
  out = std::make_unique<llvm::raw_fd_ostream>(*temporary, code);
  uint32_t numbers[2] = {version, 0};
  int64_t extents[2] = {identity.windows, identity.length};
  put(magic, 8);
  put(numbers, sizeof numbers);
  put(identity.model.data(), digestBytes);
  put(identity.text.data(), digestBytes);
  put(extents, sizeof extents);
  for (const Digest &key : used)
    write(key, records[key]);
}

void CalibrationCache::put(const void *from, size_t count) {
  if (!out)
    return;
  out->write(static_cast<const char *>(from), count);
  sum.update(ArrayRef(static_cast<const uint8_t *>(from), count));
}

void CalibrationCache::write(const Digest &key, ArrayRef<uint8_t> bytes) {
  static constexpr char zeros[alignment] = {};
  uint64_t size = bytes.size();
  put(key.data(), digestBytes);
  put(&size, sizeof size);
  put(bytes.data(), size);
  put(zeros, llvm::alignTo(size, alignment) - size);
}

int CalibrationCache::commit() {
  if (!added)
    return ExitSuccess;
  if (isBroken)
    return ExitResource;
  Digest digest = sum.final();
  out->write(reinterpret_cast<const char *>(digest.data()), digestBytes);
  out->close();
  if (out->has_error()) {
    std::string why = out->error().message();
    out->clear_error();
    return complain(ExitResource, "cannot write '" + path + "': " + why + " [calibration-cache]");
  }
  if (llvm::Error error = files.commit())
    return complain(ExitResource, llvm::toString(std::move(error)) + " [calibration-cache]");
  return ExitSuccess;
}
