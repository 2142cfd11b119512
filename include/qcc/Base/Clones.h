// Inner loops over floats are compiled for several instruction sets of this machine and the right one is chosen when the program is loaded. Products and sums
// are not contracted (-ffp-contract=off), so all give the same bits.
#ifndef QCC_BASE_CLONES_H
#define QCC_BASE_CLONES_H
#if defined(__x86_64__)
#define QCC_CLONES(...) __attribute__((target_clones(__VA_ARGS__)))
#else
#define QCC_CLONES(...)
#endif
#endif
