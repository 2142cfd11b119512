/* How fast this machine reads memory with given threads: the roof that a decode step is compared with. */
#ifndef QCC_TOOLS_QCC_BENCH_READPROBE_H
#define QCC_TOOLS_QCC_BENCH_READPROBE_H
#include <stdbool.h>
#include <stddef.h>

typedef struct ReadProbe ReadProbe;

/* A buffer of `bytes` in huge pages where possible, and threads to read it, asleep until asked. Null: no memory or thread. */
ReadProbe *read_probe_create(int threads, size_t bytes);
void read_probe_destroy(ReadProbe *probe);

/* Bytes per second of reading the whole buffer once: the best of 1, 2, 4 and 8 streams per thread, each tried `repeats` times. */
double read_probe_measure(ReadProbe *probe, int repeats);
#endif
