// Roofs of this machine, measured beside the kernels: reading memory in several streams, and VPDPBUSD from registers.
#ifndef QCC_TEST_BENCHMARK_KERNEL_PROBES_H
#define QCC_TEST_BENCHMARK_KERNEL_PROBES_H
#include <cstddef>
#include <cstdint>
namespace qcc::test {
uint64_t readProbe(const uint8_t *data, size_t bytes, int streams);    // streams: 1, 2, 4 or 8
int vnniProbe(int64_t rounds);                                         // 12 * 128 operations a round
} // namespace qcc::test
#endif
