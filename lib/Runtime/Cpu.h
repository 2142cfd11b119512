/* What differs between processors: feature detection, the pause in a spin loop, the floating-point environment of compiled code.
 * One file each: CpuX86.c, CpuAArch64.c. */
#ifndef QCC_LIB_RUNTIME_CPU_H
#define QCC_LIB_RUNTIME_CPU_H
#include <stddef.h>
#include <stdint.h>

/* The QCC_CPU_* bits of this processor that the operating system lets this process use. Where `wanted` has AMX's, asks Linux for its registers:
 * the process then has them for good, with larger signal frames. */
uint64_t qccrt_cpu_features(uint64_t wanted);

/* Bytes ahead that loops over weights should prefetch; 0 where the hardware's prefetchers do best alone. */
int64_t qccrt_prefetch_bytes(void);

/* Puts compiled code's floating-point environment in place (round to nearest, denormals kept, no traps) whatever the caller's is,
 * since results must not depend on which thread computes them. Returns the old one for qccrt_fp_leave. */
uint64_t qccrt_fp_enter(void);
void qccrt_fp_leave(uint64_t saved);

/* Writes the names of `features`, separated by spaces, for messages. */
void qccrt_feature_names(uint64_t features, char *text, size_t size);

static inline void qccrt_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");  /* `yield` is a nop on most cores; isb waits about as long as x86's pause */
#else
#error "say how this processor waits in a spin loop"
#endif
}
#endif
