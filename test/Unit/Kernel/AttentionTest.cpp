// Attention kernels against double precision: sizes around tiles and chunks, every option, any number of threads.
#include "AttentionProblem.h"
#include "gtest/gtest.h"
#include <cstring>
using namespace qcc::test;

namespace {
constexpr double bound = 1e-5;                                      // of the sum of weight * |value|

class Attention : public testing::TestWithParam<AttentionShape> {
protected:
  void SetUp() override {
    if (!CompiledKernels::canRun(GetParam().lanes))
      GTEST_SKIP() << "needs vectors of " << GetParam().lanes << " floats";
  }
  std::vector<uint8_t> cacheOf(const AttentionKernels &kernels, const AttentionProblem &p) {
    auto cache = kernels.makeCache(p.call.batch, p.total());
    Call past{p.call.batch, p.call.past, 0};
    if (p.call.past)
      kernels.update(cache, past, 3, p.rows(p.key, 0, p.call.past), p.rows(p.value, 0, p.call.past));
    kernels.update(cache, p.call, 2, p.rows(p.key, p.call.past, p.total()), p.rows(p.value, p.call.past, p.total()));
    return cache;
  }
};

TEST_P(Attention, EqualsTheReferenceAtAnyNumberOfThreads) {
  AttentionKernels kernels(GetParam());
  for (int64_t batch : {1, 2})
    for (int64_t seq : {1, 2, 7, 16, 33, 100})
      for (int64_t past : {0, 1, 31, 255, 300}) {
        if (batch == 2 && (seq == 16 || past == 31))
          continue;
        SCOPED_TRACE(testing::Message() << "batch " << batch << ", seq " << seq << ", past " << past);
        AttentionProblem p(GetParam(), {batch, seq, past});
        auto cache = cacheOf(kernels, p);
        std::vector<double> magnitude, expected = p.reference(magnitude);
        for (auto way : {AttentionKernels::Whole, AttentionKernels::Chunks}) {
          auto one = kernels.attend(way, cache, p.call, 1, p.query, p.mask);
          ASSERT_LE(worstError(one, expected, magnitude), bound) << (way == AttentionKernels::Whole ? "whole" : "chunks");
          for (int64_t threads : {2, 3, 4})
            ASSERT_EQ(one, kernels.attend(way, cache, p.call, threads, p.query, p.mask)) << threads << " threads";
        }
      }
}

class CausalAttention : public Attention {};
TEST_P(CausalAttention, OneTokenAtATimeEqualsAllAtOnce) {
  AttentionShape shape = GetParam();
  AttentionKernels kernels(shape);
  AttentionProblem p(shape, {1, 90, 0});
  auto together = kernels.attend(AttentionKernels::Whole, cacheOf(kernels, p), p.call, 2, p.query, {});
  auto cache = kernels.makeCache(1, 90);
  std::vector<double> magnitude;
  p.reference(magnitude);
  int64_t width = shape.heads * shape.headDim;
  for (int64_t t = 0; t < 90; ++t) {
    Call step{1, 1, t};
    kernels.update(cache, step, 2, p.rows(p.key, t, t + 1), p.rows(p.value, t, t + 1));
    auto row = kernels.attend(AttentionKernels::Chunks, cache, step, 2, 
                              std::vector<float>(p.query.begin() + t * width, p.query.begin() + (t + 1) * width), {});
    for (int64_t i = 0; i < width; ++i)
      ASSERT_NEAR(row[i], together[t * width + i], bound * magnitude[t * width + i]) << "token " << t;
  }
}

/// One token and head of four channels: bytes of the cache that the kernel writes, keys, then values, then scales.
struct OneHead {
  std::vector<int> keys, values;
  float keyScale, valueScale;
};
OneHead quantized(int bits, std::vector<float> key, std::vector<float> value) {
  AttentionShape shape;
  shape.heads = shape.kvHeads = 1, shape.headDim = 4, shape.lanes = 8, shape.bits = bits;
  AttentionKernels kernels(shape);
  auto cache = kernels.makeCache(1, 1);
  kernels.update(cache, {1, 1, 0}, 1, key, value);
  int64_t slots = bits == 4 ? 2 : 4, capacity = 64;
  auto byte = [&](int64_t at) { return int(int8_t(cache[at])); };
  OneHead head;
  for (int64_t i = 0; i < slots; ++i) {
    head.keys.push_back(byte(i * shape.lanes));
    head.values.push_back(byte(capacity * slots + i));
  }
  memcpy(&head.keyScale, &cache[2 * capacity * slots], 4);
  memcpy(&head.valueScale, &cache[2 * capacity * slots + 4 * capacity], 4);
  return head;
}
int bytes(int low, int high) { return int8_t((low & 15) | high << 4); }

TEST(QuantizedCache, ElementOfLargestMagnitudeHasTheLowestCode) {
  if (!CompiledKernels::canRun(8))
    GTEST_SKIP() << "needs vectors of 8 floats";
  OneHead head = quantized(8, {1, -4, 0.4f, 3}, {8, 1, -7.9f, -8 + 0.25f});
  EXPECT_EQ(head.keyScale, 0.03125f);
  EXPECT_EQ(head.keys, (std::vector{32, -128, 13, 96}));
  EXPECT_EQ(head.valueScale, -0.0625f);
  EXPECT_EQ(head.values, (std::vector{-128, -16, 126, 124}));
}
TEST(QuantizedCache, KeysPairNeighboursAndValuesPairHalves) {
  if (!CompiledKernels::canRun(8))
    GTEST_SKIP() << "needs vectors of 8 floats";
  OneHead head = quantized(4, {1, -4, 0.4f, 3}, {8, 1, -7.9f, -2.5f});
  EXPECT_EQ(head.keyScale, 0.5f);
  EXPECT_EQ(head.keys, (std::vector{bytes(2, -8), bytes(1, 6)}));
  EXPECT_EQ(head.valueScale, -1);
  EXPECT_EQ(head.values, (std::vector{bytes(-8, 7), bytes(-1, 2)})) << "7.9 is clipped, 2.5 is rounded to even";
}
TEST(QuantizedCache, HeadsOfZerosAndOfNumbersWithoutInverseAreZeros) {
  if (!CompiledKernels::canRun(8))
    GTEST_SKIP() << "needs vectors of 8 floats";
  OneHead head = quantized(8, {0, 0, 0, 0}, {1e-40f, -1e-39f, 0, 0});
  EXPECT_EQ(head.keyScale, 0);
  EXPECT_EQ(head.valueScale, 0);
  EXPECT_EQ(head.keys, std::vector(4, 0));
  EXPECT_EQ(head.values, std::vector(4, 0));
}

std::vector<AttentionShape> shapes() {
  std::vector<AttentionShape> all;
  auto add = [&](auto change) {
    AttentionShape shape;
    change(shape);
    all.push_back(shape);
  };
  add([](auto &s) {});
  add([](auto &s) { s.bits = 32; });
  add([](auto &s) { s.lanes = 8; });
  add([](auto &s) { s.heads = 8, s.kvHeads = 1, s.headDim = 32; });
  add([](auto &s) { s.heads = 4, s.kvHeads = 4, s.headDim = 80; });
  add([](auto &s) { s.heads = 7, s.kvHeads = 1, s.headDim = 128, s.bits = 32; });
  add([](auto &s) { s.heads = 1, s.kvHeads = 1, s.headDim = 40, s.lanes = 8, s.bits = 32; });
  add([](auto &s) { s.heads = 3, s.kvHeads = 1, s.headDim = 20; });
  add([](auto &s) { s.heads = 2, s.kvHeads = 2, s.headDim = 256; });
  add([](auto &s) { s.window = 40; });
  add([](auto &s) { s.causal = false, s.headDim = 32; });
  add([](auto &s) { s.maskBits = 64; });
  add([](auto &s) { s.maskBits = 32, s.causal = false, s.lanes = 8; });
  add([](auto &s) { s.softcap = 3, s.window = 100, s.bits = 32; });
  add([](auto &s) { s.lanes = 32; });                               // a warp
  for (int bits : {8, 4}) {
    add([&](auto &s) { s.bits = bits; });
    add([&](auto &s) { s.bits = bits, s.lanes = 8; });
    add([&](auto &s) { s.bits = bits, s.heads = 8, s.kvHeads = 1, s.headDim = 32; });
    add([&](auto &s) { s.bits = bits, s.heads = 4, s.kvHeads = 4, s.headDim = 80; });
    add([&](auto &s) { s.bits = bits, s.heads = 3, s.kvHeads = 1, s.headDim = 22, s.lanes = 8; });
    add([&](auto &s) { s.bits = bits, s.heads = 2, s.kvHeads = 2, s.headDim = 256, s.window = 40; });
    add([&](auto &s) { s.bits = bits, s.maskBits = 32, s.causal = false; });
    add([&](auto &s) { s.bits = bits, s.softcap = 3, s.lanes = 32; });
  }
  return all;
}

std::string nameOf(const testing::TestParamInfo<AttentionShape> &info) {
  const AttentionShape &s = info.param;
  std::string name = "Heads" + std::to_string(s.heads) + "Over" + std::to_string(s.kvHeads) + "Dim" + std::to_string(s.headDim) + (s.bits < 16 ? "I" : "F") + std::to_string(s.bits);
  name += (s.causal ? "" : "Full") + (s.window ? "Window" + std::to_string(s.window) : "") + (s.softcap != 0 ? "Softcap" : "");
  return name + (s.maskBits ? "Mask" + std::to_string(s.maskBits) : "") + "Lanes" + std::to_string(s.lanes);
}
std::vector<AttentionShape> causalShapes() {
  auto all = shapes();
  all.erase(std::remove_if(all.begin(), all.end(), [](auto &s) { return !s.causal || s.maskBits; }), all.end());
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, Attention, testing::ValuesIn(shapes()), nameOf);
INSTANTIATE_TEST_SUITE_P(Shapes, CausalAttention, testing::ValuesIn(causalShapes()), nameOf);
} // namespace
