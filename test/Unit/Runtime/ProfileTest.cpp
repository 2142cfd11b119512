#include "FakeProgram.h"
#include "gtest/gtest.h"

namespace {
class Profile : public testing::TestWithParam<int> {
protected:
  fake::StateProgram fakeProgram{true};
  qcc_model *model = nullptr;
  qcc_session *session = nullptr;

  void open(unsigned flags) {
    qcc_options options = {sizeof options, fakeProgram.path.c_str(), nullptr, GetParam(), flags};
    ASSERT_EQ(qccrt_open(&fakeProgram.program, &options, &model), QCC_OK) << qcc_error(model);
    qcc_session_options batch = {sizeof batch, 2, 0};
    ASSERT_EQ(qcc_session_open(model, &batch, &session), QCC_OK) << qcc_error(model);
  }
  void TearDown() override {
    qcc_session_close(session);
    qcc_close(model);
  }
  std::vector<float> append(size_t count) {
    std::vector<int64_t> tokens(2 * count, 3);
    std::vector<float> logits(2 * fake::Vocabulary);
    EXPECT_EQ(qcc_session_append(session, tokens.data(), count, QCC_LOGITS_LAST, logits.data()), QCC_OK) << qcc_error(model);
    return logits;
  }
};
INSTANTIATE_TEST_SUITE_P(Threads, Profile, testing::Values(1, 3));

TEST_P(Profile, CountsCallsRowsAndWeights) {
  open(QCC_PROFILE);
  qcc_profile profile = {};
  qcc_region_info region = {};
  profile.size = sizeof profile, region.size = sizeof region;
  append(300);                                                // two calls of the program: at most 512 rows in each
  append(1);
  ASSERT_EQ(qcc_get_profile(model, &profile), QCC_OK) << qcc_error(model);
  EXPECT_EQ(profile.num_regions, 2);
  EXPECT_EQ(profile.calls, 3);
  ASSERT_EQ(qcc_get_region(model, 0, &region), QCC_OK) << qcc_error(model);
  EXPECT_STREQ(region.kernels, "write");
  EXPECT_STREQ(region.nodes, "/layers.*/write");
  EXPECT_EQ(region.calls, 3);
  EXPECT_EQ(region.weight_bytes, 3 * 100);
  EXPECT_EQ(region.macs, 2 * 301 * 7);
  EXPECT_GT(region.work_ns, 0);
  EXPECT_LE(3 * region.best_ns, profile.total_ns / GetParam());
  EXPECT_EQ(region.work_ns + region.wait_ns + profile.rest_ns, profile.total_ns);
  ASSERT_EQ(qcc_get_region(model, 1, &region), QCC_OK);
  EXPECT_EQ(region.calls + region.work_ns + region.wait_ns + region.weight_bytes + region.macs, 0);
}

TEST_P(Profile, ResetStartsAnew) {
  open(QCC_PROFILE);
  qcc_profile profile = {};
  qcc_region_info region = {};
  profile.size = sizeof profile, region.size = sizeof region;
  append(300);
  ASSERT_EQ(qcc_reset_profile(model), QCC_OK);
  ASSERT_EQ(qcc_get_profile(model, &profile), QCC_OK);
  EXPECT_EQ(profile.calls + profile.total_ns + profile.rest_ns, 0);
  append(1);
  ASSERT_EQ(qcc_get_region(model, 0, &region), QCC_OK);
  EXPECT_EQ(region.calls, 1);
  EXPECT_EQ(region.macs, 2 * 7);
}

TEST_P(Profile, ChangesNoResult) {
  open(0);
  std::vector<float> plain = append(40);
  TearDown();
  model = nullptr, session = nullptr;
  open(QCC_PROFILE);
  EXPECT_EQ(append(40), plain);
}

TEST_P(Profile, IsRefusedWhereItIsNotMeasured) {
  open(0);
  qcc_profile profile = {};
  qcc_region_info region = {};
  profile.size = sizeof profile, region.size = sizeof region;
  EXPECT_EQ(qcc_get_profile(model, &profile), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "this model is not measured: open it with QCC_PROFILE");
  EXPECT_EQ(qcc_get_region(model, 0, &region), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_reset_profile(model), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_get_profile(nullptr, &profile), QCC_ERROR_ARGUMENT);
}

TEST_P(Profile, ChecksItsArguments) {
  open(QCC_PROFILE);
  qcc_profile profile = {};
  qcc_region_info region = {};
  EXPECT_EQ(qcc_get_profile(model, &profile), QCC_ERROR_ARGUMENT);                    // size is 0
  EXPECT_EQ(qcc_get_region(model, 0, &region), QCC_ERROR_ARGUMENT);
  region.size = sizeof region;
  for (int64_t index : {INT64_C(-1), INT64_C(2)})
    EXPECT_EQ(qcc_get_region(model, index, &region), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "there is no region 2");
}

/// A caller that was compiled against a shorter struct gets what it knows, and nothing beyond it.
TEST_P(Profile, WritesNoMoreThanTheCallersStruct) {
  open(QCC_PROFILE);
  append(1);
  qcc_profile profile = {};
  profile.size = offsetof(qcc_profile, calls), profile.calls = -1;
  ASSERT_EQ(qcc_get_profile(model, &profile), QCC_OK);
  EXPECT_EQ(profile.num_regions, 2);
  EXPECT_EQ(profile.calls, -1);
}

/// Barriers without a number, and programs without any: all time is outside of regions.
TEST(ProfilePlain, EverythingIsTheRest) {
  qcc_model *model;
  qcc_options options = {sizeof options, nullptr, nullptr, 2, QCC_PROFILE};
  ASSERT_EQ(qccrt_open(&fake::CacheProgram, &options, &model), QCC_OK) << qcc_error(model);
  int64_t x = 4, y = 0, present = 0, one[] = {1, 1}, none[] = {1, 0};
  auto tensor = [](int64_t *data, int64_t *shape) {
    DLTensor t = {};
    t.data = data, t.device = {kDLCPU, 0}, t.ndim = 2, t.dtype = {kDLInt, 64, 1}, t.shape = shape;
    return t;
  };
  DLTensor in[] = {tensor(&x, one), tensor(nullptr, none)}, out[] = {tensor(&y, one), tensor(&present, one)};
  ASSERT_EQ(qcc_run(model, in, 2, out, 2), QCC_OK) << qcc_error(model);
  EXPECT_EQ(present, 4);
  qcc_profile profile = {};
  profile.size = sizeof profile;
  ASSERT_EQ(qcc_get_profile(model, &profile), QCC_OK);
  EXPECT_EQ(profile.num_regions, 0);
  EXPECT_EQ(profile.calls, 1);
  EXPECT_GT(profile.rest_ns, 0);
  EXPECT_EQ(profile.rest_ns, profile.total_ns);
  qcc_close(model);
}
} // namespace
