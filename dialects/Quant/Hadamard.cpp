#include "dialects/Quant/Hadamard.h"
#include <cmath>
using namespace qcc::qnt;

/// Products with Paley's matrix take as many operations per channel as its order has rows: larger ones cost more than they are worth, and
/// a column's signs are no longer a word.
static constexpr int64_t largestOuter = 64;

static bool isPrime(int64_t n) {
  for (int64_t d = 2; d * d <= n; ++d)
    if (n % d == 0)
      return false;
  return n > 1;
}

namespace {
/// 1 for squares modulo `prime` other than 0, -1 for all others, 0 for 0.
class Residues {
public:
  explicit Residues(int64_t prime) : prime(prime), values(prime, -1) {
    values[0] = 0;
    for (int64_t i = 1; i < prime; ++i)
      values[i * i % prime] = 1;
  }
  int8_t of(int64_t difference) const { return values[(difference % prime + prime) % prime]; }

private:
  int64_t prime;
  std::vector<int8_t> values;
};
} // namespace

/// I + S, S skew: a row and a column of ones (one of them -1) about the residues of differences.
static std::vector<int8_t> paleyOne(int64_t prime) {
  Residues residues(prime);
  int64_t n = prime + 1;
  std::vector<int8_t> matrix(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      matrix[i * n + j] = int8_t(i == j ? 1 : i == 0 ? 1 : j == 0 ? -1 : residues.of(i - j));
  return matrix;
}

/// The symmetric conference matrix of order prime + 1 with each entry a 2x2 block.
static std::vector<int8_t> paleyTwo(int64_t prime) {
  Residues residues(prime);
  int64_t n = 2 * (prime + 1);
  std::vector<int8_t> matrix(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      int64_t row = i / 2, column = j / 2;
      bool first = i % 2 == 0, same = j % 2 == 0;
      int8_t entry = row == column ? 0 : row == 0 || column == 0 ? int8_t(1) : residues.of(row - column);
      int8_t ofZero = first && same ? 1 : -1, ofOne = !first && !same ? -1 : 1;
      matrix[i * n + j] = entry == 0 ? ofZero : int8_t(entry * ofOne);
    }
  return matrix;
}

std::vector<int8_t> qcc::qnt::paleyMatrix(int64_t order) {
  if (order < 4 || order % 4)
    return {};
  if (isPrime(order - 1))                              // order is a multiple of 4: the prime is 3 modulo 4
    return paleyOne(order - 1);
  if (int64_t prime = order / 2 - 1; isPrime(prime) && prime % 4 == 1)
    return paleyTwo(prime);
  return {};
}

static bool hasPaleyMatrix(int64_t order) { return order % 4 == 0 && (isPrime(order - 1) || (isPrime(order / 2 - 1) && (order / 2 - 1) % 4 == 1)); }

std::optional<HadamardOrder> qcc::qnt::hadamardOrder(int64_t size) {
  if (size < 1)
    return std::nullopt;
  if ((size & (size - 1)) == 0)
    return HadamardOrder{1, size};
  int64_t odd = size;
  while (odd % 2 == 0)
    odd /= 2;
  if (odd > largestOuter / 4)
    return std::nullopt;
  for (int64_t outer = 4 * odd; outer <= largestOuter && size % outer == 0; outer *= 2)
    if (hasPaleyMatrix(outer))
      return HadamardOrder{outer, size / outer};
  return std::nullopt;
}

int64_t qcc::qnt::hadamardBlock(int64_t channels) { return hadamardOrder(channels) ? channels : channels & -channels; }

/// A bit of splitmix64 (Steele et al. 2014), whose state after n steps is known without the steps.
double qcc::qnt::rotationSign(int64_t seed, int64_t channel) {
  if (!seed)
    return 1;
  uint64_t z = uint64_t(seed) + (uint64_t(channel) + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return ((z ^ (z >> 31)) >> 63) ? -1 : 1;
}

/// [2 * half] with sums and differences of its halves.
static void butterfly(double *values, int64_t half) {
  double *low = values, *high = values + half;
  for (int64_t i = 0; i < half; ++i) {
    double a = low[i], b = high[i];
    low[i] = a + b;
    high[i] = a - b;
  }
}

void qcc::qnt::rotateChannels(double *values, int64_t channels, int64_t width, int64_t block, int64_t seed) {
  HadamardOrder order = *hadamardOrder(block);
  int64_t inner = order.inner * width;                 // values of one row of the outer matrix
  std::vector<int8_t> matrix = paleyMatrix(order.outer);
  std::vector<double> mixed(matrix.empty() ? 0 : block * width);
  double root = 1 / std::sqrt(double(block));
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t v = 0; v < width; ++v)
      values[c * width + v] *= root * rotationSign(seed, c);
  for (int64_t first = 0; first < channels; first += block) {
    double *x = values + first * width;
    for (int64_t half = width; half < inner; half *= 2)
      for (int64_t i = 0; i < block * width; i += 2 * half)
        butterfly(x + i, half);
    if (matrix.empty())
      continue;
    for (int64_t to = 0; to < order.outer; ++to) {
      double *y = mixed.data() + to * inner;
      std::fill(y, y + inner, 0.0);
      for (int64_t from = 0; from < order.outer; ++from) {
        double sign = matrix[from * order.outer + to];
        for (int64_t i = 0; i < inner; ++i)
          y[i] += sign * x[from * inner + i];
      }
    }
    std::copy(mixed.begin(), mixed.end(), x);
  }
}
