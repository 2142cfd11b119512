// All ops of the qk dialect, for the table generator.
#ifndef QCC_KERNEL_OPS
#define QCC_KERNEL_OPS
include "dialects/Kernel/ProgramOps.td"
include "dialects/Kernel/HookOps.td"
#endif
