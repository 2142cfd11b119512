#include "FakeProgram.h"
#include "gtest/gtest.h"
#include <functional>
#include <fstream>

namespace {
using Bytes = std::vector<uint8_t>;

class Weights : public testing::Test {
protected:
  fake::StateProgram fakeProgram{true, 3.0f};

  // Opens the model with these bytes as its weights file; the error, or "" on success.
  std::string open(const Bytes &bytes, unsigned flags = 0) {
    std::ofstream(fakeProgram.path, std::ios::binary | std::ios::trunc).write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    qcc_options options = {sizeof options, fakeProgram.path.c_str(), nullptr, 1, flags};
    qcc_model *model = nullptr;
    qcc_status status = qccrt_open(&fakeProgram.program, &options, &model);
    std::string error = status ? qcc_error(model) : "";
    EXPECT_TRUE(status == QCC_OK || status == QCC_ERROR_WEIGHTS) << status;
    EXPECT_TRUE(status == QCC_OK || error.find(fakeProgram.path) != std::string::npos) << error;
    qcc_close(model);
    return error;
  }
  std::string openChanged(const std::function<void(Bytes &)> &change, unsigned flags = 0) {
    Bytes bytes = fakeProgram.weights;
    change(bytes);
    return open(bytes, flags);
  }
  static qcc_weights_header &header(Bytes &bytes) { return *reinterpret_cast<qcc_weights_header *>(bytes.data()); }
};
#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(Weights, GoodFileOpens) {
  EXPECT_EQ(open(fakeProgram.weights), "");
  EXPECT_EQ(open(fakeProgram.weights, QCC_VERIFY_WEIGHTS), "");
  EXPECT_EQ(open(fakeProgram.weights, QCC_COPY_WEIGHTS), "");
}

TEST_F(Weights, EveryLengthButTheRightOneIsRefused) {
  for (size_t n = 0; n < fakeProgram.weights.size(); n += n < 200 ? 1 : 97)
    EXPECT_NE(openChanged([&](Bytes &b) { b.resize(n); }), "") << n;
  EXPECT_SAYS(openChanged([](Bytes &b) { b.pop_back(); }), "shortened or damaged");
  EXPECT_SAYS(openChanged([](Bytes &b) { b.push_back(0); }), "shortened or damaged");
  EXPECT_SAYS(openChanged([](Bytes &b) { b.clear(); }), "is empty");
}

TEST_F(Weights, HeaderIsChecked) {
  EXPECT_SAYS(openChanged([](Bytes &b) { b[0] = 'X'; }), "not a weights file");
  EXPECT_SAYS(openChanged([](Bytes &b) { header(b).version = 2; }), "version 2");
  EXPECT_SAYS(openChanged([](Bytes &b) { header(b).id[5] ^= 1; }), "section table is damaged");
  EXPECT_SAYS(openChanged([](Bytes &b) { header(b).table_offset = UINT64_MAX - 7; }), "section table does not lie inside");
  EXPECT_SAYS(openChanged([](Bytes &b) { header(b).num_sections = 1u << 31; }), "section table does not lie inside");
  EXPECT_SAYS(openChanged([](Bytes &b) { header(b).data_offset = 0u - 4096; }), "data region does not lie inside");
  EXPECT_SAYS(openChanged([](Bytes &b) { b.back() ^= 1; }), "footer is missing");
}

// A bit flip anywhere outside the padding is found with verification; without, only data may be damaged unnoticed.
TEST_F(Weights, BitFlipsAreFound) {
  Bytes &good = fakeProgram.weights;
  const qcc_weights_header h = header(good);
  auto *sections = reinterpret_cast<qcc_weights_section *>(good.data() + h.table_offset);
  for (size_t at = 0; at < h.table_offset + h.table_bytes; ++at)
    EXPECT_NE(openChanged([&](Bytes &b) { b[at] ^= 1 << at % 8; }), "") << at;
  size_t last = h.data_offset + sections[1].offset + sections[1].bytes - 1;
  EXPECT_EQ(openChanged([&](Bytes &b) { b[last] ^= 4; }), "");
  EXPECT_SAYS(openChanged([&](Bytes &b) { b[last] ^= 4; }, QCC_VERIFY_WEIGHTS), "section 'w1' is damaged");
  EXPECT_SAYS(openChanged([&](Bytes &b) { b[h.data_offset] ^= 4; }, QCC_VERIFY_WEIGHTS), "section 'w0' is damaged");
}

TEST_F(Weights, AnotherModelsFileIsRefused) {
  EXPECT_SAYS(open(fake::StateProgram(true, 4.0f).weights), "belong to another model");
}

TEST_F(Weights, MissingFileAndFolder) {
  for (auto [path, status] : {std::pair("/nonexistent/model.weights", QCC_ERROR_FILE), std::pair("/tmp", QCC_ERROR_WEIGHTS)}) {
    qcc_options options = {sizeof options, path, nullptr, 1, 0};
    qcc_model *model = nullptr;
    EXPECT_EQ(qccrt_open(&fakeProgram.program, &options, &model), status);
    EXPECT_SAYS(std::string(qcc_error(model)), path);
    qcc_close(model);
  }
}

TEST_F(Weights, EmbeddedWeightsNeedNoFile) {
  alignas(64) static uint8_t image[16384];
  ASSERT_LE(fakeProgram.weights.size(), sizeof image);
  std::copy(fakeProgram.weights.begin(), fakeProgram.weights.end(), image);
  fakeProgram.program.embedded_weights = image;
  qcc_model *model = nullptr;
  EXPECT_EQ(qccrt_open(&fakeProgram.program, nullptr, &model), QCC_OK) << qcc_error(model);
  qcc_close(model);
}
} // namespace
