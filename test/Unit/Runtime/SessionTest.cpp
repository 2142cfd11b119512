#include "FakeProgram.h"
#include "gtest/gtest.h"

namespace {
struct Param { bool keep; int threads; };
class Session : public testing::TestWithParam<Param> {
protected:
  fake::StateProgram fakeProgram{GetParam().keep, 2.0f};
  qcc_model *model = nullptr;
  qcc_session *session = nullptr;

  void SetUp() override {
    qcc_options options = {sizeof options, fakeProgram.path.c_str(), nullptr, GetParam().threads, 0};
    ASSERT_EQ(qccrt_open(&fakeProgram.program, &options, &model), QCC_OK) << qcc_error(model);
    openSession(1, 0);
    fake::calls.clear();
  }
  void TearDown() override {
    qcc_session_close(session);
    qcc_close(model);
  }
  void openSession(int64_t batch, int64_t context) {
    qcc_session_close(session);
    qcc_session_options options = {sizeof options, batch, context};
    ASSERT_EQ(qcc_session_open(model, &options, &session), QCC_OK) << qcc_error(model);
  }
  static std::vector<int64_t> tokens(size_t count, int64_t seed = 5) {
    std::vector<int64_t> out(count);
    for (size_t i = 0; i < count; ++i)
      out[i] = (i * i * 7 + i * 3 + seed) % fake::Vocabulary;
    return out;
  }
  static void expectRow(const float *row, const std::vector<int64_t> &all, size_t last) {
    for (int64_t v = 0; v < fake::Vocabulary; ++v)
      ASSERT_EQ(row[v], fake::StateProgram::logit(all, last, v, 2.0f)) << "position " << last << ", token " << v;
  }
};
INSTANTIATE_TEST_SUITE_P(Programs, Session, testing::Values(Param{true, 1}, Param{true, 3}, Param{false, 1}, Param{false, 2}));

TEST_P(Session, LogitsOfEveryPositionInChunks) {
  auto all = tokens(1030);
  std::vector<float> logits(all.size() * fake::Vocabulary);
  ASSERT_EQ(qcc_session_append(session, all.data(), all.size(), QCC_LOGITS_ALL, logits.data()), QCC_OK) << qcc_error(model);
  EXPECT_EQ(fake::calls, "long long short ");
  EXPECT_EQ(qcc_session_position(session), 1030);
  for (size_t i = 0; i < all.size(); ++i)
    expectRow(&logits[i * fake::Vocabulary], all, i);
}

TEST_P(Session, StepsGiveWhatPrefillGives) {
  auto all = tokens(40);
  std::vector<float> logits(fake::Vocabulary);
  ASSERT_EQ(qcc_session_append(session, all.data(), 20, QCC_LOGITS_LAST, logits.data()), QCC_OK);
  expectRow(logits.data(), all, 19);
  for (size_t i = 20; i < 40; ++i) {
    ASSERT_EQ(qcc_session_append(session, &all[i], 1, QCC_LOGITS_LAST, logits.data()), QCC_OK);
    expectRow(logits.data(), all, i);
  }
  EXPECT_EQ(fake::calls.substr(0, 19), "long decode decode ");
}

TEST_P(Session, BatchesKeepTheirSequencesApart) {
  openSession(3, 700);
  std::vector<std::vector<int64_t>> each = {tokens(300, 1), tokens(300, 2), tokens(300, 3)};
  std::vector<int64_t> packed;
  for (auto &one : each)
    packed.insert(packed.end(), one.begin(), one.end());
  std::vector<float> logits(3 * 300 * fake::Vocabulary), last(3 * fake::Vocabulary);
  ASSERT_EQ(qcc_session_append(session, packed.data(), 300, QCC_LOGITS_ALL, logits.data()), QCC_OK) << qcc_error(model);
  for (size_t b = 0; b < 3; ++b)
    for (size_t i = 0; i < 300; ++i)
      expectRow(&logits[(b * 300 + i) * fake::Vocabulary], each[b], i);
  int64_t next[] = {4, 5, 6};
  ASSERT_EQ(qcc_session_append(session, next, 1, QCC_LOGITS_LAST, last.data()), QCC_OK);
  for (size_t b = 0; b < 3; ++b) {
    each[b].push_back(next[b]);
    expectRow(&last[b * fake::Vocabulary], each[b], 300);
  }
}

TEST_P(Session, TruncateForgets) {
  auto all = tokens(30);
  std::vector<float> logits(fake::Vocabulary);
  ASSERT_EQ(qcc_session_append(session, all.data(), 30, QCC_LOGITS_NONE, nullptr), QCC_OK);
  ASSERT_EQ(qcc_session_truncate(session, 10), QCC_OK);
  auto other = tokens(10);
  other.push_back(9);
  ASSERT_EQ(qcc_session_append(session, &other[10], 1, QCC_LOGITS_LAST, logits.data()), QCC_OK);
  expectRow(logits.data(), other, 10);
  EXPECT_EQ(qcc_session_truncate(session, 12), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_session_truncate(session, -1), QCC_ERROR_ARGUMENT);
}

TEST_P(Session, BadTokensAndFullContextChangeNothing) {
  openSession(1, 25);
  auto all = tokens(26);
  std::vector<float> logits(26 * fake::Vocabulary);
  ASSERT_EQ(qcc_session_append(session, all.data(), 20, QCC_LOGITS_NONE, nullptr), QCC_OK);
  int64_t bad[] = {3, fake::Vocabulary}, negative = -1;
  EXPECT_EQ(qcc_session_append(session, bad, 2, QCC_LOGITS_ALL, logits.data()), QCC_ERROR_TOKEN);
  EXPECT_STREQ(qcc_error(model), "token 11 at index 1 is not in [0, 11)");
  EXPECT_EQ(qcc_session_append(session, &negative, 1, QCC_LOGITS_NONE, nullptr), QCC_ERROR_TOKEN);
  EXPECT_EQ(qcc_session_append(session, all.data(), 6, QCC_LOGITS_ALL, logits.data()), QCC_ERROR_CONTEXT);
  EXPECT_STREQ(qcc_error(model), "6 tokens after the first 20 exceed the context of 25");
  EXPECT_EQ(qcc_session_append(session, all.data(), INT64_MAX, QCC_LOGITS_NONE, nullptr), QCC_ERROR_CONTEXT);
  EXPECT_EQ(qcc_session_append(session, all.data(), 0, QCC_LOGITS_NONE, nullptr), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_session_append(session, all.data(), 1, QCC_LOGITS_LAST, nullptr), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_session_position(session), 20);
  EXPECT_EQ(qcc_session_append(session, &all[20], 5, QCC_LOGITS_ALL, logits.data()), QCC_OK);
  expectRow(&logits[4 * fake::Vocabulary], all, 24);
}

TEST_P(Session, GreedyGeneration) {
  auto prompt = tokens(17);
  std::vector<int64_t> out(30), expected = prompt;
  int64_t produced = 0;
  ASSERT_EQ(qcc_session_generate(session, prompt.data(), 17, 30, out.data(), &produced, nullptr, nullptr), QCC_OK);
  EXPECT_EQ(produced, 30);
  for (size_t i = 0; i < 30; ++i) {
    int64_t sum = 0;
    for (size_t j = 0; j < expected.size(); ++j)
      sum += j * expected[j];
    ASSERT_EQ(out[i], sum % fake::Vocabulary);
    expected.push_back(out[i]);
  }
  EXPECT_EQ(qcc_session_position(session), 17 + 29);
  auto stopAtThird = [](void *count, const int64_t *) { return ++*static_cast<int *>(count) == 3 ? 1 : 0; };
  int count = 0;
  ASSERT_EQ(qcc_session_generate(session, &out[29], 1, 30, out.data(), &produced, stopAtThird, &count), QCC_OK);
  EXPECT_EQ(produced, 3);
}

TEST_P(Session, GenerationFitsTheContextOrDoesNotBegin) {
  openSession(1, 25);
  auto prompt = tokens(17);
  std::vector<int64_t> out(10);
  int64_t produced = 1;
  int emitted = 0;
  auto count = [](void *emitted, const int64_t *) { return ++*static_cast<int *>(emitted), 0; };
  EXPECT_EQ(qcc_session_generate(session, prompt.data(), 17, 10, out.data(), &produced, count, &emitted), QCC_ERROR_CONTEXT);
  EXPECT_STREQ(qcc_error(model), "a prompt of 17 tokens and 10 new ones, the last of which takes no place, after the first 0 exceed the context of 25");
  EXPECT_EQ(qcc_session_generate(session, prompt.data(), INT64_MAX, INT64_MAX, out.data(), &produced, count, &emitted), QCC_ERROR_CONTEXT);
  EXPECT_EQ(produced, 0);
  EXPECT_EQ(emitted, 0);
  EXPECT_EQ(qcc_session_position(session), 0);
  EXPECT_EQ(qcc_session_generate(session, prompt.data(), 17, 9, out.data(), &produced, count, &emitted), QCC_OK);
  EXPECT_EQ(emitted, 9);
  EXPECT_EQ(qcc_session_position(session), 25);
}

TEST_P(Session, OpeningChecksItsOptions) {
  qcc_session *other = nullptr;
  constexpr size_t size = sizeof(qcc_session_options);
  for (qcc_session_options o : {qcc_session_options{0, 1, 1}, {size, -1, 0}, {size, 513, 0}, {size, 1, -5}, {size, 1, fake::Context + 1}}) {
    EXPECT_NE(qcc_session_open(model, &o, &other), QCC_OK);
    EXPECT_EQ(other, nullptr);
  }
}

TEST_P(Session, StateProgramsAreNotRunDirectly) {
  EXPECT_EQ(qcc_run(model, nullptr, 0, nullptr, 0), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "this model keeps state between calls: use qcc_session_open and qcc_session_append");
}
} // namespace
