// Hadamard matrices: entries of 1 and -1, rows orthogonal to each other. Divided by the root of its order, one is a rotation that spreads every
// channel over all others (QuaRot, arXiv 2404.00456; SpinQuant, arXiv 2405.16406). Weights, reference lowerings and kernels use the same matrices.
#ifndef QCC_DIALECTS_QUANT_HADAMARD_H
#define QCC_DIALECTS_QUANT_HADAMARD_H
#include <cstdint>
#include <optional>
#include <vector>

namespace qcc::qnt {
/// The matrix of order `outer * inner`: the Kronecker product of Paley's of order `outer` and Sylvester's of order `inner`, a power of 2.
/// Channel j * inner + i is row j of the first and row i of the second.
struct HadamardOrder {
  int64_t outer = 1;  // 1: none
  int64_t inner = 1;
  int64_t size() const { return outer * inner; }
};

/// How a matrix of order `size` is made; none where no construction is known here.
std::optional<HadamardOrder> hadamardOrder(int64_t size);
/// The largest order for rows of `channels`: of all channels where there is a matrix, else the largest power of 2 that divides them.
int64_t hadamardBlock(int64_t channels);
/// Paley's matrix of `order` (R. Paley 1933, constructions I and II with primes), row major; empty where there is none.
std::vector<int8_t> paleyMatrix(int64_t order);

/// +1 or -1 for `channel`, the same on every machine; always 1 with seed 0.
double rotationSign(int64_t seed, int64_t channel);
/// Multiplies each row vector x of `channels` by diag(signs) H / sqrt(block), H block by block. `values` holds `width` vectors interleaved:
/// channel c of vector v at c * width + v. `block` divides `channels` and has a Hadamard matrix.
void rotateChannels(double *values, int64_t channels, int64_t width, int64_t block, int64_t seed);
} // namespace qcc::qnt
#endif
