// How much memory a process can use here.
#ifndef QCC_LIB_COMPILER_MACHINEMEMORY_H
#define QCC_LIB_COMPILER_MACHINEMEMORY_H
#include <cstdint>
namespace qcc {

/// The least of the machine's memory, the limits of this process and those of its control group. Others may use part of it.
int64_t machineMemory();

} // namespace qcc
#endif
