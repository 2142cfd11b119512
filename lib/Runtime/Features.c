/* Names of the feature bits, for messages. The order is that of Features.h. */
#include "qcc/Runtime/Features.h"
#include "Cpu.h"
#include <stdio.h>

static const char *const x86Names[] = {
    "avx2",     "fma",      "f16c",     "bmi",      "bmi2",       "lzcnt",      "movbe",      "avx512f",    "avx512bw", "avx512cd", "avx512dq",
    "avx512vl", "avx512vnni", "avx512bf16", "avx512vbmi", "avx512fp16", "avxvnni", "gfni", "amx-tile", "amx-int8", "amx-bf16"};
static const char *const armNames[] = {"neon", "fp16", "dotprod", "i8mm", "bf16", "sve", "sve2", "svei8mm", "sme", "svebf16", "sve256", "sve512"};

/* The bits of each architecture, as Features.h divides them. */
static const struct { int first, count; const char *const *names; } architectures[] = {
    {0, sizeof x86Names / sizeof *x86Names, x86Names},
    {32, sizeof armNames / sizeof *armNames, armNames},
};

static const char *nameOf(int bit) {
  for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
    if (bit >= architectures[i].first && bit < architectures[i].first + architectures[i].count)
      return architectures[i].names[bit - architectures[i].first];
  return "unknown";
}

void qccrt_feature_names(uint64_t features, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (int bit = 0; bit < 64; bit++) {
    if (!(features >> bit & 1))
      continue;
    int n = snprintf(text + used, size - used, "%s%s", used ? " " : "", nameOf(bit));
    if (n < 0 || (size_t)n >= size - used)
      return;                                                 /* the text is cut, never the memory after it */
    used += (size_t)n;
  }
}
