// The program's own build, out of its memory.
#include "lib/Compiler/BuildId.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>
using namespace qcc;

TEST(BuildIdTest, IsInTheFileOfTheProgram) {
  std::string path = llvm::sys::fs::getMainExecutable(nullptr, nullptr);
  auto file = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(file)) << path;
  if (buildId().empty())
    GTEST_SKIP() << "linked without --build-id";
  EXPECT_GE(buildId().size(), 8u);
  EXPECT_TRUE((*file)->getBuffer().contains(buildId()));
}
