#include "FakeProgram.h"
#include "gtest/gtest.h"
#include <atomic>
#include <unistd.h>

namespace {
constexpr int Rounds = 300;
struct Shared {
  qccrt_pool *pool;
  int threads;
  std::vector<int64_t> cells;
  std::atomic<int> wrong{0};
};

// Each round every thread adds up what all wrote in the round before: a barrier that lets one thread through early gives a wrong sum.
void addUp(void *argument, int thread) {
  auto &s = *static_cast<Shared *>(argument);
  for (int round = 1; round <= Rounds; ++round) {
    s.cells[thread * 8] = round;
    qccrt_pool_barrier(s.pool);
    int64_t sum = 0;
    for (int t = 0; t < s.threads; ++t)
      sum += s.cells[t * 8];
    if (sum != int64_t(round) * s.threads)
      ++s.wrong;
    qccrt_pool_barrier(s.pool);
  }
}

class Pool : public testing::TestWithParam<int> {};

// More threads than this machine has cores must make progress too.
TEST_P(Pool, BarriersSeparateRounds) {
  Shared s{qccrt_pool_create(GetParam(), false), GetParam(), std::vector<int64_t>(GetParam() * 8)};
  ASSERT_NE(s.pool, nullptr);
  EXPECT_EQ(qccrt_pool_threads(s.pool), GetParam());
  for (int job = 0; job < 3; ++job)
    qccrt_pool_run(s.pool, addUp, &s);
  usleep(2000);                                               // workers are asleep by now
  qccrt_pool_run(s.pool, addUp, &s);
  EXPECT_EQ(s.wrong, 0);
  qccrt_pool_destroy(s.pool);
}
INSTANTIATE_TEST_SUITE_P(Threads, Pool, testing::Range(1, 9));

TEST(Pool, ManyShortJobs) {
  std::atomic<int> count{0};
  qccrt_pool *pool = qccrt_pool_create(4, true);
  ASSERT_NE(pool, nullptr);
  for (int i = 0; i < 5000; ++i)
    qccrt_pool_run(pool, [](void *n, int) { ++*static_cast<std::atomic<int> *>(n); }, &count);
  EXPECT_EQ(count, 20000);
  qccrt_pool_destroy(pool);
}

TEST(Pool, StartsAndStopsOften) {
  for (int i = 0; i < 100; ++i)
    qccrt_pool_destroy(qccrt_pool_create(1 + i % 5, false));
}

TEST(Cpu, FeatureNamesAreCutNotOverrun) {
  char text[8] = "1234567";
  qccrt_feature_names(QCC_CPU_AVX2 | QCC_CPU_AVX512VNNI, text, sizeof text);
  EXPECT_LT(strlen(text), sizeof text);
  char all[400];
  qccrt_feature_names(QCC_CPU_AMX_BF16 | QCC_CPU_SME | UINT64_C(1) << 31, all, sizeof all);
  EXPECT_STREQ(all, "amx-bf16 unknown sme");
}

TEST(Sha256, KnownAnswers) {                                  // FIPS 180-4's examples, and one block boundary
  auto hex = [](const std::string &text) {
    uint8_t digest[32];
    std::string out;
    qccrt_sha256(text.data(), text.size(), digest);
    for (uint8_t b : digest)
      out += "0123456789abcdef"[b >> 4], out += "0123456789abcdef"[b & 15];
    return out;
  };
  EXPECT_EQ(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
} // namespace
