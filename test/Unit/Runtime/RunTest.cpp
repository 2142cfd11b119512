#include "FakeProgram.h"
#include "gtest/gtest.h"
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>
#include <fenv.h>

namespace {
class Run : public testing::Test {
protected:
  qcc_model *model = nullptr;
  float x[6] = {1, 2, 3, 4, 5, 6}, k[3] = {10, 20, 30}, y[6] = {};
  int64_t matrix[2] = {2, 3}, row[1] = {3};
  DLTensor in[2], out[1];

  void SetUp() override {
    qcc_options options = {sizeof options, nullptr, nullptr, 2, 0};
    ASSERT_EQ(qccrt_open(&fake::PlainProgram, &options, &model), QCC_OK) << qcc_error(model);
    in[0] = tensor(x, 2, matrix);
    in[1] = tensor(k, 1, row);
    out[0] = tensor(y, 2, matrix);
  }
  void TearDown() override { qcc_close(model); }
  static DLTensor tensor(float *data, int rank, int64_t *shape) {
    DLTensor t = {};
    t.data = data;
    t.device = {kDLCPU, 0};
    t.ndim = rank;
    t.dtype = {kDLFloat, 32, 1};
    t.shape = shape;
    return t;
  }
  std::string failure() {
    EXPECT_EQ(qcc_run(model, in, 2, out, 1), QCC_ERROR_ARGUMENT);
    return qcc_error(model);
  }
};

TEST_F(Run, AnyShape) {
  ASSERT_EQ(qcc_run(model, in, 2, out, 1), QCC_OK) << qcc_error(model);
  EXPECT_EQ(y[5], 36);
  matrix[0] = 1;
  int64_t shape[8] = {};
  ASSERT_EQ(qcc_output_shape(model, in, 2, 0, shape), QCC_OK);
  EXPECT_EQ(shape[0], 1);
  EXPECT_EQ(shape[1], 3);
}

TEST_F(Run, TensorsAreChecked) {
  row[0] = 2;
  EXPECT_EQ(failure(), "'k' has shape [2], but extent 0 must be 3, as other tensors say for M");
  row[0] = 3;
  in[0].dtype.bits = 64;
  EXPECT_EQ(failure(), "'x': element type code 2, 64 bits; the model has code 2, 32 bits (DLPack's numbers)");
  in[0].dtype.bits = 32;
  in[0].ndim = 1;
  EXPECT_EQ(failure(), "'x': rank 1, but the model has rank 2");
  in[0].ndim = 2;
  int64_t strides[] = {1, 2}, dense[] = {3, 1}, huge[] = {INT64_MAX, 3}, negative[] = {-1, 3};
  in[0].strides = strides;
  EXPECT_EQ(failure(), "'x': tensors must be dense and row major");
  in[0].strides = dense;
  out[0].device.device_type = kDLCUDA;
  EXPECT_EQ(failure(), "'y': tensors must be in CPU memory");
  out[0].device.device_type = kDLCPU;
  in[0].shape = huge;
  EXPECT_EQ(failure(), "'x': impossible extent 9223372036854775807");
  in[0].shape = negative;
  EXPECT_EQ(failure(), "'x': impossible extent -1");
  in[0].shape = matrix;
  in[1].data = nullptr;
  EXPECT_EQ(failure(), "'k': the data pointer is null");
  in[1].data = k;
  EXPECT_EQ(qcc_run(model, in, 1, out, 1), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_run(model, nullptr, 2, out, 1), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_run(model, in, 2, out, 1), QCC_OK);
}

TEST_F(Run, PortsAreDescribed) {
  qcc_port_info port = {};
  port.size = sizeof port;
  ASSERT_EQ(qcc_input_info(model, 1, &port), QCC_OK);
  EXPECT_STREQ(port.name, "k");
  EXPECT_EQ(port.rank, 1);
  EXPECT_EQ(port.shape[0], -1);
  EXPECT_STREQ(port.dims[0], "M");
  EXPECT_EQ(qcc_input_info(model, 2, &port), QCC_ERROR_ARGUMENT);
  EXPECT_EQ(qcc_output_info(model, -1, &port), QCC_ERROR_ARGUMENT);
  qcc_info info = {};
  info.size = sizeof info;
  ASSERT_EQ(qcc_get_info(model, &info), QCC_OK);
  EXPECT_STREQ(info.variant, "plain");
  EXPECT_EQ(info.threads, 2);
  EXPECT_EQ(info.has_state, 0);
}

// A caller compiled against an older, shorter struct gets no byte more than it has.
TEST_F(Run, StructsMayBeOlder) {
  qcc_info info;
  memset(&info, 0x55, sizeof info);
  info.size = offsetof(qcc_info, threads);
  ASSERT_EQ(qcc_get_info(model, &info), QCC_OK);
  EXPECT_STREQ(info.variant, "plain");
  EXPECT_EQ(info.threads, 0x55555555);
}

// One compiled against a newer, longer struct finds zeros in what this library does not know.
TEST_F(Run, StructsMayBeNewer) {
  unsigned char bytes[sizeof(qcc_info) + 64];
  memset(bytes, 0x55, sizeof bytes);
  auto *info = reinterpret_cast<qcc_info *>(bytes);
  info->size = sizeof bytes;
  ASSERT_EQ(qcc_get_info(model, info), QCC_OK);
  for (size_t i = sizeof(qcc_info); i < sizeof bytes; ++i)
    ASSERT_EQ(bytes[i], 0) << i;
}

// The workers stay with the process that opened the model.
TEST_F(Run, ForkedProcessesAreRefused) {
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool refused = qcc_run(model, in, 2, out, 1) == QCC_ERROR_THREAD && strstr(qcc_error(model), "forked");
    qcc_close(model);
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(qcc_run(model, in, 2, out, 1), QCC_OK) << qcc_error(model);
}

// Extents that the program takes as equal: of two dimensions, and of a dimension and a number.
TEST(RunEqual, OtherExtentsAreRefused) {
  const qcc_equal_dims pairs[] = {{-1, -2, "/square"}, {-1, 3, "/three"}};
  qcc_program program = fake::PlainProgram;
  program.equal_dims = pairs;
  program.num_equal_dims = 2;
  qcc_model *model = nullptr;
  ASSERT_EQ(qccrt_open(&program, nullptr, &model), QCC_OK) << qcc_error(model);
  float x[9] = {}, k[3] = {}, y[9];
  auto run = [&](int64_t n, int64_t m) {
    int64_t matrix[] = {n, m}, row[] = {m};
    DLTensor in[2] = {}, out[1] = {};
    in[0] = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, matrix, nullptr, 0};
    in[1] = {k, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, row, nullptr, 0};
    out[0] = {y, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, matrix, nullptr, 0};
    return qcc_run(model, in, 2, out, 1);
  };
  EXPECT_EQ(run(3, 3), QCC_OK) << qcc_error(model);
  EXPECT_EQ(run(2, 3), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "node '/square' needs equal extents, but 'N' is 2 and 'M' is 3");
  EXPECT_EQ(run(2, 2), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "node '/three' needs equal extents, but 'N' is 2 and a fixed extent is 3");
  qcc_close(model);
}

TEST_F(Run, SessionsNeedState) {
  qcc_session *session = nullptr;
  EXPECT_EQ(qcc_session_open(model, nullptr, &session), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "this model keeps no state: use qcc_run");
}

// Every thread computes with the same floating-point environment, and the caller keeps its own.
TEST_F(Run, CallersRoundingModeDoesNotMatter) {
  x[0] = 16777216.0f, x[3] = 16777216.0f, k[0] = 1.0f;        // 2^24 + 1 is a tie
  fesetround(FE_UPWARD);
  ASSERT_EQ(qcc_run(model, in, 2, out, 1), QCC_OK);
  int mode = fegetround();
  fesetround(FE_TONEAREST);
  EXPECT_EQ(mode, FE_UPWARD);
  EXPECT_EQ(y[3], 16777216.0f);
}

// total = past + seq follows from the inputs; an empty past is allowed, nothing else may be empty.
TEST(RunCache, DimensionsThatFollow) {
  qcc_model *model = nullptr;
  ASSERT_EQ(qccrt_open(&fake::CacheProgram, nullptr, &model), QCC_OK) << qcc_error(model);
  int64_t x[60] = {7, 8, 9}, past[200] = {}, y[60] = {}, present[200] = {};
  int64_t xShape[2] = {1, 3}, pastShape[2] = {1, 0}, yShape[2] = {1, 3}, presentShape[2] = {1, 3}, shape[8];
  auto tensor = [](int64_t *data, int64_t *shape) {
    DLTensor t = {};
    t.data = data, t.device = {kDLCPU, 0}, t.ndim = 2, t.dtype = {kDLInt, 64, 1}, t.shape = shape;
    return t;
  };
  DLTensor in[] = {tensor(x, xShape), tensor(nullptr, pastShape)}, out[] = {tensor(y, yShape), tensor(present, presentShape)};
  ASSERT_EQ(qcc_run(model, in, 2, out, 2), QCC_OK) << qcc_error(model);
  EXPECT_EQ(present[2], 9);
  EXPECT_EQ(y[0], 3);
  in[1].data = past;
  past[0] = 5, past[1] = 6, pastShape[1] = 2, presentShape[1] = 5;
  ASSERT_EQ(qcc_output_shape(model, in, 2, 1, shape), QCC_OK);
  EXPECT_EQ(shape[1], 5);
  ASSERT_EQ(qcc_run(model, in, 2, out, 2), QCC_OK) << qcc_error(model);
  EXPECT_EQ(present[1], 6);
  EXPECT_EQ(present[4], 9);

  presentShape[1] = 4;
  EXPECT_EQ(qcc_run(model, in, 2, out, 2), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "'present' has shape [1,4], but extent 1 must be 5, as other tensors say for total");
  x[1] = 50;
  presentShape[1] = 5;
  EXPECT_EQ(qcc_run(model, in, 2, out, 2), QCC_ERROR_TOKEN);
  x[1] = 8;
  pastShape[1] = 98;
  EXPECT_EQ(qcc_run(model, in, 2, out, 2), QCC_ERROR_CONTEXT);
  EXPECT_STREQ(qcc_error(model), "101 positions exceed the context of 100");
  xShape[1] = 0, pastShape[1] = 2;
  EXPECT_EQ(qcc_run(model, in, 2, out, 2), QCC_ERROR_ARGUMENT);
  EXPECT_STREQ(qcc_error(model), "'x': extent 1 ('seq') is 0");
  xShape[0] = pastShape[0] = 2, xShape[1] = 40;
  EXPECT_EQ(qcc_run(model, in, 2, out, 2), QCC_ERROR_ARGUMENT);
  qcc_close(model);
}

TEST(Open, RefusalsSayWhy) {
  fake::StateProgram fakeProgram(true);
  auto error = [&](qcc_options options, qcc_status expected) {
    qcc_model *model = nullptr;
    EXPECT_EQ(qccrt_open(&fakeProgram.program, &options, &model), expected);
    std::string text = qcc_error(model);
    float x;
    EXPECT_NE(qcc_run(model, nullptr, 0, nullptr, 0), QCC_OK);
    EXPECT_EQ(qcc_session_append(nullptr, nullptr, 0, 0, &x), QCC_ERROR_ARGUMENT);
    qcc_close(model);
    return text;
  };
  const char *path = fakeProgram.path.c_str();
  EXPECT_EQ(error({sizeof(qcc_options), path, "impossible", 1, 0}, QCC_ERROR_CPU),
            "variant 'impossible' needs unknown, which this CPU or its operating system does not provide");
  EXPECT_EQ(error({sizeof(qcc_options), path, "nosuch", 1, 0}, QCC_ERROR_ARGUMENT),
            "there is no variant 'nosuch' in this library; the best one is 'impossible'");
  EXPECT_EQ(error({sizeof(qcc_options), path, nullptr, -1, 0}, QCC_ERROR_ARGUMENT), "threads = -1, but it must be 0 (all CPUs) to 1024");
  EXPECT_EQ(error({0, path, nullptr, 1, 0}, QCC_ERROR_ARGUMENT), "qcc_options.size must be sizeof(qcc_options)");
  fakeProgram.program.version = 99;
  EXPECT_EQ(error({sizeof(qcc_options), path, nullptr, 1, 0}, QCC_ERROR_ARGUMENT), "program version 99, but this runtime runs version " + std::to_string(QCC_PROGRAM_VERSION));
  qcc_close(nullptr);
  EXPECT_STREQ(qcc_error(nullptr), "out of memory");
}
} // namespace
