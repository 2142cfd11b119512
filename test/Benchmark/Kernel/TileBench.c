/* tile-bench [cpu] [check]: long-input kernels of 4-bit weights on a machine with AMX, N = K = 2048, one thread. Needs nothing but the C library.
   Each kernel is timed between two runs of a probe (int8 2 x 2 tiles from L1), in rounds whose order rotates: the matrix unit of a shared host
   runs at a quarter of its speed for seconds at a time, so a round counts only where both probes agree within 20%, at full speed or throttled.
   First every kernel is checked against plain C. KERNELS lists the kernels: X(symbol, takes bf16 tiles). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <immintrin.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifndef KERNELS
#define KERNELS X(bf16_tiles, 1) X(int8_tiles, 0) X(int8_vnni, 0)
#endif

typedef struct {
  const void *allocated, *aligned;
  int64_t offset, size, stride;
} Buffer;
typedef void IntKernel(Buffer *, int64_t, Buffer *, int64_t, Buffer *, Buffer *, int64_t, Buffer *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef void Bf16Kernel(Buffer *, int64_t, Buffer *, int64_t, Buffer *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
#define X(name, bf16) void _mlir_ciface_##name(void);
KERNELS
#undef X
static const struct {
  const char *name;
  int bf16;
  void (*entry)(void);
} kernels[] = {
#define X(name, bf16) {#name, bf16, _mlir_ciface_##name},
    KERNELS
#undef X
};
enum { numKernels = sizeof kernels / sizeof *kernels, maxM = 512, maxNK = 2048, maxRounds = 400 };

static int M, N, K;
static uint8_t *weights, *codes;                     /* w4g32 panels of 16 columns: 64 k = 2 x 16 f16 scales, 512 bytes of codes */
static uint16_t *scales, *tiles;                     /* [N][K/32]; [M/16][K/32][16][32] */
static int8_t *input;                                /* [M][K] */
static float *inputScales, *output;                  /* [M][K/32], [M][N] */
static int32_t *inputSums;

static void *room(size_t bytes) {
  void *p = mmap(NULL, bytes + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    exit(8);
  p = (void *)(((uintptr_t)p + (2 << 20) - 1) >> 21 << 21);
  madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static uint32_t state = 1;
static uint32_t next(void) { return (state = state * 1664525 + 1013904223) >> 8; }
static float half(uint16_t h) { return (float)ldexp(1 + (h & 1023) / 1024.0, (h >> 10 & 31) - 15); }  /* normal numbers */
static float rounded(float x, int even) {
  uint32_t u;
  memcpy(&u, &x, 4);
  u = (u + (even ? 0x7fff + (u >> 16 & 1) : 0x8000)) & 0xffff0000;
  memcpy(&x, &u, 4);
  return x;
}
static float activation(int m, int k) { return (float)input[m * K + k] * inputScales[m * (K / 32) + k / 32]; }

static void fill(void) {
  for (int n = 0; n < N; n++)
    for (int g = 0; g < K / 32; g++) {
      uint8_t *block = weights + ((size_t)(n / 16) * (K / 64) + g / 2) * 576, *c = codes + (size_t)n * K + g * 32;
      for (int k = 0; k < 32; k++)
        c[k] = next() & 15;
      scales[n * (K / 32) + g] = (uint16_t)(0x1800 + (next() & 1023));
      memcpy(block + g % 2 * 32 + n % 16 * 2, &scales[n * (K / 32) + g], 2);
      for (int r = 0; r < 4; r++)
        for (int j = 0; j < 4; j++)
          block[64 + g % 2 * 256 + 64 * r + 4 * (n % 16) + j] = (uint8_t)(c[8 * r + j] | c[8 * r + 4 + j] << 4);
    }
  memset(tiles, 0, (size_t)(M + 15) / 16 * 16 * K * 2);
  for (int m = 0; m < M; m++)
    for (int k = 0; k < K; k++) {
      int at = m * (K / 32) + k / 32;
      if (k % 32 == 0)
        inputScales[at] = 0.001f + (next() & 1023) * 1e-6f, inputSums[at] = 0;
      inputSums[at] += input[m * K + k] = (int8_t)((int)(next() % 255) - 127);
      float x = rounded(activation(m, k), 1);
      uint32_t u;
      memcpy(&u, &x, 4);
      tiles[((size_t)(m / 16) * (K / 32) + k / 32) * 512 + m % 16 * 32 + k % 32] = (uint16_t)(u >> 16);
    }
}

static void run(int i) {
#define BUFFER(name) Buffer name##Buffer = {name, name, 0, INT64_MAX, 1}
  BUFFER(weights);
  BUFFER(tiles);
  BUFFER(input);
  BUFFER(inputScales);
  BUFFER(inputSums);
  BUFFER(output);
  if (kernels[i].bf16)
    ((Bf16Kernel *)kernels[i].entry)(&weightsBuffer, 0, &tilesBuffer, K, &outputBuffer, N, M, N, K, 0, N / 16);
  else
    ((IntKernel *)kernels[i].entry)(&weightsBuffer, 0, &inputBuffer, K, &inputScalesBuffer, &inputSumsBuffer, K / 32, &outputBuffer, N, M, N, K, 0, N / 16);
}

/* Largest error over the largest result. */
static double error(int i) {
  double worst = 0, largest = 0;
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) {
      double y = 0;
      for (int k = 0; k < K; k++) {
        float w = (float)(codes[(size_t)n * K + k] - 8) * half(scales[n * (K / 32) + k / 32]), x = activation(m, k);
        y += kernels[i].bf16 ? (double)rounded(w, 0) * rounded(x, 1) : (double)(codes[(size_t)n * K + k] - 8) * half(scales[n * (K / 32) + k / 32]) * input[m * K + k] * inputScales[m * (K / 32) + k / 32];
      }
      double d = fabs(output[(size_t)m * N + n] - y);
      worst = fmax(worst, d == d ? d : 1e30), largest = fmax(largest, fabs(y));
    }
  return worst / largest;
}

static char probeData[65536] __attribute__((aligned(4096)));
__attribute__((target("amx-tile,amx-int8"))) static double probe(void) {  /* int8 operations per second / 1e9 */
  static struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } config __attribute__((aligned(64)));
  config.palette = 1;
  for (int i = 0; i < 8; i++)
    config.rows[i] = 16, config.bytes[i] = 64;
  _tile_loadconfig(&config);
  double start = now();
  for (int i = 0; i < 1500; i++) {
    const char *p = probeData + ((i & 7) << 11);
    _tile_loadd(4, p, 64);
    _tile_loadd(6, p + 16384, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, p + 17408, 64);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(5, p + 1024, 64);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  double rate = 1500 * 4 * 32768.0 / (now() - start) / 1e9;
  _tile_release();
  return rate;
}

static int compare(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }
static double quantile(double *v, int n, double q) {
  qsort(v, n, sizeof *v, compare);
  return v[(int)(q * (n - 1))];
}

int main(int argc, char **argv) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
  sched_setaffinity(0, sizeof set, &set);
#ifdef EMULATED
  argc = 3;
#else
  if (syscall(SYS_arch_prctl, 0x1023, 18)) {         /* ARCH_REQ_XCOMP_PERM, XTILEDATA */
    puts("this machine has no AMX, or its kernel does not allow it");
    return 5;
  }
#endif
  weights = room(maxNK / 16 * (maxNK / 64) * 576), codes = room(maxNK * maxNK), scales = room(maxNK * maxNK / 16), tiles = room(maxM * maxNK * 2);
  input = room(maxM * maxNK), inputScales = room(maxM * maxNK / 8), inputSums = room(maxM * maxNK / 8), output = room(maxM * maxNK * 4);
  int wrong = 0;
  static const int checks[][3] = {{32, 64, 512}, {47, 80, 320}, {300, 336, 576}};
  for (int c = 0; c < 3; c++) {
    M = checks[c][0], N = checks[c][1], K = checks[c][2];
    fill();
    for (int i = 0; i < numKernels; i++) {
      memset(output, 0xff, (size_t)M * N * 4);
      run(i);
      double e = error(i);
      wrong += !(e < 1e-5);
      printf("check M=%d N=%d K=%d %-12s error / largest result %.2g %s\n", M, N, K, kernels[i].name, e, e < 1e-5 ? "ok" : "WRONG");
    }
  }
  if (wrong || argc > 2)
    return wrong;
  static double rate[2][numKernels][maxRounds], share[2][numKernels][maxRounds];
  static const int rows[] = {32, 64, 128, 256, 512};
  N = K = 2048;
  for (int r = 0; r < 5; r++) {
    M = rows[r];
    fill();
    int counts[2][numKernels] = {{0}};
    double begin = now();
    for (int round = 0; round < maxRounds && now() - begin < 6; round++) {
      int done = 1;
      for (int x = 0; x < numKernels; x++) {
        int i = (x + round) % numKernels;
        double before = probe(), start = now();
        run(i);
        double time = now() - start, after = probe();
        if (round == 0 || fabs(before - after) > 0.2 * before)
          continue;
        int slow = before < 2500, at = counts[slow][i]++;
        rate[slow][i][at] = 2.0 * M * N * K / time / 1e12;
        share[slow][i][at] = 2.0 * M * N * K / time / 1e9 / ((before + after) / 2);
      }
      for (int i = 0; i < numKernels; i++)
        done &= counts[0][i] >= 41;
      if (done)
        break;
    }
    for (int slow = 0; slow < 2; slow++)
      for (int i = 0; i < numKernels; i++)
        if (counts[slow][i] > 4)
          printf("M=%-3d %-10s %-12s median %.3f TOPS (10%% %.3f, 90%% %.3f, n=%d), / int8 tile probe %.3f\n", M, slow ? "throttled" : "full speed", kernels[i].name,
                 quantile(rate[slow][i], counts[slow][i], 0.5), quantile(rate[slow][i], counts[slow][i], 0.1), quantile(rate[slow][i], counts[slow][i], 0.9), counts[slow][i],
                 quantile(share[slow][i], counts[slow][i], 0.5));
    fflush(stdout);
  }
  return 0;
}
