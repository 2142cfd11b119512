/* Where the time of a program goes, region by region: for each thread the time from one barrier's release to the arrival at the next
 * (work), and from there to that one's release (wait). Costs two readings of the clock per thread and barrier. */
#ifndef QCC_LIB_RUNTIME_PROFILE_H
#define QCC_LIB_RUNTIME_PROFILE_H
#include "Pool.h"
#include "qcc/Runtime/Program.h"

typedef struct qccrt_profile qccrt_profile;

/* Sums over all calls. Nanoseconds are those of all threads together: the threads of a call all take as long as the call. `best` is the shortest
 * call's, from the last arrival at the barrier before to the last one at its own, whichever threads those are. */
typedef struct { int64_t calls, work, wait, best, macs; } qccrt_region_sums;

/* For the regions of `variant`, which must outlive it. Null: no memory. */
qccrt_profile *qccrt_profile_create(const qcc_variant *variant, int threads);
void qccrt_profile_free(qccrt_profile *profile);
void qccrt_profile_reset(qccrt_profile *profile);             /* all sums to zero */

/* A call of the program, in order: begin and end on its caller; enter and barriers on every thread. `region` outside of the variant's:
 * the time counts as none of theirs. */
void qccrt_profile_begin(qccrt_profile *profile, const int64_t *dims);
void qccrt_profile_enter(qccrt_profile *profile, int thread);
void qccrt_profile_barrier(qccrt_profile *profile, qccrt_pool *pool, int thread, int64_t region);
void qccrt_profile_end(qccrt_profile *profile);

/* Of one region; index num_regions: of what no region covers (waking threads, work before the first and after the last barrier), where
 * `calls` counts calls of the program. */
qccrt_region_sums qccrt_profile_region(const qccrt_profile *profile, int64_t index);

/* Nanoseconds from begin to end of all calls, times threads: what the sums of all regions and of the rest come to. */
int64_t qccrt_profile_total(const qccrt_profile *profile);
#endif
