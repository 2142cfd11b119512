#include "Probes.h"
#include <immintrin.h>
using namespace qcc::test;

template <int Streams> __attribute__((target("avx512f"))) static uint64_t readStreams(const uint8_t *data, size_t bytes) {
  __m512i acc[Streams];
  for (int s = 0; s < Streams; ++s)
    acc[s] = _mm512_setzero_si512();
  size_t chunk = bytes / Streams / 64 * 64;
  for (size_t i = 0; i < chunk; i += 64)
#pragma clang loop unroll(full)
    for (int s = 0; s < Streams; ++s) {
      const uint8_t *at = data + s * chunk + i;
      _mm_prefetch(at + 1024, _MM_HINT_T0);
      acc[s] = _mm512_or_si512(acc[s], _mm512_loadu_si512(at));
    }
  for (int s = 1; s < Streams; ++s)
    acc[0] = _mm512_or_si512(acc[0], acc[s]);
  return uint64_t(_mm512_reduce_or_epi64(acc[0]));
}

uint64_t qcc::test::readProbe(const uint8_t *data, size_t bytes, int streams) {
  switch (streams) {
  case 1:
    return readStreams<1>(data, bytes);
  case 2:
    return readStreams<2>(data, bytes);
  case 4:
    return readStreams<4>(data, bytes);
  default:
    return readStreams<8>(data, bytes);
  }
}

__attribute__((target("avx512f,avx512vnni"))) int qcc::test::vnniProbe(int64_t rounds) {
  __m512i acc[12], x = _mm512_set1_epi32(int(rounds)), y = _mm512_set1_epi32(7);
  for (auto &a : acc)
    a = _mm512_setzero_si512();
  for (int64_t i = 0; i < rounds; ++i)
#pragma clang loop unroll(full)
    for (int j = 0; j < 12; ++j)
      asm volatile("vpdpbusd %2, %1, %0" : "+v"(acc[j]) : "v"(x), "v"(y));
  for (int j = 1; j < 12; ++j)
    acc[0] = _mm512_add_epi32(acc[0], acc[j]);
  return _mm512_reduce_add_epi32(acc[0]);
}
