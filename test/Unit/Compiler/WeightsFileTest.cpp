// The weights file as written by the compiler, read by the runtime.
#include "lib/Compiler/WeightsFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>
extern "C" {
#include "Weights.h"
}
using namespace qcc;

static std::vector<uint8_t> ramp(int64_t n, uint8_t first) {
  std::vector<uint8_t> bytes(n);
  for (int64_t i = 0; i < n; ++i)
    bytes[i] = uint8_t(first + i * 7);
  return bytes;
}

TEST(WeightsFile, RuntimeReadsWhatTheCompilerWrote) {
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("weights", "bin", path));
  auto file = WeightsFile::create(path, path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  std::vector<uint8_t> first = ramp(100, 3), second = ramp(3 << 20, 5);
  auto write = [&](llvm::StringRef symbol, llvm::StringRef name, const std::vector<uint8_t> &bytes) {
    auto offset = (*file)->begin(symbol, name, int64_t(bytes.size()));
    EXPECT_TRUE(bool(offset));
    llvm::cantFail((*file)->append(llvm::ArrayRef(bytes).take_front(50)));
    llvm::cantFail((*file)->append(llvm::ArrayRef(bytes).drop_front(50)));
    llvm::cantFail((*file)->end());
    return *offset;
  };
  EXPECT_EQ(write("w0", "q+k+v", first), 0);
  EXPECT_EQ(write("w1", "down", second), 128);
  llvm::cantFail((*file)->finish());
  EXPECT_EQ((*file)->dataBytes() % 64, 0);

  qccrt_weights weights = {};
  char error[256] = "";
  ASSERT_TRUE(qccrt_weights_map(&weights, path.c_str(), error, sizeof error)) << error;
  EXPECT_TRUE(qccrt_weights_verify(&weights, path.c_str(), error, sizeof error)) << error;
  ASSERT_EQ(qccrt_weights_header(&weights)->num_sections, 2u);
  EXPECT_EQ(memcmp(qccrt_weights_header(&weights)->id, (*file)->id().data(), 32), 0);
  const qcc_weights_section *sections = qccrt_weights_sections(&weights);
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(sections) + sections[0].name_offset, sections[0].name_bytes), "q+k+v");
  EXPECT_EQ(llvm::toHex(llvm::ArrayRef(sections[1].sha256), true), (*file)->digests().lookup("w1"));
  EXPECT_EQ(memcmp(weights.data + sections[0].offset, first.data(), first.size()), 0);
  EXPECT_EQ(memcmp(weights.data + sections[1].offset, second.data(), second.size()), 0);
  qccrt_weights_free(&weights);
  llvm::sys::fs::remove(path);
}

TEST(WeightsFile, FullDiskIsAnError) {
  auto file = WeightsFile::create("/dev/full", "/dev/full");
  ASSERT_TRUE(bool(file));
  ASSERT_TRUE(bool((*file)->begin("w", "w", 4 << 20)));
  std::string why = llvm::toString((*file)->append(ramp(4 << 20, 0)));
  EXPECT_EQ(why, "cannot write '/dev/full': No space left on device");
}

TEST(WeightsFile, MissingFolderIsAnError) {
  auto file = WeightsFile::create("/nonexistent/model.weights", "/nonexistent/model.weights");
  ASSERT_FALSE(bool(file));
  EXPECT_EQ(llvm::toString(file.takeError()), "cannot write '/nonexistent/model.weights': No such file or directory");
}
