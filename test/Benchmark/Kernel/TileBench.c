/* tile-bench [cpu] [check]: long-input kernels of 4-bit weights on a machine with AMX, N = K = 2048, one thread. Needs nothing but the C library.
   Each kernel is timed between two runs of a probe (int8 2 x 2 tiles from L1), in rounds whose order rotates: the matrix unit of a shared host
   runs at a quarter of its speed for seconds at a time, so a round counts only where both probes agree within 20%, at full speed or throttled.
   First every kernel is checked against plain C. KERNELS lists the kernels: X(symbol, format, k per activation scale (0: the row; -1: none, it takes
   bf16 tiles), k per activation sum). */
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
#define KERNELS \
  X(bf16_tiles, W4G32, -1, 32) X(int8_w4t_row, W4T, 0, 256) X(int8_w4g128_128, W4G128, 128, 128) X(int8_tiles, W4G32, 32, 32) X(int8_vnni, W4G32, 32, 32) \
  X(vnni_w4t_row, W4T, 0, 256)
#endif

typedef struct {
  const void *allocated, *aligned;
  int64_t offset, size, stride;
} Buffer;
typedef void IntKernel(Buffer *, int64_t, Buffer *, int64_t, Buffer *, int64_t, Buffer *, int64_t, Buffer *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef void Bf16Kernel(Buffer *, int64_t, Buffer *, int64_t, Buffer *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
enum { W4G32, W4T, W4G128, numFormats };
/* Panels of 16 columns, in superblocks: sub-scales of 4 bits, 8 in 32 bits (two-level), f16 scales, padding to 64 bytes, codes of 32 k in 256 bytes. */
static const struct {
  int superK, group, scaleK;
} formats[] = {{64, 32, 32}, {256, 32, 256}, {256, 128, 128}};
#define X(name, format, group, sums) void _mlir_ciface_##name(void);
KERNELS
#undef X
static const struct {
  const char *name;
  int format, group, sums;
  void (*entry)(void);
} kernels[] = {
#define X(name, format, group, sums) {#name, format, group, sums, _mlir_ciface_##name},
    KERNELS
#undef X
};
enum { numKernels = sizeof kernels / sizeof *kernels, maxM = 512, maxNK = 2048, maxRounds = 400 };

static int M, N, K, stride, pitch;                   /* of input: K rounded up to 512; of output: an odd number of lines, as programs have it */
static uint8_t *weights, *formatWeights[numFormats], *codes, *subscales;  /* codes: [N][K]; subscales: [N][K/32] */
static uint16_t *scales, *tiles;                     /* [N][K/32]; [M/16][K/32][16][32] */
static int8_t *input;                                /* [M][stride] */
static float *inputScales, *output;                  /* [M][stride/32], [M][pitch] */
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
/* Of kernel i: the activation and the weight, but for bf16 not rounded. The scales of longer groups are those of their first 32. */
static float activation(int i, int m, int k) {
  int group = kernels[i].group;
  return (float)input[m * stride + k] * inputScales[m * (stride / 32) + (group == 0 ? 0 : group < 0 ? k / 32 : k / group * (group / 32))];
}
static float weight(int i, int n, int k) {
  int scaleK = formats[kernels[i].format].scaleK;
  float w = (float)(codes[(size_t)n * K + k] - 8) * half(scales[n * (K / 32) + k / scaleK * (scaleK / 32)]);
  return kernels[i].format == W4T ? w * subscales[n * (K / 32) + k / 32] : w;
}
static size_t codesAt(int f) { return (size_t)(formats[f].superK / formats[f].scaleK * (formats[f].group < formats[f].scaleK ? 96 : 32) + 63) / 64 * 64; }
static size_t superBytes(int f) { return codesAt(f) + formats[f].superK * 8; }
static size_t formatBytes(int f) { return (size_t)(N / 16) * ((K + formats[f].superK - 1) / formats[f].superK) * superBytes(f); }

static void pack(int f, int n, int g) {              /* block g of column n */
  int superK = formats[f].superK, scaleK = formats[f].scaleK, scalesOf = superK / scaleK, twoLevel = formats[f].group < scaleK;
  uint8_t *super = formatWeights[f] + ((size_t)(n / 16) * ((K + superK - 1) / superK) + g * 32 / superK) * superBytes(f), *c = codes + (size_t)n * K + g * 32;
  int inSuper = g * 32 % superK, scale = inSuper / scaleK;
  if (twoLevel)
    super[scale * 64 + n % 16 * 4 + inSuper % scaleK / 64] |= (uint8_t)(subscales[n * (K / 32) + g] << (g % 2 * 4));
  if (inSuper % scaleK == 0)
    memcpy(super + (twoLevel ? 64 * scalesOf : 0) + scale * 32 + n % 16 * 2, &scales[n * (K / 32) + g], 2);
  uint8_t *block = super + codesAt(f) + inSuper / 32 * 256;
  for (int r = 0; r < 4; r++)
    for (int j = 0; j < 4; j++)
      block[64 * r + 4 * (n % 16) + j] = (uint8_t)(c[8 * r + j] | c[8 * r + 4 + j] << 4);
}

static void fill(void) {
  stride = (K + 511) / 512 * 512;
  pitch = N % 32 ? N : N + 16;
  for (int f = 0; f < numFormats; f++)
    memset(formatWeights[f], 0, formatBytes(f));
  for (int n = 0; n < N; n++)
    for (int g = 0; g < K / 32; g++) {
      for (int k = 0; k < 32; k++)
        codes[(size_t)n * K + g * 32 + k] = next() & 15;
      scales[n * (K / 32) + g] = (uint16_t)(0x1800 + (next() & 1023));
      subscales[n * (K / 32) + g] = next() & 15;
      for (int f = 0; f < numFormats; f++)
        pack(f, n, g);
    }
  memset(tiles, 0, (size_t)(M + 15) / 16 * 16 * K * 2);
  memset(input, 0, (size_t)M * stride);
  for (int m = 0; m < M; m++)
    for (int k = 0; k < K; k++) {
      if (k % 32 == 0)
        inputScales[m * (stride / 32) + k / 32] = 0.001f + (next() & 1023) * 1e-6f;
      input[m * stride + k] = (int8_t)((int)(next() % 255) - 127);
      float x = rounded((float)input[m * stride + k] * inputScales[m * (stride / 32) + k / 32], 1);
      uint32_t u;
      memcpy(&u, &x, 4);
      tiles[((size_t)(m / 16) * (K / 32) + k / 32) * 512 + m % 16 * 32 + k % 32] = (uint16_t)(u >> 16);
    }
}

/* Scales and sums as kernel i takes them, whose rows are `stride` / 32 apart in any case. */
static float *groupScales;
static void prepare(int i) {
  int perRow = stride / 32, group = kernels[i].group > 0 ? kernels[i].group : stride;
  memset(inputSums, 0, (size_t)M * perRow * 4);
  for (int m = 0; m < M; m++) {
    for (int g = 0; g * group < stride; g++)
      groupScales[m * perRow + g] = inputScales[m * perRow + g * (group / 32)];
    for (int k = 0; k < K; k++)
      inputSums[m * perRow + k / kernels[i].sums] += input[m * stride + k];
  }
}

static void run(int i) {
#define BUFFER(name) Buffer name##Buffer = {name, name, 0, INT64_MAX, 1}
  weights = formatWeights[kernels[i].format];
  BUFFER(weights);
  BUFFER(tiles);
  BUFFER(input);
  BUFFER(groupScales);
  BUFFER(inputSums);
  BUFFER(output);
  if (kernels[i].group < 0)
    ((Bf16Kernel *)kernels[i].entry)(&weightsBuffer, 0, &tilesBuffer, K, &outputBuffer, pitch, M, N, K, 0, N / 16);
  else
    ((IntKernel *)kernels[i].entry)(&weightsBuffer, 0, &inputBuffer, stride, &groupScalesBuffer, stride / 32, &inputSumsBuffer, stride / 32, &outputBuffer, pitch, M, N, K, 0,
                                    N / 16);
}

/* Largest error over the largest result. */
static double error(int i) {
  double worst = 0, largest = 0;
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) {
      double y = 0;
      for (int k = 0; k < K; k++) {
        float w = weight(i, n, k), x = activation(i, m, k);
        y += kernels[i].group < 0 ? (double)rounded(w, 0) * rounded(x, 1) : (double)w * x;
      }
      double d = fabs(output[(size_t)m * pitch + n] - y);
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
  N = K = maxNK;
  for (int f = 0; f < numFormats; f++)
    formatWeights[f] = room(formatBytes(f));
  codes = room(maxNK * maxNK), scales = room(maxNK * maxNK / 16), subscales = room(maxNK * maxNK / 32), tiles = room(maxM * maxNK * 2), input = room(maxM * maxNK);
  inputScales = room(maxM * maxNK / 8), groupScales = room(maxM * maxNK / 8), inputSums = room(maxM * maxNK / 8), output = room(maxM * (maxNK + 16) * 4);
  int wrong = 0;
  static const int checks[][3] = {{32, 64, 512}, {47, 80, 320}, {300, 336, 576}};
  for (int c = 0; c < 3; c++) {
    M = checks[c][0], N = checks[c][1], K = checks[c][2];
    fill();
    for (int i = 0; i < numKernels; i++) {
      memset(output, 0xff, (size_t)M * pitch * 4);
      prepare(i);
      run(i);
      double e = error(i);
      wrong += !(e < 1e-5);
      printf("check M=%d N=%d K=%d %-15s error / largest result %.2g %s\n", M, N, K, kernels[i].name, e, e < 1e-5 ? "ok" : "WRONG");
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
        prepare(i);
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
          printf("M=%-3d %-10s %-15s median %.3f TOPS (10%% %.3f, 90%% %.3f, n=%d), / int8 tile probe %.3f\n", M, slow ? "throttled" : "full speed", kernels[i].name,
                 quantile(rate[slow][i], counts[slow][i], 0.5), quantile(rate[slow][i], counts[slow][i], 0.1), quantile(rate[slow][i], counts[slow][i], 0.9), counts[slow][i],
                 quantile(share[slow][i], counts[slow][i], 0.5));
    fflush(stdout);
  }
  return 0;
}
