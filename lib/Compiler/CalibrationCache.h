// What calibration has collected, in a file that the next run reads instead of running the text through the model again (--calib-cache).
//
//   0   8   "QCCCALIB"
//   8   4   version, 1; 4 bytes of zeros
//  16  32   SHA-256 of the model's files
//  48  32   SHA-256 of the tokens
//  80   8   windows, 8 bytes: tokens of each
//  96       records, one after the other: 32 bytes of key, 8 bytes: length of what follows, that, zeros up to a multiple of 8
// end  32   SHA-256 of everything before
//
// Numbers are little endian. A key is a digest of all that the record depends on beside model and text, so that no record is ever wrong: there is one or
// there is none.
#ifndef QCC_LIB_COMPILER_CALIBRATIONCACHE_H
#define QCC_LIB_COMPILER_CALIBRATIONCACHE_H
#include "lib/Compiler/OutputFiles.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
namespace qcc {
using Digest = std::array<uint8_t, 32>;

/// Builds a key from what a record depends on, in order.
class CacheKey {
public:
  CacheKey &add(llvm::StringRef bytes);
  CacheKey &add(int64_t number);
  CacheKey &add(double number) { return add(llvm::StringRef(reinterpret_cast<const char *>(&number), sizeof number)); }
  CacheKey &add(llvm::ArrayRef<float> values) { return add(llvm::StringRef(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float))); }
  Digest digest() const;

private:
  llvm::SHA256 hash;
};

/// The bytes of a record as they are put together, and taken apart.
class RecordWriter {
public:
  RecordWriter &add(int64_t number);
  RecordWriter &add(double number);
  RecordWriter &add(llvm::StringRef text);
  RecordWriter &add(llvm::ArrayRef<float> values);
  llvm::ArrayRef<uint8_t> bytes() const { return data; }

private:
  void append(const void *from, size_t count);
  std::vector<uint8_t> data;
};
/// Each returns a value that means nothing once the bytes have ended before.
class RecordReader {
public:
  explicit RecordReader(llvm::ArrayRef<uint8_t> bytes) : rest(bytes) {}
  int64_t integer();
  double number();
  std::string text();
  std::vector<float> floats();
  /// Whether the bytes were there, no more and no fewer.
  bool isComplete() const { return good && rest.empty(); }

private:
  bool take(void *to, uint64_t count);
  llvm::ArrayRef<uint8_t> rest;
  bool good = true;
};

class CalibrationCache {
public:
  CalibrationCache() = default;
  CalibrationCache(const CalibrationCache &) = delete;
  ~CalibrationCache();

  struct Identity {
    Digest model, text;
    int64_t windows, length;
  };
  /// Reads the file, or makes sure that it can be written where there is none. An exit code, after a message: ExitUsage where it is of another model or
  /// text, ExitMalformed where it is damaged, ExitUnsupported for another version.
  int open(llvm::StringRef path, const Identity &identity);
  /// The record of `key`, if there is one. Stays valid.
  std::optional<llvm::ArrayRef<uint8_t>> find(const Digest &key);
  /// A record that find() has not found.
  void add(const Digest &key, llvm::ArrayRef<uint8_t> bytes);
  /// The file is damaged: a record does not hold what it should. ExitMalformed, after a message.
  int refuseRecord() const;
  /// Where something was added, writes what this run has found and added. An exit code, after a message.
  int commit();

  int64_t numFound() const { return int64_t(used.size()) - added; }
  int64_t numAdded() const { return added; }

private:
  int read(llvm::ArrayRef<uint8_t> bytes, const Identity &identity);
  void beginWriting();
  void write(const Digest &key, llvm::ArrayRef<uint8_t> bytes);
  void put(const void *from, size_t count);

  std::string path;
  Identity identity{};
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::map<Digest, llvm::ArrayRef<uint8_t>> records;      // in `buffer`
  std::vector<Digest> used;                               // in the order of first use
  std::set<Digest> known;                                 // the same
  int64_t added = 0;
  bool isBroken = false;                                  // cannot be written, which has been said
  OutputFiles files;
  std::unique_ptr<llvm::raw_fd_ostream> out;              // once there is something new
  llvm::SHA256 sum;                                       // of what was written
};
} // namespace qcc
#endif
