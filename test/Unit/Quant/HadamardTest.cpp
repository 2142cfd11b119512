// Hadamard matrices and the rotations that are made of them.
#include "dialects/Quant/Hadamard.h"
#include <cmath>
#include <gtest/gtest.h>
using namespace qcc::qnt;

// H H^T = n I, with entries of 1 and -1 only.
TEST(HadamardTest, PaleyMatricesAreOrthogonal) {
  int found = 0;
  for (int64_t n = 1; n <= 256; ++n) {
    std::vector<int8_t> matrix = paleyMatrix(n);
    if (matrix.empty())
      continue;
    ++found;
    ASSERT_EQ(int64_t(matrix.size()), n * n);
    for (int8_t entry : matrix)
      ASSERT_TRUE(entry == 1 || entry == -1) << n;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        int64_t product = 0;
        for (int64_t k = 0; k < n; ++k)
          product += matrix[i * n + k] * matrix[j * n + k];
        ASSERT_EQ(product, i == j ? n : 0) << "order " << n << ", rows " << i << ", " << j;
      }
  }
  EXPECT_GT(found, 30);
}

// Orders of the widths of models: 12 * 64, 44 * 32 (a 44 M-parameter Llama), 28 * 512 (Llama 3 8B), 36 * 128. 92 and 172 need constructions that are not here.
TEST(HadamardTest, OrdersOfWidths) {
  auto outerOf = [](int64_t n) { return hadamardOrder(n) ? hadamardOrder(n)->outer : 0; };
  EXPECT_EQ(outerOf(1), 1);
  EXPECT_EQ(outerOf(512), 1);
  EXPECT_EQ(outerOf(768), 12);
  EXPECT_EQ(outerOf(1408), 44);
  EXPECT_EQ(outerOf(14336), 28);
  EXPECT_EQ(outerOf(4608), 36);
  EXPECT_EQ(outerOf(52), 0);
  EXPECT_EQ(outerOf(104), 0);  // 103 is a prime, but the order is too large to pay
  for (int64_t n : {0, 6, 14, 92, 172, 11008})
    EXPECT_EQ(outerOf(n), 0) << n;
  EXPECT_EQ(hadamardBlock(1408), 1408);
  EXPECT_EQ(hadamardBlock(11008), 256);
  EXPECT_EQ(hadamardBlock(7), 1);
}

// Columns of the matrix, one by one, against the definition: diag(signs), then Paley's matrix and Sylvester's, in which entry (i, k) is -1 to the number
// of bits that i and k share.
TEST(HadamardTest, RotationIsItsDefinition) {
  constexpr int64_t channels = 96, block = 48, width = 3, seed = 7;
  HadamardOrder order = *hadamardOrder(block);
  ASSERT_EQ(order.outer, 12);
  std::vector<int8_t> paley = paleyMatrix(12);
  std::vector<double> x(channels * width), want(channels * width);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(double(i) * 1.7);
  for (int64_t to = 0; to < channels; ++to)
    for (int64_t from = to / block * block, end = from + block; from < end; ++from) {
      int64_t i = from % block, k = to % block;
      double entry = paley[i / order.inner * 12 + k / order.inner] * (__builtin_popcountll(i % order.inner & k % order.inner) % 2 ? -1 : 1);
      for (int64_t v = 0; v < width; ++v)
        want[to * width + v] += x[from * width + v] * rotationSign(seed, from) * entry / std::sqrt(double(block));
    }
  rotateChannels(x.data(), channels, width, block, seed);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(x[i], want[i], 1e-14);
}

// About half of the signs are -1, neighbours do not tell each other, and no seed leaves them out.
TEST(HadamardTest, SignsFollowFromSeedAndChannel) {
  int sum = 0, pairs = 0, differ = 0;
  for (int64_t c = 0; c < 4096; ++c) {
    sum += int(rotationSign(1, c));
    pairs += int(rotationSign(1, c) * rotationSign(1, c + 1));
    differ += rotationSign(1, c) != rotationSign(2, c);
    EXPECT_EQ(rotationSign(0, c), 1);
  }
  EXPECT_LT(std::abs(sum), 200);
  EXPECT_LT(std::abs(pairs), 200);
  EXPECT_GT(differ, 1900);
}
