// The file of --calib-cache: what is added is found again bit for bit, and nothing else is.
#include "lib/Compiler/CalibrationCache.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "gtest/gtest.h"
#include <cmath>
using namespace qcc;

namespace {
struct CalibrationCacheTest : testing::Test {
  CalibrationCacheTest() {
    llvm::sys::fs::createUniqueDirectory("qcc-cache", folder);
    path = (folder + "/cache").str();
    identity.model.fill(1);
    identity.text.fill(2);
  }
  ~CalibrationCacheTest() override { llvm::sys::fs::remove_directories(folder); }
  std::string bytes() const {
    auto file = llvm::MemoryBuffer::getFile(path);
    return file ? (*file)->getBuffer().str() : "";
  }
  llvm::SmallString<128> folder;
  std::string path;
  CalibrationCache::Identity identity{{}, {}, 4, 64};
};

TEST_F(CalibrationCacheTest, FindsWhatWasAdded) {
  Digest a = CacheKey().add("a").digest(), b = CacheKey().add("b").digest();
  CalibrationCache first;
  ASSERT_EQ(first.open(path, identity), 0);
  EXPECT_FALSE(first.find(a));
  first.add(a, RecordWriter().add(int64_t(7)).add("seven").bytes());
  first.add(b, {});
  ASSERT_EQ(first.commit(), 0);
  CalibrationCache second;
  ASSERT_EQ(second.open(path, identity), 0);
  auto record = second.find(a);
  ASSERT_TRUE(record);
  RecordReader reader(*record);
  EXPECT_EQ(reader.integer(), 7);
  EXPECT_EQ(reader.text(), "seven");
  EXPECT_TRUE(reader.isComplete());
  EXPECT_TRUE(second.find(b)->empty());
  EXPECT_FALSE(second.find(CacheKey().add("c").digest()));
  EXPECT_EQ(second.numFound(), 2);
  EXPECT_EQ(second.numAdded(), 0);
}

TEST_F(CalibrationCacheTest, KeepsWhatARunUsesWhereItAdds) {
  Digest keys[3] = {CacheKey().add("a").digest(), CacheKey().add("b").digest(), CacheKey().add("c").digest()};
  auto fill = [&](llvm::ArrayRef<int> which) {
    CalibrationCache cache;
    EXPECT_EQ(cache.open(path, identity), 0);
    for (int i : which)
      if (!cache.find(keys[i]))
        cache.add(keys[i], RecordWriter().add(int64_t(i)).bytes());
    EXPECT_EQ(cache.commit(), 0);
  };
  fill({0, 2});
  std::string both = bytes();
  llvm::sys::fs::remove(path);
  fill({0, 1});
  std::string before = bytes();
  fill({1});
  EXPECT_EQ(bytes(), before); // nothing new: as it was
  fill({0, 2});
  EXPECT_EQ(bytes(), both);   // as if 1 had never been there
}

TEST_F(CalibrationCacheTest, LeavesNoFileWithoutCommit) {
  {
    CalibrationCache cache;
    ASSERT_EQ(cache.open(path, identity), 0);
    cache.add(CacheKey().digest(), {});
  }
  std::error_code code;
  EXPECT_EQ(llvm::sys::fs::directory_iterator(folder, code), llvm::sys::fs::directory_iterator());
}

TEST(CacheKeyTest, TellsBoundsApart) {
  EXPECT_NE(CacheKey().add("ab").add("c").digest(), CacheKey().add("a").add("bc").digest());
  EXPECT_NE(CacheKey().add(int64_t(1)).digest(), CacheKey().add(1.0).digest());
}

TEST(RecordTest, KeepsEveryBit) {
  std::vector<float> values = {-0.0f, 1e-45f, std::nanf("1"), INFINITY};
  RecordWriter writer;
  writer.add(llvm::ArrayRef<float>(values)).add(0.1);
  RecordReader reader(writer.bytes());
  std::vector<float> read = reader.floats();
  ASSERT_EQ(read.size(), values.size());
  EXPECT_EQ(memcmp(read.data(), values.data(), values.size() * sizeof(float)), 0);
  EXPECT_EQ(reader.number(), 0.1);
  EXPECT_TRUE(reader.isComplete());
}

TEST(RecordTest, EndsWhereBytesDo) {
  RecordWriter writer;
  writer.add(int64_t(1) << 62).add("abc");
  RecordReader floats(writer.bytes()), text(writer.bytes()), longer(writer.bytes()), rest(writer.bytes());
  EXPECT_TRUE(floats.floats().empty() || !floats.isComplete());
  EXPECT_FALSE(floats.isComplete());
  text.text();
  EXPECT_FALSE(text.isComplete());
  for (int i = 0; i < 4; ++i)
    longer.integer();
  EXPECT_FALSE(longer.isComplete());
  rest.integer();
  EXPECT_FALSE(rest.isComplete());
}
} // namespace
