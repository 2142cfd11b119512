#include "Pool.h"
#include "Cpu.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t idleSpin = 50000;         /* nanoseconds: the next token's job usually comes sooner */
static const int64_t barrierSpin = 200000;     /* the others are at work, and waking a sleeper costs as much as a small region takes */
static const size_t stackBytes = 8u << 20;     /* as a main thread has by default, whatever ulimit says */

/* A counter that threads wait on until it changes. Whoever changes it calls the kernel only if somebody sleeps. Own cache line. */
typedef struct {
  _Alignas(64) atomic_uint value;
  atomic_uint sleepers;
} Event;

struct qccrt_pool {
  Event start;                                                /* counts jobs */
  Event released;                                             /* counts barriers passed */
  _Alignas(64) atomic_int arrived;                            /* at the barrier that is now being waited for */
  _Alignas(64) int threads;
  int started;                                                /* workers that exist */
  bool spin;                                                  /* every thread has a CPU */
  atomic_bool stop;
  bool pin;
  pid_t process;                                              /* that has the workers: fork() leaves them behind */
  qccrt_job job;
  void *argument;
  struct Worker { qccrt_pool *pool; pthread_t handle; int index; } *workers;
};

int64_t qccrt_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void eventWait(Event *event, unsigned old, int64_t spin) {
  if (spin) {
    int64_t end = 0;
    for (unsigned n = 1;; n++) {
      if (atomic_load_explicit(&event->value, memory_order_acquire) != old)
        return;
      qccrt_pause();
      if (n % 32 == 0) {                                      /* the clock costs as much as a pause */
        int64_t t = qccrt_now();
        if (!end)
          end = t + spin;
        else if (t >= end)
          break;
      }
    }
  }
  /* Sequentially consistent on both sides: either the poster sees this sleeper, or the kernel sees the new value and does not sleep. */
  atomic_fetch_add(&event->sleepers, 1);
  while (atomic_load(&event->value) == old)
    syscall(SYS_futex, &event->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  atomic_fetch_sub(&event->sleepers, 1);
}

static void eventPost(Event *event) {
  atomic_fetch_add(&event->value, 1);
  if (atomic_load(&event->sleepers))
    syscall(SYS_futex, &event->value, FUTEX_WAKE_PRIVATE, QCCRT_MAX_THREADS, NULL, NULL, 0);
}

bool qccrt_pool_barrier(qccrt_pool *pool) {
  if (pool->threads == 1)
    return true;
  /* Read before arriving: it cannot change until this thread has arrived. */
  unsigned round = atomic_load_explicit(&pool->released.value, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == pool->threads) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    eventPost(&pool->released);
    return true;
  }
  eventWait(&pool->released, round, pool->spin ? barrierSpin : 0);
  return false;
}

static void pinTo(int index) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed))
    return;
  index %= CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed) && index-- == 0) {
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      sched_setaffinity(0, sizeof one, &one);
      return;
    }
}

static void *work(void *argument) {
  struct Worker *self = argument;
  qccrt_pool *pool = self->pool;
  if (pool->pin)
    pinTo(self->index);
  qccrt_fp_enter();
  for (unsigned round = 0;; round++) {
    eventWait(&pool->start, round, pool->spin ? idleSpin : 0);
    if (atomic_load(&pool->stop))
      return NULL;
    pool->job(pool->argument, self->index);
    qccrt_pool_barrier(pool);
  }
}

void qccrt_pool_run(qccrt_pool *pool, qccrt_job job, void *argument) {
  uint64_t saved = qccrt_fp_enter();
  pool->job = job;
  pool->argument = argument;
  if (pool->threads > 1)
    eventPost(&pool->start);
  job(argument, 0);
  qccrt_pool_barrier(pool);
  qccrt_fp_leave(saved);
}

int qccrt_num_cpus(void) {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
}

bool qccrt_pool_is_here(const qccrt_pool *pool) { return pool->threads == 1 || pool->process == getpid(); }

int qccrt_pool_threads(const qccrt_pool *pool) { return pool->threads; }

/* Signals go to the program's own threads, never to workers: its handlers may rely on thread-local state. */
static bool startWorkers(qccrt_pool *pool) {
  sigset_t all, before;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes))
    return false;
  pthread_attr_setstacksize(&attributes, stackBytes);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool ok = true;
  for (int i = 1; i < pool->threads && ok; i++) {
    pool->workers[i] = (struct Worker){.pool = pool, .index = i};
    ok = pthread_create(&pool->workers[i].handle, &attributes, work, &pool->workers[i]) == 0;
    pool->started += ok;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return ok;
}

qccrt_pool *qccrt_pool_create(int threads, bool pin) {
  qccrt_pool *pool = aligned_alloc(64, (sizeof *pool + 63) / 64 * 64);
  if (!pool)
    return NULL;
  *pool = (qccrt_pool){.threads = threads, .pin = pin, .process = getpid()};
  /* With more threads than CPUs, whoever spins keeps the one from running that it waits for. */
  pool->spin = threads <= qccrt_num_cpus();
  pool->workers = calloc((size_t)threads, sizeof *pool->workers);
  if (pool->workers && startWorkers(pool))
    return pool;
  qccrt_pool_destroy(pool);
  return NULL;
}

void qccrt_pool_destroy(qccrt_pool *pool) {
  if (!pool)
    return;
  atomic_store(&pool->stop, true);
  if (qccrt_pool_is_here(pool)) {
    eventPost(&pool->start);
    for (int i = 1; i <= pool->started; i++)
      pthread_join(pool->workers[i].handle, NULL);
  }
  free(pool->workers);
  free(pool);
}
