/* x86-64: CPUID says what the processor has, XGETBV what the operating system saves on a context switch. */
#include "Cpu.h"
#if defined(__x86_64__)
#include "qcc/Runtime/Features.h"
#include <cpuid.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };  /* Linux 5.16: asm/prctl.h */

static uint64_t enabledState(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static uint64_t when(uint32_t reg, int bit, uint64_t feature) { return reg >> bit & 1 ? feature : 0; }

uint64_t qccrt_cpu_features(uint64_t wanted) {
  uint32_t a, b, c, d, maxSub;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1) || !(c >> 28 & 1))  /* OSXSAVE, AVX */
    return 0;
  uint64_t state = enabledState();
  if ((state & 0x6) != 0x6)                                   /* SSE and AVX registers */
    return 0;
  uint64_t has = when(c, 12, QCC_CPU_FMA) | when(c, 29, QCC_CPU_F16C) | when(c, 22, QCC_CPU_MOVBE);
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    has |= when(c, 5, QCC_CPU_LZCNT);
  if (!__get_cpuid_count(7, 0, &maxSub, &b, &c, &d))
    return has;
  has |= when(b, 5, QCC_CPU_AVX2) | when(b, 3, QCC_CPU_BMI) | when(b, 8, QCC_CPU_BMI2) | when(c, 8, QCC_CPU_GFNI);
  if ((state & 0xe6) == 0xe6)                                 /* mask registers, upper halves, zmm16..31 */
    has |= when(b, 16, QCC_CPU_AVX512F) | when(b, 30, QCC_CPU_AVX512BW) | when(b, 28, QCC_CPU_AVX512CD) |
           when(b, 17, QCC_CPU_AVX512DQ) | when(b, 31, QCC_CPU_AVX512VL) | when(c, 11, QCC_CPU_AVX512VNNI) |
           when(c, 1, QCC_CPU_AVX512VBMI) | when(d, 23, QCC_CPU_AVX512FP16);
  uint64_t tile = 0;
  bool asks = wanted & (QCC_CPU_AMX_TILE | QCC_CPU_AMX_INT8 | QCC_CPU_AMX_BF16);
  if (asks && (state & 0x60000) == 0x60000 && d >> 24 & 1 && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0)
    tile = QCC_CPU_AMX_TILE | when(d, 25, QCC_CPU_AMX_INT8) | when(d, 22, QCC_CPU_AMX_BF16);
  if (maxSub >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
    has |= when(a, 4, QCC_CPU_AVXVNNI) | (has & QCC_CPU_AVX512F ? when(a, 5, QCC_CPU_AVX512BF16) : 0);
  return has | tile;
}

/* Measured with `matmul-bench decode` (docs/Benchmarks.md). AMD's Zen 4: any prefetch takes buffers from the stream prefetchers and costs a
 * third of the rate. Intel's Sapphire Rapids: 1 to 4 KB ahead are equally good and a quarter better than none. */
int64_t qccrt_prefetch_bytes(void) {
  uint32_t a, b, c, d;
  bool amd = __get_cpuid(0, &a, &b, &c, &d) && (b == signature_AMD_ebx || b == signature_HYGON_ebx);
  return amd ? 0 : 2304;
}

static const uint32_t defaultControl = 0x1f80;                /* MXCSR after reset: nearest, all exceptions masked, no FTZ or DAZ */

uint64_t qccrt_fp_enter(void) {
  uint32_t saved = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(defaultControl);
  return saved;
}

void qccrt_fp_leave(uint64_t saved) { __builtin_ia32_ldmxcsr((uint32_t)saved); }
#endif
