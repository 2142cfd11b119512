/* Every thread reads its own part of the buffer as several streams side by side, a cache line of each in turn, prefetching ahead: that is
 * how decode kernels read weights. The widest loads of the CPU, because the loop must not be what limits. */
#include "ReadProbe.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { LineBytes = 64, PrefetchBytes = 1024 };                /* 1 KB ahead was best of 0.5 to 4 KB on Sapphire Rapids */
typedef uint64_t Line __attribute__((vector_size(LineBytes), aligned(LineBytes)));

/* `streams` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) uint64_t readStreams(const uint8_t *data, size_t bytes, size_t streams) {
  size_t each = bytes / streams / LineBytes * LineBytes;
  Line sum = {0};
  for (size_t at = 0; at < each; at += LineBytes)
    for (size_t s = 0; s < streams; s++) {
      const uint8_t *line = data + s * each + at;
      __builtin_prefetch(line + PrefetchBytes);
      sum |= *(const Line *)line;
    }
  return sum[0] | sum[1] | sum[2] | sum[3] | sum[4] | sum[5] | sum[6] | sum[7];
}

#define VERSION(name, attribute)                                                                                                  \
  attribute static uint64_t name(const uint8_t *data, size_t bytes, int streams) {                                                \
    switch (streams) {                                                                                                            \
    case 1: return readStreams(data, bytes, 1);                                                                                   \
    case 2: return readStreams(data, bytes, 2);                                                                                   \
    case 4: return readStreams(data, bytes, 4);                                                                                   \
    default: return readStreams(data, bytes, 8);                                                                                  \
    }                                                                                                                             \
  }
VERSION(readPlain, )
#if defined(__x86_64__)
VERSION(readAvx2, __attribute__((target("avx2"))))
VERSION(readAvx512, __attribute__((target("avx512f"))))
#endif

typedef uint64_t (*Reader)(const uint8_t *, size_t, int);
static Reader chooseReader(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f"))
    return readAvx512;
  if (__builtin_cpu_supports("avx2"))
    return readAvx2;
#endif
  return readPlain;
}

struct ReadProbe {
  uint8_t *buffer;
  size_t bytes, mapped;
  int threads, created, streams;
  Reader reader;
  bool stop;
  pthread_barrier_t start, end;
  struct Reading { ReadProbe *probe; int index; pthread_t handle; uint64_t sum; } *workers;
};

static void readPart(ReadProbe *p, int index) {
  size_t part = p->bytes / (size_t)p->threads / LineBytes * LineBytes;
  p->workers[index].sum += p->reader(p->buffer + (size_t)index * part, part, p->streams);
}

static void *work(void *argument) {
  struct Reading *self = argument;
  for (;;) {
    pthread_barrier_wait(&self->probe->start);
    if (self->probe->stop)
      return NULL;
    readPart(self->probe, self->index);
    pthread_barrier_wait(&self->probe->end);
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double read_probe_measure(ReadProbe *p, int repeats) {
  double best = 0;
  for (int i = 0; i < repeats; i++)
    for (p->streams = 1; p->streams <= 8; p->streams *= 2) {
      double begin = now();
      pthread_barrier_wait(&p->start);
      readPart(p, 0);
      pthread_barrier_wait(&p->end);
      double rate = (double)p->bytes / (now() - begin);
      best = rate > best ? rate : best;
    }
  return best;
}

ReadProbe *read_probe_create(int threads, size_t bytes) {
  ReadProbe *p = calloc(1, sizeof *p);
  if (!p)
    return NULL;
  p->threads = threads;
  p->bytes = bytes;
  p->mapped = bytes + PrefetchBytes + (2u << 20);
  p->reader = chooseReader();
  pthread_barrier_init(&p->start, NULL, (unsigned)threads);
  pthread_barrier_init(&p->end, NULL, (unsigned)threads);
  p->workers = calloc((size_t)threads, sizeof *p->workers);
  void *memory = mmap(NULL, p->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!p->workers || memory == MAP_FAILED)
    return NULL;                                              /* the process is about to end with an error */
  p->buffer = memory;
  madvise(memory, p->mapped, MADV_HUGEPAGE);
  memset(memory, 1, p->mapped);
  for (int i = 1; i < threads; i++) {
    p->workers[i] = (struct Reading){.probe = p, .index = i};
    if (pthread_create(&p->workers[i].handle, NULL, work, &p->workers[i]))
      return NULL;
  }
  return p;
}

void read_probe_destroy(ReadProbe *p) {
  if (!p)
    return;
  p->stop = true;
  pthread_barrier_wait(&p->start);
  for (int i = 1; i < p->threads; i++)
    pthread_join(p->workers[i].handle, NULL);
  munmap(p->buffer, p->mapped);
  free(p->workers);
  free(p);
}
