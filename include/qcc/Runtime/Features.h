/* CPU features that variants of a program may need: bits shared by the compiler (TargetVersion::runtimeFeatures) and the runtime,
 * which sets a bit only when the processor has the instructions and the operating system saves their registers.
 * Bits are part of the artifact's ABI: append, never renumber; the names for messages are in lib/Runtime/Features.c. */
#ifndef QCC_RUNTIME_FEATURES_H
#define QCC_RUNTIME_FEATURES_H
#include <stdint.h>

#define QCC_CPU_BIT(n) (UINT64_C(1) << (n))

/* x86-64: 0..31 */
#define QCC_CPU_AVX2       QCC_CPU_BIT(0)
#define QCC_CPU_FMA        QCC_CPU_BIT(1)
#define QCC_CPU_F16C       QCC_CPU_BIT(2)
#define QCC_CPU_BMI        QCC_CPU_BIT(3)
#define QCC_CPU_BMI2       QCC_CPU_BIT(4)
#define QCC_CPU_LZCNT      QCC_CPU_BIT(5)
#define QCC_CPU_MOVBE      QCC_CPU_BIT(6)
#define QCC_CPU_AVX512F    QCC_CPU_BIT(7)
#define QCC_CPU_AVX512BW   QCC_CPU_BIT(8)
#define QCC_CPU_AVX512CD   QCC_CPU_BIT(9)
#define QCC_CPU_AVX512DQ   QCC_CPU_BIT(10)
#define QCC_CPU_AVX512VL   QCC_CPU_BIT(11)
#define QCC_CPU_AVX512VNNI QCC_CPU_BIT(12)
#define QCC_CPU_AVX512BF16 QCC_CPU_BIT(13)
#define QCC_CPU_AVX512VBMI QCC_CPU_BIT(14)
#define QCC_CPU_AVX512FP16 QCC_CPU_BIT(15)
#define QCC_CPU_AVXVNNI    QCC_CPU_BIT(16)
#define QCC_CPU_GFNI       QCC_CPU_BIT(17)
#define QCC_CPU_AMX_TILE   QCC_CPU_BIT(18)
#define QCC_CPU_AMX_INT8   QCC_CPU_BIT(19)
#define QCC_CPU_AMX_BF16   QCC_CPU_BIT(20)

/* LLVM's -mcpu=x86-64-v3 and -v4: code compiled for them may use any of these. */
#define QCC_CPU_X86_64_V3 (QCC_CPU_AVX2 | QCC_CPU_FMA | QCC_CPU_F16C | QCC_CPU_BMI | QCC_CPU_BMI2 | QCC_CPU_LZCNT | QCC_CPU_MOVBE)
#define QCC_CPU_X86_64_V4 \
  (QCC_CPU_X86_64_V3 | QCC_CPU_AVX512F | QCC_CPU_AVX512BW | QCC_CPU_AVX512CD | QCC_CPU_AVX512DQ | QCC_CPU_AVX512VL)

/* aarch64: 32..47; the next architecture has 48..63 */
#define QCC_CPU_NEON       QCC_CPU_BIT(32)
#define QCC_CPU_FP16       QCC_CPU_BIT(33)
#define QCC_CPU_DOTPROD    QCC_CPU_BIT(34)
#define QCC_CPU_I8MM       QCC_CPU_BIT(35)
#define QCC_CPU_BF16       QCC_CPU_BIT(36)
#define QCC_CPU_SVE        QCC_CPU_BIT(37)
#define QCC_CPU_SVE2       QCC_CPU_BIT(38)
#define QCC_CPU_SVEI8MM    QCC_CPU_BIT(39)
#define QCC_CPU_SME        QCC_CPU_BIT(40)
#define QCC_CPU_SVEBF16    QCC_CPU_BIT(41)
#define QCC_CPU_SVE256     QCC_CPU_BIT(42) /* registers of at least so many bits */
#define QCC_CPU_SVE512     QCC_CPU_BIT(43)
#endif
