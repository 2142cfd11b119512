// Maps of input files, and the path rules of external data.
#include "qcc/Base/SourceFiles.h"
#include "lib/Frontend/ONNX/ExternalData.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
using namespace qcc;
using namespace qcc::importer;

namespace {
/// A fresh folder with a file of 100000 bytes, "data.bin", a link to it, and a model.
class Folder : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("qcc-source-files", folder));
    write("data.bin", std::string(100000, 'd'));
    write("model.onnx", "m");
    ASSERT_FALSE(llvm::sys::fs::create_link("data.bin", path("link.bin")));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string path(llvm::StringRef name) {
    llvm::SmallString<256> full(folder);
    llvm::sys::path::append(full, name);
    return std::string(full);
  }
  void write(llvm::StringRef name, llvm::StringRef bytes) {
    std::error_code error;
    llvm::raw_fd_ostream(path(name), error) << bytes;
    ASSERT_FALSE(error);
  }
  llvm::SmallString<256> folder;
  SourceFiles sources;
};

TEST_F(Folder, HandsOutOnlyBytesThatExist) {
  int64_t file = sources.add("data", std::move(*mapFile(path("data.bin"), INT64_MAX)));
  EXPECT_EQ(sources.size(file), 100000);
  ASSERT_TRUE(sources.bytes(file, 99990, 10));
  EXPECT_EQ(sources.bytes(file, 99990, 10)->front(), 'd');
  EXPECT_TRUE(sources.bytes(file, 100000, 0));
  EXPECT_FALSE(sources.bytes(file, 99990, 11));
  EXPECT_FALSE(sources.bytes(file, -1, 1));
  EXPECT_FALSE(sources.bytes(file, 0, -1));
  EXPECT_FALSE(sources.bytes(file, INT64_MAX, 1));
  EXPECT_FALSE(sources.bytes(file + 1, 0, 1));
  EXPECT_FALSE(sources.bytes(-1, 0, 1));
}

TEST_F(Folder, ReleasedBytesCanBeReadAgain) {
  int64_t mapped = sources.add("data", std::move(*mapFile(path("data.bin"), INT64_MAX)));
  int64_t owned = sources.add("owned", llvm::MemoryBuffer::getMemBufferCopy(std::string(100000, 'o')));
  for (auto [file, byte] : {std::pair(mapped, 'd'), std::pair(owned, 'o')}) {
    sources.release(file, 0, 100000);
    std::optional<llvm::ArrayRef<uint8_t>> bytes = sources.bytes(file, 0, 100000);
    for (uint8_t value : *bytes)
      ASSERT_EQ(value, byte);
  }
}

TEST_F(Folder, RefusesFoldersAndFilesOverTheLimit) {
  EXPECT_EQ(mapFile(folder, INT64_MAX).getError(), std::errc::is_a_directory);
  EXPECT_EQ(mapFile(path("data.bin"), 99999).getError(), std::errc::file_too_large);
  EXPECT_EQ(mapFile(path("nothing"), INT64_MAX).getError(), std::errc::no_such_file_or_directory);
}

TEST_F(Folder, StrictPathsFollowNoLink) {
  ExternalData strict(std::string(folder), path("model.onnx"), /*strict=*/true, /*allowAbsent=*/false, sources), usual(std::string(folder), path("model.onnx"), /*strict=*/false, /*allowAbsent=*/false, sources);
  EXPECT_GE(strict.open("data.bin").file, 0);
  EXPECT_GE(strict.open("./data.bin").file, 0);
  EXPECT_EQ(strict.open("link.bin").file, -1);
  EXPECT_EQ(strict.open("link.bin").rule, Rule::ExternalPath);
  EXPECT_GE(usual.open("link.bin").file, 0);
}

TEST_F(Folder, OpensEachFileOnce) {
  ExternalData external(std::string(folder), path("model.onnx"), /*strict=*/false, /*allowAbsent=*/false, sources);
  int64_t first = external.open("data.bin").file;
  EXPECT_EQ(external.open("data.bin").file, first);
  EXPECT_EQ(sources.count(), 1);
}

TEST_F(Folder, WithoutAFolderThereIsNoExternalData) {
  ExternalData external("", "", /*strict=*/false, /*allowAbsent=*/false, sources);
  EXPECT_EQ(external.open("data.bin").rule, Rule::ExternalFile);
}
} // namespace
