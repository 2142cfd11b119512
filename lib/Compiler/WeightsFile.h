// Writes model.weights (include/qcc/Runtime/WeightsFile.h) front to back, so that no weight is held: header, data, section table, footer.
#ifndef QCC_LIB_COMPILER_WEIGHTSFILE_H
#define QCC_LIB_COMPILER_WEIGHTSFILE_H
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <array>

namespace qcc {
class WeightsFile : public WeightSink {
public:
  /// Starts writing at `path`, an existing file that belongs to the caller (OutputFiles::reserve): on errors the caller removes it. `name`: what errors
  /// call it, since `path` may be temporary.
  static llvm::Expected<std::unique_ptr<WeightsFile>> create(llvm::StringRef path, llvm::StringRef name);
  ~WeightsFile() override;

  llvm::Expected<int64_t> begin(llvm::StringRef symbol, llvm::StringRef name, int64_t bytes) override;
  llvm::Error append(llvm::ArrayRef<uint8_t> bytes) override;
  llvm::Error end() override;
  /// Writes the table, the footer and the header and closes the file. Every write is checked. Call once, after the last end().
  llvm::Error finish();

  /// Known after finish(): the identity that program and weights share.
  std::array<uint8_t, 32> id() const { return identity; }
  int64_t dataBytes() const { return written; }
  /// SHA-256 of each weight in hexadecimal, by symbol.
  const llvm::StringMap<std::string> &digests() const { return digestOf; }

private:
  WeightsFile(llvm::StringRef path, llvm::StringRef name, std::error_code &code) : name(name), out(path, code) {}
  llvm::Error checked();
  void pad(int64_t multiple);

  struct Section {
    std::string symbol, name;
    int64_t offset, bytes;
    std::array<uint8_t, 32> sha256;
  };
  std::string name;
  llvm::raw_fd_ostream out;
  bool isFinished = false;
  std::vector<Section> sections;
  llvm::SHA256 hash;
  int64_t written = 0;                                 // bytes of the data region so far
  std::array<uint8_t, 32> identity{};
  llvm::StringMap<std::string> digestOf;
};
} // namespace qcc
#endif
