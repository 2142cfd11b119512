/* aarch64: Linux reports the features that it supports in the auxiliary vector. */
#include "Cpu.h"
#if defined(__aarch64__)
#include "qcc/Runtime/Features.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

/* Bits of a register of SVE; threads have the length of the one that started them. PR_SVE_GET_VL, spelled out as below: bytes in the low half, flags above. */
static int sve_bits(void) {
  int length = prctl(51, 0, 0, 0, 0);
  return length < 0 ? 0 : 8 * (length & 0xffff);
}

uint64_t qccrt_cpu_features(uint64_t wanted) {
  (void)wanted;
  /* Bit numbers from Linux's asm/hwcap.h (arm64), spelled out because the C library's header may be older than the kernel. */
  static const struct { int word, bit; uint64_t feature; } table[] = {
      {0, 1, QCC_CPU_NEON},  {0, 10, QCC_CPU_FP16}, {0, 20, QCC_CPU_DOTPROD}, {0, 22, QCC_CPU_SVE},     {1, 1, QCC_CPU_SVE2},
      {1, 13, QCC_CPU_I8MM}, {1, 14, QCC_CPU_BF16}, {1, 9, QCC_CPU_SVEI8MM},  {1, 23, QCC_CPU_SME}, {1, 12, QCC_CPU_SVEBF16},
  };
  uint64_t words[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)}, has = 0;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (words[table[i].word] >> table[i].bit & 1)
      has |= table[i].feature;
  int bits = has & QCC_CPU_SVE ? sve_bits() : 0;
  has |= (bits >= 256 ? QCC_CPU_SVE256 : 0) | (bits >= 512 ? QCC_CPU_SVE512 : 0);
  return has;
}

int64_t qccrt_prefetch_bytes(void) { return 2304; }          /* as on x86; not measured */

uint64_t qccrt_fp_enter(void) {
  uint64_t saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
  __asm__ volatile("msr fpcr, %0" ::"r"(UINT64_C(0)));
  return saved;
}

void qccrt_fp_leave(uint64_t saved) { __asm__ volatile("msr fpcr, %0" ::"r"(saved)); }
#endif
